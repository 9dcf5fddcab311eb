// Package promises says how far promised dates can be trusted: of a solution, a phase of a project, a provider.
// It must never read a clock: callers say what day it is. Days are ISO dates in UTC ("2027-03-31"); what is no date is ignored.
package promises

import (
	"iter"
	"time"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
)

// fullLoss is the delay in days from which a promise scores nothing.
const fullLoss = 365

// Promise is one date that somebody promised, with all that became of it.
type Promise struct {
	Changes   []*marketplacev1.PromiseChange // oldest first
	Delivered string                         // day of delivery; empty when not delivered
}

// OfSolution is the promise of a solution. It counts as delivered when no date is promised any more and nothing that the
// solution covers is still planned: on the day of the newest change that left it without a date.
func OfSolution(s *marketplacev1.Solution) Promise {
	p := Promise{Changes: s.GetPromiseChanges()}
	if s.GetPromisedDate() != "" || Awaited(s) {
		return p
	}
	for _, c := range p.Changes {
		if c.GetNewDate() == "" {
			p.Delivered = c.GetTime().AsTime().Format(time.DateOnly)
		}
	}
	return p
}

// Slips says how often a promise was put off to a later date, and by how many days the newest date lies behind the one that
// was promised first: 0 when it does not. A date that was withdrawn and promised anew goes on from the one before.
func Slips(changes []*marketplacev1.PromiseChange) (count, days int) {
	h := historyOf(changes)
	return h.slips, max(h.newest-h.first, 0)
}

// Delay is how many days a promise is late on a day, and whether it counts: when it was delivered, was put off or has come due.
// The delay is never negative. It runs to the delivery, else to the later of today and the date that was promised last.
func Delay(p Promise, today string) (days int, counts bool) {
	h := historyOf(p.Changes)
	if !h.promised {
		return 0, false
	}
	if delivered, ok := dayOf(p.Delivered); ok {
		return max(delivered-h.first, 0), true
	}
	now, ok := dayOf(today)
	if !ok {
		now = h.newest
	}
	if h.slips == 0 && now < h.newest {
		return 0, false
	}
	return max(now-h.first, h.newest-h.first, 0), true
}

// Reliability sums promises up as of a day; its message in the contract documents the formula. It is never nil.
func Reliability(promises []Promise, today string) *marketplacev1.Reliability {
	r := &marketplacev1.Reliability{}
	late, left, n := 0, 0, 0 // days: of delay; of a year's that are left
	for _, p := range promises {
		days, counts := Delay(p, today)
		if !counts {
			continue
		}
		n++
		late += days
		left += fullLoss - min(days, fullLoss)
		if days == 0 {
			r.Kept++
		}
	}
	if n == 0 {
		return r
	}
	percent := int32(rounded(100*left, fullLoss*n))
	r.Percent, r.Promises, r.MeanDelayDays = &percent, int32(n), int32(rounded(late, n))
	return r
}

// history is what became of a promised date. Days count from 1970.
type history struct {
	promised      bool
	first, newest int
	slips         int
}

func historyOf(changes []*marketplacev1.PromiseChange) (h history) {
	for _, c := range changes {
		if !h.promised { // a history may begin with a date whose promise was not noted
			h.add(c.GetOldDate())
		}
		h.add(c.GetNewDate())
	}
	return h
}

func (h *history) add(date string) {
	day, ok := dayOf(date)
	switch {
	case !ok:
		return
	case !h.promised:
		h.promised, h.first = true, day
	case day > h.newest:
		h.slips++
	}
	h.newest = day
}

func dayOf(date string) (int, bool) {
	t, err := time.Parse(time.DateOnly, date)
	return int(t.Unix() / (24 * 60 * 60)), err == nil
}

// rounded divides and rounds halves up; neither may be negative.
func rounded(a, b int) int { return (2*a + b) / (2 * b) }

// ByProvider sums up, by provider (resource name), the promises of its solutions as of a day; a provider without promises is
// not in it. Solutions that nobody checked, drafts and rejected ones, do not count.
func ByProvider(solutions iter.Seq2[string, *marketplacev1.Solution], today string) map[string]*marketplacev1.Reliability {
	promised := map[string][]Promise{}
	for _, s := range solutions {
		switch s.GetState() {
		case marketplacev1.Solution_STATE_DRAFT, marketplacev1.Solution_STATE_REJECTED:
			continue
		}
		if len(s.GetPromiseChanges()) > 0 {
			promised[s.GetProvider()] = append(promised[s.GetProvider()], OfSolution(s))
		}
	}
	figures := make(map[string]*marketplacev1.Reliability, len(promised))
	for provider, list := range promised {
		figures[provider] = Reliability(list, today)
	}
	return figures
}
