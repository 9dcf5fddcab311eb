package catalogue

import (
	"bytes"
	"fmt"
	"strings"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/importreport"
	"kompass.krz.de/services/platform/xzufi"
)

// deliveryFields is what an XZuFi delivery says about a public service.
var deliveryFields = map[string]bool{
	"display_name": true, "leika_key": true, "procedure": true, "leika_types": true, "legal_basis": true, "summary": true, "keywords": true,
}

// readDelivery reads the services of an XZuFi delivery. What else it holds (offices, online services) is not the
// catalogue's: it is counted, and a delivery that holds nothing else aborts.
func readDelivery(file []byte) (*imported, error) {
	d, err := xzufi.Read(bytes.NewReader(file), xzufi.Options{MaxBytes: maxFile})
	if err != nil {
		return nil, deliveryFault(err)
	}
	in := &imported{
		Findings: importreport.New(commonv1.ImportReport_TABLE_PUBLIC_SERVICES, commonv1.FileFormat_FILE_FORMAT_XZUFI),
		spoken:   kindOf(commonv1.ImportReport_TABLE_PUBLIC_SERVICES).only(deliveryFields), sources: map[string][]string{},
	}
	in.Report.Rows = int32(len(d.Services)) // bounded by the file
	r := &rowReader{imported: in, seen: make(map[string]int, len(d.Services))}
	for i := range d.Services {
		r.delivered(&d.Services[i])
	}
	for _, gone := range d.Deleted {
		if isService(gone) {
			in.deleted = append(in.deleted, deletion{importreport.At(gone.Line, "loesche", gone.ID.Value), sourceID(gone.ID)})
			in.Report.Rows++
		}
	}
	rest := unused(d)
	for _, p := range d.Problems {
		in.Fail(importreport.Spot{Line: p.Line, Value: p.Object}, string(p.Reason), p.Message, p.English)
	}
	switch {
	case in.Report.GetRows() == 0 && len(d.Problems) == 0:
		return nil, fault.New(fault.ImportUnused, "objects", rest).Field("file", "enthält nur "+rest, "holds only "+rest)
	case rest != "":
		in.Info(importreport.Spot{}, "OBJECTS_NOT_USED", "Dieser Import verwendet nicht: "+rest+".", "This import does not use: "+rest+".")
	}
	return in, nil
}

// unused counts the objects of a delivery, written or deleted, that are none of the catalogue's, by the names of the
// standard; "" when there are none.
func unused(d *xzufi.Delivery) string {
	deleted := 0
	for _, gone := range d.Deleted {
		if !isService(gone) {
			deleted++
		}
	}
	var counted []string
	for _, c := range []struct {
		n    int
		name string
	}{
		{len(d.OnlineServices), "onlinedienst"}, {len(d.Specialisations), "spezialisierung"},
		{len(d.Organisations), "organisationseinheit"}, {deleted, "loesche"},
	} {
		if c.n > 0 {
			counted = append(counted, fmt.Sprintf("%d × %s", c.n, c.name))
		}
	}
	return strings.Join(counted, ", ")
}

// isService tells whether a deletion means a service; one that says no kind may.
func isService(gone xzufi.Deletion) bool {
	return gone.Kind == "" || strings.EqualFold(gone.Kind, "leistung")
}

// delivered takes over one service.
func (r *rowReader) delivered(s *xzufi.Service) {
	name := s.Name
	if name == "" {
		name = s.NameII
	}
	if sameName(name) == "" {
		r.Fail(importreport.Spot{Line: s.Line, Value: s.ID.Value}, "MISSING_NAME", "Der Name fehlt.", "The name is missing.")
		return
	}
	key := r.deliveredKey(s)
	if key == "" && len(s.LeikaKeys) > 0 {
		return
	}
	m := &cataloguev1.PublicService{DisplayName: name, LegalBasis: s.LegalBasis, Summary: s.Summary}
	for _, term := range append([]string{s.NameII}, s.Terms...) {
		if term != "" && term != name {
			m.Keywords = append(m.Keywords, words(term, false)...)
		}
	}
	at := func(column string) importreport.Spot { return importreport.At(s.Line, column, s.ID.Value) }
	r.bound(at("leistungsbezeichnung"), name, mostName)
	r.bound(at("handlungsgrundlage"), m.GetLegalBasis(), mostText)
	r.bound(at("kurztext"), m.GetSummary(), mostText)
	r.bound(at("begriffImKontext"), strings.Join(m.GetKeywords(), ";"), mostText)
	identify(m, key)
	var f finding
	types := strings.Join(s.Types, ",")
	m.LeikaTypes, f = leikaTypes(types)
	r.find(importreport.At(s.Line, "typisierung", types), f)
	r.bound(at("id"), sourceID(s.ID), mostName)
	r.put(at("id"), nil, m)
	r.sources[m.GetName()] = append(r.sources[m.GetName()], sourceID(s.ID))
}

// deliveredKey is the first LeiKa key of a service; "" when it has none or a bad one, which is reported.
func (r *rowReader) deliveredKey(s *xzufi.Service) string {
	if len(s.LeikaKeys) == 0 {
		return ""
	}
	at := importreport.At(s.Line, "referenzLeiKa", s.LeikaKeys[0])
	if len(s.LeikaKeys) > 1 {
		r.Warn(at, "SEVERAL_KEYS", "Mehrere LeiKa-Schlüssel; es gilt der erste.", "Several LeiKa keys; the first one counts.")
	}
	key, f := leikaKey(s.LeikaKeys[0])
	r.find(at, f)
	return key
}

func inLine(word string, line int, text string) string {
	return fmt.Sprintf("%s %d: %s", word, line, text)
}
