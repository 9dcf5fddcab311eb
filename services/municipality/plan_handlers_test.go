package municipality

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
)

const (
	lemgoPlan   = "municipalities/05766044/plan"
	detmoldPlan = "municipalities/05766020/plan"
)

func (w *world) plan(name, filter string) *municipalityv1.Plan {
	w.tb.Helper()
	answer, err := w.client.GetPlan(w.ctx, &municipalityv1.GetPlanRequest{Name: name, Filter: filter})
	must(w.tb, err)
	return answer
}

func (w *world) setPlan(p *municipalityv1.Plan, paths ...string) *municipalityv1.Plan {
	w.tb.Helper()
	answer, err := w.client.UpdatePlan(w.ctx, &municipalityv1.UpdatePlanRequest{Plan: p, UpdateMask: &fieldmaskpb.FieldMask{Paths: paths}})
	must(w.tb, err)
	return answer
}

// planTable writes a plan as text, one line an item.
func planTable(p *municipalityv1.Plan) string {
	var b strings.Builder
	for _, i := range p.GetItems() {
		fmt.Fprintf(&b, "%d %s %d =", i.GetPosition(), i.GetDisplayName(), i.GetScore())
		for _, term := range i.GetTerms() {
			if term.GetPoints() != 0 {
				fmt.Fprintf(&b, " %s %d", term.GetTerm(), term.GetPoints())
			}
		}
		fmt.Fprintf(&b, " | %s %s", i.GetTargetDate(), strings.TrimPrefix(i.GetTargetDateSource().String(), "DATE_SOURCE_"))
		if i.GetOverdue() {
			fmt.Fprintf(&b, " overdue %d", i.GetOverdueDays())
		}
		if i.GetSolution() != "" {
			fmt.Fprintf(&b, " | %s", i.GetSolution())
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "%d items, %d overdue, ends %s", p.GetTotalSize(), p.GetOverdueSize(), p.GetEndDate())
	for _, d := range p.GetDepartments() {
		fmt.Fprintf(&b, " | %q %d/%d %s", d.GetDepartment(), d.GetItems(), d.GetOverdue(), d.GetNextDate())
	}
	return b.String()
}

// busyWorld has something of everything recorded for Lemgo, and a neighbour that uses a solution.
func busyWorld(tb testing.TB) *world {
	w := smallWorld(tb)
	w.patch(&municipalityv1.Implementation{Name: implementationName("05766020", dogTax), Phase: municipalityv1.Implementation_PHASE_ONLINE,
		Url: "https://detmold.example/hund", Solution: "solutions/hundesteuer-online"})
	w.patch(&municipalityv1.Implementation{Name: implementationName("05766044", marriage), Phase: municipalityv1.Implementation_PHASE_IN_PROGRESS,
		TargetDate: "2026-10-24", Department: "Standesamt", AnnualCases: cases(200)})
	w.patch(&municipalityv1.Implementation{Name: implementationName("05766044", building), Phase: municipalityv1.Implementation_PHASE_PLANNED,
		Priority: municipalityv1.Implementation_PRIORITY_HIGH, Department: "Bauamt", TargetDate: "2027-09-15"})
	return w
}

// TestPlan is the golden plan of a town, computed by hand.
func TestPlan(t *testing.T) {
	t.Parallel()
	w := busyWorld(t)
	// The promise of Alleskönner (31.03.2027) binds waste, which nothing else covers; building has a date of its own.
	want := `1 Baugenehmigung Erteilung 67 = PRIORITY 40 STARTED 10 SOLUTION 15 BUNDLE 2 | 2027-09-15 RECORDED | solutions/alles-koenner
2 Eheschließung Anmeldung 48 = OVERDUE 12 CASES 16 STARTED 20 | 2026-11-30 PROPOSED overdue 30
3 Hundesteuer Festsetzung 29 = SOLUTION 25 NEIGHBOURS 4 | 2026-12-31 PROPOSED | solutions/hundesteuer-online
4 Bioabfall 17 = SOLUTION 15 BUNDLE 2 | 2027-03-31 PROPOSED | solutions/alles-koenner
4 items, 1 overdue, ends 2027-09-15 | "" 2/0 2026-12-31 | "Bauamt" 1/0 2027-09-15 | "Standesamt" 1/1 2026-11-30`
	got := w.plan(lemgoPlan, "")
	if planTable(got) != want {
		t.Errorf("got:\n%s\nwant:\n%s", planTable(got), want)
	}
	if got.GetAsOfDate() != "2026-11-23" || got.GetEtag() != "0" || got.GetUpdateTime() != nil || got.GetName() != lemgoPlan {
		t.Errorf("head of the plan: %v", got)
	}
	if none := w.plan("municipalities/05758999/plan", ""); none.GetTotalSize() != 0 || none.GetEndDate() != "" || none.GetDepartments() != nil {
		t.Errorf("a plan without gaps: %v", none)
	}
}

func TestPlanFilterAndPages(t *testing.T) {
	t.Parallel()
	w := busyWorld(t)
	for filter, want := range map[string]int32{
		"":                                    4,
		"overdue = true":                      1,
		"kind = MISSING":                      2,
		`department = ""`:                     2,
		`target_date < "2027-01-01"`:          2,
		"score >= 48":                         2,
		"solution = solutions/alles-koenner":  2,
		`theme = "themes/bauen-wohnen"`:       1,
		"hundesteuer":                         1,
		`terms.term = "CASES"`:                4,
		"targetDateSource = PROPOSED":         3,
		`department = "Bauamt" AND score < 3`: 0,
	} {
		got := w.plan(lemgoPlan, filter)
		if got.GetTotalSize() != want || int(want) != len(got.GetItems()) || got.GetOverdueSize() != 1 || len(got.GetDepartments()) != 3 {
			t.Errorf("%s: %d items, want %d", filter, got.GetTotalSize(), want)
		}
		for _, i := range got.GetItems() {
			if len(i.GetTerms()) != len(terms) {
				t.Errorf("%s: terms of %s are missing", filter, i.GetDisplayName())
			}
		}
	}
	_, err := w.client.GetPlan(w.ctx, &municipalityv1.GetPlanRequest{Name: lemgoPlan, Filter: "colour = red"})
	wantReason(t, err, "INVALID_FILTER", "filter")
	for _, filter := range []string{"", "score > 0"} {
		var names []string
		req := &municipalityv1.GetPlanRequest{Name: lemgoPlan, PageSize: 1, Filter: filter}
		for {
			page, err := w.client.GetPlan(w.ctx, req)
			must(t, err)
			names = append(names, fmt.Sprint(page.GetItems()[0].GetPosition()))
			if req.PageToken = page.GetNextPageToken(); req.PageToken == "" {
				break
			}
		}
		if strings.Join(names, "") != "1234" {
			t.Errorf("filter %q: pages %v", filter, names)
		}
	}
	_, err = w.client.GetPlan(w.ctx, &municipalityv1.GetPlanRequest{Name: detmoldPlan, PageSize: 1,
		PageToken: must1(w.client.GetPlan(w.ctx, &municipalityv1.GetPlanRequest{Name: lemgoPlan, PageSize: 1})).GetNextPageToken()})
	wantReason(t, err, "INVALID_PAGE_TOKEN", "pageToken")
}

func must1[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

// TestPlanSettings: what is set is kept, changes what follows, and survives the restart of a replica.
func TestPlanSettings(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := openWorld(t, dir)
	w.publish("catalogue", smallCatalogue()...)
	w.importFile("id,name,town,url\nkrz,krz Minden-Ravensberg/Lippe,Lemgo,krz.de\n")
	w.importFile(smallPlaces)
	first := w.setPlan(&municipalityv1.Plan{Name: lemgoPlan, MonthlyCapacity: 1, Weights: &municipalityv1.PlanWeights{Cases: percent(0), Bundle: percent(300)}})
	if first.GetEtag() == "" || !first.GetUpdateTime().AsTime().Equal(testDay) || first.GetEndDate() != "2027-03-31" || first.GetTotalSize() != 4 {
		t.Fatalf("after setting: %v", first)
	}
	if same := w.setPlan(&municipalityv1.Plan{Name: lemgoPlan, MonthlyCapacity: 1, Weights: &municipalityv1.PlanWeights{}}); same.GetEtag() != first.GetEtag() {
		t.Error("a change of nothing was written")
	}
	second := w.setPlan(&municipalityv1.Plan{Name: lemgoPlan, StartDate: "2027-05-02"}, "start_date", "weights.cases")
	if second.GetMonthlyCapacity() != 1 || second.GetWeights().Cases != nil || second.GetWeights().GetBundle() != 300 || second.GetEndDate() != "2027-09-30" {
		t.Errorf("after the second change: %v", second)
	}
	for _, i := range second.GetItems() {
		if term := i.GetTerms()[6]; term.GetTerm() != "BUNDLE" || term.GetWeight() != 300 || i.GetTerms()[2].GetWeight() != 100 {
			t.Errorf("weights of the terms: %v", i.GetTerms())
		}
	}
	w.stop()
	w = openWorld(t, dir)
	if again := w.plan(lemgoPlan, ""); !proto.Equal(again, second) {
		t.Errorf("after a restart: %v, before: %v", again, second)
	}
	cleared := w.setPlan(&municipalityv1.Plan{Name: lemgoPlan}, "*")
	if cleared.GetMonthlyCapacity() != 0 || cleared.GetStartDate() != "" || cleared.GetWeights() != nil || cleared.GetEtag() == second.GetEtag() {
		t.Errorf("after clearing: %v", cleared)
	}
	if same := w.setPlan(&municipalityv1.Plan{Name: lemgoPlan, Weights: &municipalityv1.PlanWeights{}}, "weights"); same.GetEtag() != cleared.GetEtag() {
		t.Error("no weights were written for no weights")
	}
}

func TestPlanRefuses(t *testing.T) {
	t.Parallel()
	w := busyWorld(t)
	assumed := []*municipalityv1.Implementation{{Name: implementationName("05766044", dogTax)}}
	for name, c := range map[string]struct {
		plan         *municipalityv1.Plan
		paths        []string
		validateOnly bool
		reason       string
		field        string
	}{
		"bad name":            {&municipalityv1.Plan{Name: "municipalities/05766044"}, nil, false, "INVALID_FIELD", "plan.name"},
		"bad AGS":             {&municipalityv1.Plan{Name: "municipalities/0576604x/plan"}, nil, false, "INVALID_FIELD", "plan.name"},
		"unknown place":       {&municipalityv1.Plan{Name: "municipalities/01001000/plan"}, nil, false, "RESOURCE_NOT_FOUND", ""},
		"capacity":            {&municipalityv1.Plan{Name: lemgoPlan, MonthlyCapacity: -1}, nil, false, "INVALID_FIELD", "plan.monthlyCapacity"},
		"weight":              {&municipalityv1.Plan{Name: lemgoPlan, Weights: &municipalityv1.PlanWeights{Cases: percent(1001)}}, nil, false, "INVALID_FIELD", "plan.weights.cases"},
		"no such day":         {&municipalityv1.Plan{Name: lemgoPlan, StartDate: "2027-02-29"}, nil, false, "INVALID_FIELD", "plan.startDate"},
		"next century":        {&municipalityv1.Plan{Name: lemgoPlan, StartDate: "9999-12-31"}, nil, false, "INVALID_FIELD", "plan.startDate"},
		"in 10 years and so":  {&municipalityv1.Plan{Name: lemgoPlan, StartDate: "2036-11-24"}, nil, true, "INVALID_FIELD", "plan.startDate"},
		"no such day either":  {&municipalityv1.Plan{Name: lemgoPlan, StartDate: "2027-02-29"}, nil, true, "INVALID_FIELD", "plan.startDate"},
		"what is computed":    {&municipalityv1.Plan{Name: lemgoPlan, EndDate: "2027-01-01"}, []string{"end_date"}, false, "INVALID_FIELD_MASK", "updateMask"},
		"old version":         {&municipalityv1.Plan{Name: lemgoPlan, Etag: "zz"}, nil, false, "ETAG_MISMATCH", ""},
		"assumed and stored":  {&municipalityv1.Plan{Name: lemgoPlan, Assumptions: assumed}, nil, false, "INVALID_FIELD", "plan.assumptions"},
		"assumed elsewhere":   {&municipalityv1.Plan{Name: detmoldPlan, Assumptions: assumed}, nil, true, "INVALID_FIELD", "plan.assumptions[0].name"},
		"assumed without end": {&municipalityv1.Plan{Name: lemgoPlan, Assumptions: append(assumed, assumed...)}, nil, true, "INVALID_FIELD", "plan.assumptions[1].name"},
		"assumed badly": {&municipalityv1.Plan{Name: lemgoPlan, Assumptions: append(assumed, &municipalityv1.Implementation{
			Name: implementationName("05766044", waste), Phase: notApplicablePhase})}, nil, true, "INVALID_FIELD", "plan.assumptions[1].notApplicableReason"},
		"assumed for nothing": {&municipalityv1.Plan{Name: lemgoPlan, Assumptions: []*municipalityv1.Implementation{{
			Name: implementationName("05766044", "99999999999999")}}}, nil, true, "UNKNOWN_REFERENCE", "plan.assumptions[0].name"},
		"assumed too late": {&municipalityv1.Plan{Name: lemgoPlan, Assumptions: []*municipalityv1.Implementation{{
			Name: implementationName("05766044", marriage), Etag: "zz"}}}, nil, true, "ETAG_MISMATCH", "plan.assumptions[0]"},
	} {
		_, err := w.client.UpdatePlan(w.ctx, &municipalityv1.UpdatePlanRequest{Plan: c.plan, ValidateOnly: c.validateOnly, UpdateMask: &fieldmaskpb.FieldMask{Paths: c.paths}})
		reason, fields := reasonOf(err)
		if reason != c.reason || strings.Join(fields, " ") != c.field {
			t.Errorf("%s: got %s %v (%v)", name, reason, fields, err)
		}
	}
	if p := w.plan(lemgoPlan, ""); p.GetEtag() != "0" {
		t.Errorf("something was written: %v", p)
	}
}

// notApplicablePhase needs a reason.
const notApplicablePhase = municipalityv1.Implementation_PHASE_NOT_APPLICABLE

func TestPlanVersions(t *testing.T) {
	t.Parallel()
	w := busyWorld(t)
	update := func(capacity int32, headers ...string) (*municipalityv1.Plan, error) {
		ctx := metadata.AppendToOutgoingContext(w.ctx, headers...)
		return w.client.UpdatePlan(ctx, &municipalityv1.UpdatePlanRequest{Plan: &municipalityv1.Plan{Name: lemgoPlan, MonthlyCapacity: capacity}})
	}
	_, err := update(1, "if-match", "*")
	wantReason(t, err, "ETAG_MISMATCH")
	_, err = update(1, "if-match", `"7"`)
	wantReason(t, err, "ETAG_MISMATCH")
	unset := w.plan(lemgoPlan, "").GetEtag()
	if same := must1(update(0, "if-match", `"`+unset+`"`)); same.GetEtag() != unset {
		t.Errorf("a change of nothing was written: %v", same)
	}
	first := must1(update(1, "if-none-match", "*"))
	_, err = update(2, "if-match", `"`+unset+`"`)
	wantReason(t, err, "ETAG_MISMATCH")
	_, err = update(2, "if-none-match", "*")
	wantReason(t, err, "ETAG_MISMATCH")
	second := must1(update(2, "if-match", `"`+unset+`", W/"`+first.GetEtag()+`"`))
	_, err = update(3, "if-match", `"`+first.GetEtag()+`"`)
	wantReason(t, err, "ETAG_MISMATCH")
	if second.GetMonthlyCapacity() != 2 || second.GetEtag() == first.GetEtag() {
		t.Errorf("second: %v", second)
	}
	if set := must1(w.client.UpdatePlan(w.ctx, &municipalityv1.UpdatePlanRequest{
		Plan: &municipalityv1.Plan{Name: detmoldPlan, Etag: unset, StartDate: "2036-11-23"}})); set.GetStartDate() != "2036-11-23" {
		t.Errorf("the first change on the version that nobody set: %v", set)
	}
	once := &municipalityv1.UpdatePlanRequest{Plan: &municipalityv1.Plan{Name: lemgoPlan, MonthlyCapacity: 9}, RequestId: "einmal"}
	a := must1(w.client.UpdatePlan(w.ctx, once))
	must1(update(5))
	if b := must1(w.client.UpdatePlan(w.ctx, once)); b.GetEtag() == a.GetEtag() || b.GetMonthlyCapacity() != 5 {
		t.Errorf("a repeated request has an effect: %v", b)
	}
	once.Plan.MonthlyCapacity = 8
	_, err = w.client.UpdatePlan(w.ctx, once)
	wantReason(t, err, "REQUEST_ID_REUSED")
}

// TestWhatIf: without assumptions it is the plan; with them it is the plan that would follow; nothing is stored.
func TestWhatIf(t *testing.T) {
	t.Parallel()
	w := busyWorld(t)
	settings := w.setPlan(&municipalityv1.Plan{Name: lemgoPlan, MonthlyCapacity: 2, Weights: &municipalityv1.PlanWeights{Priority: percent(200)}})
	before, gaps := w.plan(lemgoPlan, ""), table(w.gaps("05766044", ""))
	whatIf := func(p *municipalityv1.Plan) *municipalityv1.Plan {
		p.Name = lemgoPlan
		return must1(w.client.UpdatePlan(w.ctx, &municipalityv1.UpdatePlanRequest{Plan: p, ValidateOnly: true}))
	}
	same := whatIf(&municipalityv1.Plan{})
	same.Etag, same.UpdateTime = settings.GetEtag(), settings.GetUpdateTime()
	if !proto.Equal(same, before) {
		t.Errorf("what if nothing changed:\n%v\nwant:\n%v", same, before)
	}
	assumed := whatIf(&municipalityv1.Plan{MonthlyCapacity: 1, Assumptions: []*municipalityv1.Implementation{
		{Name: implementationName("05766044", dogTax), Phase: municipalityv1.Implementation_PHASE_ONLINE, Url: "https://lemgo.example/hund"},
		{Name: implementationName("05766044", waste), Priority: municipalityv1.Implementation_PRIORITY_MEDIUM},
		{Name: implementationName("05766044", building), TargetDate: "2026-12-24"},
	}})
	want := `1 Baugenehmigung Erteilung 106 = PRIORITY 80 STARTED 10 SOLUTION 15 BUNDLE 1 | 2026-12-24 RECORDED | solutions/alles-koenner
2 Bioabfall 56 = PRIORITY 40 SOLUTION 15 BUNDLE 1 | 2027-03-31 PROPOSED | solutions/alles-koenner
3 Eheschließung Anmeldung 48 = OVERDUE 12 CASES 16 STARTED 20 | 2027-01-31 PROPOSED overdue 30
3 items, 1 overdue, ends 2027-03-31 | "" 1/0 2027-03-31 | "Bauamt" 1/0 2026-12-24 | "Standesamt" 1/1 2027-01-31`
	if planTable(assumed) != want || assumed.GetAssumptions() != nil {
		t.Errorf("got:\n%s\nwant:\n%s", planTable(assumed), want)
	}
	if after := w.plan(lemgoPlan, ""); !proto.Equal(after, before) || table(w.gaps("05766044", "")) != gaps {
		t.Errorf("the question changed something: %s", planTable(after))
	}
	masked := must1(w.client.UpdatePlan(w.ctx, &municipalityv1.UpdatePlanRequest{ValidateOnly: true, Plan: &municipalityv1.Plan{Name: lemgoPlan,
		Assumptions: []*municipalityv1.Implementation{{Name: implementationName("05766044", marriage), Phase: municipalityv1.Implementation_PHASE_ONLINE, Url: "https://a.example"}},
	}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"assumptions"}}}))
	if masked.GetTotalSize() != 3 || masked.GetMonthlyCapacity() != 2 {
		t.Errorf("with a mask as the edge makes it: %s", planTable(masked))
	}
}

func TestPlanNeedsAKey(t *testing.T) {
	t.Parallel()
	w := smallWorld(t)
	_, err := w.client.UpdatePlan(context.Background(), &municipalityv1.UpdatePlanRequest{Plan: &municipalityv1.Plan{Name: lemgoPlan}, ValidateOnly: true})
	wantReason(t, err, "KEY_MISSING")
}
