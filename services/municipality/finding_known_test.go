package municipality

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/timestamppb"
	"pgregory.net/rapid"

	ledgerv1 "kompass.krz.de/proto/kompass/ledger/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/ledger"
)

// inKinds spells found services out: "TARGET_PASSED 99102013002000; …".
func inKinds(groups []*municipalityv1.FoundServices) string {
	var all []string
	for _, g := range groups {
		all = append(all, strings.TrimPrefix(g.GetKind().String(), "KIND_")+" "+strings.Join(g.GetPublicServices(), " "))
	}
	return strings.Join(all, "; ")
}

// TestKnownFindings: what is recorded and read again is what was found, a place that has just that does not differ, and what
// appeared is what was not there before, whatever the findings are.
func TestKnownFindings(t *testing.T) {
	t.Parallel()
	draw := func(t *rapid.T, label string) []foundIn {
		var all []foundIn
		for n := range 6 {
			if kinds := findingKinds(rapid.Uint16Max(1<<findingKindsEnd-1).Draw(t, label)) &^ 1; kinds != 0 {
				all = append(all, foundIn{textOf(keyNumber(n)), kinds})
			}
		}
		return all
	}
	rapid.Check(t, func(t *rapid.T) {
		was, is := draw(t, "was"), draw(t, "is")
		if again := (notedFindings{message: &municipalityv1.KnownFindings{Known: byKind(is)}}).known(); !slices.Equal(again.list(), is) {
			t.Fatalf("%v became %v", is, again.list())
		}
		added := map[string]bool{}
		for _, g := range byKind(appeared(is, was)) {
			for _, s := range g.GetPublicServices() {
				added[g.GetKind().String()+s] = true
			}
		}
		for _, g := range byKind(is) {
			for _, s := range g.GetPublicServices() {
				at := slices.IndexFunc(was, func(f foundIn) bool { return f.service == textOf(s) })
				isNew := at < 0 || !was[at].kinds.has(g.GetKind())
				if added[g.GetKind().String()+s] != isNew {
					t.Fatalf("%s of %s: new %v, %v → %v", g.GetKind(), s, isNew, was, is)
				}
				delete(added, g.GetKind().String()+s)
			}
		}
		if len(added) > 0 {
			t.Fatalf("appeared without being there: %v", added)
		}
	})
}

// TestFindingsDiffer compares what a place has with what is known.
func TestFindingsDiffer(t *testing.T) {
	t.Parallel()
	r := applyAll(t, emptyRecords(), "catalogue", smallCatalogue())
	r = applied(t, r, "municipality", town(lemgoAGS), &municipalityv1.Implementation{Name: implementationName(lemgoAGS, dogTax), Phase: phaseOnline},
		&municipalityv1.Implementation{Name: implementationName(lemgoAGS, waste), Phase: phaseOnline, Url: "https://lemgo.example"},
		&municipalityv1.Implementation{Name: implementationName(lemgoAGS, marriage), Phase: phasePlanned, TargetDate: "2026-11-22"})
	f, p := r.finder(dayAt(testDay)), r.place(lemgoAGS)
	is := f.foundAt(p)
	if got := inKinds(byKind(is)); got != "ONLINE_WITHOUT_LINK "+dogTax+"; TARGET_PASSED "+marriage+"; UNTOUCHED "+marriage {
		t.Errorf("found %s", got)
	}
	more := slices.Clone(is)
	more[0].kinds |= 1 << municipalityv1.Finding_KIND_WITHDRAWN_SERVICE
	for name, c := range map[string]struct {
		known  []foundIn
		differ bool
	}{
		"the same": {is, false}, "nothing": {nil, true}, "less": {is[:1], true}, "another kind": {more, true},
		"one more, behind": {append(slices.Clone(is), foundIn{textOf("99999999999999"), 2}), true},
		"one more, before": {append([]foundIn{{textOf("1"), 2}}, is...), true},
	} {
		if got := f.differ(p, c.known); got != c.differ {
			t.Errorf("%s: differ %v", name, got)
		}
	}
}

// TestRecordsOfFindings are applied at once and in a replay, the last one counts, and one of another type is damage.
func TestRecordsOfFindings(t *testing.T) {
	t.Parallel()
	own := ledger.Name{Origin: "test", Service: "municipality"}
	record := func(sequence uint64, kind municipalityv1.Finding_Kind) ledger.Entry {
		m := &municipalityv1.KnownFindings{Name: municipalityName(lemgoAGS) + "/findings", Known: []*municipalityv1.FoundServices{{Kind: kind, PublicServices: []string{dogTax}}}}
		return ledger.Entry{Subject: own.Subject("finding", lemgoAGS), Sequence: sequence, Visible: sequence, Entity: m,
			Record: &ledgerv1.Record{Resource: m.GetName(), Time: timestamppb.New(testDay)}}
	}
	batch := []ledger.Entry{record(1, 1), record(2, 7)}
	for _, replaying := range []bool{false, true} {
		r := applied(t, emptyRecords(), "municipality", town(lemgoAGS))
		before := r.place(lemgoAGS)
		r, err := apply(r, own, batch, replaying)
		must(t, err)
		r, err = apply(r, own, nil, false)
		must(t, err)
		known, _ := r.findings.Get(lemgoAGS)
		if got := inKinds(byKind(known.list())); got != "TARGET_PASSED "+dogTax || known.day != dayAt(testDay) {
			t.Errorf("replaying %v: %s on %s", replaying, got, known.day)
		}
		if r.place(lemgoAGS) != before {
			t.Error("the place was made anew: what was derived from it is lost")
		}
	}
	odd := record(3, 1)
	odd.Entity = town(lemgoAGS)
	if _, err := apply(emptyRecords(), own, []ledger.Entry{odd}, false); err == nil {
		t.Error("a record of another type was taken")
	}
}

// TestFindingTurns: a place is due when it was left alone for a turn, at the latest after five; all are due on a new day, and
// when catalogue or solutions changed.
func TestFindingTurns(t *testing.T) {
	t.Parallel()
	r := applyAll(t, emptyRecords(), "catalogue", smallCatalogue())
	position := uint64(0)
	change := func(places ...int) {
		for _, n := range places {
			position++
			m := nrwMunicipality(n)
			own := ledger.Name{Origin: "test", Service: "municipality"}
			var err error
			r, err = apply(r, own, []ledger.Entry{{Subject: own.Subject("municipality", m.GetAgs()), Sequence: position, Visible: position, Entity: m, Record: &ledgerv1.Record{Resource: m.GetName()}}}, false)
			must(t, err)
		}
	}
	change(1, 2, 3)
	watch, today := &findingWatch{waiting: map[string]waited{}}, day(20000)
	turn := func(step, want string, left ...string) {
		t.Helper()
		due := watch.next(r, position, today)
		var got []string
		for _, ags := range due {
			got = append(got, strings.TrimLeft(ags[5:], "0"))
		}
		if fmt.Sprint(got) != want {
			t.Errorf("%s: due %v, want %s", step, got, want)
		}
		watch.looked(due, left, today)
	}
	const all = "[1 2 3]"
	turn("the first", all)
	turn("nothing happened", "[]")
	change(2)
	turn("just changed", "[]")
	turn("left alone", "[2]")
	turn("once is enough", "[]")
	for range maxWait - 1 {
		change(1)
		turn("changes all the time", "[]")
	}
	change(1)
	turn("changed for long enough", "[1]")
	turn("that was all", "[]")
	change(3)
	today++
	turn("a new day", all, nrwAGS(2))
	turn("what was left", "[2]")
	r = applied(t, r, "catalogue", service(dogTax, "Hundesteuer", ""))
	turn("the catalogue changed", "[]")
	turn("and is left alone", all)
	r = applied(t, r, "catalogue", owes(publicServices+dogTax))
	turn("relevance changed", "[]")
	turn("which makes no findings", "[]")
	r = applied(t, r, "marketplace", solution("a", "A", nil))
	turn("a solution changed", "[]")
	turn("and is left alone", all)
}

// TestLocalDay begins a day when it begins in Germany, in summer, in winter and when the clocks change.
func TestLocalDay(t *testing.T) {
	t.Parallel()
	for moment, want := range map[string]string{
		"2026-07-01T21:59:59Z": "2026-07-01", "2026-07-01T22:00:00Z": "2026-07-02",
		"2026-12-01T22:59:59Z": "2026-12-01", "2026-12-01T23:00:00Z": "2026-12-02",
		"2026-10-24T22:00:00Z": "2026-10-25", "2026-10-25T22:59:59Z": "2026-10-25", "2026-10-25T23:00:00Z": "2026-10-26", // 25 hours
		"2027-03-27T23:00:00Z": "2027-03-28", "2027-03-28T21:59:59Z": "2027-03-28", "2027-03-28T22:00:00Z": "2027-03-29", // 23 hours
	} {
		if got := localDay(timeOf(t, moment)).String(); got != want {
			t.Errorf("%s is on %s, want %s", moment, got, want)
		}
	}
}
