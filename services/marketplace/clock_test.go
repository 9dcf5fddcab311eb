package marketplace_test

import (
	"testing"
	"time"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
)

// missedAfter are the changes of a solution's promised date that say that it passed, as soon as there are some.
func (m *market) missedAfter(name string, wait time.Duration) (missed []*marketplacev1.PromiseChange) {
	m.tb.Helper()
	for deadline := time.Now().Add(wait); len(missed) == 0 && time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		s, err := m.GetSolution(m.tb.Context(), &marketplacev1.GetSolutionRequest{Name: name})
		if err != nil {
			m.tb.Fatal(err)
		}
		missed = nil
		for _, c := range s.GetPromiseChanges() {
			if c.GetMissed() {
				missed = append(missed, c)
			}
		}
	}
	return missed
}

func TestPassedDateBecomesOneEvent(t *testing.T) {
	t.Parallel()
	m := stocked(t)
	serve(t, m.site) // a second replica, which watches, too
	late := offer()
	late.PromisedDate = "2026-03-01" // the day before now
	name := m.create(late, "hund").GetName()
	ahead := offer()
	ahead.PromisedDate = "2026-03-02"
	other := m.create(ahead, "katze").GetName()
	draft := m.create(late, "maus").GetName()
	for _, v := range []string{"submit", "publish"} {
		for _, n := range []string{name, other} {
			if _, err := verbs[v](t.Context(), m, n); err != nil {
				t.Fatal(err)
			}
		}
	}
	missed := m.missedAfter(name, 20*time.Second)
	if len(missed) != 1 || missed[0].GetNewDate() != "2026-03-01" || missed[0].GetActor() != "clock" {
		t.Fatalf("missed %v", missed)
	}
	time.Sleep(2500 * time.Millisecond) // two more ticks of both replicas
	if again := m.missedAfter(name, time.Second); len(again) != 1 {
		t.Errorf("noted again: %v", again)
	}
	for _, n := range []string{other, draft} {
		if noted := m.missedAfter(n, time.Millisecond); len(noted) > 0 {
			t.Errorf("%s: noted %v", n, noted)
		}
	}
	// A new promise that passes is a new event.
	if _, err := m.UpdateSolution(t.Context(), &marketplacev1.UpdateSolutionRequest{Solution: &marketplacev1.Solution{Name: name, PromisedDate: "2026-02-01"}}); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(20 * time.Second); len(missed) < 2 && time.Now().Before(deadline); {
		missed = m.missedAfter(name, time.Second)
		time.Sleep(50 * time.Millisecond)
	}
	if len(missed) != 2 || missed[1].GetNewDate() != "2026-02-01" {
		t.Errorf("missed %v", missed)
	}
}
