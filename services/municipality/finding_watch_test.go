package municipality

import (
	"context"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/ledger"
)

func timeOf(tb testing.TB, text string) time.Time {
	tb.Helper()
	t, err := time.Parse(time.RFC3339, text)
	must(tb, err)
	return t
}

// watched are replicas of the service whose findings are looked at all the time, or not at all, and their common clock.
type watched struct {
	*ground
	now atomic.Pointer[time.Time]
}

func newWatched(tb testing.TB) *watched {
	w := &watched{ground: newGround(tb)}
	w.at(testDay.Format(time.RFC3339))
	return w
}

func (w *watched) at(moment string) {
	now := timeOf(w.tb, moment)
	w.now.Store(&now)
}

// run starts one more replica; with no quiet time its watch sleeps, and the test takes its turns.
func (w *watched) run(quiet time.Duration) (s *Service, stop func()) {
	w.tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s, err := New(ctx, w.site, slog.New(slog.DiscardHandler), func() time.Time { return *w.now.Load() })
	must(w.tb, err)
	if s.Quiet = quiet; quiet == 0 {
		s.Quiet = time.Hour
	}
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stop = sync.OnceFunc(func() { cancel(); must(w.tb, <-done) })
	w.tb.Cleanup(stop)
	must(w.tb, s.Ready(ctx))
	return s, stop
}

// turns takes turns of a watch, so many that everything is looked at.
func (s *Service) turns(tb testing.TB, watch *findingWatch) {
	tb.Helper()
	must(tb, s.replica.CatchUp(context.Background()))
	for range 2 {
		must(tb, s.lookForFindings(context.Background(), watch))
	}
}

// told lists the records of findings of a place, oldest first: "known | appeared".
func (s *Service) told(tb testing.TB, ags string) []string {
	tb.Helper()
	var all []string
	for _, e := range s.histories(tb, s.replica.Own().Subject("finding", ags)) {
		m := e.Entity.(*municipalityv1.KnownFindings)
		all = append(all, inKinds(m.GetKnown())+" | "+inKinds(m.GetAppeared()))
		if e.Record.GetActor() != "clock" || e.Record.GetResource() != municipalityName(ags)+"/findings" || m.GetName() != e.Record.GetResource() ||
			slices.Contains(e.Record.GetChangedFields(), "appeared") != (m.GetAppeared() != nil) {
			tb.Errorf("record %v", e.Record)
		}
	}
	return all
}

func wantTold(tb testing.TB, s *Service, ags string, want ...string) {
	tb.Helper()
	if got := s.told(tb, ags); !slices.Equal(got, want) {
		tb.Errorf("told\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func newFindingWatch() *findingWatch { return &findingWatch{waiting: map[string]waited{}} }

// TestNewFindings records each kind when it appears, once, and that it went away.
func TestNewFindings(t *testing.T) {
	t.Parallel()
	const url = "https://lemgo.example"
	gone := func(s *marketplacev1.Solution) { s.State = marketplacev1.Solution_STATE_WITHDRAWN }
	lost := service(dogTax, "Hundesteuer Festsetzung", "")
	lost.State = cataloguev1.EntryState_ENTRY_STATE_WITHDRAWN
	type recorded = municipalityv1.Implementation
	for name, c := range map[string]struct {
		before *recorded
		key    string
		after  func(w *watched, s *Service)
		want   string
	}{
		"online without link": {&recorded{Phase: phasePlanned}, dogTax, func(_ *watched, s *Service) {
			s.write(t, &recorded{Name: implementationName(lemgoAGS, dogTax), Phase: phaseOnline})
		}, "ONLINE_WITHOUT_LINK"},
		"link not reported": {&recorded{Phase: phasePlanned}, dogTax, func(_ *watched, s *Service) {
			s.write(t, &recorded{Name: implementationName(lemgoAGS, dogTax), Phase: phasePlanned, Url: url})
		}, "LINK_NOT_REPORTED"},
		"below the solution": {&recorded{Phase: phaseOnline, Url: url, Solution: "solutions/gut", Maturity: level("1.1", 2)}, dogTax, func(w *watched, _ *Service) {
			w.publish(marketplaceStream, solution("gut", "Gut", nil, dogTax))
		}, "BELOW_SOLUTION"},
		"solution withdrawn": {&recorded{Phase: phaseOnline, Url: url, Solution: "solutions/gut"}, dogTax, func(w *watched, _ *Service) {
			w.publish(marketplaceStream, solution("gut", "Gut", gone, dogTax))
		}, "SOLUTION_WITHDRAWN"},
		"unknown service": {&recorded{Phase: phasePlanned}, dogTax, func(_ *watched, s *Service) {
			s.write(t, &recorded{Name: implementationName(lemgoAGS, "99999999999999"), Phase: phasePlanned})
		}, "UNKNOWN_SERVICE"},
		"service withdrawn": {&recorded{Phase: phasePlanned}, dogTax, func(w *watched, _ *Service) { w.publish("catalogue", lost) }, "WITHDRAWN_SERVICE"},
		"target passed": {&recorded{Phase: phasePlanned, TargetDate: "2026-11-23"}, dogTax, func(w *watched, _ *Service) {
			w.at("2026-11-23T23:00:00Z") // midnight in Germany
		}, "TARGET_PASSED"},
		"untouched": {&recorded{Phase: phaseInProgress}, dogTax, func(w *watched, _ *Service) { w.at("2027-05-22T10:00:00Z") }, "UNTOUCHED"},
		"adoption ended": {&recorded{Phase: phaseOnline, Url: url, Adoption: "adoptions/a"}, dogTax, func(w *watched, _ *Service) {
			w.publish(marketplaceStream, adopting("a", adoptionLive))
			w.publish(marketplaceStream, adopting("a", adoptionEnded))
		}, "ADOPTION_ENDED"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWatched(t)
			s, _ := w.run(0)
			c.before.Name = implementationName(lemgoAGS, c.key)
			s.write(t, town(lemgoAGS), c.before)
			watch := newFindingWatch()
			s.turns(t, watch)
			wantTold(t, s, lemgoAGS)
			c.after(w, s)
			w.settled(s)
			key := dogTax
			if c.want == "UNKNOWN_SERVICE" {
				key = "99999999999999"
			}
			want := c.want + " " + key + " | " + c.want + " " + key
			for range 3 {
				s.turns(t, watch)
				wantTold(t, s, lemgoAGS, want)
			}
			_, err := s.replica.Write(t.Context(), ledger.Cause{Actor: "mensch", RequestID: "p-2", Time: testDay}, func(records) ([]ledger.Draft, error) {
				return []ledger.Draft{s.removal(implementationName(lemgoAGS, key))}, nil
			})
			must(t, err)
			s.turns(t, watch)
			wantTold(t, s, lemgoAGS, want, " | ")
		})
	}
}

// TestFirstFindingsAreNoNews: what a ledger without any recorded findings has at a start is known, not new; what comes after that is news,
// also what came while nobody ran.
func TestFirstFindingsAreNoNews(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	s, stop := w.run(0)
	planned := func(key, date string) *municipalityv1.Implementation {
		return &municipalityv1.Implementation{Name: implementationName(lemgoAGS, key), Phase: phasePlanned, TargetDate: date}
	}
	s.write(t, town(lemgoAGS), planned(dogTax, "2026-11-01"), planned(waste, "2026-11-24"))
	s.turns(t, newFindingWatch())
	first := "TARGET_PASSED " + dogTax + " | "
	wantTold(t, s, lemgoAGS, first)
	s.turns(t, newFindingWatch())
	stop()
	w.at("2026-11-25T10:00:00Z")
	s, stop = w.run(0)
	wantTold(t, s, lemgoAGS, first)
	both := "TARGET_PASSED " + waste + " " + dogTax + " | TARGET_PASSED " + waste
	s.turns(t, newFindingWatch())
	wantTold(t, s, lemgoAGS, first, both)
	stop()
	s, _ = w.run(0)
	s.turns(t, newFindingWatch())
	wantTold(t, s, lemgoAGS, first, both)
}

// TestReplicasNoteFindingsOnce: two replicas that look all the time, while what they look at changes, write each finding once.
func TestReplicasNoteFindingsOnce(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	first, _ := w.run(3 * time.Millisecond)
	second, _ := w.run(4 * time.Millisecond)
	const towns, rounds = 30, 6
	var places []proto.Message
	for n := range towns {
		places = append(places, town(nrwAGS(n)), &municipalityv1.Implementation{Name: implementationName(nrwAGS(n), dogTax), Phase: phaseOnline, Url: "https://x.example", Solution: "solutions/gut"})
	}
	first.write(t, places...)
	w.publish(marketplaceStream, solution("gut", "Gut", nil, dogTax))
	time.Sleep(100 * time.Millisecond) // the first looks
	for round := range rounds {
		state := marketplacev1.Solution_STATE_WITHDRAWN
		if round%2 == 1 {
			state = marketplacev1.Solution_STATE_PUBLISHED
		}
		w.publish(marketplaceStream, solution("gut", "Gut", func(s *marketplacev1.Solution) { s.State = state }, dogTax))
		for limit := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
			r := w.settled(second)
			known, _ := r.findings.Get(nrwAGS(towns - 1))
			if len(known.list()) == 1-round%2 {
				break
			}
			if time.Now().After(limit) {
				t.Fatalf("round %d: nobody noted it", round)
			}
		}
	}
	time.Sleep(100 * time.Millisecond)
	for n := range towns {
		one := "SOLUTION_WITHDRAWN " + dogTax + " | SOLUTION_WITHDRAWN " + dogTax
		wantTold(t, first, nrwAGS(n), one, " | ", one, " | ", one, " | ")
	}
}

// TestLookLeavesWhatOthersNoted: a replica takes back nothing that another one noted since it began to look, or for the next day.
func TestLookLeavesWhatOthersNoted(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	s, _ := w.run(0)
	s.write(t, town(lemgoAGS), &municipalityv1.Implementation{Name: implementationName(lemgoAGS, dogTax), Phase: phasePlanned, TargetDate: "2026-11-24"})
	watch, late := newFindingWatch(), newFindingWatch()
	s.turns(t, watch)
	s.turns(t, late)
	before, err := s.replica.Read()
	must(t, err)
	w.at("2026-11-24T23:00:01Z")
	s.turns(t, watch)
	passed := "TARGET_PASSED " + dogTax + " | TARGET_PASSED " + dogTax
	wantTold(t, s, lemgoAGS, passed)
	after, err := s.replica.Read()
	must(t, err)
	for name, c := range map[string]struct {
		before records
		today  string
		left   bool
	}{
		"noted meanwhile": {before, "2026-11-25T10:00:00Z", true}, "ahead by a day": {after, "2026-11-24T22:59:59Z", true},
		"by a clock that was wrong": {after, "2026-11-23T10:00:00Z", false}, "as before": {after, "2026-11-25T10:00:00Z", false},
	} {
		look := &findingLook{service: s, cause: ledger.Cause{}, today: localDay(timeOf(t, c.today)), before: c.before.findings, news: true}
		drafts, left := look.decide(after, []string{lemgoAGS})
		if (len(left) == 1) != c.left || (len(drafts) == 1) != (name == "by a clock that was wrong") {
			t.Errorf("%s: %d records, %v left", name, len(drafts), left)
		}
	}
	w.at("2026-11-24T22:59:59Z") // a clock that is behind
	s.write(t, town(lemgoAGS))
	s.turns(t, late)
	wantTold(t, s, lemgoAGS, passed)
}

// TestLookCatchesUp: a look sees what was in the streams of others when it began, also when this replica is behind.
func TestLookCatchesUp(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	s, _ := w.run(0)
	s.write(t, town(lemgoAGS), &municipalityv1.Implementation{Name: implementationName(lemgoAGS, dogTax), Phase: phaseOnline, Url: "https://x.example", Solution: "solutions/gut"})
	watch := newFindingWatch()
	s.turns(t, watch)
	for round := 1; round <= 30; round++ {
		state := []marketplacev1.Solution_State{marketplacev1.Solution_STATE_PUBLISHED, marketplacev1.Solution_STATE_WITHDRAWN}[round%2]
		w.publish(marketplaceStream, solution("gut", "Gut", func(s *marketplacev1.Solution) { s.State = state }, dogTax))
		w.at(testDay.AddDate(0, 0, round).Format(time.RFC3339)) // everything is looked at
		must(t, s.lookForFindings(t.Context(), watch))
		if n := len(s.told(t, lemgoAGS)); n != round {
			t.Fatalf("%d records, want %d", n, round)
		}
	}
}

// TestImportOfManyIsNotedTogether: what an import brings is noted together, when the import is quiet, however many places it touches.
func TestImportOfManyIsNotedTogether(t *testing.T) {
	t.Parallel()
	w := newWatched(t)
	s, _ := w.run(0)
	const towns = 1200
	var places, imported []proto.Message
	for n := range towns {
		places = append(places, town(nrwAGS(n)))
		for _, key := range []string{dogTax, waste, marriage} {
			imported = append(imported, &municipalityv1.Implementation{Name: implementationName(nrwAGS(n), key), Phase: phaseOnline})
		}
	}
	s.write(t, places...)
	watch := newFindingWatch()
	s.turns(t, watch)
	s.write(t, imported...)
	must(t, s.lookForFindings(t.Context(), watch))
	wantTold(t, s, nrwAGS(7)) // not quiet yet
	must(t, s.lookForFindings(t.Context(), watch))
	commits := 0
	entries, err := s.replica.Histories(t.Context(), s.replica.Own().Subject("finding", "*"), s.lastOf(t))
	must(t, err)
	for _, e := range entries {
		if e.Record.GetCommit() != nil {
			commits++
		}
	}
	if len(entries) != towns || commits != 2 { // of up to 1,000
		t.Errorf("%d records in %d commits", len(entries), commits)
	}
	keys := waste + " " + marriage + " " + dogTax
	wantTold(t, s, nrwAGS(7), "ONLINE_WITHOUT_LINK "+keys+" | ONLINE_WITHOUT_LINK "+keys)
}

// lastOf is the sequence of the newest record of findings.
func (s *Service) lastOf(tb testing.TB) uint64 {
	tb.Helper()
	_, at, err := s.replica.ReadAt()
	must(tb, err)
	return at[0]
}
