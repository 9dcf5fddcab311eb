package municipality

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/importreport"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/server"
	"kompass.krz.de/services/platform/tabular"
)

// delivery is a file that was read, before anything is compared with what is known.
type delivery struct {
	*importreport.Findings
	places  []placeRow
	centres []centreRow
}

// ImportMunicipalities imports municipalities, Kreise, data centres or boundaries.
func (s *Service) ImportMunicipalities(ctx context.Context, req *municipalityv1.ImportMunicipalitiesRequest) (*commonv1.ImportReport, error) {
	read, err := readDelivery(req.GetFile(), req.GetFormat())
	if err != nil {
		return nil, err
	}
	if err := read.Refusal(); err != nil {
		return nil, err
	}
	var report *commonv1.ImportReport
	decide := func(r records) ([]ledger.Draft, error) {
		plan := planning{service: s, records: r, Findings: read.Clone(), known: map[string]bool{}}
		plan.run(read)
		report = plan.Finish()
		return plan.drafts, plan.Refusal()
	}
	if req.GetValidateOnly() {
		r, err := s.replica.Read()
		if err != nil {
			return nil, err
		}
		if _, err := decide(r); err != nil {
			return nil, err
		}
		report.ValidateOnly = true
		return report, nil
	}
	cause, err := server.Cause(ctx, req, s.clock())
	if err != nil {
		return nil, err
	}
	result, err := s.replica.Write(ctx, cause, decide)
	if err == nil && result.Repeated {
		_, err = decide(result.State)
	}
	if err != nil {
		return nil, err
	}
	report.Repeated = result.Repeated
	return report, nil
}

// readDelivery finds out what a file is and reads it. Errors are faults; bad rows are findings.
func readDelivery(file []byte, format commonv1.FileFormat) (*delivery, error) {
	content := bytes.TrimSpace(bytes.TrimPrefix(file[:min(len(file), 4096)], []byte("\xef\xbb\xbf")))
	options := tabular.Options{Accept: knownHeader}
	switch format {
	case commonv1.FileFormat_FILE_FORMAT_GEOJSON:
		return readBoundaries(file)
	case commonv1.FileFormat_FILE_FORMAT_XZUFI:
		return nil, elsewhere("XZuFi", "XZuFi", "catalogue:import")
	case commonv1.FileFormat_FILE_FORMAT_CSV:
		options.Format = tabular.CSV
	case commonv1.FileFormat_FILE_FORMAT_XLSX:
		options.Format = tabular.XLSX
	default:
		if len(content) > 0 && content[0] == '{' {
			return readBoundaries(file)
		}
		if len(content) > 0 && content[0] == '<' {
			return nil, elsewhere("XML", "XML", "catalogue:import")
		}
	}
	table, err := tabular.Read(file, options)
	if err != nil {
		return nil, unreadable(err, expected[0], expected[1])
	}
	return readTable(table)
}

// expected are the tables of this import, in German and English.
var expected = [...]string{
	"Gemeinden (ags, ars), Rechenzentren (name, town, url) oder Grenzen",
	"municipalities (ags, ars), data centres (name, town, url) or boundaries",
}

// unreadable is the fault for a file that tabular refuses; de and en say what was expected.
func unreadable(err error, de, en string) error {
	var t *tabular.Error
	if !errors.As(err, &t) {
		return fault.New(fault.Internal).Cause(err)
	}
	switch t.Reason {
	case tabular.Empty:
		return fault.New(fault.ImportEmpty).Cause(err)
	case tabular.UnknownHeader:
		return fault.New(fault.ImportUnreadable).Field("file",
			t.Message+" Erwartet werden "+de+".", t.English+" Expected are "+en+".").Cause(err)
	case tabular.TooLarge:
		return fault.New(fault.TooLarge, "limit", "64 MiB").Field("file", t.Message, t.English).Cause(err)
	}
	de, en, _ = strings.Cut(t.Error(), " / ")
	return fault.New(fault.ImportUnreadable).Field("file", de, en).Cause(err)
}

// elsewhere is the fault for a file that another import takes.
func elsewhere(de, en, method string) error {
	return fault.New(fault.ImportElsewhere, "table", de, "path", method).Field("file",
		"enthält etwas anderes ("+de+") und gehört nach POST /v1/"+method,
		"has something else ("+en+"); it belongs to POST /v1/"+method)
}

// planning compares a delivery with what is known and collects what has to be written.
type planning struct {
	service *Service
	records records
	*importreport.Findings
	drafts []ledger.Draft
	known  map[string]bool // AGS of the delivery
	kreise kreise
}

func (p *planning) run(d *delivery) {
	for i := range d.places {
		p.known[d.places[i].ags] = true
	}
	p.kreise.delivered = d.places
	for i := range d.places {
		p.place(&d.places[i])
	}
	for i := range d.centres {
		p.centre(&d.centres[i])
	}
	if p.kreise.useless() {
		p.Report.IgnoredColumns = append(p.Report.IgnoredColumns, p.kreise.column)
	}
}

// place plans one row: only what the row has, never what a person set, and nothing is emptied.
func (p *planning) place(row *placeRow) {
	after := &municipalityv1.Municipality{Name: municipalityName(row.ags), Ags: row.ags}
	before := p.records.place(row.ags)
	fields := row.fields
	if before != nil {
		after = storedMunicipality(before.municipality)
	} else {
		fields = append(slices.Clone(fields), row.ifNew...)
	}
	centre := p.resolveCentre(row)
	assign(after, row.values, fields)
	if centre != "" && !slices.Contains(after.GetLocalFields(), "dataCentre") {
		after.DataCentre = centre
	}
	if district := p.resolveDistrict(row); district != "" && !slices.Contains(after.GetLocalFields(), "district") {
		after.District = district
	}
	p.warnPlace(row, after)
	if before == nil {
		p.Report.Added++
		p.drafts = append(p.drafts, p.service.municipalityDraft(after, differences(&municipalityv1.Municipality{}, after)))
		return
	}
	changed := differences(storedMunicipality(before.municipality), after)
	if len(changed) == 0 {
		p.Report.Unchanged++
		return
	}
	p.Report.Changed++
	p.drafts = append(p.drafts, p.service.municipalityDraft(after, changed))
}

// assign copies fields (proto names) except those that a person set.
func assign(dst, src *municipalityv1.Municipality, fields []string) {
	to, from := dst.ProtoReflect(), src.ProtoReflect()
	for _, name := range fields {
		fd := to.Descriptor().Fields().ByName(protoreflect.Name(name))
		if !slices.Contains(dst.GetLocalFields(), fd.JSONName()) {
			to.Set(fd, from.Get(fd))
		}
	}
}

func (p *planning) warnPlace(row *placeRow, after *municipalityv1.Municipality) {
	if row.toBeChecked.Line > 0 && after.GetSizeClass() == commonv1.SizeClass_SIZE_CLASS_UNSPECIFIED {
		p.Warn(row.toBeChecked, "SIZE_CLASS_TO_BE_CHECKED",
			"Die Größenklasse ist noch zu klären; bis dahin gilt keine Leistung als geschuldet.",
			"The size class is still to be checked; until then nothing counts as owed.")
	}
	if district := agsOf(row.values.GetDistrict()); district != "" && !p.known[district] && p.records.place(district) == nil {
		p.Warn(row.district, "UNKNOWN_DISTRICT", "Den Kreis "+district+" gibt es hier noch nicht.",
			"The Kreis "+district+" is not known here yet.")
	}
}

// resolveCentre finds the data centre that a row names, by id or name; empty when the row names none or it cannot be told.
func (p *planning) resolveCentre(row *placeRow) string {
	text := row.centre.Value
	if text == "" {
		return ""
	}
	id := slug(text)
	if _, ok := p.records.centres.Get(id); ok {
		return dataCentres + id
	}
	for _, c := range p.records.centres.All() {
		if slug(c.GetDisplayName()) == id {
			return c.GetName()
		}
	}
	p.Warn(row.centre, "UNKNOWN_DATA_CENTRE", "Dieses Rechenzentrum gibt es hier noch nicht.", "This data centre is not known here yet.")
	if id == text {
		return dataCentres + id
	}
	return ""
}

// centre plans one data centre.
func (p *planning) centre(row *centreRow) {
	before, exists := p.records.centres.Get(row.id)
	after := &municipalityv1.DataCentre{Name: dataCentres + row.id}
	if exists {
		after = proto.CloneOf(before)
	}
	proto.Merge(after, row.values)
	changed := differences(before, after)
	switch {
	case !exists:
		p.Report.Added++
	case len(changed) == 0:
		p.Report.Unchanged++
		return
	default:
		p.Report.Changed++
	}
	p.drafts = append(p.drafts, ledger.Draft{
		Subject:  p.service.replica.Own().Subject("dataCentre", row.id),
		Resource: after.GetName(), Entity: after, Changed: changed,
	})
}
