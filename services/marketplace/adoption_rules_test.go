package marketplace_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
)

// TestInterestRefused: each refusal names its field and what is wrong with it.
func TestInterestRefused(t *testing.T) {
	t.Parallel()
	m := offers(t)
	m.create(offer(), "entwurf")
	gone := offer()
	gone.Coverage[0].Status = marketplacev1.Coverage_STATUS_DISCONTINUED
	m.published(gone, "weg")
	if _, err := m.interest(takes(buende, "hund")); err != nil {
		t.Fatal(err)
	}
	with := func(change func(*marketplacev1.Adoption)) *marketplacev1.Adoption {
		a := takes(herford, "hund")
		change(a)
		return a
	}
	item := func(i *marketplacev1.ChecklistItem) []*marketplacev1.ChecklistItem {
		return []*marketplacev1.ChecklistItem{i}
	}
	for name, c := range map[string]struct {
		adoption *marketplacev1.Adoption
		code     codes.Code
		reason   string
		want     string // begins the first violation
	}{
		"no municipality":      {&marketplacev1.Adoption{Solution: "solutions/hund"}, codes.InvalidArgument, "INVALID_FIELD", "adoption.municipality: fehlt"},
		"no solution":          {&marketplacev1.Adoption{Municipality: "municipalities/" + herford}, codes.InvalidArgument, "INVALID_FIELD", "adoption.solution: fehlt"},
		"unknown municipality": {takes("05758099", "hund"), codes.InvalidArgument, "UNKNOWN_REFERENCE", "adoption.municipality:"},
		"unknown solution":     {takes(herford, "keine"), codes.InvalidArgument, "UNKNOWN_REFERENCE", "adoption.solution:"},
		"a draft":              {takes(herford, "entwurf"), codes.FailedPrecondition, "STATE_FORBIDS", "adoption.solution: ist nicht veröffentlicht, sondern im Zustand „Entwurf“ (DRAFT)"},
		"adopted already":      {takes(buende, "hund"), codes.AlreadyExists, "RESOURCE_ALREADY_EXISTS", "adoption.municipality: „municipalities/05758004“ übernimmt „solutions/hund“ schon: „adoptions/05758004-hund“"},
		"nothing offered":      {takes(herford, "weg"), codes.InvalidArgument, "INVALID_FIELD", "adoption.services: nennt keine Leistung"},
		"not covered": {with(func(a *marketplacev1.Adoption) {
			a.Services = []*marketplacev1.AdoptedService{{PublicService: "publicServices/" + dogTax}, {PublicService: "publicServices/" + building}}
		}), codes.InvalidArgument, "INVALID_FIELD", "adoption.services[1].publicService: „publicServices/" + building + "“ wird von „solutions/hund“ nicht abgedeckt"},
		"no longer offered": {func() *marketplacev1.Adoption {
			a := takes(herford, "weg")
			a.Services = []*marketplacev1.AdoptedService{{PublicService: "publicServices/" + dogTax}}
			return a
		}(), codes.InvalidArgument, "INVALID_FIELD", "adoption.services[0].publicService: „publicServices/" + dogTax + "“ wird von"},
		"done tomorrow": {with(func(a *marketplacev1.Adoption) {
			a.Checklist = item(&marketplacev1.ChecklistItem{Kind: 4, Status: 2, Date: "2026-03-03"})
		}), codes.InvalidArgument, "INVALID_FIELD", "adoption.checklist[0].date: liegt in der Zukunft"},
		"open since": {with(func(a *marketplacev1.Adoption) {
			a.Checklist = item(&marketplacev1.ChecklistItem{Kind: 4, Date: "2026-03-01"})
		}), codes.InvalidArgument, "INVALID_FIELD", "adoption.checklist[0].date: gibt es nur für Erledigtes"},
		"not needed without a reason": {with(func(a *marketplacev1.Adoption) { a.Checklist = item(&marketplacev1.ChecklistItem{Kind: 4, Status: 3}) }),
			codes.InvalidArgument, "INVALID_FIELD", "adoption.checklist[0].note: fehlt"},
		"a person": {with(func(a *marketplacev1.Adoption) { a.ResponsibleOffice = "it@ort.example" }), codes.InvalidArgument, "INVALID_FIELD", "adoption.responsibleOffice: nennt eine Rolle"},
		"no day":   {with(func(a *marketplacev1.Adoption) { a.PlannedDate = "2027-02-30" }), codes.InvalidArgument, "INVALID_FIELD", "adoption.plannedDate: ist kein Tag"},
	} {
		_, err := m.interest(c.adoption)
		if err == nil {
			t.Errorf("%s is taken", name)
			continue
		}
		violations, _ := wantFault(t, err, c.code, c.reason)
		if len(violations) != 1 || !strings.HasPrefix(violations[0], c.want) {
			t.Errorf("%s: %q", name, violations)
		}
	}
}

// TestMoveRefused: each guard names the field that lacks something.
func TestMoveRefused(t *testing.T) {
	t.Parallel()
	m := offers(t)
	m.agreed(&marketplacev1.Contract{DisplayName: "Rahmen", Kind: marketplacev1.Contract_KIND_FRAMEWORK, Provider: "providers/krz", Customer: "municipalities/" + buende,
		Solutions: []string{"solutions/hund"}, StartDate: "2026-01-01"}, "rahmen")
	a, err := m.interest(takes(buende, "hund"))
	if err != nil {
		t.Fatal(err)
	}
	offered := func(o *marketplacev1.AdoptionOffer) *marketplacev1.MoveAdoptionRequest {
		return &marketplacev1.MoveAdoptionRequest{State: toOffered, Offer: o}
	}
	contracted := func(name string) *marketplacev1.MoveAdoptionRequest {
		return &marketplacev1.MoveAdoptionRequest{State: toContracted, Contract: name}
	}
	refused := func(req *marketplacev1.MoveAdoptionRequest, code codes.Code, reason string, want ...string) {
		t.Helper()
		req.Name = a.GetName()
		_, err := m.MoveAdoption(t.Context(), req)
		violations, _ := wantFault(t, err, code, reason)
		for i, v := range want {
			if len(violations) != len(want) || !strings.HasPrefix(violations[i], v) {
				t.Errorf("%v: %q, want %q", req, violations, want)
				return
			}
		}
	}
	const invalid, forbids = "INVALID_FIELD", "STATE_FORBIDS"
	refused(&marketplacev1.MoveAdoptionRequest{State: toOffered, Contract: "contracts/direkt", Date: "2026-03-03"}, codes.InvalidArgument, invalid,
		"date: liegt in der Zukunft", "offer: fehlt", "contract: gibt es nur auf dem Weg")
	refused(&marketplacev1.MoveAdoptionRequest{State: toOffered, Offer: priced(), Date: "2026-02-30"}, codes.InvalidArgument, invalid, "date: ist kein Tag")
	refused(offered(&marketplacev1.AdoptionOffer{}), codes.InvalidArgument, invalid, "offer: braucht Preise, Bedingungen oder ein Dokument")
	refused(offered(&marketplacev1.AdoptionOffer{Conditions: " "}), codes.InvalidArgument, invalid, "offer: braucht Preise")
	refused(&marketplacev1.MoveAdoptionRequest{State: toOffered, Offer: priced(), Date: "2026-03-01"}, codes.InvalidArgument, invalid,
		"date: liegt vor dem 02.03.2026, seit dem „Interesse bekundet“ gilt")
	refused(offered(&marketplacev1.AdoptionOffer{ValidUntil: "2026-03-01", Prices: []*marketplacev1.Price{{Basis: marketplacev1.Price_BASIS_FREE, AmountCents: 1}}}),
		codes.InvalidArgument, invalid, "offer.prices[0].amountCents:", "offer.validUntil: liegt vor dem Tag des Angebots")
	refused(&marketplacev1.MoveAdoptionRequest{State: toWithdrawn, Note: " "}, codes.InvalidArgument, invalid, "note: fehlt")
	refused(&marketplacev1.MoveAdoptionRequest{State: marketplacev1.Adoption_STATE_INTERESTED}, codes.FailedPrecondition, forbids,
		"state: aus „Interesse bekundet“ (INTERESTED) führt kein Weg", "offer: für den nächsten Schritt: fehlt")
	m.takeTo(a.GetName(), toOffered)
	refused(contracted(""), codes.InvalidArgument, invalid, "contract: fehlt")
	refused(contracted("contracts/keiner"), codes.InvalidArgument, "UNKNOWN_REFERENCE", "contract: „contracts/keiner“ gibt es nicht")
	refused(contracted("contracts/rahmen"), codes.FailedPrecondition, forbids, "contract:")
	m.takeTo(a.GetName(), toContracted, toConnecting)
	if _, err := m.WithdrawSolution(t.Context(), &marketplacev1.WithdrawSolutionRequest{Name: "solutions/hund", Note: "Grund"}); err != nil {
		t.Fatal(err)
	}
	refused(&marketplacev1.MoveAdoptionRequest{State: toLive}, codes.FailedPrecondition, forbids, "solution: „solutions/hund“ wurde zurückgezogen",
		"checklist: VSM-Eintrag ist noch offen", "checklist: DVDV-Eintrag", "checklist: DVDV-Zertifikat", "checklist: Auftragsverarbeitungsvertrag (AVV)",
		"checklist: Anbindung des E-Payments", "checklist: Anbindung der Nutzerkonten", "services[0].url: fehlt")
	m.takeTo(a.GetName(), toWithdrawn)
	refused(moveTo("", toOffered), codes.FailedPrecondition, forbids, "state: aus „zurückgezogen“ (WITHDRAWN) führt kein Weg nach „Angebot liegt vor“ (OFFERED); möglich ist nichts mehr")
}

// TestOverlap: two adoptions of one service name each other, and only one of them goes live.
func TestOverlap(t *testing.T) {
	t.Parallel()
	m := offers(t)
	first, err := m.interest(takes(buende, "hund"))
	if err != nil {
		t.Fatal(err)
	}
	second, err := m.interest(takes(buende, "hund2"))
	if err != nil || fmt.Sprint(second.GetOverlaps()) != "["+first.GetName()+"]" {
		t.Fatalf("%v, %v", second, err)
	}
	if _, err := m.interest(takes(herford, "hund2")); err != nil {
		t.Fatal(err)
	}
	listed := func(filter string) (names []string) {
		page, err := m.ListAdoptions(t.Context(), &marketplacev1.ListAdoptionsRequest{Filter: filter})
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range page.GetAdoptions() {
			names = append(names, a.GetName())
		}
		return names
	}
	if got := listed("overlaps:*"); len(got) != 2 || got[0] != first.GetName() || got[1] != second.GetName() {
		t.Errorf("overlapping: %v", got)
	}
	m.takeTo(first.GetName(), toOffered, toContracted, toConnecting, toLive)
	m.takeTo(second.GetName(), toOffered, toContracted, toConnecting)
	if _, err := m.UpdateAdoption(t.Context(), &marketplacev1.UpdateAdoptionRequest{Adoption: &marketplacev1.Adoption{Name: second.GetName(), Checklist: ready(), Url: "https://ort.example"}}); err != nil {
		t.Fatal(err)
	}
	_, err = m.MoveAdoption(t.Context(), moveTo(second.GetName(), toLive))
	violations, _ := wantFault(t, err, codes.FailedPrecondition, "STATE_FORBIDS")
	if len(violations) != 1 || !strings.HasPrefix(violations[0], "services[0]: „publicServices/"+dogTax+"“ ist dort schon mit „"+first.GetName()+"“ live") {
		t.Errorf("%q", violations)
	}
	m.takeTo(first.GetName(), toEnded)
	if m.takeTo(second.GetName(), toLive); len(listed("overlaps:*")) != 0 {
		t.Errorf("overlapping: %v", listed("overlaps:*"))
	}
}

// TestUpdateAdoption: each state closes what it must not lose.
func TestUpdateAdoption(t *testing.T) {
	t.Parallel()
	m := offers(t)
	wide := offer()
	wide.Coverage = append(wide.Coverage, &marketplacev1.Coverage{PublicService: "publicServices/" + building})
	m.published(wide, "breit")
	if _, err := m.UpdateContract(t.Context(), &marketplacev1.UpdateContractRequest{Contract: &marketplacev1.Contract{Name: "contracts/direkt", Solutions: []string{"solutions/breit"}}}); err != nil {
		t.Fatal(err)
	}
	a, err := m.interest(takes(buende, "breit"))
	if err != nil {
		t.Fatal(err)
	}
	update := func(given *marketplacev1.Adoption, paths ...string) (*marketplacev1.Adoption, error) {
		given.Name = a.GetName()
		return m.UpdateAdoption(t.Context(), &marketplacev1.UpdateAdoptionRequest{Adoption: given, UpdateMask: &fieldmaskpb.FieldMask{Paths: paths}})
	}
	forbidden := func(field string, given *marketplacev1.Adoption) {
		t.Helper()
		_, err := update(given)
		violations, _ := wantFault(t, err, codes.FailedPrecondition, "STATE_FORBIDS")
		if len(violations) != 1 || !strings.HasPrefix(violations[0], "adoption."+field+":") {
			t.Errorf("%q, want %s", violations, field)
		}
	}
	one := &marketplacev1.Adoption{Services: []*marketplacev1.AdoptedService{{PublicService: "publicServices/" + dogTax}}}
	if a, err = update(one, "services"); err != nil || len(a.GetServices()) != 1 {
		t.Fatalf("%v, %v", a, err)
	}
	avv := []*marketplacev1.ChecklistItem{{Kind: marketplacev1.ChecklistItem_KIND_AVV, Status: marketplacev1.ChecklistItem_STATUS_DONE}}
	if a, err = update(&marketplacev1.Adoption{Checklist: avv}); err != nil || len(a.GetChecklist()) != 6 || a.GetChecklist()[3].GetDate() != "2026-03-02" {
		t.Fatalf("%v, %v", a, err)
	}
	if again, err := update(&marketplacev1.Adoption{Checklist: avv}); err != nil || again.GetEtag() != a.GetEtag() {
		t.Errorf("the same again: %v, %v", again, err)
	}
	_, err = update(&marketplacev1.Adoption{Municipality: "municipalities/" + herford}, "municipality")
	wantFault(t, err, codes.InvalidArgument, "INVALID_FIELD_MASK")
	m.takeTo(a.GetName(), toOffered, toContracted)
	forbidden("services", &marketplacev1.Adoption{Services: []*marketplacev1.AdoptedService{{PublicService: "publicServices/" + building}}})
	one.Services[0].Url = "https://ort.example/hund"
	if a, err = update(one); err != nil || a.GetServices()[0].GetUrl() == "" {
		t.Fatalf("%v, %v", a, err)
	}
	m.takeTo(a.GetName(), toConnecting, toLive)
	forbidden("url", &marketplacev1.Adoption{Url: "https://neu.example"})
	forbidden("services", &marketplacev1.Adoption{Services: []*marketplacev1.AdoptedService{{PublicService: "publicServices/" + dogTax, Url: "https://neu.example"}}})
	forbidden("checklist", &marketplacev1.Adoption{Checklist: []*marketplacev1.ChecklistItem{{Kind: 1, Status: 1}}})
	if a, err = update(&marketplacev1.Adoption{ResponsibleOffice: "IT"}); err != nil || a.GetServices()[0].GetMaturity().GetLevel() != 3 {
		t.Fatalf("%v, %v", a, err)
	}
	m.takeTo(a.GetName(), toEnded)
	forbidden("responsibleOffice", &marketplacev1.Adoption{ResponsibleOffice: "Amt"})
	if a, err = update(&marketplacev1.Adoption{Note: "war gut"}); err != nil || a.GetNote() != "war gut" {
		t.Errorf("%v, %v", a, err)
	}
}

// TestEveryPairOfStates asks from each state for each other with all that it needs.
func TestEveryPairOfStates(t *testing.T) {
	t.Parallel()
	m := offers(t)
	for from, way := range map[string][]marketplacev1.Adoption_State{
		"INTERESTED": {}, "OFFERED": {toOffered}, "CONTRACTED": {toOffered, toContracted}, "CONNECTING": {toOffered, toContracted, toConnecting},
		"LIVE": {toOffered, toContracted, toConnecting, toLive}, "ENDED": {toOffered, toContracted, toConnecting, toLive, toEnded}, "WITHDRAWN": {toWithdrawn},
	} {
		a, err := m.interest(takes(buende, "hund"))
		if err == nil {
			_, err = m.UpdateAdoption(t.Context(), &marketplacev1.UpdateAdoptionRequest{Adoption: &marketplacev1.Adoption{Name: a.GetName(), Checklist: ready(), Url: "https://ort.example"}})
		}
		if err != nil {
			t.Fatal(err)
		}
		m.takeTo(a.GetName(), way...)
		for to := marketplacev1.Adoption_STATE_INTERESTED; to <= toWithdrawn; to++ {
			req := moveTo(a.GetName(), to)
			req.ValidateOnly = true
			_, err := m.MoveAdoption(t.Context(), req)
			want := codes.FailedPrecondition
			if slices.Contains(ways[from], strings.TrimPrefix(to.String(), "STATE_")) {
				want = codes.OK
			}
			if status.Code(err) != want {
				t.Errorf("from %s to %v: %v, want %v", from, to, err, want)
			}
		}
		switch from { // the next one begins anew
		case "LIVE":
			m.takeTo(a.GetName(), toEnded)
		case "ENDED", "WITHDRAWN":
		default:
			m.takeTo(a.GetName(), toWithdrawn)
		}
	}
}
