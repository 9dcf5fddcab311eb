package marketplace

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/importreport"
	"kompass.krz.de/services/platform/xzufi"
)

// deliveredOffers reads the online services of one XZuFi delivery.
type deliveredOffers struct {
	*offerFile
	today string
	keys  map[xzufi.ID][]string // LeiKa keys of the services that the delivery brings along
}

// readOnlineServices reads the online services of an XZuFi delivery, as of a day.
func readOnlineServices(file []byte, today string) (*offerFile, error) {
	d, err := xzufi.Read(bytes.NewReader(file), xzufi.Options{MaxBytes: 64 << 20})
	if err != nil {
		return nil, unreadableDelivery(err)
	}
	r := &deliveredOffers{&offerFile{Findings: importreport.New(commonv1.ImportReport_TABLE_OFFERS, commonv1.FileFormat_FILE_FORMAT_XZUFI)}, today, map[xzufi.ID][]string{}}
	for _, s := range d.Services {
		r.keys[s.ID] = s.LeikaKeys
	}
	for _, gone := range d.Deleted {
		if gone.Kind == "" || strings.EqualFold(gone.Kind, "onlinedienst") {
			r.gone = append(r.gone, goneOffer{onlineServiceID(gone.ID), importreport.At(gone.Line, "loesche", gone.ID.Value)})
		}
		if gone.ID.AgencyID == "" && strings.EqualFold(gone.Kind, "onlinedienst") {
			r.Warn(importreport.At(gone.Line, "loesche", gone.ID.Value), "MISSING_AGENCY", "Die id hat keine schemeAgencyID; welcher Onlinedienst gemeint ist, lässt sich nicht sagen.",
				"The id has no schemeAgencyID; which online service is meant cannot be told.")
		}
	}
	switch none := len(d.OnlineServices) == 0 && len(r.gone) == 0 && len(d.Problems) == 0; {
	case none && len(d.Services) > 0:
		return nil, offersElsewhere("XZuFi leistung", "catalogue:import")
	case none:
		return nil, fault.New(fault.ImportUnused, "objects", "spezialisierung, organisationseinheit")
	}
	for _, p := range d.Problems {
		r.Fail(importreport.At(p.Line, "", p.Object), string(p.Reason), p.Message, p.English)
	}
	r.Report.Rows = int32(len(d.OnlineServices) + len(r.gone)) // bounded by the reader
	last := map[xzufi.ID]int{}
	for i, o := range d.OnlineServices {
		last[o.ID] = i
	}
	for i := range d.OnlineServices {
		o := &d.OnlineServices[i]
		if last[o.ID] != i && o.ID.AgencyID != "" {
			r.Warn(importreport.At(o.Line, "id", o.ID.Value), "WRITTEN_TWICE", fmt.Sprintf("Zeile %d schreibt diesen Onlinedienst noch einmal; das gilt.", d.OnlineServices[last[o.ID]].Line),
				fmt.Sprintf("Line %d writes this online service again; that counts.", d.OnlineServices[last[o.ID]].Line))
			continue
		}
		r.online(o)
	}
	if n := len(d.Services) + len(d.Specialisations) + len(d.Organisations); n > 0 {
		r.Info(importreport.Spot{}, "OBJECTS_NOT_USED", fmt.Sprintf("%d weitere Objekte der Lieferung sind keine Angebote; Leistungen gehören nach catalogue:import.", n),
			fmt.Sprintf("%d other objects of the delivery are no offers; services belong to catalogue:import.", n))
	}
	return r.offerFile, nil
}

// unreadableDelivery says why a delivery cannot be read.
func unreadableDelivery(err error) error {
	var e *xzufi.Error
	if !errors.As(err, &e) {
		return fault.New(fault.Internal).Cause(err)
	}
	if e.Reason == xzufi.Empty {
		return fault.New(fault.ImportEmpty).Cause(err)
	}
	de, en := e.Message, e.English
	if e.Line > 0 {
		de, en = fmt.Sprintf("Zeile %d: %s", e.Line, de), fmt.Sprintf("line %d: %s", e.Line, en)
	}
	return unreadableOffers(de, en).Cause(err)
}

var escapeID = strings.NewReplacer("%", "%25", ":", "%3A")

// onlineServiceID tells an online service; its number is unique only with the office that gave it.
func onlineServiceID(id xzufi.ID) string {
	return "xzufi:" + escapeID.Replace(id.AgencyID) + ":" + id.Value
}

var escapeAgency = strings.NewReplacer("%", "%25", "/", "%2F")

// sourceID is the number under which an office knows a public service, as the catalogue keeps it.
func sourceID(id xzufi.ID) string { return escapeAgency.Replace(id.AgencyID) + "/" + id.Value }

// online takes over one online service.
func (r *deliveredOffers) online(d *xzufi.OnlineService) {
	at := func(column, value string) importreport.Spot { return importreport.At(d.Line, column, value) }
	o := newImportedOffer(d.Line)
	o.externalID = onlineServiceID(d.ID)
	if d.ID.AgencyID == "" {
		r.Fail(at("id", strings.TrimSpace(d.ID.Value+" "+d.Name)), "MISSING_AGENCY", "Die id hat keine schemeAgencyID; ohne die vergebende Stelle meint jede Lieferung mit ihr etwas anderes.",
			"The id has no schemeAgencyID; without the office that gave it, it means something else in every delivery.")
		o.externalID = fmt.Sprint("xzufi:", o.line) // never stored, but what else is wrong with the entry shall be found
	}
	if d.Name == "" {
		r.Fail(at("bezeichnung", d.ID.Value), "MISSING_NAME", "Der Name fehlt.", "The name is missing.")
	} else {
		o.says.DisplayName = d.Name
		o.speaks("display_name", at("bezeichnung", d.Name))
	}
	if d.Description != "" {
		o.says.Description = d.Description
		o.speaks("description", at("beschreibung", d.Description))
	}
	if web := slices.IndexFunc(d.Links, func(l xzufi.Link) bool { return l.URL != "" }); web >= 0 {
		o.says.Url = d.Links[web].URL
		o.speaks("url", at("link", o.says.GetUrl()))
	}
	r.trust(o, d)
	r.delivered(o, d)
	r.offers = append(r.offers, o)
}

// trust takes the trust level by its name. A code alone means what the sender's code list says, which nobody sends.
func (r *deliveredOffers) trust(o *importedOffer, d *xzufi.OnlineService) {
	at := importreport.At(d.Line, "vertrauensniveau", strings.TrimSpace(d.TrustLevel+" "+d.TrustName))
	for _, text := range []string{d.TrustName, d.TrustLevel} {
		if level, ok := trustWords.read(text); ok {
			o.says.TrustLevel = level
			o.speaks("trust_level", at)
			return
		}
	}
	if at.Value != "" {
		r.Info(at, "TRUST_LEVEL_NOT_TAKEN", "Das Vertrauensniveau ist nur als Code genannt und wurde nicht übernommen: keines, niedrig, substanziell oder hoch erwartet.",
			"The trust level is named by a code alone and was not taken: none, low, substantial or high expected.")
	}
}

// delivered lists the public services of an online service: by their keys, else by the numbers of the office.
func (r *deliveredOffers) delivered(o *importedOffer, d *xzufi.OnlineService) {
	status := marketplacev1.Coverage_STATUS_AVAILABLE
	switch day := func(s string) string { return s[:min(len(s), len("2027-03-31"))] }; {
	case d.ValidUntil != "" && day(d.ValidUntil) < r.today:
		status = marketplacev1.Coverage_STATUS_DISCONTINUED
	case d.ValidFrom != "" && day(d.ValidFrom) > r.today:
		status = marketplacev1.Coverage_STATUS_PLANNED
	}
	take := func(key, column string) {
		at := importreport.At(d.Line, column, key)
		if name, ok := r.readKey(at); ok {
			o.covers = append(o.covers, coverLine{coverage: &marketplacev1.Coverage{PublicService: name, Status: status}, at: at})
		}
	}
	for _, key := range d.LeikaKeys {
		take(key, "referenzLeiKa")
	}
	for _, id := range d.ServiceIDs {
		for _, key := range r.keys[id] {
			take(key, "leistungID")
		}
		if len(r.keys[id]) == 0 {
			c := coverLine{&marketplacev1.Coverage{Status: status}, sourceID(id), importreport.At(d.Line, "leistungID", id.Value)}
			if publicServiceID.MatchString(id.Value) { // some offices number their services by the key
				c.coverage.PublicService = publicServices + id.Value
			}
			o.covers = append(o.covers, c)
		}
	}
}
