package municipality

import (
	"cmp"
	"slices"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
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

func (c *counts) owed() int64 { return c.online + c.belowThreshold + c.inProgress + c.planned + c.open }

func (c *counts) count(s standing) {
	switch s {
	case standsFulfilled:
		c.online++
	case standsBelow:
		c.belowThreshold++
	case standsInProgress:
		c.inProgress++
	case standsPlanned:
		c.planned++
	case standsNotApplicable:
		c.notApplicable++
	default:
		c.open++
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
		tally[duty.theme].count(i.standingNow())
	}
	return tally
}

// progress sums places up. The counts of a place are kept with it, so that only places that changed are counted again.
type progress struct {
	records records
	by      municipalityv1.ListProgressRequest_GroupBy
	groups  map[string]*group
	total   group
}

type group struct {
	key, name string
	counts
	places int32
}

// progressOf answers how far the given places are, by group in the order of the keys, and all together.
func (r records) progressOf(places []*place, by municipalityv1.ListProgressRequest_GroupBy) ([]*municipalityv1.ProgressGroup, *municipalityv1.ProgressGroup) {
	sum := &progress{records: r, by: by, groups: map[string]*group{}, total: group{name: "Gesamt"}}
	for _, p := range places {
		d := r.catalogue.dutiesOf(p.municipality.GetSizeClass())
		sum.add(p, d, p.tally.get(d, func() []counts { return tallyOf(p, d) }))
	}
	groups := make([]*municipalityv1.ProgressGroup, 0, len(sum.groups))
	for _, g := range sum.groups {
		groups = append(groups, g.spellOut())
	}
	slices.SortFunc(groups, func(a, b *municipalityv1.ProgressGroup) int { return cmp.Compare(a.GetKey(), b.GetKey()) })
	return groups, sum.total.spellOut()
}

func (s *progress) add(p *place, d *duties, tally []counts) {
	var all counts
	for theme, c := range tally {
		all.add(c)
		if s.byTheme() && c != (counts{}) {
			s.group(d.entries.themes[theme], d.entries.names[theme]).include(c)
		}
	}
	s.total.include(all)
	if !s.byTheme() {
		key, name := s.groupOf(p)
		s.group(key, name).include(all)
	}
}

func (s *progress) byTheme() bool {
	return s.by == municipalityv1.ListProgressRequest_GROUP_BY_UNSPECIFIED || s.by == municipalityv1.ListProgressRequest_GROUP_BY_THEME
}

// groupOf is the key and the name of the group that a place counts in.
func (s *progress) groupOf(p *place) (key, name string) {
	m := p.municipality
	switch s.by {
	case municipalityv1.ListProgressRequest_GROUP_BY_SIZE_CLASS:
		return m.GetSizeClass().String(), className(m.GetSizeClass())
	case municipalityv1.ListProgressRequest_GROUP_BY_DISTRICT:
		if district := s.records.place(p.area); district != nil {
			return municipalityName(p.area), district.municipality.GetDisplayName()
		}
		return municipalityName(p.area), p.area
	default:
		return m.GetName(), m.GetDisplayName()
	}
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
	m := &municipalityv1.ProgressGroup{
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
	}
	if m.GetOwed() > 0 {
		m.Share = float64(m.GetOnline()) / float64(m.GetOwed())
	}
	return m
}
