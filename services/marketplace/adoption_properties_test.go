package marketplace_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"pgregory.net/rapid"

	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	"kompass.krz.de/services/platform/state"
)

// ways is what the workflow allows, kept apart from the code under test.
var ways = map[string][]string{
	"":           {"INTERESTED"},
	"INTERESTED": {"OFFERED", "WITHDRAWN"},
	"OFFERED":    {"OFFERED", "CONTRACTED", "WITHDRAWN"},
	"CONTRACTED": {"CONNECTING", "WITHDRAWN"},
	"CONNECTING": {"LIVE", "WITHDRAWN"},
	"LIVE":       {"ENDED"},
}

// adopted is what an adoption should be.
type adopted struct {
	own                bool // it is about the service that its solution alone covers, too
	name, place, group string
	solution           int
	states             []string // the first is the interest
	last               string   // day of the last move
	offerUntil         string
	contract           string
	settled            [7]bool // by kind
	url                bool
	records            int
}

func (a *adopted) state() string { return a.states[len(a.states)-1] }

func (a *adopted) over() bool { return a.state() == "ENDED" || a.state() == "WITHDRAWN" }

// marketModel is one run: two municipalities, two solutions, two contracts over everything and a framework agreement.
type marketModel struct {
	m         *market
	reader    *state.Replica[struct{}]
	days      *atomic.Int64
	run       int
	places    [2]string
	withdrawn [2]bool
	own       [2]marketplacev1.Coverage_Status // of the service that a solution alone covers; gone is not covered any more
	ends      map[string]string                // last days of terminated contracts
	all       map[string]*adopted
	groups    []string
}

func dayAt(n int64) string { return now.AddDate(0, 0, int(n)).Format(time.DateOnly) }

func (r *marketModel) today() string { return dayAt(r.days.Load()) }

func (r *marketModel) id(text string) string { return fmt.Sprintf("%s-%d", text, r.run) }

// TestNoOrderOfCommandsLosesAnAdoption sends random commands and holds state, history and events to the model.
func TestNoOrderOfCommandsLosesAnAdoption(t *testing.T) {
	t.Parallel()
	days := &atomic.Int64{}
	m := openAt(t, func() time.Time { return now.AddDate(0, 0, int(days.Load())) })
	m.publish("catalogue", "publicService", publicService("99000000000001", "Eins", ""), publicService("99000000000002", "Zwei", ""), publicService("99000000000003", "Drei", ""))
	if _, err := m.CreateProvider(t.Context(), &marketplacev1.CreateProviderRequest{ProviderId: "krz", Provider: &marketplacev1.Provider{DisplayName: "krz"}}); err != nil {
		t.Fatal(err)
	}
	reader, run := m.other("marketplace"), 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		r := &marketModel{m: m, reader: reader, days: days, run: run, ends: map[string]string{}, all: map[string]*adopted{}}
		r.stock(t)
		t.Repeat(map[string]func(*rapid.T){
			"interest":  r.interest,
			"together":  r.together,
			"move":      r.move,
			"moveAgain": r.move,
			"moveGroup": r.moveGroup,
			"prepare":   r.prepare,
			"hurry":     r.hurry,
			"check":     r.check,
			"disturb":   r.disturb,
			"look":      r.compare,
		})
		r.compare(t)
		r.compareEvents(t)
	})
	later := dial(t, serve(t, m.site))
	all := &marketplacev1.ListAdoptionsRequest{PageSize: 1000}
	first, err := m.ListAdoptions(t.Context(), all)
	second, err2 := later.ListAdoptions(t.Context(), all)
	if err != nil || err2 != nil || !proto.Equal(first, second) || first.GetTotalSize() < 20 {
		t.Errorf("a replica that replays sees something else: %v, %v", err, err2)
	}
}

// stock makes what a run needs.
func (r *marketModel) stock(t *rapid.T) {
	ctx := context.Background()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	for i := range r.places {
		ags := fmt.Sprintf("%08d", 10*r.run+i)
		r.places[i] = "municipalities/" + ags
		r.m.publish("municipality", "municipality", municipality(ags, "Ort", commonv1.SizeClass_SIZE_CLASS_KREIS, 1000))
	}
	for i := range covers {
		s := &marketplacev1.Solution{DisplayName: "L", Provider: "providers/krz", Kind: marketplacev1.Solution_KIND_EFA_SERVICE, Coverage: r.coverage(i)}
		_, err := r.m.CreateSolution(ctx, &marketplacev1.CreateSolutionRequest{Solution: s, SolutionId: r.id(fmt.Sprint("l", i))})
		must(err)
		for _, verb := range []string{"submit", "publish"} {
			_, err = verbs[verb](ctx, r.m, r.solution(i))
			must(err)
		}
	}
	for _, id := range []string{"eins", "zwei", "rahmen"} {
		c := &marketplacev1.Contract{
			DisplayName: id, Kind: marketplacev1.Contract_KIND_DIRECT, Provider: "providers/krz", Customer: r.places[0], Municipalities: r.places[1:],
			Solutions: []string{r.solution(0), r.solution(1)}, StartDate: "2025-01-01",
		}
		if id == "rahmen" {
			c.Kind = marketplacev1.Contract_KIND_FRAMEWORK
		}
		_, err := r.m.CreateContract(ctx, &marketplacev1.CreateContractRequest{Contract: c, ContractId: r.id(id)})
		must(err)
	}
}

func (r *marketModel) solution(i int) string { return "solutions/" + r.id(fmt.Sprint("l", i)) }

// taken tells whether a municipality adopts a solution.
func (r *marketModel) taken(place string, solution int) bool {
	for _, a := range r.all {
		if a.place == place && a.solution == solution && !a.over() {
			return true
		}
	}
	return false
}

func (r *marketModel) interest(t *rapid.T) {
	place, solution := rapid.SampledFrom(r.places[:]).Draw(t, "place"), rapid.IntRange(0, 1).Draw(t, "solution")
	id := rapid.SampledFrom([]string{"", fmt.Sprintf("eigen-%d-%d", r.run, len(r.all))}).Draw(t, "id")
	a, err := r.m.CreateAdoption(context.Background(), &marketplacev1.CreateAdoptionRequest{
		Adoption: &marketplacev1.Adoption{Municipality: place, Solution: r.solution(solution)}, AdoptionId: id,
	})
	switch {
	case r.withdrawn[solution]:
		wantCode(t, err, codes.FailedPrecondition)
	case r.taken(place, solution):
		wantCode(t, err, codes.AlreadyExists)
	default:
		wantCode(t, err, codes.OK)
		r.begun(a.GetName(), place, "", solution)
	}
}

func (r *marketModel) begun(name, place, group string, solution int) {
	r.all[name] = &adopted{name: name, place: place, group: group, solution: solution, own: canGoLive(r.own[solution]), states: []string{"INTERESTED"}, last: r.today(), records: 1}
}

func (r *marketModel) together(t *rapid.T) {
	solution, id := rapid.IntRange(0, 1).Draw(t, "solution"), r.id(fmt.Sprint("g", len(r.groups)))
	g, err := r.m.CreateAdoptionGroup(context.Background(), &marketplacev1.CreateAdoptionGroupRequest{
		AdoptionGroup: &marketplacev1.AdoptionGroup{DisplayName: "G", Solution: r.solution(solution), Municipalities: r.places[:]}, AdoptionGroupId: id,
	})
	switch {
	case r.withdrawn[solution]:
		wantCode(t, err, codes.FailedPrecondition)
	case r.taken(r.places[0], solution) || r.taken(r.places[1], solution):
		wantCode(t, err, codes.InvalidArgument)
	default:
		wantCode(t, err, codes.OK)
		r.groups = append(r.groups, g.GetName())
		for _, place := range r.places {
			r.begun("adoptions/"+id+"-"+strings.TrimPrefix(place, "municipalities/"), place, g.GetName(), solution)
		}
	}
}

// drawMove is a move with more or less of what it needs.
func (r *marketModel) drawMove(t *rapid.T, likely string) *marketplacev1.MoveAdoptionRequest {
	to := likely
	if rapid.IntRange(0, 3).Draw(t, "stray") == 0 {
		to = rapid.SampledFrom([]string{"INTERESTED", "OFFERED", "CONTRACTED", "CONNECTING", "LIVE", "ENDED", "WITHDRAWN"}).Draw(t, "to")
	}
	req := &marketplacev1.MoveAdoptionRequest{State: marketplacev1.Adoption_State(marketplacev1.Adoption_State_value["STATE_"+to])}
	careless := func(label string) bool { return rapid.IntRange(0, 9).Draw(t, label) == 0 }
	if (to == "OFFERED") != careless("offer") {
		until := rapid.SampledFrom([]int64{0, 1, 100}).Draw(t, "until")
		req.Offer = &marketplacev1.AdoptionOffer{ValidUntil: dayAt(r.days.Load() + until), Conditions: "wie besprochen"}
	}
	if (to == "CONTRACTED") != careless("contract") {
		req.Contract = "contracts/" + r.id(rapid.SampledFrom([]string{"eins", "zwei", "zwei", "rahmen"}).Draw(t, "which"))
	}
	if (to == "ENDED" || to == "WITHDRAWN") != careless("note") {
		req.Note = "Grund"
	}
	if rapid.IntRange(0, 2).Draw(t, "dated") == 0 {
		req.Date = dayAt(r.days.Load() + rapid.SampledFrom([]int64{-3, 0, 0, 1}).Draw(t, "date"))
	}
	return req
}

// next is where an adoption usually goes; "" when it is over.
var next = map[string]string{"INTERESTED": "OFFERED", "OFFERED": "CONTRACTED", "CONTRACTED": "CONNECTING", "CONNECTING": "LIVE", "LIVE": "ENDED"}

// dateOf is the day of a move.
func (r *marketModel) dateOf(req *marketplacev1.MoveAdoptionRequest) string {
	if req.GetDate() == "" {
		return r.today()
	}
	return req.GetDate()
}

// malformed tells whether a move is wrong whatever it is about.
func (r *marketModel) malformed(req *marketplacev1.MoveAdoptionRequest) bool {
	to, date := strings.TrimPrefix(req.GetState().String(), "STATE_"), r.dateOf(req)
	return (req.GetOffer() != nil) != (to == "OFFERED") || (req.GetContract() != "") != (to == "CONTRACTED") ||
		req.GetNote() == "" && (to == "ENDED" || to == "WITHDRAWN") || date > r.today() || to == "OFFERED" && req.GetOffer().GetValidUntil() < date
}

// expect is the answer to a move of an adoption, and moves the model when it is OK.
func (r *marketModel) expect(a *adopted, req *marketplacev1.MoveAdoptionRequest) codes.Code {
	to, date := strings.TrimPrefix(req.GetState().String(), "STATE_"), r.dateOf(req)
	if !slices.Contains(ways[a.state()], to) {
		return codes.FailedPrecondition
	}
	if r.malformed(req) || date < a.last {
		return codes.InvalidArgument
	}
	contract := a.contract
	if to == "CONTRACTED" {
		contract = req.GetContract()
	}
	ends, terminated := r.ends[contract]
	over := strings.Contains(contract, "rahmen") || terminated && ends < date
	if over && (to == "CONTRACTED" || to == "CONNECTING" || to == "LIVE") || to == "CONTRACTED" && a.offerUntil < date || to == "LIVE" && !r.mayGoLive(a) {
		return codes.FailedPrecondition
	}
	if to == "OFFERED" {
		a.offerUntil = req.GetOffer().GetValidUntil()
	}
	a.contract, a.last, a.states = contract, date, append(a.states, to)
	a.records++
	return codes.OK
}

// mayGoLive tells whether nothing but the contract can hold an adoption back.
func (r *marketModel) mayGoLive(a *adopted) bool {
	for _, other := range r.all {
		if other != a && other.place == a.place && other.state() == "LIVE" { // the solutions meet in the second service
			return false
		}
	}
	return (!a.own || canGoLive(r.own[a.solution])) && a.url && !r.withdrawn[a.solution] && !slices.Contains(a.settled[1:], false)
}

// pick is one of the adoptions; nil when there is none.
func (r *marketModel) pick(t *rapid.T) *adopted {
	if len(r.all) == 0 {
		return nil
	}
	return r.all[rapid.SampledFrom(slices.Sorted(maps.Keys(r.all))).Draw(t, "adoption")]
}

func (r *marketModel) move(t *rapid.T) {
	a := r.pick(t)
	if a == nil {
		return
	}
	req := r.drawMove(t, next[a.state()])
	if req.GetState() == 0 {
		return
	}
	req.Name = a.name
	r.try(t, a, req)
}

// try moves an adoption and its model, and tells whether they moved.
func (r *marketModel) try(t *rapid.T, a *adopted, req *marketplacev1.MoveAdoptionRequest) bool {
	got, err := r.m.MoveAdoption(context.Background(), req)
	if want := r.expect(a, req); status.Code(err) != want || err == nil && got.GetState() != req.GetState() {
		t.Fatalf("%v of %+v on %s: %v, %v, want %v", req, a, r.today(), got, err, want)
	}
	return err == nil
}

func (r *marketModel) moveGroup(t *rapid.T) {
	if len(r.groups) == 0 {
		return
	}
	group := rapid.SampledFrom(r.groups).Draw(t, "group")
	var members, before []*adopted
	for _, name := range slices.Sorted(maps.Keys(r.all)) {
		if a := r.all[name]; a.group == group {
			copied := *a
			copied.states = slices.Clone(a.states)
			members, before = append(members, a), append(before, &copied)
		}
	}
	one := r.drawMove(t, next[members[0].state()])
	if one.GetState() == 0 {
		return
	}
	partial := rapid.Bool().Draw(t, "partial")
	answer, err := r.m.MoveAdoptionGroup(context.Background(), &marketplacev1.MoveAdoptionGroupRequest{
		Name: group, State: one.GetState(), Offer: one.GetOffer(), Contract: one.GetContract(), Date: one.GetDate(), Note: one.GetNote(), Partial: partial,
	})
	moved, refused, there, malformed := 0, 0, 0, false
	for _, a := range members {
		switch at := a.state() == strings.TrimPrefix(one.GetState().String(), "STATE_"); {
		case at:
			there++
		case a.over():
		case r.malformed(one) && slices.Contains(ways[a.state()], strings.TrimPrefix(one.GetState().String(), "STATE_")):
			malformed = true
		case r.expect(a, one) == codes.OK:
			moved++
		default:
			refused++
		}
	}
	fails := malformed || refused+moved == 0 && r.malformed(one) || refused > 0 && (!partial || moved+there == 0) || refused+moved+there == 0
	if fails != (err != nil) || err == nil && (int(answer.GetMoved()) != moved || len(answer.GetRefusals()) != refused) {
		t.Fatalf("%v, partial %v: %v, %v; want %d moved, %d refused, %d there", one, partial, answer, err, moved, refused, there)
	}
	if fails { // nothing moved: not even those that could
		for i, a := range before {
			*members[i] = *a
		}
	}
}

// hurry takes an adoption as far as it goes today; somebody may have forgotten the checklist.
func (r *marketModel) hurry(t *rapid.T) {
	a := r.pick(t)
	if a == nil || a.over() {
		return
	}
	if rapid.IntRange(0, 3).Draw(t, "forgotten") > 0 {
		r.update(t, a, ready(), true)
	}
	for to := next[a.state()]; to != "ENDED"; to = next[to] {
		req := moveTo(a.name, marketplacev1.Adoption_State(marketplacev1.Adoption_State_value["STATE_"+to]))
		if req.GetContract() != "" {
			req.Contract = "contracts/" + r.id("zwei")
		}
		if req.GetOffer() != nil {
			req.Offer.ValidUntil = r.today()
		}
		if !r.try(t, a, req) {
			return
		}
	}
}

// prepare completes an adoption as somebody careful would.
func (r *marketModel) prepare(t *rapid.T) {
	if a := r.pick(t); a != nil {
		r.update(t, a, ready(), true)
	}
}

// check notes one step of the checklist, or takes it back.
func (r *marketModel) check(t *rapid.T) {
	a := r.pick(t)
	if a == nil {
		return
	}
	item := &marketplacev1.ChecklistItem{Kind: marketplacev1.ChecklistItem_Kind(rapid.IntRange(1, 6).Draw(t, "kind"))}
	item.Status = marketplacev1.ChecklistItem_Status(rapid.IntRange(1, 2).Draw(t, "status"))
	r.update(t, a, []*marketplacev1.ChecklistItem{item}, rapid.IntRange(0, 4).Draw(t, "url") > 0)
}

// update expects that addresses and checklist stay closed from the day on which an adoption is live.
func (r *marketModel) update(t *rapid.T, a *adopted, items []*marketplacev1.ChecklistItem, url bool) {
	given := &marketplacev1.Adoption{Name: a.name, Checklist: items, Etag: r.get(t, a.name).GetEtag()}
	if url {
		given.Url = "https://ort.example/dienst"
	}
	got, err := r.m.UpdateAdoption(context.Background(), &marketplacev1.UpdateAdoptionRequest{
		Adoption: given, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"url", "checklist"}},
	})
	closed := a.over() || a.state() == "LIVE"
	switch {
	case err == nil && got.GetEtag() != given.GetEtag() && !closed:
		a.records++
	case err == nil && got.GetEtag() == given.GetEtag():
	case !closed || status.Code(err) != codes.FailedPrecondition:
		t.Fatalf("update of %+v: %v, %v", a, got, err)
	}
	if closed {
		return
	}
	a.url = url
	for _, item := range items {
		a.settled[item.GetKind()] = item.GetStatus() != marketplacev1.ChecklistItem_STATUS_OPEN
	}
}

func (r *marketModel) get(t *rapid.T, name string) *marketplacev1.Adoption {
	a, err := r.m.GetAdoption(context.Background(), &marketplacev1.GetAdoptionRequest{Name: name})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// compare holds what the service answers to the model and to what must always be so.
func (r *marketModel) compare(t *rapid.T) {
	live := map[string]string{}
	for name, want := range r.all {
		got := r.get(t, name)
		if (len(got.GetServices()) == 2) != want.own {
			t.Fatalf("%s is about %v", name, got.GetServices())
		}
		states, from := []string{}, ""
		for _, move := range got.GetTransitions() {
			to := strings.TrimPrefix(move.GetTo().String(), "STATE_")
			if before := strings.TrimPrefix(move.GetFrom().String(), "STATE_"); from != "" && before != from || !slices.Contains(ways[from], to) {
				t.Fatalf("%s went from %s to %s", name, from, to)
			}
			states, from = append(states, to), to
		}
		if !slices.Equal(states, want.states) || got.GetState().String() != "STATE_"+want.state() {
			t.Fatalf("%s is %v with %v, want %v", name, got.GetState(), states, want.states)
		}
		if want.state() != "LIVE" {
			continue
		}
		for _, item := range got.GetChecklist() {
			if item.GetStatus() <= marketplacev1.ChecklistItem_STATUS_OPEN {
				t.Fatalf("%s is live with %v", name, item)
			}
		}
		for _, s := range got.GetServices() {
			at := got.GetMunicipality() + s.GetPublicService()
			if live[at] != "" || got.GetContract() == "" || got.GetUrl() == "" && s.GetUrl() == "" {
				t.Fatalf("%s is live with %v beside %q", name, s, live[at])
			}
			live[at] = name
		}
	}
}

// compareEvents expects one record of every command that was accepted.
func (r *marketModel) compareEvents(t *rapid.T) {
	if err := r.reader.WaitFor(context.Background(), r.m.service.Revisions().Token()); err != nil {
		t.Fatal(err)
	}
	for name, want := range r.all {
		subject := r.reader.Own().Subject("adoption", strings.TrimPrefix(name, "adoptions/"))
		history, err := r.reader.History(context.Background(), subject)
		if err != nil || len(history) != want.records {
			t.Fatalf("%s has %d records (%v), want %d", name, len(history), err, want.records)
		}
	}
}
