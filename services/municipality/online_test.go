package municipality

import (
	"slices"
	"testing"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
)

func (w *world) online(ags, q, filter string) (names []string) {
	w.tb.Helper()
	req := &municipalityv1.ListOnlineServicesRequest{Parent: municipalityName(ags), Q: q, Filter: filter, PageSize: 2}
	for {
		page, err := w.client.ListOnlineServices(w.ctx, req)
		must(w.tb, err)
		for _, s := range page.GetOnlineServices() {
			names = append(names, s.GetDisplayName()+" by "+s.GetOfferedByName())
		}
		if req.PageToken = page.GetNextPageToken(); req.GetPageToken() == "" {
			return names
		}
	}
}

func TestOnlineServices(t *testing.T) {
	t.Parallel()
	w := smallWorld(t)
	offer := func(ags, key string) {
		w.patch(&municipalityv1.Implementation{Name: implementationName(ags, key), Phase: online, Url: "https://" + ags + ".example/" + key})
	}
	offer("05766000", carPlates)
	offer("05766000", waste)
	offer("05766044", dogTax)
	offer("05766044", waste)
	w.patch(&municipalityv1.Implementation{Name: implementationName("05766044", building), Phase: online})
	w.patch(&municipalityv1.Implementation{Name: implementationName("05766044", marriage), Phase: planned, Url: "https://x.example"})
	for _, c := range []struct {
		ags, q, filter string
		want           []string
	}{
		{"05766044", "", "", []string{"Bioabfall by Lemgo", "Hundesteuer Festsetzung by Lemgo", "Kfz-Zulassung by Kreis Lippe"}},
		{"05766020", "", "", []string{"Bioabfall by Kreis Lippe", "Kfz-Zulassung by Kreis Lippe"}},
		{"05766000", "", "", []string{"Bioabfall by Kreis Lippe", "Kfz-Zulassung by Kreis Lippe"}},
		{"05758004", "", "", nil},
		{"05766044", "steuer", "", []string{"Hundesteuer Festsetzung by Lemgo"}},
		{"05766044", "", "theme = themes/steuern-zoll", []string{"Hundesteuer Festsetzung by Lemgo"}},
		{"05766044", "steuer", "offered_by = municipalities/05766000", nil},
	} {
		if got := w.online(c.ags, c.q, c.filter); !slices.Equal(got, c.want) {
			t.Errorf("%s %q %q: %v, want %v", c.ags, c.q, c.filter, got, c.want)
		}
	}
	w.publish("catalogue", service(waste, "Abfallberatung", ""))
	if got := w.online("05766044", "", ""); len(got) == 0 || got[0] != "Abfallberatung by Lemgo" {
		t.Errorf("the new name does not show: %v", got)
	}
	for _, key := range []string{marriage, fishing, building} {
		w.publish("catalogue", service(key, "Hundesache "+key[:5], ""))
		offer("05766044", key)
	}
	if got := w.online("05766044", "hund", ""); len(got) != 4 || len(slices.Compact(slices.Sorted(slices.Values(got)))) != 4 {
		t.Errorf("pages of a search: %v", got)
	}
	w.publish("catalogue", service(old, "Wieder da", ""))
	offer("05766000", old)
	if got := w.online("05766044", "", ""); len(got) != 7 {
		t.Errorf("what the Kreis adds does not show: %v", got)
	}
}
