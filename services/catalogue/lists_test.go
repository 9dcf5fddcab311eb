package catalogue

import (
	"fmt"
	"strings"
	"testing"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
)

// TestRevisionLists narrows and sorts revisions and their changes the way a person would.
func TestRevisionLists(t *testing.T) {
	t.Parallel()
	c := start(t)
	c.load("leika_key;name\n99012001001000;Abbruch\n99102013002000;Hundesteuer\n99036008001000;Zulassung\n")
	c.load("leika_key;name\n99012001001000;Abbruchgenehmigung\n99102013002000;Hundesteuer\n99050001001000;Fischerei\n", func(r *cataloguev1.ImportCatalogueRequest) { r.Force = true })
	c.load("leika_key;name\n99012001001000;Abbruchgenehmigung\n99102013002000;Hundesteuern\n99050001001000;Fischerei\n")
	revisions := func(filter, order string) string {
		answer, err := c.ListCatalogueRevisions(t.Context(), &cataloguev1.ListCatalogueRevisionsRequest{Filter: filter, OrderBy: order})
		if err != nil {
			return err.Error()
		}
		said := fmt.Sprint(answer.GetTotalSize(), ":")
		for _, r := range answer.GetCatalogueRevisions() {
			said += fmt.Sprint(" ", r.GetNumber())
		}
		return said
	}
	changes := func(filter, order string) string {
		answer, err := c.ListCatalogueChanges(t.Context(), &cataloguev1.ListCatalogueChangesRequest{Parent: "catalogueRevisions/2", Filter: filter, OrderBy: order})
		if err != nil {
			return err.Error()
		}
		said := fmt.Sprint(answer.GetTotalSize(), ":")
		for _, ch := range answer.GetChanges() {
			said += " " + ch.GetDisplayName()
		}
		return said
	}
	for _, l := range []struct {
		list                func(filter, order string) string
		filter, order, want string
	}{
		{revisions, "", "", "3: 3 2 1"},
		{revisions, "", "number", "3: 1 2 3"},
		{revisions, "withdrawn > 0", "", "1: 2"},
		{revisions, "changed > 0", "create_time", "2: 2 3"},
		{revisions, "", "farbe", "INVALID"},
		{changes, "", "", "3: Abbruchgenehmigung Zulassung Fischerei"},
		{changes, "", "display_name", "3: Abbruchgenehmigung Fischerei Zulassung"},
		{changes, "kind != withdrawn", "display_name desc", "2: Fischerei Abbruchgenehmigung"},
		{changes, "", "fields", "INVALID"},
	} {
		got := l.list(l.filter, l.order)
		if l.want == "INVALID" && strings.Contains(got, "Cannot order by") {
			continue
		}
		if got != l.want {
			t.Errorf("%q %q: %s, want %s", l.filter, l.order, got, l.want)
		}
	}
}
