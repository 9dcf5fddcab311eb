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
	days []day // ascending, at least one
}

// shows is the first point at which a move shows; moves until the first day show at point 0, later ones than the last nowhere.
func (t *trend) shows(m move) int {
	i, _ := slices.BinarySearch(t.days, m.day)
	return i
}

// trendOf answers how the given places came along, by group in the order of the keys, and all together.
func (r records) trendOf(places []*place, by municipalityv1.ListProgressRequest_GroupBy, days []day) ([]*municipalityv1.TrendSeries, *municipalityv1.TrendSeries) {
	t := &trend{progress: newProgress(r, by, days[len(days)-1]), days: days}
	for _, p := range places {
		t.include(p)
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
	_, total := r.trendOf([]*place{p}, municipalityv1.ListProgressRequest_GROUP_BY_MUNICIPALITY, days)
	return total.GetPoints()
}

func (t *trend) include(p *place) {
	d := t.records.catalogue.dutiesOf(p.municipality.GetSizeClass())
	own := t.add(p, d)
	for _, m := range p.movesAfter(d, t.days[0]) {
		point := t.shows(m)
		if point == len(t.days) {
			break
		}
		group := own
		if group == nil {
			group = t.group(d.entries.themes[m.theme], d.entries.names[m.theme])
		}
		group.move(m, point, len(t.days))
		t.total.move(m, point, len(t.days))
	}
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
