package municipality

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
)

// narrowed is a list request's filter and order.
type narrowed struct{ filter, order string }

// pages walks a list in pages of two and answers what it names, and the total.
func pages[T any](tb testing.TB, ask func(token string) (items []T, next string, total int32, err error), name func(T) string) string {
	tb.Helper()
	var names []string
	for token := ""; ; {
		items, next, total, err := ask(token)
		must(tb, err)
		for _, i := range items {
			names = append(names, name(i))
		}
		if token = next; token == "" {
			return fmt.Sprintf("%d: %s", total, strings.Join(names, " "))
		}
		if len(items) != 2 {
			tb.Errorf("a page of %d before the last", len(items))
		}
	}
}

// TestLists narrows and sorts every list of the service the way a person would.
func TestLists(t *testing.T) {
	t.Parallel()
	w := smallWorld(t)
	dog := implementationName("05766044", dogTax)
	w.patch(&municipalityv1.Implementation{Name: dog, Phase: 2, Priority: 1, AnnualCases: cases(300), Department: "Steuern"})
	w.patch(&municipalityv1.Implementation{Name: dog, Phase: 4, Url: "https://lemgo.example/hund"})
	w.patch(&municipalityv1.Implementation{Name: dog, Note: "fertig"})
	w.patch(&municipalityv1.Implementation{Name: implementationName("05766044", waste), Phase: 4, Url: "https://lemgo.example/bio"})
	w.patch(&municipalityv1.Implementation{Name: implementationName("05766044", marriage), Phase: 2, Priority: 3, AnnualCases: cases(20)})
	first := w.history()[2].GetRevision()
	lists := map[string]func(narrowed) string{
		"municipalities": func(n narrowed) string {
			return pages(t, func(token string) ([]*municipalityv1.Municipality, string, int32, error) {
				a, err := w.client.ListMunicipalities(w.ctx, &municipalityv1.ListMunicipalitiesRequest{PageSize: 2, PageToken: token, Filter: n.filter, OrderBy: n.order})
				return a.GetMunicipalities(), a.GetNextPageToken(), a.GetTotalSize(), err
			}, (*municipalityv1.Municipality).GetDisplayName)
		},
		"data centres": func(n narrowed) string {
			return pages(t, func(token string) ([]*municipalityv1.DataCentre, string, int32, error) {
				a, err := w.client.ListDataCentres(w.ctx, &municipalityv1.ListDataCentresRequest{PageSize: 2, PageToken: token, Filter: n.filter, OrderBy: n.order})
				return a.GetDataCentres(), a.GetNextPageToken(), a.GetTotalSize(), err
			}, (*municipalityv1.DataCentre).GetTown)
		},
		"implementations": func(n narrowed) string {
			return pages(t, func(token string) ([]*municipalityv1.Implementation, string, int32, error) {
				a, err := w.client.ListImplementations(w.ctx, &municipalityv1.ListImplementationsRequest{Parent: lemgo, PageSize: 2, PageToken: token, Filter: n.filter, OrderBy: n.order})
				return a.GetImplementations(), a.GetNextPageToken(), a.GetTotalSize(), err
			}, func(i *municipalityv1.Implementation) string { return keyOf(i.GetName()) })
		},
		"history": func(n narrowed) string {
			return pages(t, func(token string) ([]*municipalityv1.ImplementationChange, string, int32, error) {
				a, err := w.client.ListImplementationHistory(w.ctx, &municipalityv1.ListImplementationHistoryRequest{Name: dog, PageSize: 2, PageToken: token, Filter: n.filter, OrderBy: n.order})
				return a.GetChanges(), a.GetNextPageToken(), a.GetTotalSize(), err
			}, func(c *municipalityv1.ImplementationChange) string { return fmt.Sprint(c.GetRevision() - first) })
		},
		"gaps": func(n narrowed) string {
			return pages(t, func(token string) ([]*municipalityv1.Gap, string, int32, error) {
				a, err := w.client.ListGaps(w.ctx, &municipalityv1.ListGapsRequest{Parent: lemgo, PageSize: 2, PageToken: token, Filter: n.filter, OrderBy: n.order, IncludeNotAssessed: true})
				return a.GetGaps(), a.GetNextPageToken(), a.GetTotalSize(), err
			}, (*municipalityv1.Gap).GetLeikaKey)
		},
		"online services": func(n narrowed) string {
			return pages(t, func(token string) ([]*municipalityv1.OnlineService, string, int32, error) {
				a, err := w.client.ListOnlineServices(w.ctx, &municipalityv1.ListOnlineServicesRequest{Parent: lemgo, PageSize: 2, PageToken: token, Filter: n.filter, OrderBy: n.order})
				return a.GetOnlineServices(), a.GetNextPageToken(), a.GetTotalSize(), err
			}, (*municipalityv1.OnlineService).GetLeikaKey)
		},
		"found online services": func(n narrowed) string {
			return pages(t, func(token string) ([]*municipalityv1.OnlineService, string, int32, error) {
				a, err := w.client.ListOnlineServices(w.ctx, &municipalityv1.ListOnlineServicesRequest{Parent: lemgo, PageSize: 2, PageToken: token, Filter: n.filter, OrderBy: n.order, Q: "Bioabfall oder Hundesteuer"})
				return a.GetOnlineServices(), a.GetNextPageToken(), a.GetTotalSize(), err
			}, (*municipalityv1.OnlineService).GetLeikaKey)
		},
	}
	for _, c := range []struct {
		list string
		narrowed
		want string
	}{
		{"municipalities", narrowed{"size_class = mittlere_kreisangehoerige_stadt", "population desc"}, "2: Bünde Lemgo"},
		{"municipalities", narrowed{"kind = district", "display_name"}, "2: Kreis Herford Kreis Lippe"},
		{"data centres", narrowed{"town = Lemgo", "display_name desc"}, "1: Lemgo"},
		{"implementations", narrowed{"", ""}, "3: " + waste + " " + marriage + " " + dogTax},
		{"implementations", narrowed{"annual_cases > 0", "annual_cases desc"}, "2: " + dogTax + " " + marriage},
		{"implementations", narrowed{"phase = online", "display_name desc"}, "2: " + dogTax + " " + waste},
		{"history", narrowed{"", ""}, "3: 2 1 0"},
		{"history", narrowed{"", "revision"}, "3: 0 1 2"},
		{"history", narrowed{"changed_fields:phase", ""}, "2: 1 0"},
		{"history", narrowed{"implementation.phase = online", "time, revision"}, "2: 1 2"},
		{"history", narrowed{"actor = niemand", ""}, "0: "},
		{"gaps", narrowed{"", ""}, "3: " + marriage + " " + building + " " + fishing},
		{"gaps", narrowed{"", "display_name desc"}, "3: " + fishing + " " + marriage + " " + building},
		{"gaps", narrowed{"kind != not_assessed", "leika_key"}, "2: " + building + " " + marriage},
		{"gaps", narrowed{"candidates:*", "implementation.priority desc"}, "1: " + building},
		{"online services", narrowed{"", "display_name desc"}, "2: " + dogTax + " " + waste},
		{"online services", narrowed{"theme = themes/steuern-zoll", "url"}, "1: " + dogTax},
		{"found online services", narrowed{"", "display_name"}, "2: " + waste + " " + dogTax},
		{"found online services", narrowed{"", "display_name desc"}, "2: " + dogTax + " " + waste},
		{"found online services", narrowed{"display_name:bio", "display_name desc"}, "1: " + waste},
	} {
		if got := lists[c.list](c.narrowed); got != c.want {
			t.Errorf("%s %+v: %s, want %s", c.list, c.narrowed, got, c.want)
		}
	}
	w.refusesNonsense()
}

// refusesNonsense asks the lists that were given an order or a filter last for what they cannot do.
func (w *world) refusesNonsense() {
	w.tb.Helper()
	for name, ask := range map[string]func(filter, order string) error{
		"history": func(filter, order string) error {
			_, err := w.client.ListImplementationHistory(w.ctx, &municipalityv1.ListImplementationHistoryRequest{Name: implementationName("05766044", dogTax), Filter: filter, OrderBy: order})
			return err
		},
		"gaps": func(filter, order string) error {
			_, err := w.client.ListGaps(w.ctx, &municipalityv1.ListGapsRequest{Parent: lemgo, Filter: filter, OrderBy: order})
			return err
		},
		"online": func(filter, order string) error {
			_, err := w.client.ListOnlineServices(w.ctx, &municipalityv1.ListOnlineServicesRequest{Parent: lemgo, Filter: filter, OrderBy: order})
			return err
		},
	} {
		for _, n := range []narrowed{{"farbe = rot", ""}, {"", "farbe"}} {
			if reason, fields := reasonOf(ask(n.filter, n.order)); !strings.HasPrefix(reason, "INVALID_") || !slices.ContainsFunc([]string{"filter", "orderBy"}, func(f string) bool { return slices.Contains(fields, f) }) {
				w.tb.Errorf("%s %+v: %s %v", name, n, reason, fields)
			}
		}
	}
}
