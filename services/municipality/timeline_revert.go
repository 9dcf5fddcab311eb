package municipality

import (
	ledgerv1 "kompass.krz.de/proto/kompass/ledger/v1"
	"kompass.krz.de/services/platform/ledger"
)

// Going back to a revision takes back what was said about past days since then. The state keeps no more than the
// present timeline, so the record that goes back brings the one of its revision along.

// revertTo is what the record says that goes back to the last of these revisions.
func revertTo(history []ledger.Entry) *ledgerv1.Revert {
	r := &ledgerv1.Revert{Sequence: history[len(history)-1].Sequence}
	var line []step
	for _, s := range recall(history).services[0].line {
		s.said = 0 // here only standings matter
		line = tell(line, s)
	}
	for _, s := range line {
		r.Standings = append(r.Standings, &ledgerv1.Standing{Day: s.from.String(), Standing: uint32(s.standing)})
	}
	return r
}

// restored is the timeline that a going back brings along; false where there is none, or none that leads to what the
// record says.
func (s *statement) restored() ([]step, bool) {
	if s.revert == nil {
		return nil, false
	}
	line := make([]step, 0, len(s.revert.GetStandings())+1)
	last := unrecorded
	for _, told := range s.revert.GetStandings() {
		from, _ := dayOf(told.GetDay())
		if from == 0 || told.GetStanding() > uint32(standsNotApplicable) || len(line) > 0 && line[len(line)-1].from >= from {
			return nil, false
		}
		last = standing(told.GetStanding())
		line = append(line, step{service: s.service, from: from, standing: last})
	}
	return line, last == s.standing
}

// inForce is what the record went back to as the one that holds until it, with the steps before that.
func (c *change) inForce(line []step) (*implementation, []step) {
	if c.standing == unrecorded {
		return nil, line
	}
	last := len(line) - 1
	now := c.after
	now.from = line[last].from
	return &now, line[:last]
}

// revertedTo are the revisions among the records of a place that others go back to.
func revertedTo(entries []ledger.Entry) map[uint64]*account {
	revisions := map[uint64]*account{}
	for n := range entries {
		if r := entries[n].Record.GetRevert(); r != nil {
			revisions[r.GetSequence()] = nil
		}
	}
	return revisions
}
