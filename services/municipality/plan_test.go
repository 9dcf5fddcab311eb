package municipality

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/promises"
)

// planDay is a Monday in the middle of a month: of its 30 days 8 are left.
const planDay = "2026-11-23"

func planToday() day { d, _ := dayOf(planDay); return d }

func percent(n int32) *int32 { return &n }

func offer(promised string) *marketplacev1.Solution {
	return &marketplacev1.Solution{Name: "solutions/x", DisplayName: "X", PromisedDate: promised}
}

// TestScore: every term with its value and points, computed by hand.
func TestScore(t *testing.T) {
	t.Parallel()
	const (
		missing   = municipalityv1.Gap_KIND_MISSING
		noLink    = municipalityv1.Gap_KIND_NO_LINK
		below     = municipalityv1.Gap_KIND_BELOW_THRESHOLD
		withdrawn = municipalityv1.Gap_KIND_SOLUTION_WITHDRAWN
		over      = municipalityv1.Gap_KIND_ADOPTION_ENDED
		inWork    = municipalityv1.Gap_KIND_IN_PROGRESS
		plan      = municipalityv1.Gap_KIND_PLANNED
	)
	for name, c := range map[string]struct {
		task    task
		weights *municipalityv1.PlanWeights
		want    string // value:points of the terms in their order, and the score
	}{
		"nothing known":     {task{kind: missing}, nil, "0:0 0:0 0:0 0:0 0:0 0:0 0:0 = 0"},
		"priority low":      {task{kind: missing, priority: 1}, nil, "1:5 0:0 0:0 0:0 0:0 0:0 0:0 = 5"},
		"priority medium":   {task{kind: missing, priority: 2}, nil, "2:20 0:0 0:0 0:0 0:0 0:0 0:0 = 20"},
		"priority high":     {task{kind: missing, priority: 3}, nil, "3:40 0:0 0:0 0:0 0:0 0:0 0:0 = 40"},
		"unknown priority":  {task{kind: missing, priority: 9}, nil, "0:0 0:0 0:0 0:0 0:0 0:0 0:0 = 0"},
		"late by a day":     {task{kind: missing, late: 1}, nil, "0:0 1:10 0:0 0:0 0:0 0:0 0:0 = 10"},
		"late by a month":   {task{kind: missing, late: 30}, nil, "0:0 30:12 0:0 0:0 0:0 0:0 0:0 = 12"},
		"late by years":     {task{kind: missing, late: 1000}, nil, "0:0 1000:30 0:0 0:0 0:0 0:0 0:0 = 30"},
		"one case":          {task{kind: missing, cases: 1}, nil, "0:0 0:0 1:2 0:0 0:0 0:0 0:0 = 2"},
		"1,023 cases":       {task{kind: missing, cases: 1023}, nil, "0:0 0:0 1023:20 0:0 0:0 0:0 0:0 = 20"},
		"1,024 cases":       {task{kind: missing, cases: 1024}, nil, "0:0 0:0 1024:22 0:0 0:0 0:0 0:0 = 22"},
		"a billion cases":   {task{kind: missing, cases: 1e9}, nil, "0:0 0:0 1000000000:30 0:0 0:0 0:0 0:0 = 30"},
		"planned":           {task{kind: plan}, nil, "0:0 0:0 0:0 1:10 0:0 0:0 0:0 = 10"},
		"in progress":       {task{kind: inWork}, nil, "0:0 0:0 0:0 2:20 0:0 0:0 0:0 = 20"},
		"below":             {task{kind: below}, nil, "0:0 0:0 0:0 3:30 0:0 0:0 0:0 = 30"},
		"adoption over":     {task{kind: over}, nil, "0:0 0:0 0:0 3:30 0:0 0:0 0:0 = 30"},
		"solution gone":     {task{kind: withdrawn}, nil, "0:0 0:0 0:0 3:30 0:0 0:0 0:0 = 30"},
		"link alone":        {task{kind: noLink, choice: choice{solution: offer(""), reach: reachBelow, neighbours: 3, further: 3}}, nil, "0:0 0:0 0:0 3:30 3:25 0:0 0:0 = 55"},
		"available":         {task{kind: missing, choice: choice{solution: offer(""), reach: reachFulfils}}, nil, "0:0 0:0 0:0 0:0 3:25 0:0 0:0 = 25"},
		"promised":          {task{kind: missing, choice: choice{solution: offer("2027-01-01"), reach: reachFulfils, promise: promiseAhead}}, nil, "0:0 0:0 0:0 0:0 3:15 0:0 0:0 = 15"},
		"planned, no date":  {task{kind: missing, choice: choice{solution: offer(""), reach: reachFulfils, promise: promiseUndated}}, nil, "0:0 0:0 0:0 0:0 3:5 0:0 0:0 = 5"},
		"pilot":             {task{kind: missing, choice: choice{solution: offer(""), reach: reachFulfils, promise: promisePilot}}, nil, "0:0 0:0 0:0 0:0 3:20 0:0 0:0 = 20"},
		"promise broken":    {task{kind: missing, choice: choice{solution: offer("2026-01-01"), reach: reachFulfils, promise: promiseBroken}}, nil, "0:0 0:0 0:0 0:0 3:5 0:0 0:0 = 5"},
		"not measured":      {task{kind: missing, choice: choice{solution: offer(""), reach: reachUnknown}}, nil, "0:0 0:0 0:0 0:0 2:15 0:0 0:0 = 15"},
		"not enough":        {task{kind: missing, choice: choice{solution: offer(""), reach: reachBelow}}, nil, "0:0 0:0 0:0 0:0 1:5 0:0 0:0 = 5"},
		"never below 0":     {task{kind: missing, choice: choice{solution: offer("2026-01-01"), reach: reachBelow, promise: promiseBroken}}, nil, "0:0 0:0 0:0 0:0 1:0 0:0 0:0 = 0"},
		"neighbours":        {task{kind: missing, choice: choice{solution: offer(""), reach: reachFulfils, neighbours: 2, further: 3}}, nil, "0:0 0:0 0:0 0:0 3:25 2:8 3:3 = 36"},
		"many of both":      {task{kind: missing, choice: choice{solution: offer(""), reach: reachFulfils, neighbours: 20, further: 300}}, nil, "0:0 0:0 0:0 0:0 3:25 20:20 300:10 = 55"},
		"weights":           {task{kind: plan, priority: 3, late: 30}, &municipalityv1.PlanWeights{Priority: percent(50), Overdue: percent(1000), Started: percent(0)}, "3:20 30:120 0:0 1:0 0:0 0:0 0:0 = 140"},
		"rounded half up":   {task{kind: missing, priority: 1, late: 1}, &municipalityv1.PlanWeights{Priority: percent(50), Overdue: percent(34)}, "1:3 1:3 0:0 0:0 0:0 0:0 0:0 = 6"},
		"weights, set none": {task{kind: plan, priority: 3}, &municipalityv1.PlanWeights{}, "3:40 0:0 0:0 1:10 0:0 0:0 0:0 = 50"},
	} {
		var got strings.Builder
		for _, term := range spellTerms(&c.task, c.weights) {
			fmt.Fprintf(&got, "%.0f:%d ", term.GetValue(), term.GetPoints())
			if term.GetMessageDe() == "" || term.GetMessageEn() == "" || !strings.HasSuffix(term.GetMessageDe(), ".") {
				t.Errorf("%s: %s says %q, %q", name, term.GetTerm(), term.GetMessageDe(), term.GetMessageEn())
			}
		}
		fmt.Fprintf(&got, "= %d", score(&c.task, c.weights))
		if got.String() != c.want {
			t.Errorf("%s: got %s, want %s", name, got.String(), c.want)
		}
	}
}

// TestTermsSpeakGerman holds the sentences of terms to none, one and many.
func TestTermsSpeakGerman(t *testing.T) {
	t.Parallel()
	x := func(promised string, p promise, neighbours, further int) choice {
		return choice{solution: offer(promised), reach: reachFulfils, promise: p, neighbours: neighbours, further: further}
	}
	for _, c := range []struct {
		task task
		want []string
	}{
		{task{}, []string{"Priorität: nicht festgelegt.", "Kein Zieltermin eingetragen.", "Keine Fallzahl bekannt.", "Noch nicht begonnen.",
			"Keine Lösung im Marktplatz.", "Keine Lösung, die Nachbarn nutzen könnten.", "Keine Lösung, die weitere Lücken schließen könnte."}},
		{task{priority: 3, recorded: "2026-11-22", late: 1, cases: 1, kind: municipalityv1.Gap_KIND_PLANNED, choice: x("", promiseNone, 1, 1)}, []string{
			"Priorität: hoch.", "Der Zieltermin 22.11.2026 ist seit einem Tag verstrichen.", "Ein Fall im Jahr.", "In Planung.",
			"„X“ erreicht den Reifegrad; verfügbar.", "Eine Kommune im selben Kreis nutzt sie.", "Sie schließt eine weitere Lücke."}},
		{task{priority: 1, recorded: "2026-11-20", late: 3, cases: 1200, kind: municipalityv1.Gap_KIND_IN_PROGRESS, choice: x("2026-01-31", promiseBroken, 4, 5)}, []string{
			"Priorität: niedrig.", "Der Zieltermin 20.11.2026 ist seit 3 Tagen verstrichen.", "1.200 Fälle im Jahr.", "In Bearbeitung.",
			"„X“ erreicht den Reifegrad; die Zusage zum 31.01.2026 ist verstrichen.", "4 Kommunen im selben Kreis nutzen sie.", "Sie schließt 5 weitere Lücken."}},
		{task{recorded: "2027-11-20", kind: municipalityv1.Gap_KIND_BELOW_THRESHOLD, choice: x("2027-01-31", promiseAhead, 0, 0)}, []string{
			"Priorität: nicht festgelegt.", "Der Zieltermin ist der 20.11.2027.", "Keine Fallzahl bekannt.",
			"Online, aber unter dem geforderten Reifegrad.", "„X“ erreicht den Reifegrad; zugesagt zum 31.01.2027.",
			"Im selben Kreis nutzt sie noch niemand.", "Sie schließt keine weitere Lücke."}},
	} {
		var got []string
		for _, term := range spellTerms(&c.task, nil) {
			got = append(got, term.GetMessageDe())
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}

// TestDates: recorded dates stand and use up their month; others get the end of the first month with room.
func TestDates(t *testing.T) {
	t.Parallel()
	many := func(n int, one task) []task { return slices.Repeat([]task{one}, n) }
	waits := func(date string) task {
		return task{choice: choice{solution: offer(date), reach: reachFulfils, promise: promiseOf(&covering{solution: offer(date), availability: promises.Promised}, planDay)}}
	}
	undated := task{choice: choice{solution: offer(""), reach: reachFulfils, promise: promiseUndated}}
	pilot := task{choice: choice{solution: offer("2027-03-15"), reach: reachFulfils, promise: promisePilot}}
	for name, c := range map[string]struct {
		tasks    []task
		capacity int32
		start    string
		want     string
	}{
		// Of November's 30 days 8 are left: 4 × 8 / 30 is 1.
		"four a month by default":   {many(6, task{}), 0, "", "11-30 12-31 12-31 12-31 12-31 2027-01-31"},
		"one a month":               {many(3, task{}), 1, "", "12-31 2027-01-31 2027-02-28"},
		"all at once":               {many(3, task{}), 1000, "", "11-30 11-30 11-30"},
		"a start in the past":       {many(2, task{}), 4, "2026-01-01", "11-30 12-31"},
		"a start ahead":             {many(3, task{}), 2, "2027-02-01", "2027-02-28 2027-02-28 2027-03-31"},
		"the last day of a month":   {many(2, task{}), 30, "2026-12-31", "2027-01-31 2027-01-31"},
		"a leap year":               {many(2, task{}), 1, "2028-02-01", "2028-02-29 2028-03-31"},
		"no leap year":              {many(1, task{}), 1, "2100-02-01", "2100-02-28"},
		"the turn of a year":        {many(2, task{}), 1, "2026-12-01", "12-31 2027-01-31"},
		"recorded":                  {[]task{{recorded: "2027-05-14"}}, 1, "", "=2027-05-14"},
		"recorded for today":        {[]task{{recorded: planDay}}, 1, "", "=11-23"},
		"overdue":                   {[]task{{recorded: "2026-11-22", late: 1}}, 1, "", "12-31"},
		"recorded ones take room":   {[]task{{}, {recorded: "2026-12-05"}, {}, {recorded: "2027-01-07"}}, 1, "", "2027-02-28 =12-05 2027-03-31 =2027-01-07"},
		"recorded beyond capacity":  {append(many(3, task{recorded: "2026-12-05"}), task{}), 1, "", "=12-05 =12-05 =12-05 2027-01-31"},
		"recorded before the start": {[]task{{recorded: "2026-12-05"}, {}}, 1, "2027-01-01", "=12-05 2027-01-31"},
		"promised":                  {[]task{waits("2027-03-15"), {}, waits("2027-03-31"), {}, {}, {}}, 1, "", "2027-03-31 12-31 2027-04-30 2027-01-31 2027-02-28 2027-05-31"},
		"promised for this month":   {[]task{waits("2026-11-30")}, 4, "", "11-30"},
		"promised in the past":      {[]task{waits("2026-05-01")}, 1, "", "12-31"},
		"promised before the start": {[]task{waits("2027-01-01")}, 1, "2027-05-01", "2027-05-31"},
		"recorded before a promise": {[]task{{recorded: "2026-12-24", choice: waits("2027-03-15").choice}}, 1, "", "=12-24"},
		"the link alone waits not":  {[]task{{kind: municipalityv1.Gap_KIND_NO_LINK, choice: waits("2027-03-15").choice}}, 4, "", "11-30"},
		"until the end of dates":    {many(3, task{}), 1, "9999-11-30", "9999-12-31 9999-12-31 9999-12-31"},
		"promised for the end":      {[]task{waits("9999-12-31"), waits("9999-12-31")}, 1, "", "9999-12-31 9999-12-31"},
		"planned without a date":    {[]task{undated, undated, {}, waits("2026-12-31"), {}}, 1, "", "2027-03-31 2027-04-30 2027-01-31 12-31 2027-02-28"},
		"pilots wait for nothing":   {[]task{pilot, {}}, 1, "", "12-31 2027-01-31"},
		"no gaps":                   {nil, 4, "", ""},
	} {
		p := makePlan(c.tasks, &municipalityv1.Plan{MonthlyCapacity: c.capacity, StartDate: c.start}, planDay)
		var got []string
		last := ""
		for i := range c.tasks { // in the order of the tasks, whatever their score
			at := slices.IndexFunc(p.items, func(item item) bool { return item.task == &c.tasks[i] })
			last = max(last, p.items[at].target)
			date := strings.TrimPrefix(p.items[at].target, "2026-")
			if !p.items[at].proposed {
				date = "=" + date
			}
			got = append(got, date)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: got %v, want %s", name, got, c.want)
		}
		if p.end != last {
			t.Errorf("%s: ends %q, last date is %q", name, p.end, last)
		}
	}
}

func TestDaysLate(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		date, today string
		want        int
	}{
		{"2026-11-22", planDay, 1}, {planDay, planDay, 0}, {"2026-11-24", planDay, 0}, {"", planDay, 0}, {"kein Tag", planDay, 0},
		{"2028-02-28", "2028-03-01", 2}, {"2027-02-28", "2027-03-01", 1}, {"2024-01-01", "2025-01-01", 366},
		{"2026-03-28", "2026-03-30", 2}, // summer time begins
	} {
		if got := daysLate(c.date, c.today); got != c.want {
			t.Errorf("%s to %s: %d days, want %d", c.date, c.today, got, c.want)
		}
	}
}

// TestChoice: the best candidate, but what was decided before anything is online stays decided.
func TestChoice(t *testing.T) {
	t.Parallel()
	good, chosen, elsewhere := offer(""), offer("2027-01-01"), offer("")
	good.Name, chosen.Name, elsewhere.Name = "solutions/a", "solutions/b", "solutions/c"
	elsewhere.SizeClasses = []commonv1.SizeClass{commonv1.SizeClass_SIZE_CLASS_KREIS}
	offers := []covering{
		{good, &municipalityv1.Maturity{Level: 3}, promises.Available}, {chosen, &municipalityv1.Maturity{Level: 1}, promises.Promised},
		{elsewhere, &municipalityv1.Maturity{Level: 4}, promises.Available},
	}
	undated := []covering{{good, &municipalityv1.Maturity{Level: 3}, promises.Undated}, {chosen, &municipalityv1.Maturity{Level: 3}, promises.Pilot}}
	for _, c := range []struct {
		kind     municipalityv1.Gap_Kind
		recorded string
		offers   []covering
		want     string
		reach    reach
		promise  promise
	}{
		{municipalityv1.Gap_KIND_MISSING, "", offers, "solutions/a", reachFulfils, promiseNone},
		{municipalityv1.Gap_KIND_PLANNED, "solutions/b", offers, "solutions/b", reachBelow, promiseAhead},
		{municipalityv1.Gap_KIND_PLANNED, "solutions/x", offers, "solutions/a", reachFulfils, promiseNone},
		{municipalityv1.Gap_KIND_PLANNED, "solutions/c", offers, "solutions/a", reachFulfils, promiseNone},
		{municipalityv1.Gap_KIND_BELOW_THRESHOLD, "solutions/b", offers, "solutions/a", reachFulfils, promiseNone},
		{municipalityv1.Gap_KIND_MISSING, "", undated, "solutions/b", reachFulfils, promisePilot},
		{municipalityv1.Gap_KIND_MISSING, "", undated[:1], "solutions/a", reachFulfils, promiseUndated},
		{municipalityv1.Gap_KIND_MISSING, "", offers[2:], "", reachNone, promiseNone},
		{municipalityv1.Gap_KIND_MISSING, "", nil, "", reachNone, promiseNone},
	} {
		r := emptyRecords()
		p := &place{municipality: &municipalityv1.Municipality{SizeClass: commonv1.SizeClass_SIZE_CLASS_KREISFREIE_STADT}}
		chooser := &chooser{contest: r.contestFor(p, &gapList{}, planToday()), rivals: map[rivalKey]rival{}}
		got := chooser.choose(&task{kind: c.kind}, c.offers, c.recorded)
		if got.solution.GetName() != c.want || got.reach != c.reach || got.promise != c.promise || got.further != 0 {
			t.Errorf("%v with %q: %+v, want %s", c.kind, c.recorded, got, c.want)
		}
	}
}

func TestThousands(t *testing.T) {
	t.Parallel()
	for n, want := range map[int64]string{0: "0", 7: "7", 999: "999", 1000: "1.000", 65536: "65.536", 123456: "123.456", 1e9: "1.000.000.000"} {
		if got := thousands(n, "."); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
}

// TestLoads: departments by number of items, with what is overdue and what comes next.
func TestLoads(t *testing.T) {
	t.Parallel()
	p := makePlan([]task{
		{department: "Bürgeramt", recorded: "2027-05-01"}, {department: "Bauamt", recorded: "2026-01-01", late: 326}, {department: "Bürgeramt"}, {},
		{department: "Amt für Abfall", recorded: "2027-01-01"},
	}, &municipalityv1.Plan{MonthlyCapacity: 1000}, planDay)
	var got []string
	for _, d := range p.departments {
		got = append(got, fmt.Sprintf("%s %d %d %s", d.GetDepartment(), d.GetItems(), d.GetOverdue(), d.GetNextDate()))
	}
	want := []string{"Bürgeramt 2 0 2026-11-30", " 1 0 2026-11-30", "Amt für Abfall 1 0 2027-01-01", "Bauamt 1 1 2026-11-30"}
	if !slices.Equal(got, want) || p.overdue != 1 {
		t.Errorf("got %q (%d overdue), want %q", got, p.overdue, want)
	}
}

func drawTask(t *rapid.T) task {
	kinds := []municipalityv1.Gap_Kind{1, 2, 3, 4, 5, 6}
	dates := []string{"", "2020-02-29", "2026-11-22", planDay, "2026-12-01", "2026-12-31", "2027-02-01", "9999-12-31"}
	one := task{
		kind:     rapid.SampledFrom(kinds).Draw(t, "kind"),
		priority: municipalityv1.Implementation_Priority(rapid.IntRange(0, 3).Draw(t, "priority")),
		cases:    rapid.SampledFrom([]int64{0, 1, 50, 5000, 1e9}).Draw(t, "cases"),
		recorded: rapid.SampledFrom(dates).Draw(t, "recorded"), department: rapid.SampledFrom([]string{"", "A", "B"}).Draw(t, "department"),
	}
	one.late = daysLate(one.recorded, planDay)
	if rapid.Bool().Draw(t, "covered") {
		promised := rapid.SampledFrom(dates).Draw(t, "promised")
		status := marketplacev1.Coverage_Status(rapid.Int32Range(0, 3).Draw(t, "status"))
		covered := coveringWith(offer(promised), status)
		one.choice = choice{
			solution: covered.solution, reach: reach(rapid.IntRange(1, 3).Draw(t, "reach")), promise: promiseOf(&covered, planDay), promised: covered.promisedDate(),
			neighbours: rapid.IntRange(0, 9).Draw(t, "neighbours"), further: rapid.IntRange(0, 20).Draw(t, "further"),
		}
	}
	return one
}

func drawSettings(t *rapid.T) *municipalityv1.Plan {
	settings := &municipalityv1.Plan{
		MonthlyCapacity: rapid.SampledFrom([]int32{0, 1, 2, 7, 1000}).Draw(t, "capacity"),
		StartDate:       rapid.SampledFrom([]string{"", "2026-01-01", "2027-02-28", "2028-02-29", "9999-12-01"}).Draw(t, "start"),
	}
	if rapid.Bool().Draw(t, "weighted") {
		weight := rapid.Ptr(rapid.Int32Range(0, 1000), true)
		settings.Weights = &municipalityv1.PlanWeights{
			Priority: weight.Draw(t, "w1"), Overdue: weight.Draw(t, "w2"), Cases: weight.Draw(t, "w3"), Started: weight.Draw(t, "w4"),
			Solution: weight.Draw(t, "w5"), Neighbours: weight.Draw(t, "w6"), Bundle: weight.Draw(t, "w7"),
		}
	}
	return settings
}

// TestPlansHold what any plan promises, whatever the gaps and the settings.
func TestPlansHold(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		tasks := rapid.SliceOfN(rapid.Custom(drawTask), 0, 30).Draw(t, "tasks")
		settings := drawSettings(t)
		p := makePlan(tasks, settings, planDay)
		capacity := int(settings.GetMonthlyCapacity())
		if capacity == 0 {
			capacity = defaultCapacity
		}
		proposed, recorded, places := map[string]int{}, map[string]int{}, map[*task]int{}
		for n, i := range p.items {
			places[i.task] = n
			if n > 0 && p.items[n-1].score < i.score {
				t.Fatal("not in the order of the score")
			}
			checkTerms(t, &i, settings.GetWeights())
			checkDate(t, &i, settings)
			if month := i.target[:len(i.target)-3]; i.proposed {
				proposed[month]++
			} else {
				recorded[month]++
			}
		}
		if len(places) != len(tasks) {
			t.Fatalf("%d of %d tasks in the plan", len(places), len(tasks))
		}
		for i := range tasks[min(1, len(tasks)):] { // equal scores keep their order
			if a, b := places[&tasks[i]], places[&tasks[i+1]]; p.items[a].score == p.items[b].score && a > b {
				t.Fatal("equal scores changed their order")
			}
		}
		for month, n := range proposed { // the last month of all has room for everything
			if n+recorded[month] > capacity && month != "9999-12" {
				t.Fatalf("%d proposed and %d recorded in %s, capacity %d", n, recorded[month], month, capacity)
			}
		}
	})
}

func checkTerms(t *rapid.T, i *item, w *municipalityv1.PlanWeights) {
	var sum int32
	for n, term := range spellTerms(i.task, w) {
		sum += term.GetPoints()
		if term.GetPoints() < 0 || term.GetWeight() == 0 && term.GetPoints() != 0 || int(term.GetWeight()) != terms[n].weightIn(w) {
			t.Fatalf("term %v", term)
		}
	}
	if sum != i.score {
		t.Fatalf("the terms add up to %d, the score is %d", sum, i.score)
	}
}

func checkDate(t *rapid.T, i *item, settings *municipalityv1.Plan) {
	switch {
	case i.proposed == (i.recorded >= planDay):
		t.Fatalf("recorded for %q, proposed %v", i.recorded, i.proposed)
	case !i.proposed && i.target != i.recorded:
		t.Fatalf("recorded for %s, in the plan for %s", i.recorded, i.target)
	case i.proposed && len(i.target) == len(planDay) && (i.target < planDay || i.target < settings.GetStartDate()):
		t.Fatalf("%s is too early", i.target)
	case i.proposed && i.needsSolution() && len(i.target) == len(planDay) && i.target < i.choice.promised:
		t.Fatalf("%s is before the promise for %s", i.target, i.choice.promised)
	}
}

// TestWeightsOfNothing: with every weight 0 the gaps keep their own order.
func TestWeightsOfNothing(t *testing.T) {
	t.Parallel()
	none := &municipalityv1.PlanWeights{Priority: percent(0), Overdue: percent(0), Cases: percent(0), Started: percent(0),
		Solution: percent(0), Neighbours: percent(0), Bundle: percent(0)}
	rapid.Check(t, func(t *rapid.T) {
		tasks := rapid.SliceOfN(rapid.Custom(drawTask), 0, 20).Draw(t, "tasks")
		for i, item := range makePlan(tasks, &municipalityv1.Plan{Weights: none}, planDay).items {
			if item.score != 0 || item.task != &tasks[i] {
				t.Fatalf("item %d has %d points or is out of order", i, item.score)
			}
		}
	})
}

// TestPlansChooseTheBestCandidate: the short way to a solution ends where the ranking for people does.
func TestPlansChooseTheBestCandidate(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := drawRecords(t)
		var market []proto.Message
		for _, id := range []string{"b", "c", "d"} {
			s := solution(id, strings.ToUpper(id), nil, keyNumber(1), keyNumber(2), keyNumber(rapid.IntRange(3, 9).Draw(t, "key")))
			s.PromisedDate = rapid.SampledFrom([]string{"", "2026-01-01", "2027-01-01"}).Draw(t, "promised")
			for _, c := range s.GetCoverage() {
				c.Status = marketplacev1.Coverage_Status(rapid.Int32Range(0, 4).Draw(t, "status"))
				c.Maturity = rapid.SampledFrom([]*municipalityv1.Maturity{nil, {Level: 2}, {Level: 3}, {Model: "2.0", Level: 4}}).Draw(t, "maturity")
			}
			market = append(market, s)
		}
		r = applied(t, r, "marketplace", market...)
		for _, p := range r.all() {
			today := planToday()
			found := r.gapsOf(p, today)
			made := r.planOf(p, &municipalityv1.Plan{}, today)
			if len(made.items) != len(found.gaps) {
				t.Fatalf("%d items for %d gaps", len(made.items), len(found.gaps))
			}
			for i := range made.items {
				checkChoice(t, r, p, found, &made.items[i])
			}
		}
	})
}

func checkChoice(t *rapid.T, r records, p *place, found *gapList, i *item) {
	candidates := r.contestFor(p, found, planToday()).rank(r.market.covering(i.service))
	if len(candidates) == 0 {
		if i.choice.solution != nil {
			t.Fatalf("%s without candidate is closed by %s", i.service, i.choice.solution.GetName())
		}
		return
	}
	want := candidates[0].GetSolution()
	g := found.gaps[slices.IndexFunc(found.gaps, func(g gap) bool { return g.service.GetName() == i.service })]
	if recorded := g.implementation.solutionName(); !isOnline(i.kind) &&
		slices.ContainsFunc(candidates, func(c *municipalityv1.Candidate) bool { return c.GetSolution() == recorded }) {
		want = recorded
	}
	if got := i.choice.solution.GetName(); got != want {
		t.Fatalf("%s is closed by %s, want %s of %v", i.service, got, want, candidates)
	}
}
