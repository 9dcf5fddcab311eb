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

// key packs everything but the number of services, in the order of moves.
func (m move) key() uint64 {
	return uint64(m.day)<<32 | uint64(m.theme)<<16 | uint64(m.before)<<8 | uint64(m.after)
}

func moveOf(key uint64) move {
	return move{day: day(key >> 32), theme: uint16(key >> 16), before: standing(key >> 8), after: standing(key)}
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
	keys := make([]uint64, 0, len(p.implementations)+len(p.past))
	rest, past := p.implementations, p.past
	for _, duty := range d.owed {
		var i *implementation
		i, rest = advance(rest, duty.id)
		before := standsOpen
		turn := func(from day, after standing) {
			after = max(after, standsOpen)
			if after != before {
				keys = append(keys, move{day: from, theme: uint16(duty.theme), before: before, after: after}.key())
			}
			before = after
		}
		for ; len(past) > 0; past = past[1:] {
			order := compareService(past[0], duty.id)
			if order > 0 {
				break
			}
			if order == 0 {
				turn(past[0].from, past[0].standing)
			}
		}
		if i != nil {
			turn(i.from, i.standing)
		}
	}
	slices.Sort(keys)
	return summed(keys)
}

// summed makes one move of all that have the same key.
func summed(keys []uint64) []move {
	moves := make([]move, 0, len(keys))
	for i, key := range keys {
		if i == 0 || key != keys[i-1] {
			moves = append(moves, moveOf(key))
		}
		moves[len(moves)-1].services++
	}
	return slices.Clone(moves) // without the room for all keys
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
