package municipality

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	ledgerv1 "kompass.krz.de/proto/kompass/ledger/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/ledger"
)

const inProgress = municipalityv1.Implementation_PHASE_IN_PROGRESS

// told is one record as a test writes it: on which day, and what. A zero phase with level -1 is a removal.
type told struct {
	on    string
	phase municipalityv1.Implementation_Phase
	since string
	level int32 // of maturity model 1.1: 3 and above fulfil
}

const removal = -1

func (r told) entry(sequence int) ledger.Entry {
	const name = "municipalities/05766000/implementations/99000000000001"
	day, err := time.Parse(time.DateOnly, r.on)
	if err != nil {
		panic(err)
	}
	e := ledger.Entry{
		Subject:  "kompass.test.municipality.implementation.05766000.99000000000001",
		Sequence: uint64(sequence), Visible: uint64(sequence),
		Record: &ledgerv1.Record{Resource: name, Time: timestamppb.New(day.Add(9 * time.Hour)), Deleted: r.level == removal},
	}
	if r.level != removal {
		e.Entity = &municipalityv1.Implementation{Name: name, Phase: r.phase, PhaseDate: r.since, Note: fmt.Sprint("Satz ", sequence),
			Maturity: &municipalityv1.Maturity{Model: "1.1", Level: r.level}}
	}
	return e
}

// recordsOf is a history as the ledger has it: reverts tells which records go back to which, both counted from 0.
func recordsOf(history []told, reverts map[int]int) []ledger.Entry {
	var entries []ledger.Entry
	for i, record := range history {
		e := record.entry(i + 1)
		if to, ok := reverts[i]; ok {
			e.Record.Revert = revertTo(entries[:to+1])
		}
		entries = append(entries, e)
	}
	return entries
}

// timelineOf folds records one by one and spells the timeline: "2026-01-10 planned, 2026-02-01 online".
func timelineOf(tb rapid.TB, entries []ledger.Entry) (line []step) {
	r := emptyRecords()
	for i := range entries {
		var err error
		r, err = r.apply(entries[i:i+1], false)
		if err != nil {
			tb.Fatal(err)
		}
	}
	p, ok := r.places.Get("05766000")
	if !ok {
		return nil
	}
	line = p.past
	for _, i := range p.implementations {
		line = append(line, step{service: i.service, from: i.from, standing: i.standing})
	}
	return line
}

var standingNames = map[standing]string{unrecorded: "nothing", standsOpen: "open", standsPlanned: "planned",
	standsInProgress: "in progress", standsBelow: "below", standsFulfilled: "fulfilled", standsNotApplicable: "not applicable"}

func spell(line []step) string {
	parts := make([]string, len(line))
	for i, s := range line {
		parts[i] = s.from.String() + " " + standingNames[s.standing]
	}
	return strings.Join(parts, ", ")
}

func TestTimeline(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		history []told
		want    string
	}{
		"a phase without date begins when it is written": {
			[]told{{"2026-01-10", planned, "", 0}}, "2026-01-10 planned"},
		"a phase begins on its date": {
			[]told{{"2026-01-10", planned, "2025-06-01", 0}}, "2025-06-01 planned"},
		"one phase after the other": {
			[]told{{"2026-01-10", planned, "2026-01-10", 0}, {"2026-02-01", inProgress, "2026-02-01", 0}, {"2026-03-01", online, "2026-03-01", 3}},
			"2026-01-10 planned, 2026-02-01 in progress, 2026-03-01 fulfilled"},
		"a late report goes between": {
			[]told{{"2026-01-10", planned, "2026-01-10", 0}, {"2026-06-01", online, "2026-02-15", 3}}, "2026-01-10 planned, 2026-02-15 fulfilled"},
		"a late report voids what was said about later days": {
			[]told{{"2026-01-10", planned, "2026-01-10", 0}, {"2026-03-01", inProgress, "2026-03-01", 0}, {"2026-06-01", online, "2026-02-15", 3}},
			"2026-01-10 planned, 2026-02-15 fulfilled"},
		"a late report before everything": {
			[]told{{"2026-01-10", planned, "2026-01-10", 0}, {"2026-06-01", online, "2025-01-01", 3}}, "2025-01-01 fulfilled"},
		"corrected forwards": {
			[]told{{"2026-01-10", planned, "2026-01-10", 0}, {"2026-02-01", online, "2026-02-01", 3}, {"2026-06-01", online, "2026-04-01", 3}},
			"2026-01-10 planned, 2026-04-01 fulfilled"},
		"corrected backwards": {
			[]told{{"2026-01-10", planned, "2026-01-10", 0}, {"2026-02-01", online, "2026-02-01", 3}, {"2026-06-01", online, "2026-01-20", 3}},
			"2026-01-10 planned, 2026-01-20 fulfilled"},
		"corrected to before the phase before": {
			[]told{{"2026-01-10", planned, "2026-01-10", 0}, {"2026-02-01", online, "2026-02-01", 3}, {"2026-06-01", online, "2026-01-10", 3}},
			"2026-01-10 fulfilled"},
		"the first phase corrected forwards": {
			[]told{{"2026-01-10", planned, "2026-01-10", 0}, {"2026-06-01", planned, "2026-04-01", 0}}, "2026-04-01 planned"},
		"corrected twice": {
			[]told{{"2026-01-10", planned, "", 0}, {"2026-02-01", online, "2026-02-01", 3}, {"2026-06-01", online, "2026-04-01", 3}, {"2026-06-02", online, "2026-02-01", 3}},
			"2026-01-10 planned, 2026-02-01 fulfilled"},
		"a new maturity counts from the day it was written": {
			[]told{{"2026-01-10", online, "2026-01-10", 1}, {"2026-03-01", online, "2026-01-10", 3}}, "2026-01-10 below, 2026-03-01 fulfilled"},
		"a maturity lost": {
			[]told{{"2026-01-10", online, "", 3}, {"2026-03-01", online, "", 1}}, "2026-01-10 fulfilled, 2026-03-01 below"},
		"a corrected date leaves a later maturity where it is": {
			[]told{{"2026-01-10", online, "2026-01-10", 1}, {"2026-03-01", online, "2026-01-10", 3}, {"2026-06-01", online, "2026-02-01", 3}},
			"2026-02-01 below, 2026-03-01 fulfilled"},
		"an earlier date leaves a later maturity where it is": {
			[]told{{"2026-01-10", online, "2026-01-10", 1}, {"2026-03-01", online, "2026-01-10", 3}, {"2026-06-01", online, "2025-12-01", 3}},
			"2025-12-01 below, 2026-03-01 fulfilled"},
		"a date after the maturity leaves nothing before it": {
			[]told{{"2026-01-10", online, "2026-01-10", 1}, {"2026-03-01", online, "2026-01-10", 3}, {"2026-06-01", online, "2026-04-01", 3}},
			"2026-04-01 fulfilled"},
		"date and maturity together hold since the date": {
			[]told{{"2026-01-10", online, "2026-01-10", 1}, {"2026-06-01", online, "2025-11-01", 3}}, "2025-11-01 fulfilled"},
		"a removal": {
			[]told{{"2026-01-10", planned, "2026-01-10", 0}, {"2026-02-01", 0, "", removal}}, "2026-01-10 planned, 2026-02-01 nothing"},
		"removed on the day when it came": {
			[]told{{"2026-01-10", planned, "2026-01-10", 0}, {"2026-01-10", 0, "", removal}}, ""},
		"removed and back": {
			[]told{{"2026-01-10", planned, "2026-01-10", 0}, {"2026-02-01", 0, "", removal}, {"2026-03-01", planned, "2026-03-01", 0}},
			"2026-01-10 planned, 2026-02-01 nothing, 2026-03-01 planned"},
		"removed and back with the old date": {
			[]told{{"2026-01-10", planned, "2026-01-10", 0}, {"2026-02-01", 0, "", removal}, {"2026-03-01", planned, "2026-01-10", 0}},
			"2026-01-10 planned"},
		"several records on one day: the last counts": {
			[]told{{"2026-01-10", planned, "", 0}, {"2026-01-10", inProgress, "", 0}, {"2026-01-10", online, "", 1}, {"2026-01-10", online, "", 3}},
			"2026-01-10 fulfilled"},
		"there and back on one day": {
			[]told{{"2026-01-10", planned, "", 0}, {"2026-02-01", online, "", 3}, {"2026-02-01", planned, "2026-02-01", 0}}, "2026-01-10 planned"},
		"before 1970 is 1970": {
			[]told{{"2026-01-10", planned, "1949-05-23", 0}, {"2026-02-01", online, "", 3}}, "1970-01-01 planned, 2026-02-01 fulfilled"},
		"no dates at all, as in old records": {
			[]told{{"2026-01-10", planned, "", 0}, {"2026-02-01", planned, "", 0}, {"2026-03-01", online, "", 1}, {"2026-04-01", online, "", 3}},
			"2026-01-10 planned, 2026-03-01 below, 2026-04-01 fulfilled"},
		"an old record is dated": {
			[]told{{"2026-01-10", planned, "", 0}, {"2026-03-01", online, "", 1}, {"2026-04-01", online, "", 3}, {"2026-06-01", online, "2026-02-01", 3}},
			"2026-01-10 planned, 2026-02-01 below, 2026-04-01 fulfilled"},
		"an old record is dated forwards": {
			[]told{{"2026-01-10", planned, "", 0}, {"2026-03-01", online, "", 1}, {"2026-04-01", online, "", 3}, {"2026-06-01", online, "2026-03-15", 3}},
			"2026-01-10 planned, 2026-03-15 below, 2026-04-01 fulfilled"},
		"back to an older revision: what came between is void": {
			[]told{{"2026-01-10", planned, "2026-01-10", 0}, {"2026-03-01", online, "2026-03-01", 3}, {"2026-06-01", planned, "2026-01-10", 0}},
			"2026-01-10 planned"},
		"the same phase interrupted, voided, corrected": {
			[]told{{"2026-01-10", online, "2026-01-10", 3}, {"2026-02-01", inProgress, "2026-02-01", 0}, {"2026-02-01", online, "2026-02-01", 3}, {"2026-06-01", online, "2026-03-01", 3}},
			"2026-01-10 fulfilled"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := spell(timelineOf(t, recordsOf(c.history, nil))); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestRevertRestoresTheTimeline: going back takes back what was said about past days since then, in the state and in
// what is read from the ledger.
func TestRevertRestoresTheTimeline(t *testing.T) {
	t.Parallel()
	first := told{"2026-11-23", planned, "2026-11-23", 0}
	for name, c := range map[string]struct {
		history []told
		reverts map[int]int
		want    string
	}{
		"a false report about days before": {
			[]told{first, {"2026-11-24", online, "2026-06-15", 3}, {"2026-11-25", planned, "2026-11-23", 0}}, map[int]int{2: 0}, "2026-11-23 planned"},
		"without a word about it, it stays": {
			[]told{first, {"2026-11-24", online, "2026-06-15", 3}, {"2026-11-25", planned, "2026-11-23", 0}}, nil, "2026-06-15 fulfilled, 2026-11-23 planned"},
		"a false report about days before everything": {
			[]told{{"2026-01-10", planned, "2026-01-10", 0}, {"2026-03-01", inProgress, "2026-03-01", 0}, {"2026-06-01", online, "2020-01-01", 3},
				{"2026-06-02", inProgress, "2026-03-01", 0}}, map[int]int{3: 1}, "2026-01-10 planned, 2026-03-01 in progress"},
		"several, removed in between": {
			[]told{first, {"2026-11-24", online, "2026-06-15", 3}, {"2026-11-24", inProgress, "2026-07-01", 0}, {"2026-11-25", 0, "", removal},
				{"2026-11-25", planned, "2026-11-23", 0}}, map[int]int{4: 0}, "2026-11-23 planned"},
		"a maturity keeps its day": {
			[]told{{"2026-01-10", online, "2026-01-10", 1}, {"2026-03-01", online, "2026-01-10", 3}, {"2026-06-01", planned, "2026-02-01", 0},
				{"2026-06-02", online, "2026-01-10", 3}}, map[int]int{3: 1}, "2026-01-10 below, 2026-03-01 fulfilled"},
		"a phase without date": {
			[]told{{"2026-01-10", planned, "", 0}, {"2026-06-01", online, "2025-01-01", 3}, {"2026-06-02", planned, "", 0}}, map[int]int{2: 0}, "2026-01-10 planned"},
		"back and back again": {
			[]told{first, {"2026-11-24", online, "2026-06-15", 3}, {"2026-11-25", planned, "2026-11-23", 0}, {"2026-11-26", online, "2026-06-15", 3}},
			map[int]int{2: 0, 3: 1}, "2026-06-15 fulfilled"},
		"to a removal": {
			[]told{first, {"2026-11-24", 0, "", removal}, {"2026-11-25", online, "2026-06-15", 3}, {"2026-11-26", 0, "", removal}},
			map[int]int{3: 1}, "2026-11-23 planned, 2026-11-24 nothing"},
		"to a removal on the day when it came": {
			[]told{first, {"2026-11-23", 0, "", removal}, {"2026-11-25", online, "2026-06-15", 3}, {"2026-11-26", 0, "", removal}}, map[int]int{3: 1}, ""},
		"and on": {
			[]told{first, {"2026-11-24", online, "2026-06-15", 3}, {"2026-11-25", planned, "2026-11-23", 0}, {"2026-11-27", online, "2026-11-26", 3}},
			map[int]int{2: 0}, "2026-11-23 planned, 2026-11-26 fulfilled"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			entries := recordsOf(c.history, c.reverts)
			line := timelineOf(t, entries)
			if got := spell(line); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
			past := recall(entries)
			for d := dayAt(time.Date(2019, 12, 31, 0, 0, 0, 0, time.UTC)); d.String() < "2027"; d++ {
				got, want := unrecorded, unrecorded
				if found := past.on(d); len(found) > 0 {
					got = found[0].standing
				}
				if s := stepAt(line, d); s != nil {
					want = s.standing
				}
				if got != want {
					t.Fatalf("on %v the ledger says %s, the state %s", d, standingNames[got], standingNames[want])
				}
			}
		})
	}
}

// TestTimelinesOfOlderStatesStay: what a state hands out is not touched by what is recorded after it.
func TestTimelinesOfOlderStatesStay(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		type kept struct {
			place *place
			now   []implementation
			past  []step
		}
		var states []kept
		r := emptyRecords()
		written := 0
		for n := range rapid.IntRange(1, 25).Draw(t, "records") {
			written += rapid.IntRange(0, 3).Draw(t, "later")
			record := told{on: modelDay(written).String(), phase: rapid.SampledFrom([]municipalityv1.Implementation_Phase{planned, inProgress, online}).Draw(t, "phase"),
				since: modelDay(written - rapid.IntRange(0, 8).Draw(t, "ago")).String(), level: rapid.SampledFrom([]int32{0, 3, removal}).Draw(t, "level")}
			e := record.entry(n + 1)
			key := keyNumber(rapid.IntRange(1, 3).Draw(t, "key"))
			e.Subject = "kompass.test.municipality.implementation.05766000." + key
			if m, ok := e.Entity.(*municipalityv1.Implementation); ok {
				m.Name = implementationName("05766000", key)
			}
			var err error
			if r, err = r.apply([]ledger.Entry{e}, false); err != nil {
				t.Fatal(err)
			}
			p, _ := r.places.Get("05766000")
			states = append(states, kept{p, slices.Clone(p.implementations), slices.Clone(p.past)})
		}
		for n, s := range states {
			if !slices.Equal(s.place.implementations, s.now) || !slices.Equal(s.place.past, s.past) {
				t.Fatalf("state %d became\n%s\nwas\n%s", n, spell(s.place.past), spell(s.past))
			}
		}
	})
}

// modelDays is how many days the model of a timeline looks at.
const modelDays = 40

func modelDay(n int) day { return dayAt(time.Date(2026, 1, 1+n, 0, 0, 0, 0, time.UTC)) }

// model is a timeline day by day, filled in as the rules say it in words.
type model struct {
	days  [modelDays]standing
	since int // of the phase that holds; -1 when it was not recorded
	phase municipalityv1.Implementation_Phase
	is    bool // something is recorded
}

func (m *model) fill(from, to int, s standing) {
	for d := from; d < to; d++ {
		m.days[d] = s
	}
}

func (m *model) before(d int) standing {
	if d == 0 {
		return unrecorded
	}
	return m.days[d-1]
}

func (m *model) tell(written, since int, r told) {
	now := m.days[modelDays-1]
	if r.level == removal {
		m.is = false
		m.fill(written, modelDays, unrecorded)
		return
	}
	says := standingOf(r.entry(1).Entity.(*municipalityv1.Implementation))
	switch {
	case !m.is || r.phase != m.phase:
		from := since
		if since < 0 {
			from = written
		}
		m.fill(from, modelDays, says)
	case since < 0 || since == m.since:
		if says != now {
			m.fill(written, modelDays, says)
		}
	default:
		m.correct(written, since, says, now)
	}
	m.is, m.phase, m.since = true, r.phase, since
}

func (m *model) correct(written, since int, says, now standing) {
	begun := m.since
	if begun < 0 {
		for begun = modelDays - 1; begun > 0 && m.before(begun).samePhase(now); {
			begun--
		}
	}
	first := m.days[begun]
	m.fill(begun, since, m.before(begun))
	if says != now {
		m.fill(since, modelDays, says)
	} else {
		m.fill(since, begun, first)
	}
}

// drawHistory draws records in the order of their days, with phase dates that are never in the future of a record. Some
// go back to an earlier one, and with it the model.
func drawHistory(t *rapid.T) ([]ledger.Entry, model) {
	now, written := model{since: -1}, 0
	var history []told
	after, reverts := []model{}, map[int]int{} // the model after each record
	for range rapid.IntRange(1, 9).Draw(t, "records") {
		written = min(written+rapid.IntRange(0, 6).Draw(t, "later"), modelDays-1)
		if to := rapid.IntRange(-2*len(history)-1, len(history)-1).Draw(t, "back to"); to >= 0 && (now.is || history[to].level != removal) {
			r := history[to]
			r.on = modelDay(written).String()
			reverts[len(history)], now = to, after[to]
			history, after = append(history, r), append(after, now)
			continue
		}
		r := told{on: modelDay(written).String(), level: rapid.SampledFrom([]int32{0, 3, 3, removal}).Draw(t, "level")}
		since := -1
		if r.level != removal {
			r.phase = rapid.SampledFrom([]municipalityv1.Implementation_Phase{planned, inProgress, online, online, online}).Draw(t, "phase")
			since = rapid.IntRange(-1, written).Draw(t, "since")
			if now.is && rapid.Bool().Draw(t, "same date") {
				since = now.since
			}
		}
		if since >= 0 {
			r.since = modelDay(since).String()
		}
		if r.level == removal && !now.is { // nothing to remove
			continue
		}
		now.tell(written, since, r)
		history, after = append(history, r), append(after, now)
	}
	return recordsOf(history, reverts), now
}

// TestTimelineIsThatOfTheModel compares the compact timeline with one that is kept day by day.
func TestTimelineIsThatOfTheModel(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		history, model := drawHistory(t)
		line := timelineOf(t, history)
		for n, want := range model.days {
			got := unrecorded
			if s := stepAt(line, modelDay(n)); s != nil {
				got = s.standing
			}
			if got != want {
				t.Fatalf("%v:\n%s\non %v: %s, the model says %s", history, spell(line), modelDay(n), standingNames[got], standingNames[want])
			}
		}
		for i := 1; i < len(line); i++ {
			if line[i-1].from >= line[i].from || line[i-1].standing == line[i].standing {
				t.Fatalf("%v: not in order, or something twice: %s", history, spell(line))
			}
		}
		if len(line) > 0 && line[0].standing == unrecorded {
			t.Fatalf("%v: begins with nothing: %s", history, spell(line))
		}
	})
}
