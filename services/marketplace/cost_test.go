package marketplace_test

import (
	"testing"

	"google.golang.org/grpc/codes"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
)

// TestCostOverviews: what is under contract is expected, by municipality and over all that match.
func TestCostOverviews(t *testing.T) {
	t.Parallel()
	m := bazaar(t)
	c := callOffContract()
	c.Municipalities = []string{"municipalities/" + herford}
	c.Prices = []*marketplacev1.Price{{Basis: marketplacev1.Price_BASIS_ONCE, AmountCents: 150000}, {Basis: marketplacev1.Price_BASIS_PER_INHABITANT, AmountCents: 12}}
	if _, err := m.contract("abruf", c); err != nil {
		t.Fatal(err)
	}
	m.under("contracts/abruf")
	get := func(place string, year int32) (*marketplacev1.CostOverview, error) {
		return m.GetCostOverview(t.Context(), &marketplacev1.GetCostOverviewRequest{Parent: "municipalities/" + place, Year: year})
	}
	o, err := get(buende, 0) // 2026, from 2 March on: 305 days
	if err != nil || len(o.GetLines()) != 2 || o.GetYear() != 2026 || o.GetDisplayName() != "Ort "+buende {
		t.Fatalf("%v, %v", o, err)
	}
	if l := o.GetLines()[1]; l.GetDays() != 305 || l.GetQuantity() != 45000 || l.GetAmountCents() != 451233 || !l.GetExpected() ||
		l.GetMessageEn() != "€0.12 per inhabitant and year × 45,000 inhabitants × 305/365 days; expected from 2026-03-02 on" {
		t.Errorf("%v", l)
	}
	if sum := o.GetTotals(); len(sum) != 1 || sum[0].GetAmountCents() != 601233 || sum[0].GetOnceCents() != 150000 || sum[0].GetExpectedCents() != 601233 || sum[0].GetCurrency() != "EUR" {
		t.Errorf("%v", sum)
	}
	if o, err = get(herford, 2026); err != nil || len(o.GetLines()) != 0 || len(o.GetTotals()) != 0 {
		t.Errorf("%v, %v", o, err)
	}
	_, err = get("05999999", 2026)
	wantFault(t, err, codes.NotFound, "RESOURCE_NOT_FOUND")
	for filter, want := range map[string]int64{"": 540000, `municipality="municipalities/` + buende + `"`: 540000, `display_name="Ort 0"`: 0} {
		list, err := m.ListCostOverviews(t.Context(), &marketplacev1.ListCostOverviewsRequest{Year: 2027, Filter: filter})
		if err != nil {
			t.Fatal(err)
		}
		var sum int64
		for _, total := range list.GetTotals() {
			sum += total.GetAmountCents()
		}
		if sum != want || (len(list.GetCosts()) > 0) != (want > 0) || int(list.GetTotalSize()) != len(list.GetCosts()) || len(list.GetCosts()) > 0 && len(list.GetCosts()[0].GetLines()) > 0 {
			t.Errorf("%s: %v", filter, list)
		}
	}
	for _, filter := range []string{"niemals=1", `lines.solution="solutions/hund"`, "lines:*"} {
		_, err = m.ListCostOverviews(t.Context(), &marketplacev1.ListCostOverviewsRequest{Filter: filter})
		wantFault(t, err, codes.InvalidArgument, "INVALID_FILTER")
	}
	if _, err = m.ListCostOverviews(t.Context(), &marketplacev1.ListCostOverviewsRequest{Filter: "unknown_lines>0"}); err != nil {
		t.Error(err)
	}
}
