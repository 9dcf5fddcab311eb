package municipality

import (
	"cmp"
	"slices"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/ledger"
)

// A timeline says how an implementation stood on every day, by the days on which phases began and not by the days on
// which somebody wrote that down: a late report and a correction change the past. What was said last counts.

// step is the beginning of a standing that a later one has ended.
type step struct {
	service  text
	from     day
	standing standing
}

// compareService seeks the steps of a service in place.past.
func compareService(s step, service string) int { return cmp.Compare(s.service.String(), service) }

// statement is what a record says about the timeline.
type statement struct {
	service  text
	phase    uint8
	since    day // recorded phase date; 0 when the record names none
	written  day
	standing standing // unrecorded: it was removed
}

func statementOf(m *municipalityv1.Implementation, service text, e *ledger.Entry) statement {
	s := statement{service: service, written: dayAt(e.Record.GetTime().AsTime()), standing: unrecorded}
	if m != nil {
		s.phase, s.standing = uint8(m.GetPhase()), standingOf(m)
		s.since, _ = dayOf(m.GetPhaseDate())
	}
	return s
}

// next is the timeline after a statement: the day since which the newest standing holds, and the steps before it.
// before is the implementation until now (nil when there was none), past its older steps.
//   - A phase begins on its date, or on the day when it was written; what was said about later days is void.
//   - The same phase with another date corrects the past: what was said since the old date is void, too.
//   - Anything else, a maturity for example, counts from the day on which it was written.
func (s statement) next(before *implementation, past []step) (from day, steps []step) {
	if before != nil {
		past = append(slices.Clip(past), step{s.service, before.from, before.standing})
	}
	from = s.written
	switch {
	case before == nil || s.phase != before.phase || s.standing == unrecorded:
		if s.since != 0 && s.standing != unrecorded {
			from = s.since
		}
	case s.since != before.since && s.since != 0:
		from = s.since
		begun := before.since
		if begun == 0 {
			begun = before.from
		}
		past = until(past, begun)
	case s.standing == before.standing:
		return before.from, past[:len(past)-1]
	}
	past = until(past, from)
	if n := len(past); n > 0 && past[n-1].standing == s.standing {
		return past[n-1].from, past[:n-1]
	}
	return from, past
}

// until are the steps that began before a day.
func until(past []step, d day) []step {
	for len(past) > 0 && past[len(past)-1].from >= d {
		past = past[:len(past)-1]
	}
	return past
}

// stepsOf are the older steps of one service.
func stepsOf(past []step, service string) []step {
	from, _ := slices.BinarySearchFunc(past, service, compareService)
	to := from
	for to < len(past) && past[to].service.String() == service {
		to++
	}
	return past[from:to]
}

// standingAt is how an implementation (nil when there is none now) stood at the end of a day.
func standingAt(now *implementation, past []step, d day) standing {
	if now != nil && now.from <= d {
		return now.standing
	}
	for i := len(past) - 1; i >= 0; i-- {
		if past[i].from <= d {
			return past[i].standing
		}
	}
	return unrecorded
}
