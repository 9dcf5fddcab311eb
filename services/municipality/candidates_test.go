package municipality

import (
	"testing"

	"google.golang.org/protobuf/proto"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/promises"
	"kompass.krz.de/services/platform/state"
)

// putOff is a solution whose date took these values, the last of which it is promised for.
func putOff(name, provider string, dates ...string) *marketplacev1.Solution {
	s := &marketplacev1.Solution{Name: name, Provider: provider, State: marketplacev1.Solution_STATE_PUBLISHED}
	for _, date := range dates {
		s.PromiseChanges = append(s.PromiseChanges, &marketplacev1.PromiseChange{OldDate: s.GetPromisedDate(), NewDate: date})
		s.PromisedDate = date
	}
	return s
}

const (
	toCome    = marketplacev1.Coverage_STATUS_PLANNED
	inPilot   = marketplacev1.Coverage_STATUS_PILOT
	available = marketplacev1.Coverage_STATUS_AVAILABLE
)

// coveringWith is a solution that covers something with a status.
func coveringWith(s *marketplacev1.Solution, status marketplacev1.Coverage_Status) covering {
	return covering{solution: s, availability: promises.AvailabilityOf(s, &marketplacev1.Coverage{Status: status})}
}

// TestWhatIsAvailableHasNoDate: the date of a solution and the distrust of its provider concern what is planned.
func TestWhatIsAvailableHasNoDate(t *testing.T) {
	t.Parallel()
	s := putOff("solutions/x", "providers/x", "2026-01-01", "2027-01-01")
	c := &contest{place: &municipalityv1.Municipality{}, today: "2026-11-23", others: map[string]neighbours{"solutions/x": {}},
		covers: map[string]int{"solutions/x": 3}, trust: map[string]*marketplacev1.Reliability{"providers/x": {Percent: proto.Int32(0)}}}
	undated := proto.CloneOf(s)
	undated.PromisedDate = ""
	for _, want := range []struct {
		s      *marketplacev1.Solution
		status marketplacev1.Coverage_Status
		date   string
		score  int32
	}{
		{s, available, "", 15 + 2}, {s, inPilot, "", 8 + 2}, {s, toCome, "2027-01-01", -11 - 10 + 2}, {undated, toCome, "", -15 - 11 - 10 + 3},
	} {
		got := c.rank([]covering{coveringWith(want.s, want.status)})[0]
		if got.GetPromisedDate() != want.date || got.GetScore() != want.score {
			t.Errorf("%v, promised for %q: %v", want.status, want.s.GetPromisedDate(), got)
		}
	}
	texts := slipReason(nil, undated)[0]
	if texts.GetMessageDe() != "Der Termin wurde einmal verschoben, zusammen um 365 Tage." || texts.GetMessageEn() != "The date was put off once so far, by 365 days in all." {
		t.Error(texts)
	}
}

func TestSlipReason(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		dates  []string
		points int32
		de, en string
	}{
		"never":          {dates: []string{"2027-03-31"}},
		"once, a day":    {[]string{"2027-03-30", "2027-03-31"}, -5, "Zugesagt zum 31.03.2027; bisher einmal verschoben, zusammen um einen Tag.", "Promised for 2027-03-31; put off once so far, by one day in all."},
		"two months":     {[]string{"2027-01-30", "2027-03-31"}, -6, "Zugesagt zum 31.03.2027; bisher einmal verschoben, zusammen um 60 Tage.", "Promised for 2027-03-31; put off once so far, by 60 days in all."},
		"twice":          {[]string{"2026-09-02", "2026-12-31", "2027-03-31"}, -13, "Zugesagt zum 31.03.2027; bisher zweimal verschoben, zusammen um 210 Tage.", "Promised for 2027-03-31; put off twice so far, by 210 days in all."},
		"back and forth": {[]string{"2027-03-31", "2027-03-01", "2027-03-31"}, -5, "Zugesagt zum 31.03.2027; bisher einmal verschoben.", "Promised for 2027-03-31; put off once so far."},
		"at most": {[]string{"2020-01-01", "2021-01-01", "2022-01-01", "2023-01-01", "2024-01-01", "2027-01-01"}, -30,
			"Zugesagt zum 01.01.2027; bisher 5-mal verschoben, zusammen um 2.557 Tage.", "Promised for 2027-01-01; put off 5 times so far, by 2,557 days in all."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reasons := slipReason(nil, putOff("solutions/x", "providers/x", c.dates...))
			if c.points == 0 {
				if len(reasons) > 0 {
					t.Error(reasons)
				}
				return
			}
			if r := reasons[0]; r.GetPoints() != c.points || r.GetMessageDe() != c.de || r.GetMessageEn() != c.en {
				t.Errorf("%v", r)
			}
		})
	}
}

func TestTrustReason(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		percent *int32
		given   bool
		points  int32
	}{
		{nil, false, 0}, {proto.Int32(100), false, 0}, {proto.Int32(70), false, 0}, {proto.Int32(69), true, 0},
		{proto.Int32(64), true, 0}, {proto.Int32(63), true, -1}, {proto.Int32(0), true, -10},
	} {
		reasons := trustReason(nil, c.percent)
		if (len(reasons) == 1) != c.given || c.given && (reasons[0].GetPoints() != c.points || reasons[0].GetReason() != "PROVIDER_UNRELIABLE") {
			t.Errorf("%v: %v", c.percent, reasons)
		}
	}
}

// TestProviderReliability: kept per day, and of what was submitted at least.
func TestProviderReliability(t *testing.T) {
	t.Parallel()
	table := state.NewTable[*marketplacev1.Solution]().Edit()
	draft := putOff("solutions/c", "providers/b", "2020-01-01")
	draft.State = marketplacev1.Solution_STATE_DRAFT
	for _, s := range []*marketplacev1.Solution{putOff("solutions/a", "providers/a", "2026-01-01"), putOff("solutions/b", "providers/b", "2026-06-01"), draft} {
		table.Set(s.GetName(), s)
	}
	m := emptyMarket()
	m.solutions = table.Done()
	for _, c := range []struct {
		today string
		a, b  *int32
	}{
		{"2025-12-31", nil, nil},
		{"2026-01-01", proto.Int32(100), nil},
		{"2026-03-15", proto.Int32(80), nil},
		{"2027-06-01", proto.Int32(0), proto.Int32(0)},
		{"2026-01-01", proto.Int32(100), nil},
	} {
		today, _ := dayOf(c.today)
		got := m.reliability(today)
		for provider, want := range map[string]*int32{"providers/a": c.a, "providers/b": c.b} {
			if percent := percentOf(got[provider]); (percent == nil) != (want == nil) || want != nil && *percent != *want {
				t.Errorf("%s on %s: %v", provider, c.today, percent)
			}
		}
	}
}
