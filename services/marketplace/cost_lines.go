package marketplace

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
)

// costing computes what adoptions cost in one year, as of a day.
type costing struct {
	w     world
	year  int
	today string // "2027-03-31"
	texts bool   // lines say how they come about
}

// span are the days for which an adoption is to be paid.
type span struct {
	first, last string // last is empty when no end is in sight
	expected    bool   // it is not live yet
}

// overview are the costs of a municipality; nil when nobody knows it.
func (c costing) overview(municipality string, adoptions []*marketplacev1.Adoption) *marketplacev1.CostOverview {
	place, ok := c.w.places.table.Get(strings.TrimPrefix(municipality, municipalities))
	if !ok || !place.known {
		return nil
	}
	o := &marketplacev1.CostOverview{Municipality: municipality, DisplayName: place.name, Year: int32(c.year)}
	for _, a := range adoptions {
		o.Lines = append(o.Lines, c.lines(a, place)...)
	}
	slices.SortStableFunc(o.Lines, func(a, b *marketplacev1.CostLine) int { return cmp.Compare(a.GetSolution(), b.GetSolution()) })
	for _, l := range o.Lines {
		if o.Totals = addLine(o.Totals, l); l.AmountCents == nil {
			o.UnknownLines++
		}
		if l.GetIncomplete() {
			o.IncompleteLines++
		}
	}
	return o
}

// spanOf is when an adoption is to be paid; false when it never is. What is not live yet is expected from its planned
// date on, but neither before its contract begins nor before today: what does not run yet has cost nothing.
// Nothing is to be paid after the contract is over.
func (c costing) spanOf(a *marketplacev1.Adoption, contract *marketplacev1.Contract) (span, bool) {
	s := span{last: endOf(contract)}
	switch a.GetState() {
	case marketplacev1.Adoption_STATE_LIVE, marketplacev1.Adoption_STATE_ENDED:
		s.first = a.GetLiveDate()
		if end := a.GetEndDate(); end != "" && (s.last == "" || end < s.last) {
			s.last = end
		}
	case marketplacev1.Adoption_STATE_CONTRACTED, marketplacev1.Adoption_STATE_CONNECTING:
		s.expected = true
		s.first = max(a.GetPlannedDate(), contract.GetStartDate(), c.today)
	default:
		return s, false
	}
	return s, s.last == "" || s.first <= s.last
}

// within counts the days of a span in the year, and tells whether its first day is one of them.
func (c costing) within(s span) (days int, begins bool) {
	first, last := fmt.Sprintf("%04d-01-01", c.year), fmt.Sprintf("%04d-12-31", c.year)
	begins = first <= s.first && s.first <= last
	if s.last != "" {
		last = min(last, s.last)
	}
	return daysBetween(max(first, s.first), last), begins
}

// pricesOf are the terms that count for an adoption, and the resource name of where they stand.
func (c costing) pricesOf(a *marketplacev1.Adoption, contract *marketplacev1.Contract) ([]*marketplacev1.Price, string) {
	if prices := contract.GetPrices(); len(prices) > 0 {
		return prices, contract.GetName()
	}
	if prices := a.GetOffer().GetPrices(); len(prices) > 0 {
		return prices, a.GetName() // the offer is part of it
	}
	solution, _ := c.w.solutions.Get(a.GetSolution())
	if prices := solution.GetPrices(); len(prices) > 0 {
		return prices, a.GetSolution()
	}
	return nil, ""
}

// lines are the costs of one adoption, a line for each term of its price; one without a price when none is known.
func (c costing) lines(a *marketplacev1.Adoption, place *place) (lines []*marketplacev1.CostLine) {
	contract, _ := c.w.contracts.Get(a.GetContract())
	s, paid := c.spanOf(a, contract)
	days, begins := c.within(s)
	if !paid || days == 0 {
		return nil
	}
	solution, _ := c.w.solutions.Get(a.GetSolution())
	prices, source := c.pricesOf(a, contract)
	line := func(p *marketplacev1.Price) *marketplacev1.CostLine {
		return &marketplacev1.CostLine{
			Adoption: a.GetName(), Solution: a.GetSolution(), DisplayName: solution.GetDisplayName(), Contract: a.GetContract(),
			Price: p, PriceSource: source, Days: int32(days), Currency: cmp.Or(p.GetCurrency(), "EUR"), Expected: s.expected,
		}
	}
	if len(prices) == 0 {
		l := line(nil)
		l.Currency, l.MessageDe, l.MessageEn = "", "Weder Vertrag noch Angebot noch Lösung nennen einen Preis", "Neither contract nor offer nor solution names a price"
		return append(lines, l)
	}
	for _, p := range prices {
		if p.GetBasis() == marketplacev1.Price_BASIS_ONCE && !begins {
			continue // paid in another year
		}
		l := line(p)
		q := c.quantityOf(a, place, p.GetBasis())
		c.fill(l, q)
		if c.texts {
			l.MessageDe, l.MessageEn = c.explain(l, q, s)
		}
		lines = append(lines, l)
	}
	return lines
}

// fill computes a line; the amount stays absent when its quantity is not known, or when it is beyond all reason.
func (c costing) fill(l *marketplacev1.CostLine, q quantity) {
	if l.GetPrice().GetBasis() == marketplacev1.Price_BASIS_FREE {
		l.AmountCents = proto.Int64(0)
		return
	}
	days, whole := int(l.GetDays()), daysOf(c.year)
	if l.Once = l.GetPrice().GetBasis() == marketplacev1.Price_BASIS_ONCE; l.Once {
		days, whole, l.Days = 1, 1, 0
	}
	count := int64(1)
	if q.needed {
		if q.of == 0 {
			return
		}
		count, l.Quantity = q.count, proto.Int64(q.count)
	}
	if cents, ok := amountOf(l.GetPrice().GetAmountCents(), count, int64(l.GetPrice().GetUnits()), days, whole); ok {
		l.AmountCents = proto.Int64(cents)
		l.Incomplete = q.of < q.all
	}
}

// quantity is what a price is multiplied with.
type quantity struct {
	needed bool
	count  int64
	of     int // how many of the services it is known of; 0 when it is not known at all
	all    int // how many services there are
}

// quantityOf are the inhabitants of a place, or the cases a year of the services of an adoption as far as they are known.
func (c costing) quantityOf(a *marketplacev1.Adoption, place *place, basis marketplacev1.Price_Basis) quantity {
	switch basis {
	case marketplacev1.Price_BASIS_PER_INHABITANT:
		q := quantity{needed: true, count: place.population, all: 1}
		if q.count > 0 {
			q.of = 1
		}
		return q
	case marketplacev1.Price_BASIS_PER_CASE:
		q := quantity{needed: true, all: len(a.GetServices())}
		for _, s := range a.GetServices() {
			number, _ := c.w.serviceNumbers.find(s.GetPublicService())
			if cases := place.casesOf(number); cases > 0 {
				q.count, q.of = q.count+cases, q.of+1
			}
		}
		return q
	}
	return quantity{}
}

// casesOf are the cases a year that a place recorded for a public service; 0 when they are not known.
func (p *place) casesOf(service uint32) int64 {
	at, found := slices.BinarySearchFunc(p.implementations, service, func(have implementation, want uint32) int { return cmp.Compare(have.service, want) })
	if !found {
		return 0
	}
	return int64(p.implementations[at].cases)
}
