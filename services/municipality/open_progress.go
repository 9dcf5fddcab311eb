package municipality

import (
	"context"
	"fmt"
	"strconv"

	"google.golang.org/genproto/googleapis/api/httpbody"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/opendata"
	"kompass.krz.de/services/platform/relevance"
	"kompass.krz.de/services/platform/tabular"
)

// GetOpenProgress answers how far every municipality and Kreis is, as open data: the figures of ListProgress, and no single
// service.
func (s *Service) GetOpenProgress(ctx context.Context, req *municipalityv1.GetOpenProgressRequest) (*httpbody.HttpBody, error) {
	return s.progressShelf.File(ctx, req.GetFormat(), func() (string, func() opendata.Data, error) {
		r, at, err := s.replica.ReadAt()
		today := s.today().String()
		return fmt.Sprint(at, today), func() opendata.Data { return r.openProgress(today) }, err
	})
}

// openProgress is the progress of one municipality or Kreis in open data.
type openProgress struct {
	Municipality   string  `json:"municipality"` // resource name
	AGS            string  `json:"ags"`
	DisplayName    string  `json:"displayName"`
	SizeClass      string  `json:"sizeClass"`
	District       string  `json:"district"` // resource name of its Kreis; its own for a Kreis and a kreisfreie Stadt
	DistrictName   string  `json:"districtName"`
	Owed           int64   `json:"owed"`
	Online         int64   `json:"online"`
	BelowThreshold int64   `json:"belowThreshold"`
	InProgress     int64   `json:"inProgress"`
	Planned        int64   `json:"planned"`
	Open           int64   `json:"open"`
	NotApplicable  int64   `json:"notApplicable"`
	NotAssessed    int64   `json:"notAssessed"`
	Share          float64 `json:"share"` // online / owed, between 0 and 1

	class string // in German
}

// openProgress is the progress of all places of a state, by AGS.
func (r records) openProgress(today string) opendata.Data {
	places := r.all()
	return opendata.Data{
		Title: "Fortschritt", AsOf: today, Columns: progressColumns,
		Document: func(head opendata.Head) any {
			return struct {
				opendata.Head
				Progress []openProgress `json:"progress"`
			}{head, opendata.Entries(places, r.openProgressOf)}
		},
		Rows: opendata.Rows(places, func(p *place) []string { return r.openProgressOf(p).row() }),
	}
}

func (r records) openProgressOf(p *place) openProgress {
	sum := newProgress(r, municipalityv1.ListProgressRequest_GROUP_BY_MUNICIPALITY, endOfTime)
	c := sum.add(p, r.catalogue.dutiesOf(p.municipality.GetSizeClass())).counts
	m := p.municipality
	o := openProgress{
		Municipality: m.GetName(), AGS: p.ags, DisplayName: m.GetDisplayName(), SizeClass: m.GetSizeClass().String(),
		Owed: c.owed(), Online: c.online, BelowThreshold: c.belowThreshold, InProgress: c.inProgress, Planned: c.planned, Open: c.open,
		NotApplicable: c.notApplicable, NotAssessed: c.notAssessed, Share: c.share(), class: relevance.ClassName(m.GetSizeClass()),
	}
	o.District, o.DistrictName = r.districtGroup(p)
	return o
}

var progressColumns = func() []opendata.Column {
	columns := []opendata.Column{{Title: "AGS"}, {Title: "Kommune"}, {Title: "Größenklasse"}, {Title: "Kreis"}}
	for _, title := range []string{"Geschuldet", "Online", "Online unter Schwelle", "In Bearbeitung", "In Planung", "Offen", "Nicht zutreffend", "Nicht bewertet", "Online in Prozent"} {
		columns = append(columns, opendata.Column{Title: title, Kind: tabular.Number})
	}
	return columns
}()

// row spells it out in the order of progressColumns; the share in whole percent, half up.
func (o openProgress) row() []string {
	cells := []string{o.AGS, o.DisplayName, o.class, o.DistrictName}
	percent := int64(0)
	if o.Owed > 0 {
		percent = (200*o.Online + o.Owed) / (2 * o.Owed)
	}
	for _, n := range []int64{o.Owed, o.Online, o.BelowThreshold, o.InProgress, o.Planned, o.Open, o.NotApplicable, o.NotAssessed, percent} {
		cells = append(cells, strconv.FormatInt(n, 10))
	}
	return cells
}
