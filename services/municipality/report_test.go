package municipality

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
)

func peerGroup(name string, online, owed int64, places int32) *municipalityv1.ProgressGroup {
	return &municipalityv1.ProgressGroup{DisplayName: name, Online: online, Owed: owed, Municipalities: places}
}

func trendPoints(online, owed int64, dates ...string) []*municipalityv1.TrendPoint {
	var points []*municipalityv1.TrendPoint
	for _, d := range dates {
		points = append(points, &municipalityv1.TrendPoint{Date: d, Online: online, Owed: owed})
	}
	return points
}

// briefingOf is a report of a town whose size class is known, before its messages.
func briefingOf(change func(*municipalityv1.Report)) *municipalityv1.Report {
	r := &municipalityv1.Report{
		Municipality: &municipalityv1.Municipality{Name: "municipalities/05758004", DisplayName: "Bünde", SizeClass: commonv1.SizeClass_SIZE_CLASS_MITTLERE_KREISANGEHOERIGE_STADT},
		Total:        &municipalityv1.ProgressGroup{},
	}
	change(r)
	return r
}

// TestMessages: every message for none, one and many, and silence where there is nothing to say.
func TestMessages(t *testing.T) {
	t.Parallel()
	const (
		missing   = municipalityv1.Gap_KIND_MISSING
		noLink    = municipalityv1.Gap_KIND_NO_LINK
		below     = municipalityv1.Gap_KIND_BELOW_THRESHOLD
		withdrawn = municipalityv1.Gap_KIND_SOLUTION_WITHDRAWN
		over      = municipalityv1.Gap_KIND_ADOPTION_ENDED
	)
	available := choice{solution: offer(""), reach: reachFulfils}
	ahead := func(date string) choice {
		return choice{solution: offer(date), reach: reachFulfils, promise: promiseAhead}
	}
	broken := func(date string) choice {
		return choice{solution: offer(date), reach: reachFulfils, promise: promiseBroken}
	}
	plain := task{kind: missing, department: "Amt", choice: available}
	with := func(change func(*task)) task {
		one := plain
		change(&one)
		return one
	}
	total := func(online, owed int64) func(*municipalityv1.Report) {
		return func(r *municipalityv1.Report) { r.Total = peerGroup("", online, owed, 1) }
	}
	none := func(*municipalityv1.Report) {}
	for _, c := range []struct {
		report func(*municipalityv1.Report)
		tasks  []task
		want   []string
	}{
		{none, nil, nil},
		{func(r *municipalityv1.Report) { r.Municipality.SizeClass, r.Total.NotAssessed = 0, 5 }, nil, []string{
			"URGENT CLASS_UNKNOWN Die Größenklasse ist ungeklärt; deshalb steht nicht fest, welche Leistungen geschuldet werden."}},
		{total(0, 1), nil, []string{"INFO SHARE Die einzige geschuldete Leistung ist noch nicht vollständig online."}},
		{total(1, 1), nil, []string{"INFO SHARE Die einzige geschuldete Leistung ist vollständig online."}},
		{total(0, 7), nil, []string{"INFO SHARE Von 7 geschuldeten Leistungen ist noch keine vollständig online."}},
		{total(1, 7), nil, []string{"INFO SHARE Von 7 geschuldeten Leistungen ist eine vollständig online (14 %)."}},
		{total(1200, 1400), nil, []string{"INFO SHARE Von 1.400 geschuldeten Leistungen sind 1.200 vollständig online (86 %)."}},
		{total(7, 7), nil, []string{"INFO SHARE Alle 7 geschuldeten Leistungen sind vollständig online."}},
		{func(r *municipalityv1.Report) { r.SizeClass = peerGroup("Mittlere", 1, 2, 9) }, nil, nil},
		{func(r *municipalityv1.Report) {
			r.Total, r.SizeClass = peerGroup("", 0, 7, 1), peerGroup("Mittlere", 0, 7, 1)
		}, nil, []string{
			"INFO SHARE Von 7 geschuldeten Leistungen ist noch keine vollständig online."}},
		{func(r *municipalityv1.Report) {
			r.Total, r.SizeClass, r.District = peerGroup("", 50, 100, 1), peerGroup("Mittlere", 40, 100, 1200), peerGroup("Kreis Herford", 51, 100, 10)
		}, nil, []string{
			"INFO SHARE Von 100 geschuldeten Leistungen sind 50 vollständig online (50 %).",
			"INFO COMPARED_TO_CLASS Mit 50 % liegt Bünde 10 Prozentpunkte über dem Stand der Größenklasse „Mittlere“ (40 %, 1.200 Kommunen).",
			"INFO COMPARED_TO_DISTRICT Mit 50 % liegt Bünde einen Prozentpunkt unter dem Stand im Gebiet „Kreis Herford“ (51 %, 10 Kommunen)."}},
		{func(r *municipalityv1.Report) {
			r.Total, r.SizeClass, r.District = peerGroup("", 50, 100, 1), peerGroup("Mittlere", 60, 100, 12), peerGroup("Kreis Herford", 500, 1000, 10)
		}, nil, []string{
			"WARNING COMPARED_TO_CLASS Mit 50 % liegt Bünde 10 Prozentpunkte unter dem Stand der Größenklasse „Mittlere“ (60 %, 12 Kommunen).",
			"INFO SHARE Von 100 geschuldeten Leistungen sind 50 vollständig online (50 %).",
			"INFO COMPARED_TO_DISTRICT Mit 50 % liegt Bünde gleichauf mit dem Stand im Gebiet „Kreis Herford“ (50 %, 10 Kommunen)."}},
		{func(r *municipalityv1.Report) {
			r.Trend = append(trendPoints(2, 10, "2026-07-31", "2026-08-23"), trendPoints(3, 10, "2026-08-24", planDay)...)
		}, nil, []string{"INFO TREND In den letzten drei Monaten kam eine Leistung online hinzu (von 20 % auf 30 %)."}},
		{func(r *municipalityv1.Report) {
			r.Trend = append(trendPoints(2, 10, "2026-07-31"), trendPoints(4, 10, planDay)...)
		}, nil, []string{"INFO TREND In den letzten drei Monaten kamen 2 Leistungen online hinzu (von 20 % auf 40 %)."}},
		{func(r *municipalityv1.Report) {
			r.Trend = append(trendPoints(2, 10, "2026-07-31"), trendPoints(1, 10, planDay)...)
		}, nil, []string{"WARNING TREND In den letzten drei Monaten ging der Stand um eine Leistung zurück (von 20 % auf 10 %)."}},
		{func(r *municipalityv1.Report) {
			r.Trend = append(trendPoints(9, 10, "2026-07-31"), trendPoints(1, 10, planDay)...)
		}, nil, []string{"WARNING TREND In den letzten drei Monaten ging der Stand um 8 Leistungen zurück (von 90 % auf 10 %)."}},
		{func(r *municipalityv1.Report) { r.Trend = trendPoints(2, 10, "2026-07-31", planDay) }, nil, []string{
			"WARNING TREND In den letzten drei Monaten kam keine Leistung online hinzu."}},
		{func(r *municipalityv1.Report) {
			r.Trend = append(trendPoints(0, 10, "2026-07-31"), trendPoints(4, 10, planDay)...)
			r.Trend[0].Open = 10 // nothing was recorded yet
		}, nil, nil},
		{func(r *municipalityv1.Report) { r.Trend = trendPoints(10, 10, "2026-07-31", planDay) }, nil, nil},
		{func(r *municipalityv1.Report) { r.Trend = trendPoints(2, 10, "2026-09-30", planDay) }, nil, nil},
		{func(r *municipalityv1.Report) { r.Trend = trendPoints(0, 0, "2026-07-31", planDay) }, nil, nil},
		{none, []task{with(func(o *task) { o.name, o.late, o.recorded = "Hund", 1, "2026-11-22" })}, []string{
			"URGENT OVERDUE „Hund“ ist seit einem Tag überfällig.",
			"INFO PLAN_END Nach dem Plan ist die einzige Lücke am 30.11.2026 geschlossen."}},
		{none, []task{with(func(o *task) { o.name, o.late, o.recorded = "Hund", 3, "2026-11-20" }), with(func(o *task) { o.name, o.late, o.recorded = "Katze", 40, "2026-10-14" })}, []string{
			"URGENT OVERDUE 2 Leistungen sind überfällig, am längsten „Katze“ (seit 40 Tagen).",
			"INFO PLAN_END Nach dem Plan sind alle 2 Lücken am 31.12.2026 geschlossen."}},
		{none, []task{with(func(o *task) { o.choice, o.recorded = choice{}, "2027-01-01" })}, []string{
			"WARNING WITHOUT_SOLUTION Für eine Lücke gibt es im Marktplatz keine Lösung.",
			"INFO PLAN_END Nach dem Plan ist die einzige Lücke am 01.01.2027 geschlossen."}},
		{none, []task{with(func(o *task) { o.department = "" })}, []string{
			"WARNING NO_DEPARTMENT Für eine Lücke ist kein Fachamt eingetragen.",
			"INFO PLAN_END Nach dem Plan ist die einzige Lücke am 30.11.2026 geschlossen."}},
		{none, []task{{kind: missing}, {kind: noLink}, {kind: withdrawn}}, []string{
			"WARNING SOLUTION_WITHDRAWN Eine Leistung läuft auf einer zurückgezogenen Lösung.",
			"WARNING WITHOUT_SOLUTION Für 2 Lücken gibt es im Marktplatz keine Lösung.",
			"WARNING NO_DEPARTMENT Für 3 Lücken ist kein Fachamt eingetragen.",
			"INFO NO_LINK Bei einer Leistung, die online ist, fehlt nur die Adresse.",
			"INFO PLAN_END Nach dem Plan sind alle 3 Lücken am 31.12.2026 geschlossen."}},
		{none, []task{with(func(o *task) { o.kind = noLink }), with(func(o *task) { o.kind, o.choice = noLink, ahead("2027-01-01") }),
			with(func(o *task) { o.kind = below }), with(func(o *task) { o.kind = below }),
			with(func(o *task) { o.kind = withdrawn }), with(func(o *task) { o.kind = withdrawn })}, []string{
			"WARNING SOLUTION_WITHDRAWN 2 Leistungen laufen auf zurückgezogenen Lösungen.",
			"INFO NO_LINK Bei 2 Leistungen, die online sind, fehlt nur die Adresse.",
			"INFO BELOW_THRESHOLD 2 Leistungen sind online, erreichen aber den Reifegrad nicht.",
			"INFO PLAN_END Nach dem Plan sind alle 6 Lücken am 31.01.2027 geschlossen."}},
		{none, []task{with(func(o *task) { o.kind = over }), with(func(o *task) { o.kind = over })}, []string{
			"WARNING ADOPTION_ENDED 2 Leistungen sind als online gemeldet, aber die Nachnutzung ist beendet.",
			"INFO PLAN_END Nach dem Plan sind alle 2 Lücken am 31.12.2026 geschlossen."}},
		{none, []task{with(func(o *task) { o.kind = below })}, []string{
			"INFO BELOW_THRESHOLD Eine Leistung ist online, erreicht aber den Reifegrad nicht.",
			"INFO PLAN_END Nach dem Plan ist die einzige Lücke am 30.11.2026 geschlossen."}},
		{none, []task{with(func(o *task) { o.choice = ahead("2027-02-01") })}, []string{
			"INFO PROMISED Für eine Lücke ist eine Lösung zum 01.02.2027 zugesagt.",
			"INFO PLAN_END Nach dem Plan ist die einzige Lücke am 28.02.2027 geschlossen."}},
		{none, []task{with(func(o *task) { o.choice = ahead("2027-02-01") }), with(func(o *task) { o.choice = ahead("2027-01-05") }),
			with(func(o *task) { o.choice = broken("2026-02-01") })}, []string{
			"WARNING PROMISE_OVERDUE Für eine Lücke war eine Lösung zum 01.02.2026 zugesagt; der Termin ist verstrichen.",
			"INFO PROMISED Für 2 Lücken sind Lösungen zugesagt, die nächste zum 05.01.2027.",
			"INFO PLAN_END Nach dem Plan sind alle 3 Lücken am 28.02.2027 geschlossen."}},
		{none, []task{with(func(o *task) { o.choice = broken("2026-02-01") }), with(func(o *task) { o.choice = broken("2025-02-01") })}, []string{
			"WARNING PROMISE_OVERDUE Für 2 Lücken waren Lösungen zugesagt, deren Termine verstrichen sind, der früheste am 01.02.2025.",
			"INFO PLAN_END Nach dem Plan sind alle 2 Lücken am 31.12.2026 geschlossen."}},
		{func(r *municipalityv1.Report) { r.Total.NotAssessed = 1 }, nil, []string{"INFO NOT_ASSESSED Bei einer Leistung ist noch nicht geprüft, ob sie geschuldet wird."}},
		{func(r *municipalityv1.Report) { r.Total.NotAssessed = 6000 }, nil, []string{"INFO NOT_ASSESSED Bei 6.000 Leistungen ist noch nicht geprüft, ob sie geschuldet werden."}},
	} {
		plan := makePlan(c.tasks, &municipalityv1.Plan{}, planDay)
		report := briefingOf(c.report)
		report.PlanEndDate = plan.end
		if got := messageTable(t, messagesOf(report, plan.items)); got != strings.Join(c.want, "\n") {
			t.Errorf("got:\n%s\nwant:\n%s", got, strings.Join(c.want, "\n"))
		}
	}
}

func messageTable(t *testing.T, messages []*municipalityv1.ReportMessage) string {
	t.Helper()
	var lines []string
	for _, m := range messages {
		lines = append(lines, fmt.Sprintf("%s %s %s", strings.TrimPrefix(m.GetSeverity().String(), "SEVERITY_"), m.GetKind(), m.GetMessageDe()))
		if en := m.GetMessageEn(); !strings.HasSuffix(en, ".") || strings.Contains(en, "1 ") && !strings.ContainsAny(en, "%,2") || strings.Contains(en, "  ") {
			t.Errorf("%s in English: %q", m.GetKind(), en)
		}
	}
	return strings.Join(lines, "\n")
}

func TestPercentage(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		online, owed int64
		want         int
	}{{0, 0, 0}, {0, 5, 0}, {5, 5, 100}, {1, 1000, 1}, {999, 1000, 99}, {1, 8, 13}, {1, 3, 33}, {2, 3, 67}, {1, 2, 50}} {
		if got := percentage(peerGroup("", c.online, c.owed, 1)); got != c.want {
			t.Errorf("%d of %d are %d %%, want %d", c.online, c.owed, got, c.want)
		}
	}
}

func TestThreeMonths(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ dates, then string }{
		{"", ""}, {"2026-11-23", ""}, {"2026-08-23 2026-11-23", "2026-08-23"}, {"2026-08-24 2026-11-23", ""},
		{"2027-02-27 2027-02-28 2027-03-02 2027-05-31", "2027-02-28"}, {"2028-02-29 2028-05-31", "2028-02-29"}, {"2026-10-31 2026-11-30 2027-01-31", "2026-10-31"},
	} {
		then, _ := threeMonths(trendPoints(0, 1, strings.Fields(c.dates)...))
		if then.GetDate() != c.then {
			t.Errorf("%s: three months before is %q, want %q", c.dates, then.GetDate(), c.then)
		}
	}
}

// TestReport is the report of a small town as clients get it.
func TestReport(t *testing.T) {
	t.Parallel()
	w := busyWorld(t)
	report, err := w.client.GetReport(w.ctx, &municipalityv1.GetReportRequest{Name: "municipalities/05766044/report"})
	must(t, err)
	want := `URGENT OVERDUE „Eheschließung Anmeldung“ ist seit 30 Tagen überfällig.
WARNING COMPARED_TO_DISTRICT Mit 0 % liegt Lemgo 10 Prozentpunkte unter dem Stand im Gebiet „Kreis Lippe“ (10 %, 3 Kommunen).
WARNING WITHOUT_SOLUTION Für eine Lücke gibt es im Marktplatz keine Lösung.
WARNING NO_DEPARTMENT Für 2 Lücken ist kein Fachamt eingetragen.
INFO SHARE Von 4 geschuldeten Leistungen ist noch keine vollständig online.
INFO COMPARED_TO_CLASS Mit 0 % liegt Lemgo gleichauf mit dem Stand der Größenklasse „Mittlere kreisangehörige Stadt“ (0 %, 2 Kommunen).
INFO PROMISED Für 2 Lücken sind Lösungen zugesagt, die nächste zum 31.03.2027.
INFO NOT_ASSESSED Bei einer Leistung ist noch nicht geprüft, ob sie geschuldet wird.
INFO PLAN_END Nach dem Plan sind alle 4 Lücken am 15.09.2027 geschlossen.`
	if got := messageTable(t, report.GetMessages()); got != want {
		t.Errorf("got:\n%s\nwant:\n%s", got, want)
	}
	plan := w.plan(lemgoPlan, "")
	if len(report.GetNextItems()) != 4 || !proto.Equal(report.GetNextItems()[0], plan.GetItems()[0]) || report.GetOverdueSize() != 1 ||
		report.GetPlanEndDate() != plan.GetEndDate() || len(report.GetDepartments()) != len(plan.GetDepartments()) {
		t.Errorf("the report differs from the plan: %v", report)
	}
	total := report.GetTotal()
	if report.GetDate() != "2026-11-23" || report.GetName() != "municipalities/05766044/report" || report.GetMunicipality().GetDisplayName() != "Lemgo" ||
		total.GetKey() != "municipalities/05766044" || total.GetOwed() != 4 || total.GetPlanned() != 1 || total.GetInProgress() != 1 || len(report.GetThemes()) != 3 {
		t.Errorf("head and figures: %v", report)
	}
	if report.GetDistrict().GetKey() != "municipalities/05766000" || report.GetDistrict().GetOwed() != 10 || report.GetSizeClass().GetMunicipalities() != 2 {
		t.Errorf("peers: %v, %v", report.GetDistrict(), report.GetSizeClass())
	}
	_, err = w.client.GetReport(w.ctx, &municipalityv1.GetReportRequest{Name: "municipalities/01001000/report"})
	wantReason(t, err, "RESOURCE_NOT_FOUND")
}

// TestReportFollows: what others do and what the catalogue says shows at once.
func TestReportFollows(t *testing.T) {
	t.Parallel()
	w := busyWorld(t)
	report := func(ags string) *municipalityv1.Report {
		return must1(w.client.GetReport(w.ctx, &municipalityv1.GetReportRequest{Name: municipalityName(ags) + "/report"}))
	}
	before := report("05766044")
	w.patch(&municipalityv1.Implementation{Name: implementationName("05766020", waste), Phase: municipalityv1.Implementation_PHASE_ONLINE, Url: "https://a.example"})
	if after := report("05766044"); after.GetDistrict().GetOnline() != before.GetDistrict().GetOnline()+1 {
		t.Errorf("a neighbour went online: %v, before %v", after.GetDistrict(), before.GetDistrict())
	}
	w.patch(&municipalityv1.Implementation{Name: implementationName("05766044", building), PhaseDate: "2026-03-01"})
	w.patch(&municipalityv1.Implementation{Name: implementationName("05766044", waste), Phase: municipalityv1.Implementation_PHASE_ONLINE,
		PhaseDate: "2026-10-15", Url: "https://a.example"})
	late := report("05766044")
	trend := late.GetTrend()
	if len(trend) != 13 || trend[12].GetDate() != "2026-11-23" || trend[12].GetOnline() != 1 || trend[11].GetDate() != "2026-10-31" ||
		trend[11].GetOnline() != 1 || trend[10].GetOnline() != 0 || trend[0].GetDate() != "2025-11-30" {
		t.Errorf("trend of a late report: %v", trend)
	}
	if got := messageTable(t, late.GetMessages()); !strings.Contains(got, "INFO TREND In den letzten drei Monaten kam eine Leistung online hinzu (von 0 % auf 25 %).") {
		t.Errorf("messages: %s", got)
	}
	w.publish("catalogue", owes(publicServices+fishing, 4))
	if after := report("05766044"); after.GetSizeClass().GetOwed() != before.GetSizeClass().GetOwed()+2 || after.GetTotal().GetNotAssessed() != 0 {
		t.Errorf("the catalogue changed: %v, before %v", after.GetSizeClass(), before.GetSizeClass())
	}
	w.publish("marketplace", solution("weg", "Weg", func(s *marketplacev1.Solution) { s.State = marketplacev1.Solution_STATE_WITHDRAWN }))
	unknown := report("05758999")
	if unknown.GetSizeClass() != nil || unknown.GetMessages()[0].GetKind() != "CLASS_UNKNOWN" || len(unknown.GetMessages()) != 1 {
		t.Errorf("unknown size class: %v", unknown)
	}
	if kreis := report("05766000"); kreis.GetDistrict().GetMunicipalities() != 3 || strings.Contains(messageTable(t, kreis.GetMessages()), "COMPARED_TO_DISTRICT") {
		t.Errorf("a Kreis is compared with itself: %v", kreis.GetMessages())
	}
	if city := report("05711000"); city.GetDistrict().GetMunicipalities() != 1 {
		t.Errorf("a kreisfreie Stadt is a group of its own: %v", city.GetDistrict())
	}
}
