package marketplace_test

import (
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
)

// TestAdoptionSinceLongAgo: what runs for years is entered with its true days, alone and as a group, and cost what it cost.
func TestAdoptionSinceLongAgo(t *testing.T) {
	t.Parallel()
	m := offers(t)
	m.agreed(&marketplacev1.Contract{
		DisplayName: "Alt", Kind: marketplacev1.Contract_KIND_DIRECT, Provider: "providers/krz", Customer: "municipalities/" + buende, Solutions: []string{"solutions/hund"},
		StartDate: "2024-03-01", Prices: []*marketplacev1.Price{{Basis: marketplacev1.Price_BASIS_PER_YEAR, AmountCents: 36600}},
	}, "alt")
	req := &marketplacev1.CreateAdoptionRequest{Adoption: takes(buende, "hund"), Date: "2024-01-15"}
	req.Adoption.Checklist, req.Adoption.Url = ready(), "https://ort.example"
	a, err := m.CreateAdoption(t.Context(), req)
	if err != nil || a.GetTransitions()[0].GetDate() != "2024-01-15" {
		t.Fatalf("%v, %v", a, err)
	}
	for _, move := range []*marketplacev1.MoveAdoptionRequest{
		{State: toOffered, Offer: priced(), Date: "2024-02-01"}, {State: toContracted, Contract: "contracts/alt", Date: "2024-02-10"},
		{State: toConnecting, Date: "2024-03-01"}, {State: toLive, Date: "2024-07-01"},
	} {
		move.Name = a.GetName()
		if a, err = m.MoveAdoption(t.Context(), move); err != nil {
			t.Fatalf("%v: %v", move, err)
		}
	}
	if a.GetLiveDate() != "2024-07-01" {
		t.Errorf("live since %s", a.GetLiveDate())
	}
	for year, want := range map[int32]int64{2023: 0, 2024: 18400, 2025: 36600} { // 184 of 366 days, a year
		o, err := m.GetCostOverview(t.Context(), &marketplacev1.GetCostOverviewRequest{Parent: "municipalities/" + buende, Year: year})
		if err != nil || want == 0 && len(o.GetLines()) > 0 || want > 0 && (len(o.GetLines()) != 1 || o.GetLines()[0].GetAmountCents() != want || o.GetLines()[0].GetExpected()) {
			t.Errorf("%d: %v, %v", year, o, err)
		}
	}
	group := together()
	group.Solution = "solutions/hund2"
	g, err := m.CreateAdoptionGroup(t.Context(), &marketplacev1.CreateAdoptionGroupRequest{AdoptionGroup: group, Date: "2025-01-15"})
	if err != nil {
		t.Fatal(err)
	}
	member, err := m.GetAdoption(t.Context(), &marketplacev1.GetAdoptionRequest{Name: "adoptions/" + strings.TrimPrefix(g.GetName(), "adoptionGroups/") + "-" + buende})
	if err != nil || member.GetTransitions()[0].GetDate() != "2025-01-15" {
		t.Errorf("%v, %v", member, err)
	}
	for date, want := range map[string]string{"2099-01-01": "date: liegt in der Zukunft", "2024-02-30": "date: ist kein Tag", "1900-01-01": "date: liegt nicht zwischen"} {
		_, err := m.CreateAdoption(t.Context(), &marketplacev1.CreateAdoptionRequest{Adoption: takes(herford, "hund"), Date: date})
		if violations, _ := wantFault(t, err, codes.InvalidArgument, "INVALID_FIELD"); len(violations) != 1 || !strings.HasPrefix(violations[0], want) {
			t.Errorf("%s: %q", date, violations)
		}
		group.DisplayName, group.Solution = "Später", "solutions/hund"
		group.Municipalities = []string{"municipalities/" + herford}
		_, err = m.CreateAdoptionGroup(t.Context(), &marketplacev1.CreateAdoptionGroupRequest{AdoptionGroup: group, Date: date})
		if violations, _ := wantFault(t, err, codes.InvalidArgument, "INVALID_FIELD"); len(violations) != 1 || !strings.HasPrefix(violations[0], want) {
			t.Errorf("group, %s: %q", date, violations)
		}
	}
}

// TestContractThatBeginsLater: it is concluded and connected before it begins, costs are expected from then on, and nothing
// goes live before.
func TestContractThatBeginsLater(t *testing.T) {
	t.Parallel()
	m := offers(t)
	m.agreed(&marketplacev1.Contract{
		DisplayName: "Später", Kind: marketplacev1.Contract_KIND_DIRECT, Provider: "providers/krz", Customer: "municipalities/" + buende, Solutions: []string{"solutions/hund"},
		StartDate: "2026-12-01", EndDate: "2027-12-31", Prices: []*marketplacev1.Price{{Basis: marketplacev1.Price_BASIS_PER_YEAR, AmountCents: 36500}},
	}, "spaeter")
	wish := takes(buende, "hund")
	wish.Checklist, wish.Url, wish.PlannedDate = ready(), "https://ort.example", "2026-10-01"
	a, err := m.interest(wish)
	if err != nil {
		t.Fatal(err)
	}
	m.takeTo(a.GetName(), toOffered)
	for _, move := range []*marketplacev1.MoveAdoptionRequest{{State: toContracted, Contract: "contracts/spaeter"}, {State: toConnecting}} {
		move.Name = a.GetName()
		if _, err := m.MoveAdoption(t.Context(), move); err != nil {
			t.Fatalf("%v: %v", move, err)
		}
	}
	o, err := m.GetCostOverview(t.Context(), &marketplacev1.GetCostOverviewRequest{Parent: "municipalities/" + buende})
	if err != nil || len(o.GetLines()) != 1 || o.GetLines()[0].GetDays() != 31 || o.GetLines()[0].GetAmountCents() != 3100 || !o.GetLines()[0].GetExpected() ||
		!strings.HasSuffix(o.GetLines()[0].GetMessageDe(), "erwartet ab 01.12.2026") {
		t.Errorf("%v, %v", o, err)
	}
	_, err = m.MoveAdoption(t.Context(), &marketplacev1.MoveAdoptionRequest{Name: a.GetName(), State: toLive})
	violations, _ := wantFault(t, err, codes.FailedPrecondition, "STATE_FORBIDS")
	if len(violations) != 1 || !strings.HasPrefix(violations[0], "contract: „contracts/spaeter“ beginnt erst am 01.12.2026") {
		t.Errorf("%q", violations)
	}
}

// TestGroupKeepsItsEtag: If-Match and the etag of a group are honoured when it moves and when its checklist is noted.
func TestGroupKeepsItsEtag(t *testing.T) {
	t.Parallel()
	m := offers(t)
	g := m.grouped(together())
	stale := metadata.AppendToOutgoingContext(t.Context(), "if-match", `"0"`)
	_, err := m.moveGroup(stale, g.GetName(), toOffered)
	wantFault(t, err, codes.Aborted, "ETAG_MISMATCH")
	_, err = m.CheckAdoptionGroup(stale, &marketplacev1.CheckAdoptionGroupRequest{Name: g.GetName(), Checklist: ready()})
	wantFault(t, err, codes.Aborted, "ETAG_MISMATCH")
	_, err = m.MoveAdoptionGroup(t.Context(), &marketplacev1.MoveAdoptionGroupRequest{Name: g.GetName(), State: toOffered, Offer: priced(), Etag: "0"})
	wantFault(t, err, codes.Aborted, "ETAG_MISMATCH")
	_, err = m.CheckAdoptionGroup(t.Context(), &marketplacev1.CheckAdoptionGroupRequest{Name: g.GetName(), Checklist: ready(), Etag: "0"})
	wantFault(t, err, codes.Aborted, "ETAG_MISMATCH")
	if _, err = m.CheckAdoptionGroup(t.Context(), &marketplacev1.CheckAdoptionGroupRequest{Name: g.GetName(), Checklist: ready(), Etag: g.GetEtag()}); err != nil {
		t.Error(err)
	}
	if _, err = m.MoveAdoptionGroup(t.Context(), &marketplacev1.MoveAdoptionGroupRequest{Name: g.GetName(), State: toOffered, Offer: priced(), Etag: g.GetEtag()}); err != nil {
		t.Error(err)
	}
}

// TestOfferToAGroupAgain: the same offer moves nobody again; another one replaces it where that is asked for by name.
func TestOfferToAGroupAgain(t *testing.T) {
	t.Parallel()
	m := offers(t)
	g := m.grouped(together())
	own := &marketplacev1.AdoptionOffer{Conditions: "eigene"}
	for i, c := range []struct {
		offer *marketplacev1.AdoptionOffer
		only  []string
		moved int32
	}{
		{own, []string{"municipalities/" + buende}, 1}, {own, []string{"municipalities/" + buende}, 0}, {priced(), nil, 1}, {priced(), nil, 0},
		{priced(), []string{"municipalities/" + buende, "municipalities/" + herford}, 1},
	} {
		answer, err := m.MoveAdoptionGroup(t.Context(), &marketplacev1.MoveAdoptionGroupRequest{Name: g.GetName(), State: toOffered, Offer: c.offer, Municipalities: c.only})
		if err != nil || answer.GetMoved() != c.moved || len(answer.GetRefusals()) > 0 {
			t.Errorf("%d: %v, %v", i, answer, err)
		}
	}
	_, err := m.MoveAdoptionGroup(t.Context(), &marketplacev1.MoveAdoptionGroupRequest{Name: g.GetName(), State: toOffered})
	if violations, _ := wantFault(t, err, codes.InvalidArgument, "INVALID_FIELD"); len(violations) != 1 || !strings.HasPrefix(violations[0], "offer: fehlt") {
		t.Errorf("%q", violations)
	}
}
