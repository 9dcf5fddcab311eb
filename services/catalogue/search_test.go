package catalogue

import (
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
)

func (c *client) find(req *cataloguev1.ListPublicServicesRequest) *cataloguev1.ListPublicServicesResponse {
	c.tb.Helper()
	r, err := c.ListPublicServices(c.tb.Context(), req)
	if err != nil {
		c.tb.Fatal(err)
	}
	return r
}

func titles(r *cataloguev1.ListPublicServicesResponse) []string {
	var list []string
	for _, m := range r.GetPublicServices() {
		list = append(list, m.GetDisplayName())
	}
	return list
}

// TestSearchSamples: what people type over the real catalogue.
func TestSearchSamples(t *testing.T) {
	t.Parallel()
	c := start(t)
	for _, s := range samples {
		c.load(sample(t, s.file))
	}
	for _, q := range []struct{ query, first, among string }{
		{"hunde anmelden", "Hund", ""},
		{"hundesteuer", "Hundesteuer", ""},
		{"steuer", "", "steuer"},
		{"personalausweis", "Personalausweis", ""},
		{"muell", "", "abfall"},
		{"99012001001000", "Abbruchgenehmigung Erteilung", ""},
	} {
		r := c.find(&cataloguev1.ListPublicServicesRequest{Q: q.query, PageSize: 100})
		got := titles(r)
		if len(got) == 0 || !strings.HasPrefix(got[0], q.first) || !strings.Contains(strings.ToLower(strings.Join(got, "|")), q.among) {
			t.Errorf("%q: %q", q.query, got[:min(len(got), 5)])
		}
	}
	all := c.find(&cataloguev1.ListPublicServicesRequest{Q: "steuer", PageSize: 1000})
	if !strings.Contains(strings.Join(titles(all), "|"), "Hundesteuer") {
		t.Error("steuer does not find Hundesteuer")
	}
}

// small is a catalogue with a withdrawn entry among others.
func small(t *testing.T) *client {
	c := start(t)
	c.load("ozg_id,name,themenfeld\n10160,Hundehaltung,Steuern & Zoll\n")
	file := "leika_key,name,ozg_id\n99000000000001,Hundesteuer Anmeldung,10160\n99000000000002,Hundesteuer Abmeldung,10160\n" +
		"99000000000003,Grundsteuer,\n99000000000004,Vergnügungssteuer,\n99000000000005,Zweitwohnungssteuer,\n"
	c.load(file + "99000000000006,Steuer auf Altes,\n")
	c.load(file)
	return c
}

// TestSearchPages: pages neither repeat nor lose a hit, also when the catalogue changes between two.
func TestSearchPages(t *testing.T) {
	t.Parallel()
	c := small(t)
	whole := titles(c.find(&cataloguev1.ListPublicServicesRequest{Q: "steuer"}))
	var paged []string
	req := &cataloguev1.ListPublicServicesRequest{Q: "steuer", PageSize: 2}
	for {
		r := c.find(req)
		if r.GetTotalSize() != 5 {
			t.Errorf("%d in all", r.GetTotalSize())
		}
		paged = append(paged, titles(r)...)
		if req.PageToken = r.GetNextPageToken(); req.PageToken == "" {
			break
		}
	}
	if strings.Join(whole, "|") != strings.Join(paged, "|") || len(whole) != 5 {
		t.Errorf("%q in pages is %q", whole, paged)
	}
	first := c.find(&cataloguev1.ListPublicServicesRequest{Q: "steuer", PageSize: 2})
	c.load("leika_key,name\n99000000000007,Steuer\n", partial) // the new best hit moves all others
	second := c.find(&cataloguev1.ListPublicServicesRequest{Q: "steuer", PageSize: 2, PageToken: first.GetNextPageToken()})
	if got := titles(second); strings.Join(got, "|") != strings.Join(whole[2:4], "|") {
		t.Errorf("after a change the second page is %q, was %q", got, whole[2:4])
	}
	_, err := c.ListPublicServices(t.Context(), &cataloguev1.ListPublicServicesRequest{Q: "hund", PageToken: first.GetNextPageToken()})
	refused(t, err, codes.InvalidArgument, "INVALID_PAGE_TOKEN")
}

// TestSearchFilters: filter and order work on hits too; withdrawn entries show only when the state is asked for.
func TestSearchFilters(t *testing.T) {
	t.Parallel()
	c := small(t)
	for _, q := range []struct {
		req  *cataloguev1.ListPublicServicesRequest
		want int
	}{
		{&cataloguev1.ListPublicServicesRequest{}, 5},
		{&cataloguev1.ListPublicServicesRequest{Q: "steuer"}, 5},
		{&cataloguev1.ListPublicServicesRequest{Filter: `state = WITHDRAWN`}, 1},
		{&cataloguev1.ListPublicServicesRequest{Q: "steuer", Filter: `state = WITHDRAWN`}, 1},
		{&cataloguev1.ListPublicServicesRequest{Q: "steuer", Filter: `state:*`}, 6},
		{&cataloguev1.ListPublicServicesRequest{Q: "steuer", Filter: `theme = "themes/steuern-zoll"`}, 2},
		{&cataloguev1.ListPublicServicesRequest{Filter: `ozg_service = "ozgServices/10160"`}, 2},
		{&cataloguev1.ListPublicServicesRequest{Q: "§§§"}, 0},
	} {
		if r := c.find(q.req); len(r.GetPublicServices()) != q.want || int(r.GetTotalSize()) != q.want {
			t.Errorf("%v: %d of %d, want %d", q.req, len(r.GetPublicServices()), r.GetTotalSize(), q.want)
		}
	}
	ordered := titles(c.find(&cataloguev1.ListPublicServicesRequest{Q: "steuer", OrderBy: "display_name desc"}))
	if ordered[0] != "Zweitwohnungssteuer" || ordered[4] != "Grundsteuer" {
		t.Errorf("%q", ordered)
	}
	_, err := c.ListPublicServices(t.Context(), &cataloguev1.ListPublicServicesRequest{Q: "steuer", Filter: "farbe = rot"})
	refused(t, err, codes.InvalidArgument, "INVALID_FILTER")
}
