package municipality

import (
	"cmp"
	"slices"
	"strings"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
)

// gapKind says what is missing from an implementation (nil when nothing is recorded) of a service that is owed:
// KIND_UNSPECIFIED when nothing is. What the OZG counts goes first, so that progress and gaps count the same.
func (m *market) gapKind(i *implementation) municipalityv1.Gap_Kind {
	switch i.standingNow() {
	case standsNotApplicable:
		return municipalityv1.Gap_KIND_UNSPECIFIED
	case standsPlanned:
		return municipalityv1.Gap_KIND_PLANNED
	case standsInProgress:
		return municipalityv1.Gap_KIND_IN_PROGRESS
	case standsBelow:
		return municipalityv1.Gap_KIND_BELOW_THRESHOLD
	case standsFulfilled:
	default:
		return municipalityv1.Gap_KIND_MISSING
	}
	switch {
	case i.adoptionEnded():
		return municipalityv1.Gap_KIND_ADOPTION_ENDED
	case m.withdrawn(i.solution.String()):
		return municipalityv1.Gap_KIND_SOLUTION_WITHDRAWN
	case i.url == "":
		return municipalityv1.Gap_KIND_NO_LINK
	}
	return municipalityv1.Gap_KIND_UNSPECIFIED
}

// gap is a gap before it is spelled out.
type gap struct {
	*entry
	kind           municipalityv1.Gap_Kind
	implementation *implementation // nil when nothing is recorded
	overdue        bool
	source         string
	adoptions      []string // under way for it, as resource names
}

// compare is the order in which gaps should be closed: high priority, overdue, many cases; then by kind and name.
func (g *gap) compare(other *gap) int {
	return cmp.Or(
		cmp.Compare(other.implementation.priorityOf(), g.implementation.priorityOf()),
		cmp.Compare(flag(other.overdue), flag(g.overdue)),
		cmp.Compare(other.implementation.annualCases(), g.implementation.annualCases()),
		cmp.Compare(g.kind, other.kind),
		cmp.Compare(g.order, other.order),
	)
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}

// findGaps compares what a place has with what it owes, on a given day ("2027-03-31"). owed counts without what is not
// applicable. Both lists are sorted by public service, so one pass does.
func findGaps(p *place, d *duties, m *market, today day) (gaps []gap, owed int) {
	rest, adoptions := p.implementations, m.adoptionsOf(p.ags)
	for _, duty := range d.owed {
		var i *implementation
		i, rest = advance(rest, duty.id)
		if i.standingNow() == standsNotApplicable {
			continue
		}
		owed++
		if kind := m.gapKind(i); kind != municipalityv1.Gap_KIND_UNSPECIFIED {
			gaps = append(gaps, gap{duty.entry, kind, i, i.isOverdue(today), duty.source, adoptions[duty.service.GetName()]})
		}
	}
	slices.SortFunc(gaps, func(a, b gap) int { return a.compare(&b) })
	return gaps, owed
}

// findUnassessed lists what nobody assessed for the place, without what it has online or declared not applicable.
func findUnassessed(p *place, d *duties, m *market, today day) []gap {
	gaps := make([]gap, 0, len(d.notAssessed))
	rest, adoptions := p.implementations, m.adoptionsOf(p.ags)
	for _, e := range d.notAssessed {
		var i *implementation
		i, rest = advance(rest, e.id)
		if m.gapKind(i) != municipalityv1.Gap_KIND_UNSPECIFIED {
			gaps = append(gaps, gap{e, municipalityv1.Gap_KIND_NOT_ASSESSED, i, i.isOverdue(today), "", adoptions[e.service.GetName()]})
		}
	}
	return gaps
}

// advance drops what lies before a key and returns what is recorded for it, nil when nothing is.
func advance(sorted []implementation, key string) (*implementation, []implementation) {
	for len(sorted) > 0 {
		switch order := strings.Compare(sorted[0].service.String(), key); {
		case order == 0:
			return &sorted[0], sorted[1:]
		case order > 0:
			return nil, sorted
		}
		sorted = sorted[1:]
	}
	return nil, sorted
}

// gapsKey is what a place's gaps depend on besides the place itself.
type gapsKey struct {
	duties *duties
	market *market
	today  day
}

// gapList is the gaps of a place, small enough to be kept for every place.
type gapList struct {
	gaps  []gap
	owed  int
	cover map[string]int // by solution: how many of the gaps it covers
}

// gapsOf answers the gaps of a place, from memory when nothing that they depend on has changed.
func (r records) gapsOf(p *place, today day) *gapList {
	d := r.catalogue.dutiesOf(p.municipality.GetSizeClass())
	return p.gaps.get(gapsKey{d, r.market, today}, func() *gapList {
		gaps, owed := findGaps(p, d, r.market, today)
		list := &gapList{gaps: gaps, owed: owed, cover: map[string]int{}}
		for i := range gaps {
			for _, c := range r.market.covering(gaps[i].service.GetName()) {
				if c.availability.Closes() {
					list.cover[c.solution.GetName()]++
				}
			}
		}
		return list
	})
}

// withUnassessed are the gaps and what nobody assessed, in one order.
func (r records) withUnassessed(p *place, gaps []gap, today day) []gap {
	d := r.catalogue.dutiesOf(p.municipality.GetSizeClass())
	all := append(slices.Clone(gaps), findUnassessed(p, d, r.market, today)...)
	slices.SortFunc(all, func(a, b gap) int { return a.compare(&b) })
	return all
}

// spellOut makes the gap of the contract, without candidates.
func (r records) spellOut(p *place, g *gap) *municipalityv1.Gap {
	s := g.service
	return &municipalityv1.Gap{
		PublicService:   s.GetName(),
		DisplayName:     s.GetDisplayName(),
		LeikaKey:        s.GetLeikaKey(),
		OzgService:      s.GetOzgService(),
		Theme:           g.ozg.GetTheme(),
		Kind:            g.kind,
		Implementation:  r.show(p, g.implementation),
		Overdue:         g.overdue,
		RelevanceSource: g.source,
		Adoptions:       g.adoptions,
	}
}
