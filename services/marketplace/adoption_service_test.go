package marketplace_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	"kompass.krz.de/services/marketplace"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/state"
)

const (
	toOffered    = marketplacev1.Adoption_STATE_OFFERED
	toContracted = marketplacev1.Adoption_STATE_CONTRACTED
	toConnecting = marketplacev1.Adoption_STATE_CONNECTING
	toLive       = marketplacev1.Adoption_STATE_LIVE
	toEnded      = marketplacev1.Adoption_STATE_ENDED
	toWithdrawn  = marketplacev1.Adoption_STATE_WITHDRAWN
)

// openAt is open with a clock of its own.
func openAt(tb testing.TB, clock func() time.Time) *market {
	tb.Helper()
	site := ledger.Site{Conn: nats.Conn, Origin: fmt.Sprintf("t%d", origins.Add(1)), Replicas: 1}
	m := &market{tb: tb, site: site, foreign: map[string]*state.Replica[struct{}]{}}
	var err error
	if m.service, err = marketplace.New(tb.Context(), site, quiet, clock); err != nil {
		tb.Fatal(err)
	}
	run(tb, m.service.Run)
	if err := m.service.Ready(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	m.MarketplaceServiceClient = dial(tb, m.service)
	return m
}

// offers is a stocked market with two published solutions that both cover the dog tax, and a contract over both for everybody.
func offers(tb testing.TB) *market {
	tb.Helper()
	m := stocked(tb)
	for _, id := range []string{"hund", "hund2"} {
		s := offer()
		m.published(s, id)
	}
	m.agreed(&marketplacev1.Contract{
		DisplayName: "Einzelvertrag", Kind: marketplacev1.Contract_KIND_DIRECT, Provider: "providers/krz", Customer: "municipalities/" + buende,
		Municipalities: []string{"municipalities/" + herford}, Solutions: []string{"solutions/hund", "solutions/hund2"}, StartDate: "2026-01-01",
	}, "direkt")
	return m
}

func (m *market) published(s *marketplacev1.Solution, id string) {
	m.tb.Helper()
	m.create(s, id)
	for _, verb := range []string{"submit", "publish"} {
		if _, err := verbs[verb](m.tb.Context(), m, "solutions/"+id); err != nil {
			m.tb.Fatal(err)
		}
	}
}

func (m *market) agreed(c *marketplacev1.Contract, id string) {
	m.tb.Helper()
	if _, err := m.CreateContract(m.tb.Context(), &marketplacev1.CreateContractRequest{Contract: c, ContractId: id}); err != nil {
		m.tb.Fatal(err)
	}
}

func (m *market) interest(a *marketplacev1.Adoption) (*marketplacev1.Adoption, error) {
	return m.CreateAdoption(m.tb.Context(), &marketplacev1.CreateAdoptionRequest{Adoption: a})
}

// takes is the interest of a municipality in a solution.
func takes(ags, solution string) *marketplacev1.Adoption {
	return &marketplacev1.Adoption{Municipality: "municipalities/" + ags, Solution: "solutions/" + solution}
}

// priced is an offer for a price a year.
func priced() *marketplacev1.AdoptionOffer {
	return &marketplacev1.AdoptionOffer{Prices: []*marketplacev1.Price{{Basis: marketplacev1.Price_BASIS_PER_YEAR, AmountCents: 120000}}}
}

// moveTo is a move with all that it needs.
func moveTo(name string, to marketplacev1.Adoption_State) *marketplacev1.MoveAdoptionRequest {
	req := &marketplacev1.MoveAdoptionRequest{Name: name, State: to}
	switch to {
	case toOffered:
		req.Offer = priced()
	case toContracted:
		req.Contract = "contracts/direkt"
	case toEnded, toWithdrawn:
		req.Note = "Kündigung"
	}
	return req
}

// ready is a checklist with nothing open.
func ready() (items []*marketplacev1.ChecklistItem) {
	for kind := range marketplacev1.ChecklistItem_Kind(7) {
		if kind > 0 {
			items = append(items, &marketplacev1.ChecklistItem{Kind: kind, Status: marketplacev1.ChecklistItem_STATUS_DONE})
		}
	}
	items[5].Status, items[5].Note = marketplacev1.ChecklistItem_STATUS_NOT_NEEDED, "ohne Konto"
	return items
}

// takeTo moves an adoption through states, completing what it needs.
func (m *market) takeTo(name string, states ...marketplacev1.Adoption_State) (a *marketplacev1.Adoption) {
	m.tb.Helper()
	var err error
	for _, to := range states {
		if to == toLive {
			_, err = m.UpdateAdoption(m.tb.Context(), &marketplacev1.UpdateAdoptionRequest{Adoption: &marketplacev1.Adoption{
				Name: name, Checklist: ready(), Url: "https://ort.example/hund",
			}})
		}
		if err == nil {
			a, err = m.MoveAdoption(m.tb.Context(), moveTo(name, to))
		}
		if err != nil {
			m.tb.Fatalf("to %v: %v", to, err)
		}
	}
	return a
}

// TestAdoption takes one adoption all the way.
func TestAdoption(t *testing.T) {
	t.Parallel()
	m := offers(t)
	a, err := m.interest(takes(buende, "hund"))
	if err != nil {
		t.Fatal(err)
	}
	if a.GetName() != "adoptions/"+buende+"-hund" || len(a.GetChecklist()) != 6 || len(a.GetServices()) != 1 || len(a.GetTransitions()) != 1 || a.GetEtag() == "" {
		t.Fatalf("interest: %v", a)
	}
	a = m.takeTo(a.GetName(), toOffered, toOffered, toContracted, toConnecting, toLive)
	if a.GetLiveDate() != "2026-03-02" || a.GetContract() != "contracts/direkt" || a.GetServices()[0].GetMaturity().GetLevel() != 3 || len(a.GetTransitions()) != 6 {
		t.Errorf("live: %v", a)
	}
	if price := a.GetOffer().GetPrices()[0]; price.GetCurrency() != "EUR" {
		t.Errorf("price %v", price)
	}
	a = m.takeTo(a.GetName(), toEnded)
	if last := a.GetTransitions()[6]; a.GetEndDate() != "2026-03-02" || last.GetFrom() != toLive || last.GetTo() != toEnded || last.GetNote() != "Kündigung" || last.GetActor() != "tester" {
		t.Errorf("ended: %v", a)
	}
	again, err := m.interest(takes(buende, "hund"))
	if err != nil || again.GetName() != "adoptions/"+buende+"-hund-2" {
		t.Errorf("again: %v, %v", again, err)
	}
}

// TestGroup takes two municipalities together all the way.
func TestGroup(t *testing.T) {
	t.Parallel()
	m := offers(t)
	g, err := m.CreateAdoptionGroup(t.Context(), &marketplacev1.CreateAdoptionGroupRequest{AdoptionGroup: &marketplacev1.AdoptionGroup{
		DisplayName: "Hunde OWL", Solution: "solutions/hund", Municipalities: []string{"municipalities/" + herford, "municipalities/" + buende},
		UrlTemplate: "https://dienste.example/{ags}/{key}",
	}})
	if err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(g.GetCounts()) != "[state:STATE_INTERESTED  adoptions:2]" && len(g.GetCounts()) != 1 {
		t.Errorf("counts: %v", g.GetCounts())
	}
	for _, to := range []marketplacev1.Adoption_State{toOffered, toContracted, toConnecting, toLive, toLive, toEnded, toEnded} {
		if to == toLive {
			if _, err := m.CheckAdoptionGroup(t.Context(), &marketplacev1.CheckAdoptionGroupRequest{Name: g.GetName(), Checklist: ready()}); err != nil && g.GetCounts()[0].GetState() != toLive {
				t.Fatal(err)
			}
		}
		moved, err := m.moveGroup(t.Context(), g.GetName(), to)
		if err != nil {
			t.Fatalf("to %v: %v", to, err)
		}
		arrived := g.GetCounts()[0].GetState() == to
		g = moved.GetAdoptionGroup()
		if arrived == (moved.GetMoved() != 0) || len(g.GetCounts()) != 1 || g.GetCounts()[0].GetState() != to || g.GetCounts()[0].GetAdoptions() != 2 {
			t.Errorf("to %v: %v", to, moved)
		}
	}
	a, err := m.GetAdoption(t.Context(), &marketplacev1.GetAdoptionRequest{Name: "adoptions/hunde-owl-" + buende})
	if err != nil || a.GetServices()[0].GetUrl() != "https://dienste.example/05758004/"+dogTax || a.GetGroup() != g.GetName() {
		t.Errorf("member: %v, %v", a, err)
	}
}

func (m *market) moveGroup(ctx context.Context, name string, to marketplacev1.Adoption_State, only ...string) (*marketplacev1.MoveAdoptionGroupResponse, error) {
	one := moveTo(name, to)
	return m.MoveAdoptionGroup(ctx, &marketplacev1.MoveAdoptionGroupRequest{
		Name: name, State: to, Offer: one.GetOffer(), Contract: one.GetContract(), Note: one.GetNote(), Municipalities: only,
	})
}

// TestForbiddenMove: the answer names the state, what is possible, and what is missing.
func TestForbiddenMove(t *testing.T) {
	t.Parallel()
	m := offers(t)
	a, err := m.interest(takes(buende, "hund"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = m.MoveAdoption(t.Context(), moveTo(a.GetName(), toLive))
	violations, meta := wantFault(t, err, codes.FailedPrecondition, "STATE_FORBIDS")
	all := strings.Join(violations, "\n")
	if meta["state"] != "INTERESTED" || meta["allowed"] != "OFFERED, WITHDRAWN" || !strings.Contains(all, "für den nächsten Schritt") || !strings.Contains(all, "(AVV) ist noch offen") {
		t.Errorf("%v\n%s", meta, all)
	}
	m.takeTo(a.GetName(), toOffered, toContracted, toConnecting)
	_, err = m.MoveAdoption(t.Context(), moveTo(a.GetName(), toLive))
	violations, _ = wantFault(t, err, codes.FailedPrecondition, "STATE_FORBIDS")
	if len(violations) != 7 || !slices.ContainsFunc(violations, func(v string) bool { return strings.HasPrefix(v, "services[0].url: fehlt") }) {
		t.Errorf("%q", violations)
	}
}
