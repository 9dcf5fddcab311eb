package promises_test

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	"kompass.krz.de/services/platform/promises"
)

// through is the history of a date that took these values, from none on.
func through(dates ...string) []*marketplacev1.PromiseChange {
	var changes []*marketplacev1.PromiseChange
	old := ""
	for _, date := range dates {
		changes = append(changes, &marketplacev1.PromiseChange{OldDate: old, NewDate: date})
		old = date
	}
	return changes
}

func TestSlipsAndDelay(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		dates       []string
		delivered   string
		count, days int
		delay       int
		counts      bool
	}{
		"never promised":        {},
		"first promise":         {dates: []string{"2027-03-31"}},
		"put off":               {dates: []string{"2027-01-01", "2027-01-31"}, count: 1, days: 30, delay: 30, counts: true},
		"put off twice":         {dates: []string{"2027-01-01", "2027-01-31", "2027-07-30"}, count: 2, days: 210, delay: 210, counts: true},
		"brought forward":       {dates: []string{"2027-01-31", "2027-01-01"}},
		"forward and back":      {dates: []string{"2027-01-31", "2027-01-01", "2027-01-31"}, count: 1, counts: true},
		"withdrawn":             {dates: []string{"2026-01-01", "2026-02-01", ""}, count: 1, days: 31, delay: 326, counts: true},
		"withdrawn in time":     {dates: []string{"2026-12-24", ""}},
		"put off, withdrawn":    {dates: []string{"2026-11-01", "2027-01-01", ""}, count: 1, days: 61, delay: 61, counts: true},
		"withdrawn, anew":       {dates: []string{"2027-01-01", "", "2027-01-31"}, count: 1, days: 30, delay: 30, counts: true},
		"due today":             {dates: []string{"2026-11-23"}, counts: true},
		"overdue":               {dates: []string{"2026-11-13"}, delay: 10, counts: true},
		"put off and overdue":   {dates: []string{"2026-11-01", "2026-11-13"}, count: 1, days: 12, delay: 22, counts: true},
		"delivered in time":     {dates: []string{"2026-11-13", ""}, delivered: "2026-11-13", counts: true},
		"delivered early":       {dates: []string{"2027-11-13", ""}, delivered: "2026-11-13", counts: true},
		"delivered late":        {dates: []string{"2026-01-01", "2026-02-01", ""}, delivered: "2026-03-01", count: 1, days: 31, delay: 59, counts: true},
		"delivered, unpromised": {delivered: "2026-11-13"},
		"no date":               {dates: []string{"bald", "2027-01-01"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changes := through(c.dates...)
			if count, days := promises.Slips(changes); count != c.count || days != c.days {
				t.Errorf("slips: %d, %d days; want %d, %d", count, days, c.count, c.days)
			}
			delay, counts := promises.Delay(promises.Promise{Changes: changes, Delivered: c.delivered}, "2026-11-23")
			if delay != c.delay || counts != c.counts {
				t.Errorf("delay: %d, counts %t; want %d, %t", delay, counts, c.delay, c.counts)
			}
		})
	}
}

func TestReliability(t *testing.T) {
	t.Parallel()
	kept := promises.Promise{Changes: through("2026-01-01", ""), Delivered: "2026-01-01"}
	late := promises.Promise{Changes: through("2026-01-01", ""), Delivered: "2026-03-15"}     // 73 days
	hopeless := promises.Promise{Changes: through("2024-01-01", ""), Delivered: "2025-12-31"} // 730 days
	open := promises.Promise{Changes: through("2027-01-01")}
	for name, c := range map[string]struct {
		promises []promises.Promise
		want     *marketplacev1.Reliability
	}{
		"none":           {nil, &marketplacev1.Reliability{}},
		"none counts":    {[]promises.Promise{open, {}}, &marketplacev1.Reliability{}},
		"kept":           {[]promises.Promise{kept, open}, &marketplacev1.Reliability{Percent: proto.Int32(100), Promises: 1, Kept: 1}},
		"a fifth":        {[]promises.Promise{late}, &marketplacev1.Reliability{Percent: proto.Int32(80), Promises: 1, MeanDelayDays: 73}},
		"halves go up":   {[]promises.Promise{kept, late}, &marketplacev1.Reliability{Percent: proto.Int32(90), Promises: 2, Kept: 1, MeanDelayDays: 37}},
		"never below 0":  {[]promises.Promise{hopeless}, &marketplacev1.Reliability{Percent: proto.Int32(0), Promises: 1, MeanDelayDays: 730}},
		"mean of scores": {[]promises.Promise{hopeless, kept}, &marketplacev1.Reliability{Percent: proto.Int32(50), Promises: 2, Kept: 1, MeanDelayDays: 365}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := promises.Reliability(c.promises, "2026-11-23"); !proto.Equal(got, c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

func TestOfSolution(t *testing.T) {
	t.Parallel()
	changes := through("2026-01-01", "")
	changes[1].Time = timestamppb.New(time.Date(2026, 3, 15, 23, 30, 0, 0, time.UTC))
	arrived := append(through("2026-01-01", ""), &marketplacev1.PromiseChange{Time: timestamppb.New(time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC))})
	for name, c := range map[string]struct {
		promised string
		changes  []*marketplacev1.PromiseChange
		status   []marketplacev1.Coverage_Status
		want     string
	}{
		"no status":                {"", changes, []marketplacev1.Coverage_Status{0}, "2026-03-15"},
		"all there":                {"", changes, []marketplacev1.Coverage_Status{available, pilot, discontinued}, "2026-03-15"},
		"withdrawn, one planned":   {"", changes, []marketplacev1.Coverage_Status{available, planned}, ""},
		"there after a withdrawal": {"", arrived, []marketplacev1.Coverage_Status{available}, "2026-05-01"},
		"promised anew":            {"2027-01-01", changes, nil, ""},
		"never promised":           {"", nil, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &marketplacev1.Solution{PromisedDate: c.promised, PromiseChanges: c.changes}
			for _, status := range c.status {
				s.Coverage = append(s.Coverage, &marketplacev1.Coverage{Status: status})
			}
			if p := promises.OfSolution(s); p.Delivered != c.want {
				t.Errorf("delivered %q, want %q", p.Delivered, c.want)
			}
		})
	}
}

// date is a day from 2026-01-01 on.
func date(day int) string {
	return time.Date(2026, 1, 1+day, 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
}

func drawPromise(t *rapid.T) promises.Promise {
	days := rapid.SliceOfN(rapid.IntRange(-1, 1500), 0, 5).Draw(t, "days")
	var dates []string
	for _, d := range days {
		if d < 0 {
			dates = append(dates, "")
		} else {
			dates = append(dates, date(d))
		}
	}
	p := promises.Promise{Changes: through(dates...)}
	if rapid.Bool().Draw(t, "delivered") {
		p.Delivered = date(rapid.IntRange(0, 1500).Draw(t, "delivery"))
	}
	return p
}

func TestProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		list := rapid.SliceOfN(rapid.Custom(drawPromise), 1, 5).Draw(t, "promises")
		now := rapid.IntRange(0, 1500).Draw(t, "today")
		later := now + rapid.IntRange(0, 500).Draw(t, "later")
		before := promises.Reliability(list, date(now))
		if p := before.GetPercent(); p < 0 || p > 100 || (before.Percent == nil) != (before.GetPromises() == 0) || before.GetKept() > before.GetPromises() {
			t.Fatalf("%v", before)
		}
		p := list[0]
		delay, counted := promises.Delay(p, date(now))
		grown, counts := promises.Delay(p, date(later))
		if grown < delay || counted && !counts || p.Delivered != "" && grown != delay {
			t.Fatalf("delay %d (%t), later %d (%t)", delay, counted, grown, counts)
		}
		// A promise that did not count before may raise the mean of worse ones: so says the formula.
		if counted && p.Delivered == "" {
			slipped := &marketplacev1.PromiseChange{OldDate: p.Changes[len(p.Changes)-1].GetNewDate(), NewDate: date(1501 + rapid.IntRange(0, 500).Draw(t, "slip"))}
			list[0].Changes = append(list[0].Changes, slipped)
			if after := promises.Reliability(list, date(now)); after.GetPercent() > before.GetPercent() {
				t.Fatalf("put off: from %v to %v", before, after)
			}
		}
	})
}
