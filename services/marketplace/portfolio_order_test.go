package marketplace_test

import (
	"strings"
	"testing"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
)

// TestPortfolioGapsInOrder sorts them otherwise than by rank, page by page.
func TestPortfolioGapsInOrder(t *testing.T) {
	t.Parallel()
	m := region(t)
	for order, want := range map[string]string{
		"display_name":                 "Äste Baugenehmigung Hundesteuer Meldebescheinigung",
		"population desc":              "Baugenehmigung Meldebescheinigung Hundesteuer Äste",
		"municipalities, display_name": "Baugenehmigung Äste Hundesteuer Meldebescheinigung",
	} {
		var names []string
		req := &marketplacev1.ListPortfolioGapsRequest{PageSize: 1, OrderBy: order}
		for {
			page, err := m.ListPortfolioGaps(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			for _, g := range page.GetPortfolioGaps() {
				first, _, _ := strings.Cut(g.GetDisplayName(), " ")
				names = append(names, first)
			}
			if req.PageToken = page.GetNextPageToken(); req.GetPageToken() == "" {
				break
			}
		}
		if got := strings.Join(names, " "); got != want {
			t.Errorf("%s: %s, want %s", order, got, want)
		}
	}
}
