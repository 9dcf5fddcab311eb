package municipality

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/fieldmaskpb"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
)

// adopt publishes adoptions and waits until what they do is done.
func (w *world) adopt(all ...*marketplacev1.Adoption) {
	w.tb.Helper()
	for _, a := range all {
		w.publish(marketplaceStream, a)
	}
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		r, err := w.service.replica.Read()
		must(w.tb, err)
		if r.adoptions.first() == nil {
			return
		}
		if time.Now().After(deadline) {
			w.tb.Fatal("something stays due")
		}
	}
}

// carried is the adoption that Lemgo's dog tax carries: "a", "a ended" or "".
func (w *world) carried() string {
	w.tb.Helper()
	i := w.get(lemgoAGS, dogTax)
	s := strings.TrimPrefix(i.GetAdoption(), adoptionPrefix)
	if i.GetAdoptionEnded() {
		s += " ended"
	}
	return s
}

// TestClientsDoNotSetAdoptions: no way of writing sets the adoption; another phase or solution takes it away.
func TestClientsDoNotSetAdoptions(t *testing.T) {
	t.Parallel()
	w := smallWorld(t)
	name := implementationName(lemgoAGS, dogTax)
	w.adopt(adopting("a", adoptionLive, dogTax))
	liveRevision := w.history()[0].GetRevision()
	expect := func(want, after string) {
		t.Helper()
		if got := w.carried(); got != want {
			t.Errorf("%s: carries %q, want %q", after, got, want)
		}
	}
	w.patch(&municipalityv1.Implementation{Name: name, Adoption: "adoptions/b", AdoptionEnded: true, Note: "n"})
	expect("a", "a patch that names another one")
	_, err := w.client.UpdateImplementation(w.ctx, &municipalityv1.UpdateImplementationRequest{
		Implementation: &municipalityv1.Implementation{Name: name, Adoption: "adoptions/b"}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"adoption"}}})
	wantReason(t, err, "INVALID_FIELD_MASK", "updateMask")
	_, err = w.client.BatchUpdateImplementations(w.ctx, &municipalityv1.BatchUpdateImplementationsRequest{Parent: municipalityName(lemgoAGS),
		Requests: []*municipalityv1.UpdateImplementationRequest{{Implementation: &municipalityv1.Implementation{Name: name, AdoptionEnded: true, Department: "Amt"}}}})
	must(t, err)
	expect("a", "a batch")
	_, err = w.importStates(municipalityName(lemgoAGS), nil, "leika_key;phase;solution;note;adoption", dogTax+";online;hundesteuer-online;aus der Tabelle;b")
	must(t, err)
	expect("a", "an import of the same phase and solution")
	_, err = w.importStates(municipalityName(lemgoAGS), nil, "leika_key;phase", dogTax+";in Bearbeitung")
	must(t, err)
	expect("", "an import of another phase")
	_, err = w.revert(liveRevision, nil)
	must(t, err)
	expect("a", "going back")
	w.adopt(adopting("a", adoptionEnded, dogTax))
	expect("a ended", "the end")
	w.patch(&municipalityv1.Implementation{Name: name, Solution: "solutions/alles-koenner"})
	expect("", "another solution")
	_, err = w.revert(liveRevision, nil)
	must(t, err)
	expect("a ended", "going back to an adoption that is over since")
	_, err = w.client.DeleteImplementation(w.ctx, &municipalityv1.DeleteImplementationRequest{Name: name})
	must(t, err)
	w.patch(&municipalityv1.Implementation{Name: name, Phase: phaseOnline})
	expect("", "a new record")
	for _, c := range w.history() {
		if strings.HasPrefix(c.GetRequestId(), "adoption:") && c.GetActor() != "it-lemgo" {
			t.Errorf("effect by %s", c.GetActor())
		}
	}
}

// TestAdoptionsAreSeen: gaps tell of adoptions under way; what is over shows as a gap, a finding, in report and plan, and stays
// online for portals and progress.
func TestAdoptionsAreSeen(t *testing.T) {
	t.Parallel()
	w := smallWorld(t)
	under := adopting("b", marketplacev1.Adoption_STATE_CONTRACTED, dogTax, fishing)
	elsewhere := adopting("c", marketplacev1.Adoption_STATE_INTERESTED, dogTax)
	elsewhere.Municipality = "municipalities/05766020"
	w.adopt(adopting("a", marketplacev1.Adoption_STATE_INTERESTED, dogTax), under, elsewhere, adopting("d", marketplacev1.Adoption_STATE_WITHDRAWN, dogTax))
	found, err := w.client.ListGaps(w.ctx, &municipalityv1.ListGapsRequest{Parent: municipalityName(lemgoAGS), IncludeNotAssessed: true})
	must(t, err)
	for _, g := range found.GetGaps() {
		want := map[string]string{publicServices + dogTax: "adoptions/a adoptions/b", publicServices + fishing: "adoptions/b"}[g.GetPublicService()]
		if got := strings.Join(g.GetAdoptions(), " "); got != want {
			t.Errorf("%s: adoptions %q, want %q", g.GetDisplayName(), got, want)
		}
	}
	if got := w.gaps(lemgoAGS, `adoptions:"adoptions/b"`).GetGaps(); len(got) != 1 || got[0].GetPublicService() != publicServices+dogTax {
		t.Errorf("by a filter: %v", got)
	}
	progress := func() string {
		answer, err := w.client.ListProgress(w.ctx, &municipalityv1.ListProgressRequest{})
		must(t, err)
		return answer.GetTotal().String()
	}
	w.adopt(adopting("a", adoptionLive, dogTax))
	before, portal := progress(), len(w.online(lemgoAGS, "", ""))
	if got := w.gaps(lemgoAGS, `public_service = "`+publicServices+dogTax+`"`).GetGaps(); len(got) != 0 {
		t.Errorf("live, and still a gap: %v", got)
	}
	w.adopt(adopting("a", adoptionEnded, dogTax))
	over := w.gaps(lemgoAGS, "kind = ADOPTION_ENDED").GetGaps()
	if len(over) != 1 || !over[0].GetImplementation().GetAdoptionEnded() || over[0].GetImplementation().GetAdoption() != "adoptions/a" || len(over[0].GetCandidates()) == 0 {
		t.Errorf("gaps: %v", over)
	}
	findings := w.findings("kind = ADOPTION_ENDED")
	if len(findings.GetFindings()) != 1 || findings.GetCounts().GetAdoptionEnded() != 1 || !strings.Contains(findings.GetFindings()[0].GetMessageDe(), "Nachnutzung von „Hundesteuer online“ („a“)") ||
		!strings.Contains(findings.GetFindings()[0].GetMessageEn(), `adoption of "Hundesteuer online" ("a")`) {
		t.Errorf("findings: %v", findings)
	}
	report, err := w.client.GetReport(w.ctx, &municipalityv1.GetReportRequest{Name: municipalityName(lemgoAGS) + "/report"})
	must(t, err)
	if !strings.Contains(report.String(), "Eine Leistung ist als online gemeldet, aber die Nachnutzung ist beendet.") {
		t.Errorf("report: %v", report.GetMessages())
	}
	if plan := w.plan(municipalityName(lemgoAGS)+"/plan", "kind = ADOPTION_ENDED"); len(plan.GetItems()) != 1 || !strings.Contains(plan.String(), "Online, aber die Nachnutzung ist beendet.") {
		t.Errorf("plan: %v", plan.GetItems())
	}
	if after := progress(); after != before || len(w.online(lemgoAGS, "", "")) != portal || portal == 0 {
		t.Errorf("progress was %s, is %s; %d services online before", before, after, portal)
	}
}
