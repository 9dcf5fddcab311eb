package marketplace

import (
	"context"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	"kompass.krz.de/services/platform/ledger"
)

// defaultReminderDays is how many days before a date a contract reminds of it when it does not say so itself.
const defaultReminderDays = 30

const (
	noticeDue = marketplacev1.ContractReminder_KIND_NOTICE_DUE
	renewed   = marketplacev1.ContractReminder_KIND_RENEWED
	endsSoon  = marketplacev1.ContractReminder_KIND_ENDS_SOON
	ended     = marketplacev1.ContractReminder_KIND_ENDED
)

// reminder is what a contract reminds of; each is noted once.
type reminder struct {
	kind marketplacev1.ContractReminder_Kind
	date string // that it is about
}

// dueReminders are those that matter on a day and are not noted yet. What passed unnoticed is left out once it no longer
// changes what anybody does: after a long downtime nobody is flooded.
func dueReminders(c *marketplacev1.Contract, today string) (due []reminder) {
	add := func(r reminder) {
		for _, noted := range c.GetReminders() {
			if noted.GetKind() == r.kind && noted.GetDate() == r.date {
				return
			}
		}
		due = append(due, r)
	}
	before := int(c.GetReminderDays())
	if before == 0 {
		before = defaultReminderDays
	}
	last := endOf(c)
	switch {
	case last == "" && c.GetEndDate() == "": // it has no dates
	case last == "":
		for _, r := range renewalReminders(c, before, today) {
			add(r)
		}
	case last < today:
		add(reminder{ended, last})
	case plusDays(last, -before) <= today:
		add(reminder{endsSoon, last})
	}
	return due
}

// renewalReminders are those of a contract that goes on term by term. A notice may be due before its term has begun, so they
// look for the next day for a notice and not for the term of today.
func renewalReminders(c *marketplacev1.Contract, before int, today string) (due []reminder) {
	first, months, notice := c.GetEndDate(), int(c.GetRenewalMonths()), int(c.GetNoticeMonths())
	next := termEnd(first, months, plusMonths(today, notice)) // the earliest end that a notice of today still reaches
	if next > first {
		missed := termBefore(first, months, next)
		// It matters as long as that term runs; and a while longer for contracts without a notice period.
		if passed := endAfter(missed, -notice); today <= plusDays(missed, before) {
			due = append(due, reminder{renewed, passed})
		}
	}
	if until := endAfter(next, -notice); plusDays(until, -before) <= today {
		due = append(due, reminder{noticeDue, until})
	}
	return due
}

// noteReminders notes what contracts have to remind of on a day; false when something could not be written.
func (s *Service) noteReminders(ctx context.Context, w world, today string) bool {
	all := true
	for name, contract := range w.contracts.All() {
		if len(dueReminders(contract, today)) == 0 {
			continue
		}
		all = s.note(ctx, "contract", name, func(w world, c ledger.Cause) (proto.Message, string) {
			contract, ok := w.contracts.Get(name)
			if !ok {
				return nil, ""
			}
			after := contractKind(today).Bare(contract)
			for _, r := range dueReminders(contract, today) {
				after.Reminders = append(after.GetReminders(), &marketplacev1.ContractReminder{Kind: r.kind, Date: r.date, Time: timestamppb.New(c.Time)})
			}
			if len(after.GetReminders()) == len(contract.GetReminders()) {
				return nil, ""
			}
			return after, "reminders"
		}) && all
	}
	return all
}
