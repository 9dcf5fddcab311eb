package marketplace_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"pgregory.net/rapid"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
)

// covers is what the two solutions of a run cover: they meet in one service.
var covers = [2][]string{{"99000000000001", shared}, {shared, "99000000000003"}}

const shared = "99000000000002"

// gone stands for a service that a solution no longer covers.
const gone marketplacev1.Coverage_Status = -1

// canGoLive tells whether a service of that status can.
func canGoLive(status marketplacev1.Coverage_Status) bool {
	return status == 0 || status == piloted || status == available
}

// coverage is what a solution covers at present.
func (r *marketModel) coverage(i int) (coverage []*marketplacev1.Coverage) {
	for _, key := range covers[i] {
		c := &marketplacev1.Coverage{PublicService: "publicServices/" + key}
		if key != shared {
			c.Status = r.own[i]
		}
		if c.GetStatus() != gone {
			coverage = append(coverage, c)
		}
	}
	return coverage
}

// disturb is what happens around the adoptions.
func (r *marketModel) disturb(t *rapid.T) {
	ctx := context.Background()
	switch rapid.IntRange(0, 9).Draw(t, "event") {
	case 0:
		i := rapid.IntRange(0, 1).Draw(t, "solution")
		if _, err := verbs["withdraw"](ctx, r.m, r.solution(i)); err == nil {
			r.withdrawn[i] = true
		}
	case 1:
		contract := "contracts/" + r.id("eins")
		c, err := r.m.TerminateContract(ctx, &marketplacev1.TerminateContractRequest{Name: contract, Extraordinary: true, EndDate: r.today(), Note: "Grund"})
		if err == nil {
			r.ends[contract] = c.GetTermination().GetEndDate()
		}
	case 2, 3:
		r.reshape(t)
	default:
		r.days.Add(1)
	}
}

// reshape changes how far a solution is with the service that it alone covers.
func (r *marketModel) reshape(t *rapid.T) {
	i := rapid.IntRange(0, 1).Draw(t, "solution")
	if r.withdrawn[i] { // stands as it is
		return
	}
	r.own[i] = rapid.SampledFrom([]marketplacev1.Coverage_Status{planned, piloted, available, discontinued, gone}).Draw(t, "status")
	if _, err := r.m.UpdateSolution(context.Background(), &marketplacev1.UpdateSolutionRequest{
		Solution: &marketplacev1.Solution{Name: r.solution(i), Coverage: r.coverage(i)}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"coverage"}},
	}); err != nil {
		t.Fatal(err)
	}
}

// TestOnlyWhatIsThereGoesLive: an adoption stands by its services while the solution changes what it covers.
func TestOnlyWhatIsThereGoesLive(t *testing.T) {
	t.Parallel()
	m := offers(t)
	wide := offer()
	wide.Coverage = append(wide.Coverage, &marketplacev1.Coverage{PublicService: "publicServices/" + building})
	m.published(wide, "breit")
	if _, err := m.UpdateContract(t.Context(), &marketplacev1.UpdateContractRequest{Contract: &marketplacev1.Contract{Name: "contracts/direkt", Solutions: []string{"solutions/breit"}}}); err != nil {
		t.Fatal(err)
	}
	a, err := m.interest(takes(buende, "breit"))
	if err != nil || len(a.GetServices()) != 2 {
		t.Fatalf("%v, %v", a, err)
	}
	m.takeTo(a.GetName(), toOffered, toContracted, toConnecting)
	if _, err := m.UpdateAdoption(t.Context(), &marketplacev1.UpdateAdoptionRequest{Adoption: &marketplacev1.Adoption{Name: a.GetName(), Checklist: ready(), Url: "https://ort.example"}}); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		dog, building marketplacev1.Coverage_Status
		want          []string
	}{
		{planned, available, []string{"services[0]: „publicServices/" + dogTax + "“ ist bei „solutions/breit“ noch geplant"}},
		{available, discontinued, []string{"services[1]: „publicServices/" + building + "“ wird von „solutions/breit“ nicht mehr angeboten"}},
		{available, gone, []string{"services[1]: „publicServices/" + building + "“ wird von „solutions/breit“ nicht abgedeckt"}},
		{discontinued, planned, []string{"services[0]: „publicServices/" + dogTax + "“ wird von", "services[1]: „publicServices/" + building + "“ ist bei"}},
		{piloted, available, nil},
	} {
		var coverage []*marketplacev1.Coverage
		for key, status := range map[string]marketplacev1.Coverage_Status{dogTax: c.dog, building: c.building} {
			if status != gone {
				coverage = append(coverage, &marketplacev1.Coverage{PublicService: "publicServices/" + key, Status: status})
			}
		}
		if _, err := m.UpdateSolution(t.Context(), &marketplacev1.UpdateSolutionRequest{
			Solution: &marketplacev1.Solution{Name: "solutions/breit", Coverage: coverage}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"coverage"}},
		}); err != nil {
			t.Fatal(err)
		}
		_, err := m.MoveAdoption(t.Context(), moveTo(a.GetName(), toLive))
		if len(c.want) == 0 {
			if err != nil {
				t.Error(err)
			}
			continue
		}
		violations, _ := wantFault(t, err, codes.FailedPrecondition, "STATE_FORBIDS")
		for i, want := range c.want {
			if len(violations) != len(c.want) || !strings.HasPrefix(violations[i], want) {
				t.Errorf("%v, %v: %q, want %q", c.dog, c.building, violations, c.want)
			}
		}
	}
}

// TestInterestInWhatCanBeHad: without a list an adoption is about what is there; about what is planned only when nothing is.
func TestInterestInWhatCanBeHad(t *testing.T) {
	t.Parallel()
	m := stocked(t)
	for i, c := range []struct {
		dog, building marketplacev1.Coverage_Status
		want          string
	}{
		{available, planned, dogTax}, {planned, piloted, building}, {discontinued, planned, building}, {0, available, dogTax + building}, {planned, planned, dogTax + building},
	} {
		s := offer()
		s.Coverage[0].Status = c.dog
		s.Coverage = append(s.Coverage, &marketplacev1.Coverage{PublicService: "publicServices/" + building, Status: c.building})
		m.published(s, fmt.Sprint("s", i))
		a, err := m.interest(takes(buende, fmt.Sprint("s", i)))
		got := ""
		for _, s := range a.GetServices() {
			got += strings.TrimPrefix(s.GetPublicService(), "publicServices/")
		}
		if err != nil || got != c.want {
			t.Errorf("%v, %v: about %s, want %s (%v)", c.dog, c.building, got, c.want, err)
		}
	}
}
