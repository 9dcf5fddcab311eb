package municipality

import (
	"cmp"
	"slices"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/relevance"
)

// counts say how far a place is with the services of one theme.
type counts struct {
	online, belowThreshold, inProgress, planned, open int64
	notApplicable, notAssessed                        int64
}

func (c *counts) add(o counts) {
	c.online += o.online
	c.belowThreshold += o.belowThreshold
	c.inProgress += o.inProgress
	c.planned += o.planned
	c.open += o.open
	c.notApplicable += o.notApplicable
	c.notAssessed += o.notAssessed
}

func (c *counts) subtract(o counts) {
	c.online -= o.online
	c.belowThreshold -= o.belowThreshold
	c.inProgress -= o.inProgress
	c.planned -= o.planned
	c.open -= o.open
	c.notApplicable -= o.notApplicable
	c.notAssessed -= o.notAssessed
}

func (c *counts) owed() int64 { return c.online + c.belowThreshold + c.inProgress + c.planned + c.open }

// share is how much of what is owed is online, between 0 and 1; 0 when nothing is owed.
func (c *counts) share() float64 {
	if c.owed() == 0 {
		return 0
	}
	return float64(c.online) / float64(c.owed())
}

// of is the figure that a standing counts in.
func (c *counts) of(s standing) *int64 {
	switch s {
	case standsFulfilled:
		return &c.online
	case standsBelow:
		return &c.belowThreshold
	case standsInProgress:
		return &c.inProgress
	case standsPlanned:
		return &c.planned
	case standsNotApplicable:
		return &c.notApplicable
	default:
		return &c.open
	}
}

// tallyOf counts a place's services by theme, in the order of entries.themes.
func tallyOf(p *place, d *duties) []counts {
	tally := make([]counts, len(d.entries.themes))
	for theme, n := range d.open {
		tally[theme].notAssessed = n
	}
	rest := p.implementations
	for _, duty := range d.owed {
		var i *implementation
		i, rest = advance(rest, duty.id)
		*tally[duty.theme].of(i.standingNow())++
	}
	return tally
}

// progress sums places up. The counts of a place are kept with it, so that only places that changed are counted again.
type progress struct {
	records records
	by      municipalityv1.ListProgressRequest_GroupBy
	at      day
	groups  map[string]*group
	total   group
}

type group struct {
	key, name string
	counts
	places int32
	moved  []counts // of a trend, by point; nil when nothing moved
}

func newProgress(r records, by municipalityv1.ListProgressRequest_GroupBy, at day) progress {
	return progress{records: r, by: by, at: at, groups: map[string]*group{}, total: group{name: "Gesamt"}}
}

// progressOf answers how far the given places are, by group in the order of the keys, and all together.
func (r records) progressOf(places []*place, by municipalityv1.ListProgressRequest_GroupBy) ([]*municipalityv1.ProgressGroup, *municipalityv1.ProgressGroup) {
	return r.progressAt(places, by, endOfTime)
}

// progressAt answers how far they were at the end of a day.
func (r records) progressAt(places []*place, by municipalityv1.ListProgressRequest_GroupBy, at day) ([]*municipalityv1.ProgressGroup, *municipalityv1.ProgressGroup) {
	sum := newProgress(r, by, at)
	for _, p := range places {
		sum.add(p, r.catalogue.dutiesOf(p.municipality.GetSizeClass()))
	}
	groups := make([]*municipalityv1.ProgressGroup, 0, len(sum.groups))
	for _, g := range sum.groups {
		groups = append(groups, g.spellOut())
	}
	slices.SortFunc(groups, func(a, b *municipalityv1.ProgressGroup) int { return cmp.Compare(a.GetKey(), b.GetKey()) })
	return groups, sum.total.spellOut()
}

// add counts a place in, and returns the group that it belongs to as a whole; nil when its themes are the groups.
func (s *progress) add(p *place, d *duties) *group {
	var all counts
	for theme, c := range p.tallyAt(d, s.at) {
		all.add(c)
		if s.byTheme() && c != (counts{}) {
			s.group(d.entries.themes[theme], d.entries.names[theme]).include(c)
		}
	}
	s.total.include(all)
	if s.byTheme() {
		return nil
	}
	g := s.group(s.groupOf(p))
	g.include(all)
	return g
}

func (s *progress) byTheme() bool {
	return s.by == municipalityv1.ListProgressRequest_GROUP_BY_UNSPECIFIED || s.by == municipalityv1.ListProgressRequest_GROUP_BY_THEME
}

// groupOf is the key and the name of the group that a place counts in.
func (s *progress) groupOf(p *place) (key, name string) {
	m := p.municipality
	switch s.by {
	case municipalityv1.ListProgressRequest_GROUP_BY_SIZE_CLASS:
		return m.GetSizeClass().String(), relevance.ClassName(m.GetSizeClass())
	case municipalityv1.ListProgressRequest_GROUP_BY_DISTRICT:
		return s.records.districtGroup(p)
	default:
		return m.GetName(), m.GetDisplayName()
	}
}

// districtGroup is the key and the name of the Kreis that a place counts in.
func (r records) districtGroup(p *place) (key, name string) {
	if district := r.place(p.area); district != nil {
		return municipalityName(p.area), district.municipality.GetDisplayName()
	}
	return municipalityName(p.area), p.area
}

func (s *progress) group(key, name string) *group {
	g := s.groups[key]
	if g == nil {
		g = &group{key: key, name: name}
		s.groups[key] = g
	}
	return g
}

func (g *group) include(c counts) {
	g.add(c)
	g.places++
}

func (g *group) spellOut() *municipalityv1.ProgressGroup {
	return &municipalityv1.ProgressGroup{
		Key:            g.key,
		DisplayName:    g.name,
		Owed:           g.owed(),
		Online:         g.online,
		BelowThreshold: g.belowThreshold,
		InProgress:     g.inProgress,
		Planned:        g.planned,
		Open:           g.open,
		NotApplicable:  g.notApplicable,
		NotAssessed:    g.notAssessed,
		Municipalities: g.places,
		Share:          g.share(),
	}
}
