package municipality

import (
	"cmp"
	"math"
	"slices"
)

// endOfTime is a day that nothing recorded lies after: what counts on it is the present.
const endOfTime day = math.MaxUint16

// move is how many services of a place went from one standing to another on a day.
type move struct {
	day           day
	services      uint16
	theme         uint16 // index into entries.themes
	before, after standing
}

func (m move) compare(o move) int {
	return cmp.Or(cmp.Compare(m.day, o.day), cmp.Compare(m.theme, o.theme), cmp.Compare(m.before, o.before), cmp.Compare(m.after, o.after))
}

// apply moves services from one figure to another; undo moves them back.
func (m move) apply(c *counts) {
	*c.of(m.before) -= int64(m.services)
	*c.of(m.after) += int64(m.services)
}

func (m move) undo(c *counts) {
	*c.of(m.after) -= int64(m.services)
	*c.of(m.before) += int64(m.services)
}

// movesOf are all moves of a place among the services that it owes today, by day. A service that nothing was recorded
// of counts as open, like one that is recorded as such.
func movesOf(p *place, d *duties) []move {
	moves := make([]move, 0, len(p.implementations)+len(p.past))
	rest, past := p.implementations, p.past
	for _, duty := range d.owed {
		var i *implementation
		i, rest = advance(rest, duty.id)
		before := standsOpen
		turn := func(from day, after standing) {
			after = max(after, standsOpen)
			if after != before {
				moves = append(moves, move{from, 1, uint16(duty.theme), before, after})
			}
			before = after
		}
		for len(past) > 0 && past[0].service.String() <= duty.id {
			if past[0].service.String() == duty.id {
				turn(past[0].from, past[0].standing)
			}
			past = past[1:]
		}
		if i != nil {
			turn(i.from, i.standing)
		}
	}
	slices.SortFunc(moves, move.compare)
	return summed(moves)
}

// summed adds up moves that differ in nothing but their services.
func summed(moves []move) []move {
	sums := moves[:0]
	for _, m := range moves {
		if n := len(sums); n > 0 && sums[n-1].compare(m) == 0 {
			sums[n-1].services += m.services
			continue
		}
		sums = append(sums, m)
	}
	return slices.Clone(sums)
}

// movesAfter are the moves of a place later than a day, by day.
func (p *place) movesAfter(d *duties, after day) []move {
	if after == endOfTime {
		return nil
	}
	moves := p.moves.get(d, func() []move { return movesOf(p, d) })
	from, _ := slices.BinarySearchFunc(moves, after+1, func(m move, d day) int { return cmp.Compare(m.day, d) })
	return moves[from:]
}

// tallyAt counts a place's services by theme as they stood at the end of a day, in the order of entries.themes. What it
// returns is shared.
func (p *place) tallyAt(d *duties, at day) []counts {
	tally := p.tally.get(d, func() []counts { return tallyOf(p, d) })
	moves := p.movesAfter(d, at)
	if len(moves) == 0 {
		return tally
	}
	tally = slices.Clone(tally)
	for _, m := range moves {
		m.undo(&tally[m.theme])
	}
	return tally
}
