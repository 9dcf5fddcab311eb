package marketplace

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
)

func TestOfferRules(t *testing.T) {
	t.Parallel()
	free := &marketplacev1.Price{Basis: marketplacev1.Price_BASIS_FREE}
	yearly := &marketplacev1.Price{Basis: marketplacev1.Price_BASIS_PER_YEAR, AmountCents: 120000}
	perCase := &marketplacev1.Price{Basis: marketplacev1.Price_BASIS_PER_CASE, AmountCents: 250, Units: 1000}
	prices := func(p ...*marketplacev1.Price) *marketplacev1.Solution { return &marketplacev1.Solution{Prices: p} }
	version := func(released, ends string) *marketplacev1.Solution {
		return &marketplacev1.Solution{Versions: []*marketplacev1.SolutionVersion{{Version: "2.1", ReleaseDate: released, SupportEndDate: ends}}}
	}
	since := func(s *marketplacev1.Solution) *marketplacev1.Solution {
		s.Coverage = []*marketplacev1.Coverage{{SinceVersion: "2.0"}}
		return s
	}
	cases := map[string]struct {
		offer *marketplacev1.Solution
		want  string // fields that are blamed
	}{
		"nothing":                   {&marketplacev1.Solution{}, ""},
		"free":                      {prices(free), ""},
		"free beside another":       {prices(free, yearly), "prices[0].basis"},
		"free for money":            {prices(&marketplacev1.Price{Basis: free.GetBasis(), AmountCents: 1}), "prices[0].amount_cents"},
		"two terms":                 {prices(yearly, perCase), ""},
		"no amount":                 {prices(yearly, &marketplacev1.Price{Basis: perCase.GetBasis()}), "prices[1].amount_cents"},
		"units of a year":           {prices(&marketplacev1.Price{Basis: yearly.GetBasis(), AmountCents: 1, Units: 2}), "prices[0].units"},
		"two currencies":            {prices(yearly, &marketplacev1.Price{Basis: perCase.GetBasis(), AmountCents: 1, Currency: "CHF"}), "prices[1].currency"},
		"no currency":               {prices(&marketplacev1.Price{Basis: yearly.GetBasis(), AmountCents: 1, Currency: "EUX"}), "prices[0].currency"},
		"a currency for tests":      {prices(&marketplacev1.Price{Basis: yearly.GetBasis(), AmountCents: 1, Currency: "XTS"}), "prices[0].currency"},
		"a currency that was meant": {prices(yearly, &marketplacev1.Price{Basis: perCase.GetBasis(), AmountCents: 1, Currency: "EUR"}), ""},
		"version":                   {version("2027-03-31", "2027-03-31"), ""},
		"support ends too early":    {version("2027-03-31", "2027-03-30"), "versions[0].support_end_date"},
		"no days":                   {version("2027-02-29", "2027-04-31"), "versions[0].release_date versions[0].support_end_date"},
		"unknown version":           {since(version("", "")), "coverage[0].since_version"},
		"no versions listed":        {since(&marketplacev1.Solution{}), ""},
		"role":                      {&marketplacev1.Solution{ContactRole: "Servicedesk"}, ""},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := proto.CloneOf(c.offer)
			completePrices(s.GetPrices())
			var fields []string
			checkOffer(s, func(field, de, en string) {
				if fields = append(fields, field); de == "" || en == "" {
					t.Error("a text is missing")
				}
			})
			if got := strings.Join(fields, " "); got != c.want {
				t.Errorf("blamed %q, want %q", got, c.want)
			}
			if err := checkSolution(s, "solution."); (err != nil) != (c.want != "") {
				t.Errorf("checkSolution: %v", err)
			}
		})
	}
}
