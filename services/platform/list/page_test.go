package list

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/fault"
)

type situations = Options[*cataloguev1.Situation]

func situation(id int, displayName, theme string) *cataloguev1.Situation {
	return &cataloguev1.Situation{Name: fmt.Sprintf("situations/%05d", id), DisplayName: displayName, Theme: "themes/" + theme}
}

// walk pages through a list to its end and returns all items in the order they came.
func walk[T proto.Message](t interface{ Fatalf(string, ...any) }, req *cataloguev1.ListSituationsRequest, items []T, opts Options[T]) (all []T) {
	for range len(items) + 2 {
		page, next, total, err := Page(req, items, opts)
		if err != nil {
			t.Fatalf("%v", err)
		}
		if req.GetPageToken() == "" && next == "" && int(total) != len(page) {
			t.Fatalf("total is %d, the only page has %d", total, len(page))
		}
		if len(page) > int(req.GetPageSize()) || len(page) == 0 && req.GetPageToken() != "" {
			t.Fatalf("a page of %d at size %d", len(page), req.GetPageSize())
		}
		all = append(all, page...)
		if next == "" {
			if int(total) != len(all) {
				t.Fatalf("total is %d, all pages have %d", total, len(all))
			}
			return all
		}
		if len(next) > 1024 {
			t.Fatalf("the token has %d characters", len(next))
		}
		req.PageToken = next
	}
	t.Fatalf("the list does not end")
	return nil
}

func drawSituations(t *rapid.T) []*cataloguev1.Situation {
	ids := rapid.SliceOfNDistinct(rapid.IntRange(0, 200), 0, 40, rapid.ID[int]).Draw(t, "ids")
	slices.Sort(ids)
	items := make([]*cataloguev1.Situation, len(ids))
	for i, id := range ids {
		items[i] = situation(id, rapid.SampledFrom([]string{"Ärger", "Arzt", "Zoo", "Öl", "oben", ""}).Draw(t, "display name"),
			rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "theme"))
	}
	return items
}

// Whatever the filter, order and page size: paging yields each item that matches exactly once, in order.
func TestPagesYieldEachItemOnce(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		items := drawSituations(t)
		req := &cataloguev1.ListSituationsRequest{
			PageSize: rapid.Int32Range(1, 50).Draw(t, "size"),
			Filter:   rapid.SampledFrom([]string{"", "theme = themes/a", "theme != themes/a", "theme = nowhere"}).Draw(t, "filter"),
			OrderBy:  rapid.SampledFrom([]string{"", "display_name", "displayName desc", "theme desc, display_name", "name desc"}).Draw(t, "order"),
		}
		opts := situations{Ranked: rapid.Bool().Draw(t, "ranked")}
		if rapid.Bool().Draw(t, "where") {
			opts.Where = func(s *cataloguev1.Situation) bool { return s.GetDisplayName() != "Zoo" }
		}
		if opts.Ranked {
			items = rapid.Permutation(items).Draw(t, "rank")
		}
		got := walk(t, req, items, opts)

		want := slices.DeleteFunc(slices.Clone(items), func(s *cataloguev1.Situation) bool {
			filter, err := CompileFilter(req.GetFilter(), s.ProtoReflect().Descriptor())
			return err != nil || !filter.Matches(s) || opts.Where != nil && !opts.Where(s)
		})
		if req.GetOrderBy() != "" {
			order, err := CompileOrder(req.GetOrderBy(), (&cataloguev1.Situation{}).ProtoReflect().Descriptor())
			if err != nil {
				t.Fatal(err)
			}
			slices.SortFunc(want, func(a, b *cataloguev1.Situation) int {
				if c := order.Compare(a, b); c != 0 {
					return c
				}
				return strings.Compare(a.GetName(), b.GetName())
			})
		}
		if !slices.Equal(got, want) {
			t.Fatalf("got %v\nwant %v", got, want)
		}
	})
}

// An item that comes or goes between two pages moves no other one across the border, as long as lists are in key order.
func TestPagesSurviveChanges(t *testing.T) {
	t.Parallel()
	items := []*cataloguev1.Situation{situation(1, "d", "a"), situation(3, "c", "a"), situation(5, "b", "a"), situation(7, "a", "a")}
	for _, order := range []string{"", "name", "display_name desc"} {
		req := &cataloguev1.ListSituationsRequest{PageSize: 2, OrderBy: order}
		_, next, _, err := Page(req, items, situations{})
		if err != nil {
			t.Fatal(err)
		}
		req.PageToken = next
		changed := append([]*cataloguev1.Situation{situation(0, "x", "a")}, items...) // one more before
		changed = changed[:4:4]                                                       // the last one is gone
		page, _, _, err := Page(req, changed, situations{})
		if err != nil || len(page) != 1 || page[0] != items[2] {
			t.Errorf("%q: got %v, %v", order, page, err)
		}
	}
	req := &cataloguev1.ListSituationsRequest{PageSize: 2}
	_, req.PageToken, _, _ = Page(req, items, situations{})
	without := slices.Delete(slices.Clone(items), 1, 2) // the last item of the first page
	if page, _, _, err := Page(req, without, situations{}); err != nil || !slices.Equal(page, items[2:]) {
		t.Errorf("got %v, %v", page, err)
	}
}

// TestView: clients see, filter and order what is derived; only the latter two derive all of it, and nothing stored changes.
func TestView(t *testing.T) {
	t.Parallel()
	var items []*cataloguev1.Situation
	for id := range 100 {
		items = append(items, situation(id, "stored", "a"))
	}
	derived := 0
	opts := situations{View: func(s *cataloguev1.Situation) *cataloguev1.Situation {
		derived++
		return &cataloguev1.Situation{Name: s.GetName(), DisplayName: s.GetName()[len(s.GetName())-1:]}
	}}
	for _, c := range []struct {
		filter, order      string
		size, derived, all int
	}{
		{size: 10, derived: 10, all: 100},
		{filter: "display_name = 7", size: 5, derived: 100, all: 10},
		{order: "display_name desc", size: 5, derived: 100, all: 100},
		{filter: "display_name = stored", size: 5, derived: 100, all: 0},
	} {
		derived = 0
		page, _, total, err := Page(&cataloguev1.ListSituationsRequest{PageSize: int32(c.size), Filter: c.filter, OrderBy: c.order}, items, opts)
		if err != nil || int(total) != c.all || derived != c.derived || len(page) != min(c.size, c.all) {
			t.Errorf("%+v: %d of %d, %d derived, %v", c, len(page), total, derived, err)
		}
		for _, s := range page {
			if s.GetDisplayName() == "stored" || c.order != "" && s.GetDisplayName() != "9" {
				t.Errorf("%+v: %v", c, s)
			}
		}
	}
	if all := walk(t, &cataloguev1.ListSituationsRequest{PageSize: 7}, items, opts); len(all) != 100 || items[3].GetDisplayName() != "stored" {
		t.Errorf("%d, %v", len(all), items[3])
	}
}

func TestNewestFirst(t *testing.T) {
	t.Parallel()
	var items []*cataloguev1.Situation
	for id := 9; id > 0; id-- {
		items = append(items, situation(id, "x", "a"))
	}
	opts := situations{Compare: func(a, b string) int { return strings.Compare(b, a) }}
	if got := walk(t, &cataloguev1.ListSituationsRequest{PageSize: 2}, items, opts); !slices.Equal(got, items) {
		t.Errorf("got %v", got)
	}
}

func TestKeyOfItemsWithoutName(t *testing.T) {
	t.Parallel()
	gaps := []*municipalityv1.Gap{{PublicService: "a"}, {PublicService: "b"}, {PublicService: "c"}}
	req := &municipalityv1.ListGapsRequest{PageSize: 2}
	if _, _, _, err := Page(req, gaps, Options[*municipalityv1.Gap]{}); !fault.Is(err, fault.Internal) {
		t.Errorf("without key: %v", err)
	}
	opts := Options[*municipalityv1.Gap]{Key: (*municipalityv1.Gap).GetPublicService}
	_, next, total, err := Page(req, gaps, opts)
	if err != nil || total != 3 {
		t.Fatal(total, err)
	}
	req.PageToken = next
	if page, next, _, err := Page(req, gaps, opts); err != nil || next != "" || len(page) != 1 || page[0] != gaps[2] {
		t.Errorf("got %v %q %v", page, next, err)
	}
}

func TestGermanOrder(t *testing.T) {
	t.Parallel()
	items := []*cataloguev1.Situation{
		situation(1, "Zoo", "a"), situation(2, "Österreich", "a"), situation(3, "ohne", "a"), situation(4, "Ofen", "a"),
		situation(5, "Ärzte", "a"), situation(6, "Arzt", "a"), situation(7, "Straße", "a"), situation(8, "Strasse 2", "a"),
	}
	var names []string
	for _, s := range walk(t, &cataloguev1.ListSituationsRequest{PageSize: 3, OrderBy: "display_name"}, items, situations{}) {
		names = append(names, s.GetDisplayName())
	}
	if want := []string{"Arzt", "Ärzte", "Ofen", "ohne", "Österreich", "Straße", "Strasse 2", "Zoo"}; !slices.Equal(names, want) {
		t.Errorf("got %v", names)
	}
}

func TestBadRequests(t *testing.T) {
	t.Parallel()
	items := []*cataloguev1.Situation{situation(1, "a", "a"), situation(2, "b", "b"), situation(3, "c", "a")}
	first := &cataloguev1.ListSituationsRequest{PageSize: 1, Filter: "theme = themes/a"}
	_, token, _, err := Page(first, items, situations{})
	if err != nil || token == "" {
		t.Fatal(token, err)
	}
	cases := map[string]struct {
		req  *cataloguev1.ListSituationsRequest
		want *fault.Reason
	}{
		"other size":      {&cataloguev1.ListSituationsRequest{PageSize: 7, Filter: first.Filter, PageToken: token}, nil},
		"other filter":    {&cataloguev1.ListSituationsRequest{Filter: "theme = themes/b", PageToken: token}, fault.InvalidPageToken},
		"other order":     {&cataloguev1.ListSituationsRequest{Filter: first.Filter, OrderBy: "name", PageToken: token}, fault.InvalidPageToken},
		"no token":        {&cataloguev1.ListSituationsRequest{PageToken: "next"}, fault.InvalidPageToken},
		"not base64":      {&cataloguev1.ListSituationsRequest{PageToken: "%%%"}, fault.InvalidPageToken},
		"cut":             {&cataloguev1.ListSituationsRequest{Filter: first.Filter, PageToken: token[:len(token)-4]}, fault.InvalidPageToken},
		"longer":          {&cataloguev1.ListSituationsRequest{Filter: first.Filter, PageToken: token + "AAAA"}, fault.InvalidPageToken},
		"negative size":   {&cataloguev1.ListSituationsRequest{PageSize: -1}, fault.InvalidField},
		"unknown order":   {&cataloguev1.ListSituationsRequest{OrderBy: "colour"}, fault.InvalidOrder},
		"strange order":   {&cataloguev1.ListSituationsRequest{OrderBy: "name up"}, fault.InvalidOrder},
		"injection":       {&cataloguev1.ListSituationsRequest{OrderBy: "name; drop"}, fault.InvalidOrder},
		"too many orders": {&cataloguev1.ListSituationsRequest{OrderBy: "name,name,name,name,name,name"}, fault.InvalidOrder},
		"bad filter":      {&cataloguev1.ListSituationsRequest{Filter: "a ="}, fault.InvalidFilter},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, _, err := Page(c.req, items, situations{})
			if c.want == nil && err != nil || c.want != nil && !fault.Is(err, c.want) {
				t.Errorf("got %v", err)
			}
		})
	}
	other := &cataloguev1.ListThemesRequest{PageSize: 1, Filter: first.Filter, PageToken: token}
	if _, err := Open(other); !fault.Is(err, fault.InvalidPageToken) {
		t.Errorf("a token of another method passes: %v", err)
	}
}

func TestCursor(t *testing.T) {
	t.Parallel()
	req := &cataloguev1.ListSituationsRequest{PageSize: 5000}
	c, err := Open(req)
	if err != nil || !c.First() || c.Size != MaxSize {
		t.Fatalf("got %+v, %v", c, err)
	}
	req.PageToken = c.Next("situations/x", 1000)
	if c, err = Open(req); err != nil || c.Key != "situations/x" || c.Offset != 1000 || c.First() {
		t.Fatalf("got %+v, %v", c, err)
	}
	req.PageToken = c.Next(strings.Repeat("k", 5000), 3)
	if c, err = Open(req); err != nil || c.Key != "" || c.Offset != 1003 || len(req.PageToken) > 1024 {
		t.Fatalf("got %+v, %v", c, err)
	}
	req.PageSize = 0
	if c, _ = Open(req); c.Size != DefaultSize {
		t.Errorf("default size is %d", c.Size)
	}
}

// No token but the ones that were given out gets through, and none does harm.
func FuzzPageToken(f *testing.F) {
	items := []*cataloguev1.Situation{situation(1, "a", "a"), situation(2, "b", "b"), situation(3, "c", "a")}
	_, token, _, _ := Page(&cataloguev1.ListSituationsRequest{PageSize: 1}, items, situations{})
	f.Add(token)
	f.Add("")
	f.Add("AQ")
	raw, _ := base64.RawURLEncoding.DecodeString(token)
	raw[3] ^= 1
	f.Add(base64.RawURLEncoding.EncodeToString(raw))
	f.Fuzz(func(t *testing.T, text string) {
		_, _, _, err := Page(&cataloguev1.ListSituationsRequest{PageSize: 1, PageToken: text}, items, situations{})
		if valid := text == token || text == ""; valid && err != nil || !valid && !fault.Is(err, fault.InvalidPageToken) {
			t.Fatalf("%q: %v", text, err)
		}
	})
}

func BenchmarkPage(b *testing.B) {
	items := make([]*cataloguev1.PublicService, 8557)
	for i := range items {
		items[i] = &cataloguev1.PublicService{
			Name: fmt.Sprintf("publicServices/99%012d", i), DisplayName: fmt.Sprintf("Leistung %d Erteilung", i*7919%8557),
			State: cataloguev1.EntryState(1 + i%2), Theme: fmt.Sprintf("themes/t%d", i%14),
		}
	}
	for _, c := range []struct{ name, filter, order string }{
		{"plain", "", ""}, {"filtered", "state = ACTIVE AND theme = themes/t4", ""}, {"ordered", "", "display_name desc"},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			req := &cataloguev1.ListPublicServicesRequest{Filter: c.filter, OrderBy: c.order}
			for b.Loop() {
				_, next, _, err := Page(req, items, Options[*cataloguev1.PublicService]{})
				if err != nil {
					b.Fatal(err)
				}
				req.PageToken = next
			}
		})
	}
}
