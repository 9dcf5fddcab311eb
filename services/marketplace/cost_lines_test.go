package marketplace

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
)

const (
	dogKey = "publicServices/99102013000000"
	catKey = "publicServices/99102014000000"
)

func costs(basis marketplacev1.Price_Basis, cents int64, units int32) *marketplacev1.Price {
	return &marketplacev1.Price{Basis: basis, AmountCents: cents, Currency: "EUR", Units: units}
}

var (
	once       = costs(marketplacev1.Price_BASIS_ONCE, 150000, 0)
	yearly     = costs(marketplacev1.Price_BASIS_PER_YEAR, 100000, 0)
	perHead    = costs(marketplacev1.Price_BASIS_PER_INHABITANT, 12, 1)
	perCase    = costs(marketplacev1.Price_BASIS_PER_CASE, 150, 1)
	perHundred = costs(marketplacev1.Price_BASIS_PER_CASE, 5000, 100)
	free       = &marketplacev1.Price{Basis: marketplacev1.Price_BASIS_FREE}
)

// live is an adoption of Bünde since 1 July 2027, on a contract without prices of its own.
func live() *marketplacev1.Adoption {
	return &marketplacev1.Adoption{
		Name: "adoptions/a", Municipality: buendeName, Solution: dogSolution, Contract: "contracts/c", State: stateLive, LiveDate: "2027-07-01",
		Services: []*marketplacev1.AdoptedService{{PublicService: dogKey}, {PublicService: catKey}},
	}
}

// costScene is a world with a contract, a solution at that price, one adoption, and 700 cases a year of the first of its services.
func costScene(t testing.TB, a *marketplacev1.Adoption, c *marketplacev1.Contract, prices ...*marketplacev1.Price) *scene {
	t.Helper()
	c.Name, c.StartDate = "contracts/c", "2026-01-01"
	s := contractScene(t, c)
	s.apply(t, ownStream, s.entry("solution", dogSolution, &marketplacev1.Solution{Name: dogSolution, DisplayName: "Hundesteuer", Prices: prices}))
	s.apply(t, ownStream, s.entry("adoption", a.GetName(), a))
	i := &municipalityv1.Implementation{Name: buendeName + "/implementations/" + strings.TrimPrefix(dogKey, "publicServices/"), PublicService: dogKey, AnnualCases: proto.Int64(700)}
	s.apply(t, municipalityStream, s.entry("implementation", i.GetName(), i))
	return s
}

// overviewOf is what Bünde pays in a year, as of a day.
func (s *scene) overviewOf(year int, today string) *marketplacev1.CostOverview {
	var adoptions []*marketplacev1.Adoption
	for _, a := range s.world.adopters.at(buendeName) {
		adoptions = append(adoptions, a)
	}
	return costing{w: s.world, year: year, today: today, texts: true}.overview(buendeName, adoptions)
}

func TestCostLines(t *testing.T) {
	t.Parallel()
	with := func(change func(*marketplacev1.Adoption)) *marketplacev1.Adoption {
		a := live()
		change(a)
		return a
	}
	plain := func(*marketplacev1.Adoption) {}
	contracted := func(planned string) func(*marketplacev1.Adoption) {
		return func(a *marketplacev1.Adoption) {
			a.State, a.LiveDate, a.PlannedDate = stateContracted, "", planned
		}
	}
	const today = "2027-03-01"
	for name, c := range map[string]struct {
		adoption *marketplacev1.Adoption
		contract *marketplacev1.Contract
		prices   []*marketplacev1.Price // of the solution
		year     int
		want     string // cents (or ?) and text of each line
	}{
		"first year":      {with(plain), &marketplacev1.Contract{}, []*marketplacev1.Price{yearly}, 2027, "50411 1.000,00 € je Jahr × 184/365 Tage"},
		"whole year":      {with(plain), &marketplacev1.Contract{}, []*marketplacev1.Price{yearly}, 2028, "100000 1.000,00 € je Jahr"},
		"year before":     {with(plain), &marketplacev1.Contract{}, []*marketplacev1.Price{yearly}, 2026, ""},
		"inhabitants":     {with(plain), &marketplacev1.Contract{}, []*marketplacev1.Price{perHead}, 2027, "272219 0,12 € je Einwohner und Jahr × 45.000 Einwohner × 184/365 Tage"},
		"cases":           {with(plain), &marketplacev1.Contract{}, []*marketplacev1.Price{perCase}, 2028, "105000 1,50 € je Fall × 700 Fälle im Jahr; die Fallzahl ist bei 1 von 2 Leistungen bekannt"},
		"hundred cases":   {with(plain), &marketplacev1.Contract{}, []*marketplacev1.Price{perHundred}, 2028, "35000 50,00 € je 100 Fälle × 700 Fälle im Jahr; die Fallzahl ist bei 1 von 2 Leistungen bekannt"},
		"cases not known": {with(func(a *marketplacev1.Adoption) { a.Services = a.Services[1:] }), &marketplacev1.Contract{}, []*marketplacev1.Price{perCase}, 2028, "? 1,50 € je Fall; die Fallzahl ist bei keiner der Leistungen bekannt"},
		"once, its year":  {with(plain), &marketplacev1.Contract{}, []*marketplacev1.Price{once, yearly}, 2027, "150000 1.500,00 €, einmalig zu Beginn | 50411 1.000,00 € je Jahr × 184/365 Tage"},
		"once, later":     {with(plain), &marketplacev1.Contract{}, []*marketplacev1.Price{once, yearly}, 2028, "100000 1.000,00 € je Jahr"},
		"free":            {with(plain), &marketplacev1.Contract{}, []*marketplacev1.Price{free}, 2027, "0 kostenfrei"},
		"no price":        {with(plain), &marketplacev1.Contract{}, nil, 2027, "? Weder Vertrag noch Angebot noch Lösung nennen einen Preis"},
		"absurd":          {with(plain), &marketplacev1.Contract{}, []*marketplacev1.Price{costs(marketplacev1.Price_BASIS_PER_INHABITANT, 100_000_000_000, 1)}, 2028, "? 1.000.000.000,00 € je Einwohner und Jahr × 45.000 Einwohner; so viel kann nicht stimmen"},
		"offer's price": {with(func(a *marketplacev1.Adoption) {
			a.Offer = &marketplacev1.AdoptionOffer{Prices: []*marketplacev1.Price{yearly}}
		}), &marketplacev1.Contract{}, []*marketplacev1.Price{free}, 2028, "100000 1.000,00 € je Jahr"},
		"contract's price": {with(func(a *marketplacev1.Adoption) {
			a.Offer = &marketplacev1.AdoptionOffer{Prices: []*marketplacev1.Price{yearly}}
		}), &marketplacev1.Contract{Prices: []*marketplacev1.Price{once}}, nil, 2027, "150000 1.500,00 €, einmalig zu Beginn"},
		"ended":             {with(func(a *marketplacev1.Adoption) { a.State, a.EndDate = stateEnded, "2028-02-29" }), &marketplacev1.Contract{}, []*marketplacev1.Price{yearly}, 2028, "16393 1.000,00 € je Jahr × 60/366 Tage"},
		"ended before":      {with(func(a *marketplacev1.Adoption) { a.State, a.EndDate = stateEnded, "2027-12-31" }), &marketplacev1.Contract{}, []*marketplacev1.Price{yearly}, 2028, ""},
		"ended earlier":     {with(func(a *marketplacev1.Adoption) { a.State, a.EndDate = stateEnded, "2028-02-29" }), &marketplacev1.Contract{EndDate: "2028-06-30"}, []*marketplacev1.Price{yearly}, 2028, "16393 1.000,00 € je Jahr × 60/366 Tage"},
		"ended later":       {with(func(a *marketplacev1.Adoption) { a.State, a.EndDate = stateEnded, "2028-12-31" }), &marketplacev1.Contract{EndDate: "2028-06-30"}, []*marketplacev1.Price{yearly}, 2028, "49727 1.000,00 € je Jahr × 182/366 Tage"},
		"contract ends":     {with(plain), &marketplacev1.Contract{EndDate: "2028-06-30"}, []*marketplacev1.Price{yearly}, 2028, "49727 1.000,00 € je Jahr × 182/366 Tage"},
		"contract is over":  {with(plain), &marketplacev1.Contract{EndDate: "2028-06-30"}, []*marketplacev1.Price{yearly}, 2029, ""},
		"contract goes on":  {with(plain), &marketplacev1.Contract{EndDate: "2028-06-30", RenewalMonths: 12}, []*marketplacev1.Price{yearly}, 2029, "100000 1.000,00 € je Jahr"},
		"planned":           {with(contracted("2027-07-01")), &marketplacev1.Contract{}, []*marketplacev1.Price{yearly}, 2027, "50411 1.000,00 € je Jahr × 184/365 Tage; erwartet ab 01.07.2027"},
		"plan has passed":   {with(contracted("2027-01-01")), &marketplacev1.Contract{}, []*marketplacev1.Price{yearly}, 2027, "83836 1.000,00 € je Jahr × 306/365 Tage; erwartet ab 01.03.2027"},
		"no plan":           {with(contracted("")), &marketplacev1.Contract{}, []*marketplacev1.Price{yearly}, 2028, "100000 1.000,00 € je Jahr; erwartet ab 01.03.2027"},
		"not live in 2026":  {with(contracted("2026-02-01")), &marketplacev1.Contract{}, []*marketplacev1.Price{yearly}, 2026, ""},
		"only an interest":  {with(func(a *marketplacev1.Adoption) { a.State = stateInterested }), &marketplacev1.Contract{}, []*marketplacev1.Price{yearly}, 2027, ""},
		"withdrawn":         {with(func(a *marketplacev1.Adoption) { a.State = stateWithdrawn }), &marketplacev1.Contract{}, []*marketplacev1.Price{yearly}, 2027, ""},
		"one thousand unit": {with(plain), &marketplacev1.Contract{}, []*marketplacev1.Price{costs(marketplacev1.Price_BASIS_PER_INHABITANT, 12000, 1000)}, 2028, "540000 120,00 € je 1.000 Einwohner und Jahr × 45.000 Einwohner"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := costScene(t, c.adoption, c.contract, c.prices...).overviewOf(c.year, today)
			var got []string
			unknown := 0
			for _, l := range o.GetLines() {
				cents := "?"
				if l.AmountCents != nil {
					cents = fmt.Sprint(l.GetAmountCents())
				} else {
					unknown++
				}
				got = append(got, cents+" "+l.GetMessageDe())
				if l.GetIncomplete() != strings.Contains(l.GetMessageDe(), "1 von 2") || l.GetIncomplete() != (o.GetIncompleteLines() == 1) {
					t.Errorf("%v; %d are incomplete", l, o.GetIncompleteLines())
				}
				if l.GetMessageEn() == "" || l.GetExpected() != (c.adoption.GetState() == stateContracted) {
					t.Errorf("%v", l)
				}
			}
			if strings.Join(got, " | ") != c.want || int(o.GetUnknownLines()) != unknown {
				t.Errorf("%q, %d unknown; want %q", got, o.GetUnknownLines(), c.want)
			}
		})
	}
}

func TestPriceSource(t *testing.T) {
	t.Parallel()
	a := live()
	a.Offer = &marketplacev1.AdoptionOffer{}
	for _, c := range []struct {
		contract, offer []*marketplacev1.Price
		want            string
	}{
		{nil, nil, dogSolution},
		{nil, []*marketplacev1.Price{yearly}, "adoptions/a"},
		{[]*marketplacev1.Price{yearly}, []*marketplacev1.Price{yearly}, "contracts/c"},
	} {
		a := proto.CloneOf(a)
		a.Offer.Prices = c.offer
		o := costScene(t, a, &marketplacev1.Contract{Prices: c.contract}, yearly).overviewOf(2028, someDay)
		if l := o.GetLines(); len(l) != 1 || l[0].GetPriceSource() != c.want || l[0].GetDays() != 366 || l[0].GetDisplayName() != "Hundesteuer" || l[0].GetContract() != "contracts/c" {
			t.Errorf("%v, want %s", l, c.want)
		}
	}
}

// TestYearsMakeTheWhole: what an adoption costs over all years is what its days cost, each counted once, up to a cent a year.
func TestYearsMakeTheWhole(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := live()
		a.LiveDate = plusDays("2026-01-01", rapid.IntRange(0, 1500).Draw(t, "live"))
		a.State, a.EndDate = stateEnded, plusDays(a.GetLiveDate(), rapid.IntRange(0, 1500).Draw(t, "days"))
		s := costing{today: someDay}
		total, firsts := 0, 0
		for s.year = 2025; s.year < 2036; s.year++ {
			sp, paid := s.spanOf(a, nil)
			days, begins := s.within(sp)
			if total += days; begins {
				firsts++
			}
			if !paid || days > daysOf(s.year) {
				t.Fatalf("%d days in %d", days, s.year)
			}
		}
		if want := daysBetween(a.GetLiveDate(), a.GetEndDate()); total != want || firsts != 1 {
			t.Fatalf("%d days and %d beginnings, want %d days", total, firsts, want)
		}
	})
}
