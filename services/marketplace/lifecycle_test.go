package marketplace_test

import (
	"context"
	"fmt"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"pgregory.net/rapid"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
)

// model is what a solution should be, kept apart from the code under test.
type model struct {
	name     string
	state    string
	covers   bool
	date     string
	promises [][2]string
}

var transitions = map[[2]string]string{
	{"DRAFT", "submit"}: "SUBMITTED", {"REJECTED", "submit"}: "SUBMITTED", {"SUBMITTED", "publish"}: "PUBLISHED",
	{"SUBMITTED", "reject"}: "REJECTED", {"PUBLISHED", "withdraw"}: "WITHDRAWN",
}

// TestNoOrderOfCommandsReachesAForbiddenState sends random commands and holds every answer to the model.
func TestNoOrderOfCommandsReachesAForbiddenState(t *testing.T) {
	t.Parallel()
	m := stocked(t)
	ctx, run := t.Context(), 0
	rapid.Check(t, func(t *rapid.T) {
		run++
		want := &model{name: fmt.Sprintf("solutions/run-%d", run), state: "DRAFT", covers: true}
		s := offer()
		s.PromisedDate = ""
		if _, err := m.CreateSolution(ctx, &marketplacev1.CreateSolutionRequest{Solution: s, SolutionId: want.name[len("solutions/"):]}); err != nil {
			t.Fatal(err)
		}
		t.Repeat(map[string]func(*rapid.T){
			"move":    func(t *rapid.T) { want.move(ctx, t, m) },
			"promise": func(t *rapid.T) { want.promise(ctx, t, m) },
			"cover":   func(t *rapid.T) { want.cover(ctx, t, m) },
			"":        func(t *rapid.T) { want.check(ctx, t, m) },
		})
	})
	later := dial(t, serve(t, m.site))
	all := &marketplacev1.ListSolutionsRequest{PageSize: 1000}
	first, err := m.ListSolutions(ctx, all)
	second, err2 := later.ListSolutions(ctx, all)
	if err != nil || err2 != nil || !proto.Equal(first, second) || int(first.GetTotalSize()) < run {
		t.Errorf("a replica that replays sees something else: %v, %v", err, err2)
	}
}

func (want *model) move(ctx context.Context, t *rapid.T, m *market) {
	verb := rapid.SampledFrom([]string{"submit", "publish", "reject", "withdraw"}).Draw(t, "verb")
	_, err := verbs[verb](ctx, m, want.name)
	to, ok := transitions[[2]string{want.state, verb}]
	switch {
	case !ok:
		wantCode(t, err, codes.FailedPrecondition)
	case verb == "submit" && !want.covers:
		wantCode(t, err, codes.InvalidArgument)
	default:
		wantCode(t, err, codes.OK)
		want.state = to
	}
}

func (want *model) promise(ctx context.Context, t *rapid.T, m *market) {
	date := rapid.SampledFrom([]string{"", "2027-03-31", "2027-09-30"}).Draw(t, "date")
	_, err := m.UpdateSolution(ctx, &marketplacev1.UpdateSolutionRequest{
		Solution:   &marketplacev1.Solution{Name: want.name, PromisedDate: date, PromiseChanges: []*marketplacev1.PromiseChange{{OldDate: "2000-01-01"}}},
		UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"promised_date"}},
	})
	if want.state == "WITHDRAWN" {
		wantCode(t, err, codes.FailedPrecondition)
		return
	}
	wantCode(t, err, codes.OK)
	if date != want.date {
		want.promises = append(want.promises, [2]string{want.date, date})
		want.date = date
	}
}

func (want *model) cover(ctx context.Context, t *rapid.T, m *market) {
	covers := rapid.Bool().Draw(t, "covers")
	s := &marketplacev1.Solution{Name: want.name}
	if covers {
		s.Coverage = offer().GetCoverage()
	}
	_, err := m.UpdateSolution(ctx, &marketplacev1.UpdateSolutionRequest{Solution: s, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"coverage"}}})
	switch {
	case want.state == "WITHDRAWN":
		wantCode(t, err, codes.FailedPrecondition)
	case !covers && (want.state == "SUBMITTED" || want.state == "PUBLISHED"):
		wantCode(t, err, codes.InvalidArgument)
	default:
		wantCode(t, err, codes.OK)
		want.covers = covers
	}
}

func (want *model) check(ctx context.Context, t *rapid.T, m *market) {
	got, err := m.GetSolution(ctx, &marketplacev1.GetSolutionRequest{Name: want.name})
	if err != nil {
		t.Fatal(err)
	}
	if got.GetState().String() != "STATE_"+want.state || (len(got.GetCoverage()) > 0) != want.covers || len(got.GetPromiseChanges()) != len(want.promises) {
		t.Fatalf("got %v, want %+v", got, want)
	}
	for i, p := range want.promises {
		if c := got.GetPromiseChanges()[i]; c.GetOldDate() != p[0] || c.GetNewDate() != p[1] || c.GetActor() != "tester" || !c.GetTime().AsTime().Equal(now) {
			t.Fatalf("promise change %d is %v, want %v", i, c, p)
		}
	}
}

func wantCode(t *rapid.T, err error, code codes.Code) {
	if status.Code(err) != code {
		t.Fatalf("got %v, want %v", err, code)
	}
}
