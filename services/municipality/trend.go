package municipality

import (
	"cmp"
	"slices"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
)

// trend sums up what places were on some days. Every place counts once for the last day; what moved before that is
// noted with the point at which it shows, so that the cost is that of the moves, not of the places times the days.
type trend struct {
	progress
	days   []day // ascending, at least one
	parts  []part
	themes []*group // by index into entries.themes, when themes are the groups
}

// part is a place with what it owes and the group that it belongs to; nil when its themes are the groups.
type part struct {
	*place
	duties *duties
	group  *group
}

// newTrend counts the places on the last day, which also says which groups there are.
func (r records) newTrend(places []*place, by municipalityv1.ListProgressRequest_GroupBy, days []day) *trend {
	t := &trend{progress: newProgress(r, by, days[len(days)-1]), days: days, parts: make([]part, len(places))}
	for i, p := range places {
		d := r.catalogue.dutiesOf(p.municipality.GetSizeClass())
		t.parts[i] = part{p, d, t.add(p, d)}
	}
	return t
}

// series are the groups in the order of their keys, and all together.
func (t *trend) series() ([]*municipalityv1.TrendSeries, *municipalityv1.TrendSeries) {
	for _, p := range t.parts {
		t.goBack(p)
	}
	series := make([]*municipalityv1.TrendSeries, 0, len(t.groups))
	for _, g := range t.groups {
		series = append(series, t.spellOut(g))
	}
	slices.SortFunc(series, func(a, b *municipalityv1.TrendSeries) int { return cmp.Compare(a.GetKey(), b.GetKey()) })
	return series, t.spellOut(&t.total)
}

// trendOfPlace answers how one place came along: all of its services, at the end of the given days, which ascend.
func (r records) trendOfPlace(p *place, days []day) []*municipalityv1.TrendPoint {
	_, total := r.newTrend([]*place{p}, municipalityv1.ListProgressRequest_GROUP_BY_MUNICIPALITY, days).series()
	return total.GetPoints()
}

// goBack notes what moved in a place between the first day and the last.
func (t *trend) goBack(p part) {
	point := 0
	for _, m := range p.movesAfter(p.duties, t.days[0]) {
		for point < len(t.days) && t.days[point] < m.day {
			point++
		}
		if point == len(t.days) {
			break
		}
		g := p.group
		if g == nil {
			g = t.groupOfTheme(p.duties.entries, m.theme)
		}
		g.move(m, point, len(t.days))
		t.total.move(m, point, len(t.days))
	}
}

// groupOfTheme is the group of a theme, found by its name only once: there are many moves.
func (t *trend) groupOfTheme(all *entries, theme uint16) *group {
	if t.themes == nil {
		t.themes = make([]*group, len(all.themes))
	}
	if t.themes[theme] == nil {
		t.themes[theme] = t.group(all.themes[theme], all.names[theme])
	}
	return t.themes[theme]
}

// move notes that a move shows from a point on.
func (g *group) move(m move, point, points int) {
	if g.moved == nil {
		g.moved = make([]counts, points)
	}
	m.apply(&g.moved[point])
}

// spellOut goes back in time from the last point.
func (t *trend) spellOut(g *group) *municipalityv1.TrendSeries {
	series := &municipalityv1.TrendSeries{
		Key: g.key, DisplayName: g.name, Municipalities: g.places, Points: make([]*municipalityv1.TrendPoint, len(t.days)),
	}
	at := g.counts
	for i := len(t.days) - 1; i >= 0; i-- {
		series.Points[i] = at.point(t.days[i])
		if g.moved != nil {
			at.subtract(g.moved[i])
		}
	}
	return series
}

func (c *counts) point(d day) *municipalityv1.TrendPoint {
	return &municipalityv1.TrendPoint{
		Date:           d.String(),
		Owed:           c.owed(),
		Online:         c.online,
		BelowThreshold: c.belowThreshold,
		InProgress:     c.inProgress,
		Planned:        c.planned,
		Open:           c.open,
		NotApplicable:  c.notApplicable,
		Share:          c.share(),
	}
}
