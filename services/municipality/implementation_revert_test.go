package municipality

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
)

// history lists the revisions of Lemgo's dog tax, newest first.
func (w *world) history() []*municipalityv1.ImplementationChange {
	w.tb.Helper()
	answer, err := w.client.ListImplementationHistory(w.ctx, &municipalityv1.ListImplementationHistoryRequest{Name: implementationName("05766044", dogTax)})
	must(w.tb, err)
	return answer.GetChanges()
}

func (w *world) revert(revision uint64, change func(*municipalityv1.RevertImplementationRequest)) (*municipalityv1.Implementation, error) {
	req := &municipalityv1.RevertImplementationRequest{Name: implementationName("05766044", dogTax), Revision: revision}
	if change != nil {
		change(req)
	}
	return w.client.RevertImplementation(w.ctx, req)
}

// bare is an implementation without what every record has of its own.
func bare(i *municipalityv1.Implementation) *municipalityv1.Implementation {
	c := proto.CloneOf(i)
	c.Etag, c.UpdateTime, c.UpdateActor = "", nil, ""
	return c
}

func TestRevertGoesToAnyRevision(t *testing.T) {
	t.Parallel()
	w := smallWorld(t)
	name := implementationName("05766044", dogTax)
	w.patch(&municipalityv1.Implementation{Name: name, Phase: municipalityv1.Implementation_PHASE_PLANNED, PhaseDate: "2026-03-01", TargetDate: "2027-01-01",
		AnnualCases: proto.Int64(0), Maturity: &municipalityv1.Maturity{Level: 2}})
	w.patch(&municipalityv1.Implementation{Name: name, Phase: municipalityv1.Implementation_PHASE_NOT_APPLICABLE, NotApplicableReason: "keine Hunde"})
	_, err := w.client.DeleteImplementation(w.ctx, &municipalityv1.DeleteImplementationRequest{Name: name})
	must(t, err)
	past := w.history()
	for _, n := range []int{2, 1, 0, 1, 2, 2} {
		to := past[n]
		would, err := w.revert(to.GetRevision(), func(r *municipalityv1.RevertImplementationRequest) { r.ValidateOnly = true })
		must(t, err)
		answer, err := w.revert(to.GetRevision(), nil)
		must(t, err)
		want := to.GetImplementation()
		if want == nil {
			want = &municipalityv1.Implementation{Name: name}
		}
		if !proto.Equal(bare(answer), bare(want)) || !proto.Equal(bare(would), bare(want)) {
			t.Errorf("back to %v\n got %v\nwould %v", want, answer, would)
		}
		if now := w.history()[0].GetImplementation(); (now == nil) != (to.GetImplementation() == nil) || now != nil && !proto.Equal(bare(now), bare(want)) {
			t.Errorf("recorded is %v", now)
		}
	}
	if n := len(w.history()); n != 3+5 { // the last one changed nothing
		t.Errorf("%d changes", n)
	}
	if fields := strings.Join(w.history()[0].GetChangedFields(), " "); fields != "phase maturity annualCases targetDate notApplicableReason phaseDate" && fields != "phase notApplicableReason phaseDate" {
		t.Errorf("changed fields: %s", fields)
	}
}

func TestRevertRefuses(t *testing.T) {
	t.Parallel()
	w := smallWorld(t)
	name := implementationName("05766044", dogTax)
	first := w.patch(&municipalityv1.Implementation{Name: name, Note: "a"})
	other := w.patch(&municipalityv1.Implementation{Name: implementationName("05766044", waste), Note: "b"})
	second := w.patch(&municipalityv1.Implementation{Name: name, Note: "c"})
	revisions := w.history()
	_, err := w.revert(revisions[0].GetRevision()-1, nil) // that of the other one
	wantReason(t, err, "RESOURCE_NOT_FOUND", "revision")
	if !strings.Contains(detailsOf(err), name) || other == nil {
		t.Errorf("the fault does not name the implementation: %v", detailsOf(err))
	}
	_, err = w.revert(1<<40, nil)
	wantReason(t, err, "RESOURCE_NOT_FOUND", "revision")
	_, err = w.revert(0, nil)
	wantReason(t, err, "INVALID_FIELD", "revision")
	_, err = w.revert(revisions[1].GetRevision(), func(r *municipalityv1.RevertImplementationRequest) { r.Name = implementationName("01001000", dogTax) })
	wantReason(t, err, "RESOURCE_NOT_FOUND")
	_, err = w.revert(revisions[1].GetRevision(), func(r *municipalityv1.RevertImplementationRequest) { r.Etag = first.GetEtag() })
	wantReason(t, err, "ETAG_MISMATCH")
	once := func(r *municipalityv1.RevertImplementationRequest) { r.Etag, r.RequestId = second.GetEtag(), "back" }
	for range 2 { // the repetition is not held to the version any more
		back, err := w.revert(revisions[1].GetRevision(), once)
		must(t, err)
		if back.GetNote() != "a" {
			t.Errorf("back is %v", back)
		}
	}
	if n := len(w.history()); n != 3 {
		t.Errorf("%d changes", n)
	}
}

// TestRevertBringsBackWhatIsWithdrawn: the history may come back whatever became of what it refers to.
func TestRevertBringsBackWhatIsWithdrawn(t *testing.T) {
	t.Parallel()
	w := smallWorld(t)
	name := implementationName("05766044", dogTax)
	w.patch(&municipalityv1.Implementation{Name: name, Phase: municipalityv1.Implementation_PHASE_ONLINE, Solution: "solutions/hundesteuer-online"})
	_, err := w.client.DeleteImplementation(w.ctx, &municipalityv1.DeleteImplementationRequest{Name: name})
	must(t, err)
	gone, withdrawn := solution("hundesteuer-online", "Hundesteuer online", nil), service(dogTax, "Hundesteuer (alt)", "")
	gone.State, withdrawn.State = marketplacev1.Solution_STATE_WITHDRAWN, cataloguev1.EntryState_ENTRY_STATE_WITHDRAWN
	w.publish("marketplace", gone)
	w.publish("catalogue", withdrawn)
	back, err := w.revert(w.history()[1].GetRevision(), nil)
	must(t, err)
	if back.GetSolution() != gone.GetName() || !back.GetSolutionWithdrawn() {
		t.Errorf("back is %v", back)
	}
}

// TestRevertTakesBackWhatWasSaidOfThePast: a false report about the past is gone from past days, progress and trend, also
// after a restart.
func TestRevertTakesBackWhatWasSaidOfThePast(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := smallWorldIn(t, dir)
	name, lemgo := implementationName("05766044", dogTax), municipalityName("05766044")
	w.setDay("2026-02-10")
	w.patch(&municipalityv1.Implementation{Name: name, Phase: planned})
	w.setDay("2026-04-20")
	w.patch(&municipalityv1.Implementation{Name: name, Phase: inProgress})
	w.setDay("2026-06-01")
	days := []string{"2026-01-20", "2026-03-01", "2026-05-01"}
	saw := map[string]seen{}
	for _, day := range days {
		saw[day] = w.look("05766044", day)
	}
	trend := w.onlineByMonth(byMunicipality, "", lemgo)
	w.patch(&municipalityv1.Implementation{Name: name, Phase: online, Maturity: &municipalityv1.Maturity{Level: 3}, PhaseDate: "2026-01-15"})
	if w.onlineByMonth(byMunicipality, "", lemgo) == trend {
		t.Fatal("the false report does not show")
	}
	_, err := w.revert(w.history()[1].GetRevision(), nil)
	must(t, err)
	compare := func(when string) {
		t.Helper()
		for _, day := range days {
			if difference := w.look("05766044", day).differs(saw[day]); difference != "" {
				t.Errorf("%s, on %s: %s", when, day, difference)
			}
		}
		if now := w.onlineByMonth(byMunicipality, "", lemgo); now != trend {
			t.Errorf("%s the trend is %s, want %s", when, now, trend)
		}
	}
	compare("reverted")
	w.stop()
	w = openWorld(t, dir)
	w.setDay("2026-06-01")
	compare("restarted")
}
