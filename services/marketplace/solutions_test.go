package marketplace_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
)

const (
	dogTax   = "99107010012000"
	building = "99012001001000"
	buende   = "05758004"
	herford  = "05758012"

	small = commonv1.SizeClass_SIZE_CLASS_KLEINE_KREISANGEHOERIGE_GEMEINDE
)

// stocked is a market with two public services, two municipalities and a provider.
func stocked(tb testing.TB) *market {
	tb.Helper()
	return stock(open(tb))
}

func stock(m *market) *market {
	m.tb.Helper()
	m.publish("catalogue", "publicService", publicService(dogTax, "Hundesteuer Anmeldung", ""), publicService(building, "Baugenehmigung Erteilung", ""))
	m.publish("municipality", "municipality", municipality(buende, "Bünde", small, 45000), municipality(herford, "Herford", small, 66000))
	if _, err := m.CreateProvider(m.tb.Context(), &marketplacev1.CreateProviderRequest{
		ProviderId: "krz", Provider: &marketplacev1.Provider{DisplayName: "krz Minden-Ravensberg/Lippe"},
	}); err != nil {
		m.tb.Fatal(err)
	}
	return m
}

func offer() *marketplacev1.Solution {
	return &marketplacev1.Solution{
		DisplayName: "Hundesteuer Online für Büros & Ämter", Provider: "providers/krz", Kind: marketplacev1.Solution_KIND_EFA_SERVICE,
		Coverage:    []*marketplacev1.Coverage{{PublicService: "publicServices/" + dogTax, Maturity: &municipalityv1.Maturity{Level: 3}}},
		SizeClasses: []commonv1.SizeClass{small}, PromisedDate: "2027-03-31", Submitter: "municipalities/" + buende,
	}
}

func (m *market) create(s *marketplacev1.Solution, id string) *marketplacev1.Solution {
	m.tb.Helper()
	created, err := m.CreateSolution(m.tb.Context(), &marketplacev1.CreateSolutionRequest{Solution: s, SolutionId: id})
	if err != nil {
		m.tb.Fatal(err)
	}
	return created
}

// verbs call the RPC that moves a solution, with a note.
var verbs = map[string]func(context.Context, *market, string) (*marketplacev1.Solution, error){
	"submit": func(ctx context.Context, m *market, name string) (*marketplacev1.Solution, error) {
		return m.SubmitSolution(ctx, &marketplacev1.SubmitSolutionRequest{Name: name, Note: "submit"})
	},
	"publish": func(ctx context.Context, m *market, name string) (*marketplacev1.Solution, error) {
		return m.PublishSolution(ctx, &marketplacev1.PublishSolutionRequest{Name: name, Note: "publish"})
	},
	"reject": func(ctx context.Context, m *market, name string) (*marketplacev1.Solution, error) {
		return m.RejectSolution(ctx, &marketplacev1.RejectSolutionRequest{Name: name, Note: "reject"})
	},
	"withdraw": func(ctx context.Context, m *market, name string) (*marketplacev1.Solution, error) {
		return m.WithdrawSolution(ctx, &marketplacev1.WithdrawSolutionRequest{Name: name, Note: "withdraw"})
	},
	"update": func(ctx context.Context, m *market, name string) (*marketplacev1.Solution, error) {
		return m.UpdateSolution(ctx, &marketplacev1.UpdateSolutionRequest{Solution: &marketplacev1.Solution{Name: name, Description: "update"}})
	},
}

// TestWholeLife takes one solution from draft to withdrawal.
func TestWholeLife(t *testing.T) {
	t.Parallel()
	m := stocked(t)
	s := m.create(offer(), "")
	if s.GetName() != "solutions/hundesteuer-online-fuer-bueros-aemter" || s.GetState() != marketplacev1.Solution_STATE_DRAFT || s.GetEtag() == "" {
		t.Fatalf("created: %v", s)
	}
	if got := s.GetCoverage()[0].GetMaturity(); got.GetModel() != "1.1" || got.GetThreshold() != 3 {
		t.Errorf("maturity is %v, want the default model with its threshold", got)
	}
	steps := []struct {
		verb  string
		state marketplacev1.Solution_State
	}{
		{"submit", marketplacev1.Solution_STATE_SUBMITTED}, {"reject", marketplacev1.Solution_STATE_REJECTED},
		{"submit", marketplacev1.Solution_STATE_SUBMITTED}, {"publish", marketplacev1.Solution_STATE_PUBLISHED},
		{"withdraw", marketplacev1.Solution_STATE_WITHDRAWN},
	}
	etag := s.GetEtag()
	for _, step := range steps {
		moved, err := verbs[step.verb](t.Context(), m, s.GetName())
		if err != nil {
			t.Fatalf("%s: %v", step.verb, err)
		}
		if moved.GetState() != step.state || moved.GetReviewNote() != step.verb || moved.GetEtag() == etag {
			t.Fatalf("after %s: %v", step.verb, moved)
		}
		etag = moved.GetEtag()
	}
	m.publish("municipality", "implementation", &municipalityv1.Implementation{
		Name: "municipalities/" + buende + "/implementations/" + dogTax, Solution: s.GetName(),
	})
	// A withdrawn solution stays readable, its users visible, and a replica that starts later sees the same.
	for who, client := range map[string]marketplacev1.MarketplaceServiceClient{"first": m, "later": dial(t, serve(t, m.site))} {
		got, err := client.GetSolution(t.Context(), &marketplacev1.GetSolutionRequest{Name: s.GetName()})
		if err != nil {
			t.Fatal(err)
		}
		if got.GetState() != marketplacev1.Solution_STATE_WITHDRAWN || got.GetUserCount() != 1 || got.GetEtag() != etag || len(got.GetPromiseChanges()) != 1 {
			t.Errorf("%s replica: %v", who, got)
		}
	}
}

// TestEveryVerbInEveryState goes through the whole table, what is forbidden included.
func TestEveryVerbInEveryState(t *testing.T) {
	t.Parallel()
	m := stocked(t)
	paths := map[string][]string{
		"DRAFT": nil, "SUBMITTED": {"submit"}, "REJECTED": {"submit", "reject"},
		"PUBLISHED": {"submit", "publish"}, "WITHDRAWN": {"submit", "publish", "withdraw"},
	}
	want := map[string]map[string]string{
		"DRAFT":     {"update": "DRAFT", "submit": "SUBMITTED"},
		"SUBMITTED": {"update": "SUBMITTED", "publish": "PUBLISHED", "reject": "REJECTED"},
		"REJECTED":  {"update": "REJECTED", "submit": "SUBMITTED"},
		"PUBLISHED": {"update": "PUBLISHED", "withdraw": "WITHDRAWN"},
		"WITHDRAWN": {},
	}
	for from, path := range paths {
		for verb, call := range verbs {
			t.Run(from+"/"+verb, func(t *testing.T) {
				s := m.create(offer(), "s-"+strings.ToLower(from)+"-"+verb)
				for _, step := range path {
					if _, err := verbs[step](t.Context(), m, s.GetName()); err != nil {
						t.Fatal(err)
					}
				}
				moved, err := call(t.Context(), m, s.GetName())
				if to, ok := want[from][verb]; ok {
					if err != nil || moved.GetState().String() != "STATE_"+to {
						t.Fatalf("got %v, %v; want state %s", moved, err, to)
					}
					return
				}
				violations, meta := wantFault(t, err, codes.FailedPrecondition, "STATE_FORBIDS")
				if meta["state"] != from || meta["verb"] != verb || len(violations) != 1 {
					t.Errorf("metadata %v, violations %q", meta, violations)
				}
				for other := range want[from] {
					if !strings.Contains(violations[0], other) || !strings.Contains(meta["allowed"], other) {
						t.Errorf("does not say that %s is possible: %q, %v", other, violations, meta)
					}
				}
			})
		}
	}
}

func TestSubmissionRequires(t *testing.T) {
	t.Parallel()
	m := stocked(t)
	m.create(&marketplacev1.Solution{}, "empty")
	_, err := verbs["submit"](t.Context(), m, "solutions/empty")
	violations, _ := wantFault(t, err, codes.InvalidArgument, "INVALID_FIELD")
	for i, field := range []string{"displayName: fehlt / is missing", "kind: fehlt / is missing", "coverage: nennt keine Leistung / names no public service"} {
		if len(violations) != 3 || violations[i] != field {
			t.Fatalf("violations are %q", violations)
		}
	}
	// What was submitted must stay complete.
	s := m.create(offer(), "whole")
	if _, err := verbs["submit"](t.Context(), m, s.GetName()); err != nil {
		t.Fatal(err)
	}
	_, err = m.UpdateSolution(t.Context(), &marketplacev1.UpdateSolutionRequest{
		Solution: &marketplacev1.Solution{Name: s.GetName()}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"coverage"}},
	})
	if violations, _ := wantFault(t, err, codes.InvalidArgument, "INVALID_FIELD"); len(violations) != 1 || !strings.HasPrefix(violations[0], "solution.coverage: ") {
		t.Errorf("violations are %q", violations)
	}
}

func TestUnknownReferences(t *testing.T) {
	t.Parallel()
	m := stocked(t)
	s := offer()
	s.Provider, s.Submitter = "providers/nobody", "municipalities/05999999"
	s.Coverage = append(s.Coverage, &marketplacev1.Coverage{PublicService: "publicServices/99000000000000"}, &marketplacev1.Coverage{PublicService: "publicServices/ohne-abc"})
	_, err := m.CreateSolution(t.Context(), &marketplacev1.CreateSolutionRequest{Solution: s})
	violations, meta := wantFault(t, err, codes.InvalidArgument, "UNKNOWN_REFERENCE")
	fields := make([]string, 0, len(violations))
	for _, v := range violations {
		field, _, _ := strings.Cut(v, ":")
		fields = append(fields, field)
	}
	want := []string{"solution.provider", "solution.submitter", "solution.coverage[1].publicService", "solution.coverage[2].publicService"}
	if !slices.Equal(fields, want) || meta["resource"] != "providers/nobody" {
		t.Errorf("fields %q, metadata %v", fields, meta)
	}
}

func TestCoverageHasLevelsOfItsModel(t *testing.T) {
	t.Parallel()
	m := stocked(t)
	s := offer()
	s.Coverage = append(s.Coverage, &marketplacev1.Coverage{PublicService: "publicServices/" + building, Maturity: &municipalityv1.Maturity{Level: 5}})
	_, err := m.CreateSolution(t.Context(), &marketplacev1.CreateSolutionRequest{Solution: s})
	violations, _ := wantFault(t, err, codes.InvalidArgument, "INVALID_FIELD")
	want := []string{"solution.coverage[1].maturity.level: Modell 1.1 hat die Stufen 0 bis 4 / model 1.1 has levels 0 to 4"}
	if !slices.Equal(violations, want) {
		t.Errorf("violations %q, want %q", violations, want)
	}
	s.Coverage[1].Maturity.Model = "2.0"
	if got := m.create(s, "levels").GetCoverage()[1].GetMaturity(); got.GetLevel() != 5 || got.GetThreshold() != 4 {
		t.Errorf("maturity is %v", got)
	}
}

func TestPromisedDate(t *testing.T) {
	t.Parallel()
	m := stocked(t)
	s := m.create(offer(), "promise")
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "a")
	for range 2 { // the second promises nothing new
		if _, err := m.UpdateSolution(ctx, &marketplacev1.UpdateSolutionRequest{Solution: &marketplacev1.Solution{Name: s.GetName(), PromisedDate: "2027-09-30"}}); err != nil {
			t.Fatal(err)
		}
	}
	got, err := m.UpdateSolution(t.Context(), &marketplacev1.UpdateSolutionRequest{
		Solution: &marketplacev1.Solution{Name: s.GetName()}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"promisedDate"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	lines := make([]string, 0, 3)
	for _, c := range got.GetPromiseChanges() {
		lines = append(lines, fmt.Sprintf("%s>%s %s %s", c.GetOldDate(), c.GetNewDate(), c.GetActor(), c.GetTime().AsTime().Format("2006-01-02")))
	}
	want := []string{">2027-03-31 tester 2026-03-02", "2027-03-31>2027-09-30 a 2026-03-02", "2027-09-30> tester 2026-03-02"}
	if !slices.Equal(lines, want) {
		t.Errorf("promise changes are %q", lines)
	}
	// Clients cannot write the history, and the date must exist.
	_, err = m.UpdateSolution(t.Context(), &marketplacev1.UpdateSolutionRequest{
		Solution: &marketplacev1.Solution{Name: s.GetName()}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"promise_changes"}},
	})
	wantFault(t, err, codes.InvalidArgument, "INVALID_FIELD_MASK")
	_, err = m.UpdateSolution(t.Context(), &marketplacev1.UpdateSolutionRequest{Solution: &marketplacev1.Solution{Name: s.GetName(), PromisedDate: "2027-02-30"}})
	wantFault(t, err, codes.InvalidArgument, "INVALID_FIELD")
	forged := offer()
	forged.State, forged.UserCount, forged.ReviewNote = marketplacev1.Solution_STATE_PUBLISHED, 9, "forged"
	forged.PromiseChanges = []*marketplacev1.PromiseChange{{OldDate: "2020-01-01"}, {}}
	if c := m.create(forged, "forged"); c.GetState() != marketplacev1.Solution_STATE_DRAFT || c.GetUserCount() != 0 || c.GetReviewNote() != "" || len(c.GetPromiseChanges()) != 1 {
		t.Errorf("a client wrote what it must not: %v", c)
	}
}

func TestEtagRequestIDValidateOnly(t *testing.T) {
	t.Parallel()
	m := stocked(t)
	ctx := t.Context()
	s := m.create(offer(), "one")

	dry, err := m.SubmitSolution(ctx, &marketplacev1.SubmitSolutionRequest{Name: s.GetName(), ValidateOnly: true})
	if err != nil || dry.GetState() != marketplacev1.Solution_STATE_SUBMITTED || dry.GetEtag() != "" || dry.GetCoverage()[0].GetMaturity().GetThreshold() != 3 {
		t.Fatalf("validate only: %v, %v", dry, err)
	}
	if got, _ := m.GetSolution(ctx, &marketplacev1.GetSolutionRequest{Name: s.GetName()}); !proto.Equal(got, s) {
		t.Fatalf("validate_only changed %v to %v", s, got)
	}

	submit := &marketplacev1.SubmitSolutionRequest{Name: s.GetName(), Etag: s.GetEtag(), RequestId: "r1"}
	first, err := m.SubmitSolution(ctx, submit)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := m.SubmitSolution(ctx, submit); err != nil || !proto.Equal(first, again) {
		t.Errorf("repeated: %v, %v", again, err)
	}
	_, err = m.PublishSolution(ctx, &marketplacev1.PublishSolutionRequest{Name: s.GetName(), Etag: s.GetEtag(), RequestId: "r1"})
	wantFault(t, err, codes.AlreadyExists, "REQUEST_ID_REUSED")
	_, err = m.PublishSolution(ctx, &marketplacev1.PublishSolutionRequest{Name: s.GetName(), Etag: s.GetEtag()})
	wantFault(t, err, codes.Aborted, "ETAG_MISMATCH")
	_, err = m.UpdateSolution(metadata.AppendToOutgoingContext(ctx, "if-match", `"old"`), &marketplacev1.UpdateSolutionRequest{Solution: &marketplacev1.Solution{Name: s.GetName(), Url: "https://krz.de"}})
	wantFault(t, err, codes.Aborted, "ETAG_MISMATCH")
	_, err = verbs["submit"](ctx, m, "solutions/none")
	wantFault(t, err, codes.NotFound, "RESOURCE_NOT_FOUND")
	_, err = m.SubmitSolution(ctx, &marketplacev1.SubmitSolutionRequest{Name: "solutions/none", Etag: "1"})
	wantFault(t, err, codes.Aborted, "ETAG_MISMATCH")
	_, err = m.UpdateSolution(metadata.AppendToOutgoingContext(ctx, "if-none-match", "*"), &marketplacev1.UpdateSolutionRequest{Solution: offerNamed(s.GetName())})
	wantFault(t, err, codes.Aborted, "ETAG_MISMATCH")
	_, err = m.RejectSolution(ctx, &marketplacev1.RejectSolutionRequest{Name: s.GetName(), Note: " "})
	wantFault(t, err, codes.InvalidArgument, "INVALID_FIELD")
	_, err = m.UpdateSolution(ctx, &marketplacev1.UpdateSolutionRequest{Solution: &marketplacev1.Solution{Name: "solutions/a.b"}})
	wantFault(t, err, codes.InvalidArgument, "INVALID_FIELD")

	// The header names a request as its own field does.
	keyed := metadata.AppendToOutgoingContext(ctx, "idempotency-key", "r2")
	for range 2 {
		if first, err = m.PublishSolution(keyed, &marketplacev1.PublishSolutionRequest{Name: s.GetName()}); err != nil {
			t.Fatal(err)
		}
	}

	// A change that changes nothing is none.
	same, err := m.UpdateSolution(ctx, &marketplacev1.UpdateSolutionRequest{Solution: offerNamed(s.GetName())})
	if err != nil || same.GetEtag() != first.GetEtag() {
		t.Errorf("no change: etag %q after %q, %v", same.GetEtag(), first.GetEtag(), err)
	}
}

func offerNamed(name string) *marketplacev1.Solution {
	s := offer()
	s.Name = name
	return s
}

func TestProviders(t *testing.T) {
	t.Parallel()
	m := open(t)
	ctx := t.Context()
	create := &marketplacev1.CreateProviderRequest{Provider: &marketplacev1.Provider{DisplayName: "Städte-Verbund Ölper"}, RequestId: "r", ValidateOnly: true}
	var p *marketplacev1.Provider
	var err error
	for range 3 { // a rehearsal, the real one, and its repetition
		if p, err = m.CreateProvider(ctx, create); err != nil || p.GetName() != "providers/staedte-verbund-oelper" || (p.GetEtag() == "") != create.GetValidateOnly() {
			t.Fatalf("%v, %v", p, err)
		}
		create.ValidateOnly = false
	}
	_, err = m.CreateProvider(ctx, &marketplacev1.CreateProviderRequest{Provider: &marketplacev1.Provider{DisplayName: "Staedte Verbund Oelper"}})
	wantFault(t, err, codes.AlreadyExists, "RESOURCE_ALREADY_EXISTS")
	_, err = m.CreateProvider(ctx, &marketplacev1.CreateProviderRequest{Provider: &marketplacev1.Provider{DisplayName: "!?"}})
	wantFault(t, err, codes.InvalidArgument, "INVALID_FIELD")
	_, err = m.CreateProvider(ctx, &marketplacev1.CreateProviderRequest{Provider: &marketplacev1.Provider{}, ProviderId: "x"})
	wantFault(t, err, codes.InvalidArgument, "INVALID_FIELD")
	u, err := m.UpdateProvider(ctx, &marketplacev1.UpdateProviderRequest{Provider: &marketplacev1.Provider{Name: p.GetName(), Etag: p.GetEtag(), Url: "https://example.org"}})
	if err != nil || u.GetDisplayName() != p.GetDisplayName() || u.GetUrl() == "" || u.GetEtag() == p.GetEtag() {
		t.Fatalf("%v, %v", u, err)
	}
	_, err = m.UpdateProvider(ctx, &marketplacev1.UpdateProviderRequest{Provider: &marketplacev1.Provider{Name: p.GetName(), Etag: p.GetEtag(), Url: "https://example.com"}})
	wantFault(t, err, codes.Aborted, "ETAG_MISMATCH")
	_, err = m.UpdateProvider(ctx, &marketplacev1.UpdateProviderRequest{
		Provider: &marketplacev1.Provider{Name: p.GetName()}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"display_name"}},
	})
	wantFault(t, err, codes.InvalidArgument, "INVALID_FIELD")
	got, err := m.GetProvider(ctx, &marketplacev1.GetProviderRequest{Name: p.GetName()})
	if err != nil || !proto.Equal(got, u) {
		t.Errorf("%v, %v", got, err)
	}
	l, err := m.ListProviders(ctx, &marketplacev1.ListProvidersRequest{})
	if err != nil || l.GetTotalSize() != 1 || !proto.Equal(l.GetProviders()[0], u) {
		t.Errorf("%v, %v", l, err)
	}
}

func TestFilters(t *testing.T) {
	t.Parallel()
	m := stocked(t)
	a, b := offer(), offer()
	a.EfaState = marketplacev1.Solution_EFA_STATE_DEVELOPMENT_KDN
	b.Kind, b.Provider = marketplacev1.Solution_KIND_FORM, ""
	b.Coverage[0].PublicService = "publicServices/" + building
	m.create(a, "a")
	m.create(b, "b")
	if _, err := verbs["submit"](t.Context(), m, "solutions/b"); err != nil {
		t.Fatal(err)
	}
	m.publish("municipality", "implementation",
		&municipalityv1.Implementation{Name: "municipalities/" + buende + "/implementations/" + dogTax, Solution: "solutions/a"},
		&municipalityv1.Implementation{Name: "municipalities/" + buende + "/implementations/" + building, Solution: "solutions/a"},
		&municipalityv1.Implementation{Name: "municipalities/" + herford + "/implementations/" + dogTax, Solution: "solutions/a"})
	cases := map[string]string{
		"": "solutions/a solutions/b", `state = DRAFT`: "solutions/a", `state = STATE_SUBMITTED`: "solutions/b",
		`kind = FORM`: "solutions/b", `provider = "providers/krz"`: "solutions/a", `efa_state = DEVELOPMENT_KDN`: "solutions/a",
		`coverage.public_service:"publicServices/` + building + `"`: "solutions/b", `userCount = 2`: "solutions/a",
	}
	for filter, want := range cases {
		l, err := m.ListSolutions(t.Context(), &marketplacev1.ListSolutionsRequest{Filter: filter})
		if err != nil {
			t.Errorf("%s: %v", filter, err)
			continue
		}
		var names []string
		for _, s := range l.GetSolutions() {
			names = append(names, s.GetName())
		}
		if strings.Join(names, " ") != want {
			t.Errorf("%s finds %q, want %q", filter, names, want)
		}
	}
	m.remove("municipality", "implementation", "municipalities/"+herford+"/implementations/"+dogTax)
	if s, _ := m.GetSolution(t.Context(), &marketplacev1.GetSolutionRequest{Name: "solutions/a"}); s.GetUserCount() != 1 {
		t.Errorf("after a removal: %d users", s.GetUserCount())
	}
}

// TestParallelCreators lets 16 create the same id: exactly one wins.
func TestParallelCreators(t *testing.T) {
	t.Parallel()
	m := stocked(t)
	var wait sync.WaitGroup
	codesSeen := make([]codes.Code, 16)
	for i := range codesSeen {
		wait.Go(func() {
			s := offer()
			s.Description = fmt.Sprint(i)
			_, err := m.CreateSolution(t.Context(), &marketplacev1.CreateSolutionRequest{Solution: s, SolutionId: "contested"})
			codesSeen[i] = status.Code(err)
			_, listed := m.ListSolutions(t.Context(), &marketplacev1.ListSolutionsRequest{})
			_, ranked := m.ListPortfolioGaps(t.Context(), &marketplacev1.ListPortfolioGapsRequest{})
			if listed != nil || ranked != nil {
				t.Error(listed, ranked)
			}
		})
	}
	wait.Wait()
	won := 0
	for _, c := range codesSeen {
		switch c {
		case codes.OK:
			won++
		case codes.AlreadyExists:
		default:
			t.Errorf("a loser got %v", c)
		}
	}
	if won != 1 {
		t.Errorf("%d winners", won)
	}
}
