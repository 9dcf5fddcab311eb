package municipality

import (
	"bytes"
	"context"
	"errors"
	"iter"
	"strconv"
	"strings"

	"google.golang.org/genproto/googleapis/api/httpbody"

	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/list"
	"kompass.krz.de/services/platform/tabular"
)

// maxExport bounds an exported file, in bytes, as the contract bounds an imported one.
const maxExport = 64 << 20

// ExportImplementations answers implementation states as a table: what is recorded, and what is owed and not recorded,
// by municipality and public service.
func (s *Service) ExportImplementations(_ context.Context, req *municipalityv1.ExportImplementationsRequest) (*httpbody.HttpBody, error) {
	r, places, err := s.placesOf(req.GetParent())
	if err != nil {
		return nil, err
	}
	filter, err := list.CompileFilter(req.GetFilter(), (*municipalityv1.Implementation)(nil).ProtoReflect().Descriptor())
	if err != nil {
		return nil, err
	}
	x := &export{records: r, filter: filter, whole: strings.TrimSpace(req.GetFilter()) == "", recordedOnly: req.GetRecordedOnly()}
	return x.file(places, req.GetFormat())
}

// everywhere is the parent that stands for all municipalities.
const everywhere = municipalities + "-"

// placesOf answers the current state and the places that a parent is about. Error: fault.NotFound.
func (s *Service) placesOf(parent string) (records, []*place, error) {
	if parent == everywhere {
		r, err := s.replica.Read()
		return r, r.all(), err
	}
	r, p, err := s.read(parent)
	return r, []*place{p}, err
}

// export is a table on its way out.
type export struct {
	records      records
	filter       *list.Filter
	whole        bool // the filter lets everything through
	recordedOnly bool
	cells        []string // of the row, reused
	rows         int
}

// file writes the table. The same state gives the same bytes. Error: fault.TooLarge.
func (x *export) file(places []*place, format commonv1.FileFormat) (*httpbody.HttpBody, error) {
	header, kinds := make([]string, len(stateColumns)), make([]tabular.Kind, len(stateColumns))
	for i, c := range stateColumns {
		header[i], kinds[i] = c.title, c.kind
	}
	var file bytes.Buffer
	var err error
	kind := "text/csv; charset=utf-8"
	if format == commonv1.FileFormat_FILE_FORMAT_XLSX {
		kind = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
		err = tabular.WriteXLSX(&file, "Umsetzungsstände", header, x.all(places), kinds...)
	} else {
		err = tabular.WriteCSV(&file, header, x.all(places), kinds...)
	}
	if x.rows > maxStates || file.Len() > maxExport || errors.Is(err, &tabular.Error{Reason: tabular.TooLarge}) {
		return nil, fault.New(fault.TooLarge, "limit", "400.000 Zeilen, 64 MiB").Field("parent",
			"ergibt mehr, als eine Tabelle fasst; bitte eine Kommune oder einen Filter angeben",
			"is more than a table holds; name one municipality or a filter")
	}
	if err != nil {
		return nil, fault.New(fault.Internal).Cause(err)
	}
	return &httpbody.HttpBody{ContentType: kind, Data: file.Bytes()}, nil
}

// all yields the rows, each valid until the next one.
func (x *export) all(places []*place) iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		for _, p := range places {
			if !x.place(p, yield) {
				return
			}
		}
	}
}

// place yields the rows of one place: recorded and owed ones, both sorted by public service, in one order.
func (x *export) place(p *place, yield func([]string) bool) bool {
	var owed []duty
	if !x.recordedOnly {
		owed = x.records.catalogue.dutiesOf(p.municipality.GetSizeClass()).owed
	}
	recorded := p.implementations
	for len(owed) > 0 || len(recorded) > 0 {
		var i *municipalityv1.Implementation
		if len(recorded) > 0 && (len(owed) == 0 || recorded[0].service.String() <= owed[0].id) {
			if len(owed) > 0 && recorded[0].service.String() == owed[0].id {
				owed = owed[1:]
			}
			i, recorded = x.records.show(p, &recorded[0]), recorded[1:]
		} else {
			i, owed = x.records.complete(&municipalityv1.Implementation{Name: implementationName(p.ags, owed[0].id)}), owed[1:]
		}
		if !x.whole && !x.filter.Matches(i) {
			continue
		}
		if x.rows++; x.rows > maxStates || !yield(x.row(p, i)) {
			return false
		}
	}
	return true
}

// row spells out one implementation, in the order of stateColumns.
func (x *export) row(p *place, i *municipalityv1.Implementation) []string {
	all := x.records.catalogue.allEntries()
	key := keyOf(i.GetName())
	ozg, theme := "", ""
	if e := all.find(key); e != nil {
		ozg = e.ozg.GetDisplayName()
		if e.theme > 0 {
			theme = all.names[e.theme]
		}
	}
	model, level, cases := "", "", ""
	if m := i.GetMaturity(); m != nil {
		model, level = "Modell "+m.GetModel(), strconv.Itoa(int(m.GetLevel()))
	}
	if i.AnnualCases != nil {
		cases = strconv.FormatInt(i.GetAnnualCases(), 10)
	}
	x.cells = append(x.cells[:0],
		p.ags, plainText(p.municipality.GetDisplayName()), key, plainText(i.GetDisplayName()), plainText(ozg), plainText(theme),
		phaseWords[i.GetPhase()][0], i.GetPhaseDate(), model, level, plainText(i.GetUrl()), strings.TrimPrefix(i.GetSolution(), solutions),
		plainText(i.GetDepartment()), cases, priorityWords[i.GetPriority()][0], i.GetTargetDate(),
		plainText(i.GetNote()), plainText(i.GetNotApplicableReason()), i.GetEtag())
	return x.cells
}
