package marketplace

import (
	"cmp"
	"slices"
	"strings"

	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	"kompass.krz.de/services/platform/promises"
	"kompass.krz.de/services/platform/relevance"
	"kompass.krz.de/services/platform/state"
)

// coverage is what solutions cover.
type coverage struct {
	solutions state.Table[*marketplacev1.Solution]
	services  *numbers
}

// reach says for whom published solutions cover public services, now or on a promised date.
type reach struct {
	classes []relevance.Classes        // by number of the public service: the size classes
	named   map[string]map[uint32]bool // by AGS: the public services covered for this place by its name
}

func (c coverage) reach() reach {
	r := reach{named: map[string]map[uint32]bool{}}
	for _, s := range c.solutions.All() {
		if s.GetState() != published {
			continue
		}
		var classes relevance.Classes // none when it is for named places only
		if len(s.GetSizeClasses()) > 0 || len(s.GetMunicipalities()) == 0 {
			classes = relevance.ClassesFor(s.GetSizeClasses())
		}
		for _, covers := range s.GetCoverage() {
			if promises.AvailabilityOf(s, covers).Closes() {
				r.add(c.services.of(covers.GetPublicService()), classes, s.GetMunicipalities())
			}
		}
	}
	return r
}

func (r *reach) add(service uint32, classes relevance.Classes, named []string) {
	if missing := int(service) + 1 - len(r.classes); missing > 0 {
		r.classes = append(r.classes, make([]relevance.Classes, missing)...)
	}
	r.classes[service] |= classes
	for _, name := range named {
		ags := strings.TrimPrefix(name, municipalities)
		if r.named[ags] == nil {
			r.named[ags] = map[uint32]bool{}
		}
		r.named[ags][service] = true
	}
}

// tally is what one public service lacks, over all places.
type tally struct {
	open           relevance.Classes // classes that owe it and find no published solution
	municipalities int32
	population     int64
	cases          int64
}

// portfolioGaps lists what places owe and do not have settled, and no published solution covers for their size class
// or for them by name.
// A place that runs a service online, also below a solution that was withdrawn since, or for which it is not applicable,
// has no gap. Order: most places, most cases, German order of the names, which is the order of the duties.
//
// It counts every place of a class as lacking a service, then corrects by what places recorded: the cost is that of the
// records, not of places times services.
func portfolioGaps(duties []duty, covered reach, places state.Table[*place]) []*marketplacev1.PortfolioGap {
	tallies := openTallies(duties, covered.classes, totals(places))
	for ags, p := range places.All() {
		if !p.known || !relevance.AllClasses.Has(p.class) {
			continue
		}
		served := covered.named[ags]
		for service := range served {
			if int(service) < len(tallies) {
				tallies[service].without(p)
			}
		}
		for _, i := range p.implementations {
			if int(i.service) >= len(tallies) || served[i.service] {
				continue
			}
			t := &tallies[i.service]
			switch {
			case i.settled:
				t.without(p)
			case t.open.Has(p.class):
				t.cases += int64(i.cases)
			}
		}
	}
	return ranked(duties, tallies)
}

// without takes a place that lacks nothing out of the count.
func (t *tally) without(p *place) {
	if t.open.Has(p.class) {
		t.municipalities--
		t.population -= p.population
	}
}

// total is how many places a size class has, and their inhabitants.
type total struct {
	places     int32
	population int64
}

func totals(places state.Table[*place]) map[commonv1.SizeClass]total {
	sums := map[commonv1.SizeClass]total{}
	for _, p := range places.All() {
		if p.known {
			t := sums[p.class]
			sums[p.class] = total{t.places + 1, t.population + p.population}
		}
	}
	return sums
}

// openTallies are, by number of the public service, what would lack if nobody had recorded anything.
func openTallies(duties []duty, covered []relevance.Classes, sums map[commonv1.SizeClass]total) []tally {
	var highest uint32
	for i := range duties {
		highest = max(highest, duties[i].number)
	}
	tallies := make([]tally, highest+1)
	for i := range duties {
		open := duties[i].classes
		if number := int(duties[i].number); number < len(covered) {
			open &^= covered[number]
		}
		t := &tallies[duties[i].number]
		t.open = open
		for class, sum := range sums {
			if open.Has(class) {
				t.municipalities += sum.places
				t.population += sum.population
			}
		}
	}
	return tallies
}

// ranked turns what lacks into the list that clients see.
func ranked(duties []duty, tallies []tally) []*marketplacev1.PortfolioGap {
	lacking := make([]*duty, 0, len(duties))
	for i := range duties {
		if tallies[duties[i].number].municipalities > 0 {
			lacking = append(lacking, &duties[i])
		}
	}
	slices.SortStableFunc(lacking, func(a, b *duty) int {
		ta, tb := &tallies[a.number], &tallies[b.number]
		return cmp.Or(cmp.Compare(tb.municipalities, ta.municipalities), cmp.Compare(tb.cases, ta.cases))
	})
	gaps := make([]*marketplacev1.PortfolioGap, len(lacking))
	for i, d := range lacking {
		t := &tallies[d.number]
		gaps[i] = &marketplacev1.PortfolioGap{
			PublicService: d.name, DisplayName: d.displayName, OzgService: d.ozgService, Theme: d.theme,
			Municipalities: t.municipalities, AnnualCases: t.cases, Population: t.population,
			Rank: int32(i) + 1,
		}
	}
	return gaps
}
