package marketplace_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	"kompass.krz.de/services/platform/ledger"
)

// together is a group adoption of the dog tax by Bünde and Herford.
func together() *marketplacev1.AdoptionGroup {
	return &marketplacev1.AdoptionGroup{
		DisplayName: "Hunde OWL", Solution: "solutions/hund", Municipalities: []string{"municipalities/" + herford, "municipalities/" + buende},
		UrlTemplate: "https://dienste.example/{ags}/{key}",
	}
}

func (m *market) grouped(g *marketplacev1.AdoptionGroup) *marketplacev1.AdoptionGroup {
	m.tb.Helper()
	created, err := m.CreateAdoptionGroup(m.tb.Context(), &marketplacev1.CreateAdoptionGroupRequest{AdoptionGroup: g})
	if err != nil {
		m.tb.Fatal(err)
	}
	return created
}

// TestGroupRefused: each refusal names its field, and nothing is written.
func TestGroupRefused(t *testing.T) {
	t.Parallel()
	m := offers(t)
	if _, err := m.interest(takes(buende, "hund2")); err != nil {
		t.Fatal(err)
	}
	for want, change := range map[string]func(*marketplacev1.AdoptionGroup){
		"adoptionGroup.municipalities: fehlt":                                  func(g *marketplacev1.AdoptionGroup) { g.Municipalities = nil },
		"adoptionGroup.municipalities[1]: „municipalities/000000":              func(g *marketplacev1.AdoptionGroup) { g.Municipalities[1] = "municipalities/00000099" },
		"adoptionGroup.municipalities[1]: „municipalities/05758004“ übernimmt": func(g *marketplacev1.AdoptionGroup) { g.Solution = "solutions/hund2" },
		"adoptionGroup.publicServices[0]: „publicServices/" + building:         func(g *marketplacev1.AdoptionGroup) { g.PublicServices = []string{"publicServices/" + building} },
		"adoptionGroup.urlTemplate: geschweifte Klammern":                      func(g *marketplacev1.AdoptionGroup) { g.UrlTemplate = "https://dienste.example/{ort}" },
		"adoptionGroup.urlTemplate: ergibt „ftp":                               func(g *marketplacev1.AdoptionGroup) { g.UrlTemplate = "ftp://dienste.example/{ags}" },
		"adoptionGroup.urlTemplate: ergibt „https://dienste.example/a b": func(g *marketplacev1.AdoptionGroup) {
			g.UrlTemplate = "https://dienste.example/a b"
		},
		"adoptionGroup.displayName: fehlt": func(g *marketplacev1.AdoptionGroup) { g.DisplayName = " " },
		"adoptionGroup.solution: fehlt":    func(g *marketplacev1.AdoptionGroup) { g.Solution = "" },
		"adoptionGroup.coordinator:":       func(g *marketplacev1.AdoptionGroup) { g.Coordinator = "providers/keiner" },
	} {
		g := together()
		change(g)
		_, err := m.CreateAdoptionGroup(t.Context(), &marketplacev1.CreateAdoptionGroupRequest{AdoptionGroup: g, AdoptionGroupId: "g"})
		reason := "INVALID_FIELD"
		if strings.Contains(want, "coordinator") {
			reason = "UNKNOWN_REFERENCE"
		}
		if violations, _ := wantFault(t, err, codes.InvalidArgument, reason); len(violations) != 1 || !strings.HasPrefix(violations[0], want) {
			t.Errorf("%q, want %s", violations, want)
		}
	}
	if list, err := m.ListAdoptions(t.Context(), &marketplacev1.ListAdoptionsRequest{}); err != nil || list.GetTotalSize() != 1 {
		t.Errorf("%v, %v", list, err)
	}
}

// TestGroupMovesTogether: one that cannot move holds the others, unless the move is partial; the history has nothing of a refused one.
func TestGroupMovesTogether(t *testing.T) {
	t.Parallel()
	m := offers(t)
	g := m.grouped(together())
	names := []string{"adoptions/hunde-owl-" + buende, "adoptions/hunde-owl-" + herford}
	m.takeTo(names[0], toOffered, toContracted)
	_, err := m.moveGroup(t.Context(), g.GetName(), toConnecting)
	violations, meta := wantFault(t, err, codes.FailedPrecondition, "STATE_FORBIDS")
	if len(violations) != 1 || !strings.HasPrefix(violations[0], names[1]+": Zustand: aus „Interesse bekundet“ (INTERESTED)") || meta["resource"] != g.GetName() {
		t.Errorf("%q %v", violations, meta)
	}
	req := &marketplacev1.MoveAdoptionGroupRequest{Name: g.GetName(), State: toConnecting, Partial: true, RequestId: "teil-1"}
	moved, err := m.MoveAdoptionGroup(t.Context(), req)
	if err != nil || moved.GetMoved() != 1 || len(moved.GetRefusals()) != 1 || fmt.Sprint(moved.GetAdoptionGroup().GetCounts()) == "" {
		t.Fatalf("%v, %v", moved, err)
	}
	if r := moved.GetRefusals()[0]; r.GetAdoption() != names[1] || r.GetMunicipality() != "municipalities/"+herford || r.GetReason() != "STATE_FORBIDS" || !strings.Contains(r.GetMessageEn(), "INTERESTED") {
		t.Errorf("%v", r)
	}
	again, err := m.MoveAdoptionGroup(t.Context(), req)
	if err != nil || !proto.Equal(again, moved) {
		t.Errorf("repeated: %v, %v, want %v", again, err, moved)
	}
	_, err = m.moveGroup(t.Context(), g.GetName(), toConnecting, "municipalities/"+buende, "municipalities/05758099")
	if violations, _ := wantFault(t, err, codes.InvalidArgument, "INVALID_FIELD"); len(violations) != 1 || !strings.HasPrefix(violations[0], "municipalities[1]:") {
		t.Errorf("%q", violations)
	}
	if _, err := m.moveGroup(t.Context(), g.GetName(), toWithdrawn); err != nil {
		t.Fatal(err)
	}
	_, err = m.moveGroup(t.Context(), g.GetName(), toOffered)
	wantFault(t, err, codes.FailedPrecondition, "STATE_FORBIDS")
	for i, want := range []int{5, 2} {
		if n := len(m.history(names[i])); n != want {
			t.Errorf("%s has %d records, want %d", names[i], n, want)
		}
	}
}

// history are the records of an adoption.
func (m *market) history(name string) []ledger.Entry {
	m.tb.Helper()
	own := m.other("marketplace")
	if err := own.WaitFor(m.tb.Context(), m.service.Revisions().Token()); err != nil {
		m.tb.Fatal(err)
	}
	entries, err := own.History(m.tb.Context(), own.Own().Subject("adoption", strings.TrimPrefix(name, "adoptions/")))
	if err != nil {
		m.tb.Fatal(err)
	}
	return entries
}

// TestRepeatedInterest: a late repetition answers what the first try created, also when its name was the service's choice.
func TestRepeatedInterest(t *testing.T) {
	t.Parallel()
	m := offers(t)
	first, err := m.interest(takes(buende, "hund"))
	if err != nil {
		t.Fatal(err)
	}
	m.takeTo(first.GetName(), toWithdrawn)
	req := &marketplacev1.CreateAdoptionRequest{Adoption: takes(buende, "hund"), RequestId: "wieder"}
	second, err := m.CreateAdoption(t.Context(), req)
	if err != nil || second.GetName() != first.GetName()+"-2" {
		t.Fatalf("%v, %v", second, err)
	}
	m.takeTo(second.GetName(), toOffered)
	if again, err := m.CreateAdoption(t.Context(), req); err != nil || again.GetName() != second.GetName() || again.GetState() != toOffered {
		t.Errorf("%v, %v", again, err)
	}
	if n := len(m.history(second.GetName())); n != 2 {
		t.Errorf("%d records", n)
	}
}

// atOnce makes the calls at one moment, by turns on two replicas, and counts those that succeed; the others must be refused with a code.
func (m *market) atOnce(refused codes.Code, calls ...func(marketplacev1.MarketplaceServiceClient) error) (succeeded int) {
	m.tb.Helper()
	clients := [2]marketplacev1.MarketplaceServiceClient{m.MarketplaceServiceClient, dial(m.tb, serve(m.tb, m.site))}
	var group sync.WaitGroup
	results := make([]error, len(calls))
	for i, call := range calls {
		group.Go(func() { results[i] = call(clients[i%2]) })
	}
	group.Wait()
	for _, err := range results {
		if status.Code(err) == codes.OK {
			succeeded++
		} else if status.Code(err) != refused {
			m.tb.Error(err)
		}
	}
	return succeeded
}

// TestInterestAtOnce: of many who record the same interest at once, under ids of their own, one succeeds.
func TestInterestAtOnce(t *testing.T) {
	t.Parallel()
	m := offers(t)
	var calls []func(marketplacev1.MarketplaceServiceClient) error
	for i := range 16 {
		calls = append(calls, func(c marketplacev1.MarketplaceServiceClient) error {
			_, err := c.CreateAdoption(t.Context(), &marketplacev1.CreateAdoptionRequest{Adoption: takes(buende, "hund"), AdoptionId: fmt.Sprint("nr-", i)})
			return err
		})
	}
	if n := m.atOnce(codes.AlreadyExists, calls...); n != 1 {
		t.Errorf("%d were taken", n)
	}
}

// TestLiveAtOnce: of several adoptions of one service that go live at once, one succeeds.
func TestLiveAtOnce(t *testing.T) {
	t.Parallel()
	m := offers(t)
	var calls []func(marketplacev1.MarketplaceServiceClient) error
	for i := range 6 {
		id := fmt.Sprint("hunde", i)
		m.published(offer(), id)
		m.agreed(&marketplacev1.Contract{
			DisplayName: id, Kind: marketplacev1.Contract_KIND_DIRECT, Provider: "providers/krz", Customer: "municipalities/" + buende, Solutions: []string{"solutions/" + id}, StartDate: "2026-01-01",
		}, id)
		a, err := m.interest(&marketplacev1.Adoption{Municipality: "municipalities/" + buende, Solution: "solutions/" + id, Checklist: ready(), Url: "https://ort.example"})
		if err != nil {
			t.Fatal(err)
		}
		m.takeTo(a.GetName(), toOffered)
		if _, err := m.MoveAdoption(t.Context(), &marketplacev1.MoveAdoptionRequest{Name: a.GetName(), State: toContracted, Contract: "contracts/" + id}); err != nil {
			t.Fatal(err)
		}
		m.takeTo(a.GetName(), toConnecting)
		calls = append(calls, func(c marketplacev1.MarketplaceServiceClient) error {
			_, err := c.MoveAdoption(t.Context(), moveTo(a.GetName(), toLive))
			return err
		})
	}
	if n := m.atOnce(codes.FailedPrecondition, calls...); n != 1 {
		t.Errorf("%d are live", n)
	}
}

// TestLargeGroup: 396 municipalities and 12 services go from the interest to live, each with one record a step.
func TestLargeGroup(t *testing.T) {
	t.Parallel()
	m := stocked(t)
	g := m.large(396, 12)
	started := time.Now()
	g = m.grouped(g)
	for _, to := range []marketplacev1.Adoption_State{toOffered, toContracted, toConnecting, toLive} {
		switch to {
		case toLive:
			if _, err := m.CheckAdoptionGroup(t.Context(), &marketplacev1.CheckAdoptionGroupRequest{Name: g.GetName(), Checklist: ready()}); err != nil {
				t.Fatal(err)
			}
		case toConnecting:
			_, err := m.moveGroup(t.Context(), g.GetName(), toLive)
			if violations, _ := wantFault(t, err, codes.FailedPrecondition, "STATE_FORBIDS"); len(violations) != 21 || !strings.Contains(violations[20], "376 weitere") {
				t.Errorf("%d violations, the last %q", len(violations), violations[len(violations)-1])
			}
		}
		moved, err := m.moveGroup(t.Context(), g.GetName(), to)
		if err != nil || moved.GetMoved() != 396 || moved.GetAdoptionGroup().GetCounts()[0].GetAdoptions() != 396 {
			t.Fatalf("to %v: %v, %v", to, moved, err)
		}
	}
	t.Logf("created, moved four times and checked in %v", time.Since(started))
	if n := len(m.history("adoptions/gross-" + strings.TrimPrefix(g.GetMunicipalities()[395], "municipalities/"))); n != 6 {
		t.Errorf("%d records, want 6", n)
	}
}

// large is a group adoption that the market is ready for, with a contract that covers it.
func (m *market) large(municipalities, services int) *marketplacev1.AdoptionGroup {
	g := &marketplacev1.AdoptionGroup{DisplayName: "Groß", Solution: "solutions/gross", UrlTemplate: "https://dienste.example/{ags}/{key}"}
	var places, duties []resource
	for i := range municipalities {
		place := municipality(fmt.Sprintf("05%06d", i), "Ort", small, 10000)
		places, g.Municipalities = append(places, place), append(g.Municipalities, place.GetName())
	}
	s := offer()
	s.Coverage = nil
	for i := range services {
		service := publicService(fmt.Sprintf("99%012d", i), "Leistung", "")
		duties = append(duties, service)
		s.Coverage = append(s.Coverage, &marketplacev1.Coverage{PublicService: service.GetName()})
	}
	m.publish("municipality", "municipality", places...)
	m.publish("catalogue", "publicService", duties...)
	m.published(s, "gross")
	m.agreed(&marketplacev1.Contract{
		DisplayName: "Einzelvertrag", Kind: marketplacev1.Contract_KIND_DIRECT, Provider: "providers/krz", Customer: g.Municipalities[0],
		Municipalities: g.Municipalities[1:], Solutions: []string{"solutions/gross"}, StartDate: "2026-01-01",
	}, "direkt")
	return g
}
