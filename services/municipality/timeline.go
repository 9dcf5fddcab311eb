package municipality

import (
	"cmp"
	"slices"

	ledgerv1 "kompass.krz.de/proto/kompass/ledger/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/ledger"
)

// A timeline says how an implementation stood on every day, by the days on which phases began and not by the days on
// which somebody wrote that down: a late report and a correction change the past. What was said last counts.

// step is the beginning of a standing, which holds until the next step. Those that later ones have ended are kept in place.past.
type step struct {
	service  text
	said     uint32 // which record of a history says so, from 1; 0 where only standings matter
	from     day
	standing standing
}

// compareService seeks the steps of a service in place.past.
func compareService(s step, service string) int { return cmp.Compare(s.service.String(), service) }

// statement is what a record says about the timeline.
type statement struct {
	service  text
	said     uint32
	phase    uint8
	since    day // recorded phase date; 0 when the record names none
	written  day
	standing standing         // unrecorded: it was removed
	revert   *ledgerv1.Revert // mostly nil: it goes back to a revision
}

func statementOf(m *municipalityv1.Implementation, service text, e *ledger.Entry) statement {
	s := statement{service: service, written: dayAt(e.Record.GetTime().AsTime()), standing: unrecorded, revert: e.Record.GetRevert()}
	if m != nil {
		s.phase, s.standing = uint8(m.GetPhase()), standingOf(m)
		s.since, _ = dayOf(m.GetPhaseDate())
	}
	return s
}

// next is the timeline after a statement. before is the implementation until now (nil when there was none), line its
// timeline with the newest step last; line is not changed.
//   - A phase begins on its date, or on the day when it was written; what was said about later days is void. Removing
//     counts from the day when it was written.
//   - The same phase with another date corrects the past: the phase begins on that day, and the days that it loses are
//     as they were before it. With another standing, maturity for example, it has had that since its beginning.
//   - Anything else counts from the day on which it was written.
func (s statement) next(before *implementation, line []step) []step {
	switch {
	case s.beginsPhase(before):
		return tell(line, s.at(s.begins()))
	case !s.corrects(before):
		return tell(line, s.at(max(s.written, line[len(line)-1].from)))
	}
	older, phase := split(line, begun(before, line))
	older = until(older, s.since)
	if s.standing != before.standing {
		return tell(older, s.at(s.since))
	}
	phase[0].from = s.since
	for _, t := range phase {
		t.from = max(t.from, s.since)
		older = tell(older, t)
	}
	return tell(older, s.at(max(s.written, older[len(older)-1].from)))
}

// beginsPhase tells whether a statement begins a phase, or ends the last one by a removal.
func (s statement) beginsPhase(before *implementation) bool {
	return before == nil || s.standing == unrecorded || s.phase != before.phase
}

// corrects tells whether a statement about the phase that holds gives it another date.
func (s statement) corrects(before *implementation) bool {
	return !s.beginsPhase(before) && s.since != 0 && s.since != before.since
}

// begins is the day since which a new phase holds.
func (s statement) begins() day {
	if s.since != 0 && s.standing != unrecorded {
		return s.since
	}
	return s.written
}

func (s statement) at(from day) step { return step{s.service, s.said, from, s.standing} }

// tell puts a step in place of all that begin no earlier; one that says nothing new is left out. line is not changed.
func tell(line []step, s step) []step {
	line = until(line, s.from)
	before := step{standing: unrecorded, said: s.said}
	if n := len(line); n > 0 {
		before = line[n-1]
	}
	if before.standing == s.standing && before.said == s.said {
		return line
	}
	return append(slices.Clip(line), s)
}

// until are the steps that began before a day.
func until(line []step, d day) []step {
	for len(line) > 0 && line[len(line)-1].from >= d {
		line = line[:len(line)-1]
	}
	return line
}

// split cuts a timeline in two; the second part is a copy that begins on the day.
func split(line []step, d day) (older, rest []step) {
	older = until(line, d)
	rest = slices.Clone(line[len(older):])
	if len(rest) == 0 || rest[0].from > d {
		inForce := older[len(older)-1]
		inForce.from = d
		rest = slices.Insert(rest, 0, inForce)
	}
	return older, rest
}

// begun is the day on which the phase of an implementation began: the recorded one, or the first of the steps that led
// to no other phase, for records from before there was such a day.
func begun(i *implementation, line []step) day {
	if i.since != 0 {
		return i.since
	}
	first := len(line) - 1
	for first > 0 && line[first-1].standing.samePhase(i.standing) {
		first--
	}
	return line[first].from
}

// samePhase tells whether two standings belong to one phase: only online has several.
func (s standing) samePhase(other standing) bool {
	online := func(s standing) bool { return s == standsBelow || s == standsFulfilled }
	return s == other || online(s) && online(other)
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

// stepAt is the step in force at the end of a day; nil when there is none.
func stepAt(line []step, d day) *step {
	for i := len(line) - 1; i >= 0; i-- {
		if line[i].from <= d {
			return &line[i]
		}
	}
	return nil
}
