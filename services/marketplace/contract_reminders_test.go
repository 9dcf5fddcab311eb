package marketplace

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
)

// remind notes what is due on a day, as the clock does.
func remind(c *marketplacev1.Contract, today string) (noted []reminder) {
	noted = dueReminders(c, today)
	for _, r := range noted {
		c.Reminders = append(c.Reminders, &marketplacev1.ContractReminder{Kind: r.kind, Date: r.date})
	}
	return noted
}

func TestDueReminders(t *testing.T) {
	t.Parallel()
	goesOn := &marketplacev1.Contract{StartDate: "2020-01-01", EndDate: "2026-12-31", RenewalMonths: 12, NoticeMonths: 3}
	for name, c := range map[string]struct {
		contract *marketplacev1.Contract
		today    string
		want     string
	}{
		"too early":              {goesOn, "2026-08-30", ""},
		"notice due":             {goesOn, "2026-08-31", "NOTICE_DUE 2026-09-30"},
		"on the last day":        {goesOn, "2026-09-30", "NOTICE_DUE 2026-09-30"},
		"passed":                 {goesOn, "2026-10-01", "RENEWED 2026-09-30"},
		"years later":            {goesOn, "2031-05-05", ""},
		"years later, in autumn": {goesOn, "2031-10-10", "RENEWED 2031-09-30"},
		"monthly":                {&marketplacev1.Contract{EndDate: "2026-01-31", RenewalMonths: 1, NoticeMonths: 3, ReminderDays: 5}, "2026-04-27", "RENEWED 2026-03-31 NOTICE_DUE 2026-04-30"},
		"one term":               {&marketplacev1.Contract{EndDate: "2026-12-31", NoticeMonths: 3}, "2026-12-01", "ENDS_SOON 2026-12-31"},
		"one term, early":        {&marketplacev1.Contract{EndDate: "2026-12-31", NoticeMonths: 3}, "2026-11-30", ""},
		"one term, own days":     {&marketplacev1.Contract{EndDate: "2026-12-31", ReminderDays: 100}, "2026-09-22", "ENDS_SOON 2026-12-31"},
		"over":                   {&marketplacev1.Contract{EndDate: "2026-12-31"}, "2027-01-01", "ENDED 2026-12-31"},
		"over for years":         {&marketplacev1.Contract{EndDate: "2026-12-31"}, "2037-01-01", "ENDED 2026-12-31"},
		"no end":                 {&marketplacev1.Contract{NoticeMonths: 3}, "2037-01-01", ""},
		"terminated": {&marketplacev1.Contract{
			EndDate: "2026-12-31", RenewalMonths: 12, NoticeMonths: 3, Termination: &marketplacev1.ContractTermination{EndDate: "2026-12-31"},
		}, "2026-12-15", "ENDS_SOON 2026-12-31"},
		"noted": {&marketplacev1.Contract{EndDate: "2026-12-31", Reminders: []*marketplacev1.ContractReminder{{Kind: ended, Date: "2026-12-31"}}}, "2027-01-01", ""},
	} {
		got := ""
		for _, r := range dueReminders(c.contract, c.today) {
			got += fmt.Sprintf(" %s %s", r.kind.String()[len("KIND_"):], r.date)
		}
		if c.want != "" {
			c.want = " " + c.want
		}
		if got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

// TestRemindersOfAClock: a clock that looks every day reminds of every date in time, once, and of nothing else.
func TestRemindersOfAClock(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		from := plusDays("2026-01-01", rapid.IntRange(0, 800).Draw(t, "from"))
		c := &marketplacev1.Contract{
			StartDate: "2026-01-01", EndDate: plusDays("2026-01-01", rapid.IntRange(0, 900).Draw(t, "end")),
			RenewalMonths: rapid.SampledFrom([]int32{0, 1, 2, 12}).Draw(t, "renewal"), NoticeMonths: rapid.Int32Range(0, 14).Draw(t, "notice"),
			ReminderDays: rapid.SampledFrom([]int32{0, 1, 45, 500}).Draw(t, "days"),
		}
		on := map[reminder]string{} // the day that it was noted on
		const days = 1200
		for i := range days {
			today := plusDays(from, i)
			for _, r := range remind(c, today) {
				if on[r] != "" {
					t.Fatalf("%v again on %s", r, today)
				}
				on[r] = today
			}
		}
		want := func(r reminder, earliest, latest string) {
			if noted := on[r]; noted < earliest || noted > latest {
				t.Fatalf("%v on %q, want %s to %s", r, noted, earliest, latest)
			}
			delete(on, r)
		}
		before, last := int(max(c.GetReminderDays(), 1)), plusDays(from, days-1)
		if c.GetReminderDays() == 0 {
			before = defaultReminderDays
		}
		if c.GetRenewalMonths() == 0 {
			if end := c.GetEndDate(); end >= from && end <= last {
				want(reminder{endsSoon, end}, plusDays(end, -before), end)
			}
			if end := c.GetEndDate(); end < last {
				want(reminder{ended, end}, max(from, plusDays(end, 1)), max(from, plusDays(end, 1)))
			}
		} else {
			for n := 0; ; n++ {
				until := endAfter(endAfter(c.GetEndDate(), n*int(c.GetRenewalMonths())), -int(c.GetNoticeMonths()))
				if until >= last {
					break
				}
				if until >= from {
					want(reminder{noticeDue, until}, plusDays(until, -before), until)
					want(reminder{renewed, until}, plusDays(until, 1), plusDays(until, 1))
				}
			}
		}
		for r, day := range on { // what is left is about a day before or after those that the clock saw
			if ahead, missed := r.date >= last, r.kind == renewed && r.date < from && day == from; !ahead && !missed {
				t.Fatalf("%v on %s", r, day)
			}
		}
	})
}

// TestRemindersAfterADowntime: whatever days a clock misses, it never notes anything twice, and what matters is the same.
func TestRemindersAfterADowntime(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c := &marketplacev1.Contract{EndDate: "2026-06-30", RenewalMonths: rapid.Int32Range(0, 12).Draw(t, "renewal"), NoticeMonths: rapid.Int32Range(0, 6).Draw(t, "notice")}
		var seen []reminder
		today := "2026-01-01"
		for range 40 {
			today = plusDays(today, rapid.IntRange(0, 200).Draw(t, "days"))
			due := remind(c, today)
			if len(due) > 2 {
				t.Fatalf("flooded on %s: %v", today, due)
			}
			for _, r := range due {
				if slices.Contains(seen, r) {
					t.Fatalf("%v again on %s", r, today)
				}
			}
			seen = append(seen, due...)
		}
		if end := c.GetEndDate(); c.GetRenewalMonths() == 0 && today > end && !slices.Contains(seen, reminder{ended, end}) {
			t.Fatalf("its end was lost: %v", seen)
		}
	})
}
