package municipality

import (
	"fmt"
	"strings"
	"testing"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
)

func cases(n int64) *int64 { return &n }

// table writes gaps as text, one line each.
func table(answer *municipalityv1.ListGapsResponse) string {
	var b strings.Builder
	for _, g := range answer.GetGaps() {
		fmt.Fprintf(&b, "%s %s", g.GetDisplayName(), strings.TrimPrefix(g.GetKind().String(), "KIND_"))
		if g.GetOverdue() {
			b.WriteString(" overdue")
		}
		for _, c := range g.GetCandidates() {
			fmt.Fprintf(&b, " | %d %s %d", c.GetRank(), c.GetDisplayName(), c.GetScore())
		}
		b.WriteString("\n")
	}
	fmt.Fprintf(&b, "owed %d, not assessed %d", answer.GetOwedSize(), answer.GetNotAssessedSize())
	return b.String()
}

// TestGaps is the golden table: kinds, order and candidates of all kinds of places.
func TestGaps(t *testing.T) {
	t.Parallel()
	w := smallWorld(t)
	w.patch(&municipalityv1.Implementation{Name: implementationName("05766020", dogTax), Phase: municipalityv1.Implementation_PHASE_ONLINE,
		Url: "https://detmold.example/hund", Solution: "solutions/hundesteuer-online"})
	w.patch(&municipalityv1.Implementation{Name: implementationName("05766020", waste), Phase: municipalityv1.Implementation_PHASE_ONLINE,
		Solution: "solutions/alles-koenner", Maturity: &municipalityv1.Maturity{Level: 3}})
	w.patch(&municipalityv1.Implementation{Name: implementationName("05766020", building), Phase: municipalityv1.Implementation_PHASE_ONLINE,
		Url: "https://detmold.example/bau", Maturity: &municipalityv1.Maturity{Model: "2.0", Level: 3}, AnnualCases: cases(10)})
	w.patch(&municipalityv1.Implementation{Name: implementationName("05766020", marriage), Phase: municipalityv1.Implementation_PHASE_PLANNED,
		TargetDate: "2026-11-22"})
	w.patch(&municipalityv1.Implementation{Name: implementationName("05766044", waste), Phase: municipalityv1.Implementation_PHASE_NOT_APPLICABLE,
		NotApplicableReason: "macht der Kreis"})
	w.patch(&municipalityv1.Implementation{Name: implementationName("05766044", marriage), Phase: municipalityv1.Implementation_PHASE_IN_PROGRESS,
		Priority: municipalityv1.Implementation_PRIORITY_HIGH, TargetDate: "2026-11-23"})
	for _, c := range []struct{ ags, want string }{
		{"05766020", `Eheschließung Anmeldung PLANNED overdue
Baugenehmigung Erteilung BELOW_THRESHOLD | 1 Alleskönner 36
Bioabfall NO_LINK | 1 Alleskönner 36
owed 4, not assessed 1`},
		{"05766044", `Eheschließung Anmeldung IN_PROGRESS
Baugenehmigung Erteilung MISSING | 1 Alleskönner 52
Hundesteuer Festsetzung MISSING | 1 Hundesteuer online 71 | 2 Alleskönner 52
owed 3, not assessed 1`},
		{"05766000", `Bioabfall MISSING | 1 Nur für Kreise 65 | 2 Alleskönner 51
Kfz-Zulassung MISSING
owed 2, not assessed 1`},
		{"05758999", "owed 0, not assessed 6"},
	} {
		if got := table(w.gaps(c.ags, "")); got != c.want {
			t.Errorf("%s:\n%s\nwant:\n%s", c.ags, got, c.want)
		}
	}
}

func TestGapsFilterAndPages(t *testing.T) {
	t.Parallel()
	w := smallWorld(t)
	for filter, want := range map[string]int{
		`theme = themes/bauen-wohnen`: 1, `ozg_service = "ozgServices/10291"`: 1, `kind = MISSING`: 5, `overdue = true`: 0,
		`candidates.solution = solutions/hundesteuer-online`: 1, `kind = MISSING AND leika_key = ` + waste: 1,
	} {
		if got := w.gaps("05711000", filter); len(got.GetGaps()) != want || int(got.GetTotalSize()) != want || got.GetOwedSize() != 5 {
			t.Errorf("%s: %d gaps, want %d", filter, len(got.GetGaps()), want)
		}
	}
	req := &municipalityv1.ListGapsRequest{Parent: "municipalities/05711000", PageSize: 2, IncludeNotAssessed: true}
	var names []string
	for {
		page, err := w.client.ListGaps(w.ctx, req)
		must(t, err)
		for _, g := range page.GetGaps() {
			names = append(names, g.GetDisplayName()+" "+g.GetKind().String())
		}
		if req.PageToken = page.GetNextPageToken(); req.GetPageToken() == "" {
			break
		}
	}
	want := "Baugenehmigung Erteilung, Bioabfall, Eheschließung Anmeldung, Hundesteuer Festsetzung, Kfz-Zulassung, Fischereischein Erteilung"
	got := strings.ReplaceAll(strings.ReplaceAll(strings.Join(names, ", "), " KIND_MISSING", ""), " KIND_NOT_ASSESSED", "")
	if got != want {
		t.Errorf("pages: %s", got)
	}
	_, err := w.client.ListGaps(w.ctx, &municipalityv1.ListGapsRequest{Parent: "municipalities/05711000", Filter: "nonsense = 1"})
	wantReason(t, err, "INVALID_FILTER", "filter")
	_, err = w.client.ListGaps(w.ctx, &municipalityv1.ListGapsRequest{Parent: "municipalities/09999999"})
	wantReason(t, err, "RESOURCE_NOT_FOUND")
}

// TestFromGapToOnline is the main job: a gap, a solution chosen, online, gone; then the solution is withdrawn.
func TestFromGapToOnline(t *testing.T) {
	t.Parallel()
	w := smallWorld(t)
	gap := w.gaps("05758004", "public_service = publicServices/"+dogTax).GetGaps()[0]
	if gap.GetRelevanceSource() != publicServices+dogTax+"/relevance" || gap.GetImplementation() != nil {
		t.Errorf("gap: %v", gap)
	}
	chosen := gap.GetCandidates()[0].GetSolution()
	before, err := w.client.ListProgress(w.ctx, &municipalityv1.ListProgressRequest{Filter: "ags = 05758004"})
	must(t, err)
	i := w.patch(&municipalityv1.Implementation{Name: implementationName("05758004", dogTax), Phase: municipalityv1.Implementation_PHASE_ONLINE,
		Url: "https://buende.example/hund", Solution: chosen, Maturity: &municipalityv1.Maturity{Level: 3}})
	if !i.GetFulfilled() || i.GetMaturity().GetThreshold() != 3 || i.GetMaturity().GetModel() != "1.1" || i.GetUpdateActor() != "administrator" ||
		i.GetDisplayName() != "Hundesteuer Festsetzung" || i.GetPublicService() != publicServices+dogTax || i.GetEtag() == "" {
		t.Errorf("implementation: %v", i)
	}
	if left := w.gaps("05758004", "public_service = publicServices/"+dogTax).GetGaps(); len(left) != 0 {
		t.Errorf("the gap is still there: %v", left)
	}
	after, err := w.client.ListProgress(w.ctx, &municipalityv1.ListProgressRequest{Filter: "ags = 05758004"})
	must(t, err)
	if before.GetTotal().GetOnline() != 0 || after.GetTotal().GetOnline() != 1 || after.GetTotal().GetOwed() != before.GetTotal().GetOwed() {
		t.Errorf("progress before %v, after %v", before.GetTotal(), after.GetTotal())
	}
	w.publish("marketplace", solution("hundesteuer-online", "Hundesteuer online",
		func(s *marketplacev1.Solution) { s.State = marketplacev1.Solution_STATE_WITHDRAWN }, dogTax))
	again := w.gaps("05758004", "kind = SOLUTION_WITHDRAWN").GetGaps()
	if len(again) != 1 || !again[0].GetImplementation().GetSolutionWithdrawn() || len(again[0].GetCandidates()) != 1 {
		t.Errorf("after the withdrawal: %v", again)
	}
	listed, err := w.client.ListImplementations(w.ctx, &municipalityv1.ListImplementationsRequest{Parent: "municipalities/05758004", Filter: "solution_withdrawn = true"})
	must(t, err)
	if len(listed.GetImplementations()) != 1 {
		t.Errorf("implementations on a withdrawn solution: %v", listed)
	}
}

// TestPromisesAndUsers: what a promise and its history, and users near and far, do to a candidate.
func TestPromisesAndUsers(t *testing.T) {
	t.Parallel()
	change := func(before, after string) *marketplacev1.PromiseChange {
		return &marketplacev1.PromiseChange{OldDate: before, NewDate: after}
	}
	for _, c := range []struct {
		date    string
		status  marketplacev1.Coverage_Status
		changes []*marketplacev1.PromiseChange
		want    string
	}{
		{"", 0, nil, "AVAILABLE 15;"},
		{"", available, []*marketplacev1.PromiseChange{change("", "2026-01-01"), change("2026-01-01", "")}, "AVAILABLE 15;"},
		{"2027-01-01", available, nil, "AVAILABLE 15;"}, // the date is for what is planned
		{"2027-01-01", inPilot, nil, "PILOT 8;"},
		{"", inPilot, []*marketplacev1.PromiseChange{change("", "2026-01-01"), change("2026-01-01", "2026-06-01")}, "PILOT 8;"},
		{"", toCome, nil, "PLANNED_UNDATED 0;"},
		{"", toCome, []*marketplacev1.PromiseChange{change("", "2026-01-01"), change("2026-01-01", "2026-06-01"), change("2026-06-01", "")},
			"PLANNED_UNDATED 0;PROMISE_WITHDRAWN -15;PROMISE_SLIPPED -7;"},
		{"2027-01-01", toCome, nil, "PROMISED 0;"},
		{"2026-11-23", 0, nil, "PROMISED 0;"},
		{"2026-11-22", toCome, nil, "PROMISE_OVERDUE -15;"},
		{"2027-01-01", 0, []*marketplacev1.PromiseChange{change("", "2026-01-01"), change("2026-01-01", "2026-06-01"),
			change("2026-06-01", "2026-05-01"), change("2026-05-01", "2027-01-01")}, "PROMISED 0;PROMISE_SLIPPED -16;"}, // 365 days
	} {
		got := ""
		offered := coveringWith(&marketplacev1.Solution{PromisedDate: c.date, PromiseChanges: c.changes}, c.status)
		for _, r := range availabilityReasons(nil, &offered, "2026-11-23") {
			got += fmt.Sprintf("%s %d;", r.GetReason(), r.GetPoints())
		}
		if got != c.want {
			t.Errorf("%s %v %v: %s, want %s", c.date, c.status, c.changes, got, c.want)
		}
	}
	w := smallWorld(t)
	for _, ags := range []string{"05758004", "05711000", "05766020"} {
		w.patch(&municipalityv1.Implementation{Name: implementationName(ags, dogTax), Phase: planned, Solution: "solutions/hundesteuer-online"})
	}
	w.patch(&municipalityv1.Implementation{Name: implementationName("05758000", waste), Phase: notApplicable, NotApplicableReason: "x",
		Solution: "solutions/hundesteuer-online"})
	best := w.gaps("05766044", "public_service = publicServices/"+dogTax).GetGaps()[0].GetCandidates()[0]
	got := ""
	for _, r := range best.GetReasons() {
		got += fmt.Sprintf("%s %d;", r.GetReason(), r.GetPoints())
		if r.GetMessageDe() == "" || r.GetMessageEn() == "" {
			t.Errorf("reason without text: %v", r)
		}
	}
	if want := "MATURITY_FULFILS 40;USED_IN_DISTRICT 6;USED_ELSEWHERE 2;SAME_DATA_CENTRE 10;AVAILABLE 15;"; got != want || best.GetScore() != 73 {
		t.Errorf("%s %s = %d", best.GetSolution(), got, best.GetScore())
	}
}

// TestProgress is the golden table of groups.
func TestProgress(t *testing.T) {
	t.Parallel()
	w := smallWorld(t)
	w.patch(&municipalityv1.Implementation{Name: implementationName("05766044", dogTax), Phase: online, Maturity: &municipalityv1.Maturity{Level: 3}})
	w.patch(&municipalityv1.Implementation{Name: implementationName("05766044", building), Phase: online, Maturity: &municipalityv1.Maturity{Level: 2}})
	w.patch(&municipalityv1.Implementation{Name: implementationName("05766044", waste), Phase: notApplicable, NotApplicableReason: "x"})
	w.patch(&municipalityv1.Implementation{Name: implementationName("05766000", waste), Phase: planned})
	for _, c := range []struct {
		by           municipalityv1.ListProgressRequest_GroupBy
		filter, want string
	}{
		{municipalityv1.ListProgressRequest_GROUP_BY_THEME, "district = municipalities/05766000", `
 Ohne Themenfeld 2: owed 3 = 0+0+0+0+3, not applicable 1, not assessed 2
themes/bauen-wohnen Bauen & Wohnen 2: owed 2 = 0+1+0+0+1, not applicable 0, not assessed 0
themes/steuern-zoll Steuern & Zoll 2: owed 2 = 1+0+0+0+1, not applicable 0, not assessed 0
 Gesamt 2: owed 7 = 1+1+0+0+5, not applicable 1, not assessed 2`},
		{municipalityv1.ListProgressRequest_GROUP_BY_DISTRICT, "", `
municipalities/05711000 Bielefeld 1: owed 5 = 0+0+0+0+5, not applicable 0, not assessed 1
municipalities/05758000 Kreis Herford 3: owed 6 = 0+0+0+0+6, not applicable 0, not assessed 8
municipalities/05766000 Kreis Lippe 3: owed 9 = 1+1+0+1+6, not applicable 1, not assessed 3
 Gesamt 7: owed 20 = 1+1+0+1+17, not applicable 1, not assessed 12`},
		{municipalityv1.ListProgressRequest_GROUP_BY_SIZE_CLASS, "ags = 05766*", `
SIZE_CLASS_GROSSE_KREISANGEHOERIGE_STADT Große kreisangehörige Stadt 1: owed 4 = 0+0+0+0+4, not applicable 0, not assessed 1
SIZE_CLASS_KREIS Kreis 1: owed 2 = 0+0+0+1+1, not applicable 0, not assessed 1
SIZE_CLASS_MITTLERE_KREISANGEHOERIGE_STADT Mittlere kreisangehörige Stadt 1: owed 3 = 1+1+0+0+1, not applicable 1, not assessed 1
 Gesamt 3: owed 9 = 1+1+0+1+6, not applicable 1, not assessed 3`},
		{municipalityv1.ListProgressRequest_GROUP_BY_MUNICIPALITY, "population > 300000 AND kind = DISTRICT", `
municipalities/05766000 Kreis Lippe 1: owed 2 = 0+0+0+1+1, not applicable 0, not assessed 1
 Gesamt 1: owed 2 = 0+0+0+1+1, not applicable 0, not assessed 1`},
	} {
		answer, err := w.client.ListProgress(w.ctx, &municipalityv1.ListProgressRequest{GroupBy: c.by, Filter: c.filter})
		must(t, err)
		got := ""
		for _, g := range append(answer.GetProgress(), answer.GetTotal()) {
			got += fmt.Sprintf("\n%s %s %d: owed %d = %d+%d+%d+%d+%d, not applicable %d, not assessed %d", g.GetKey(), g.GetDisplayName(),
				g.GetMunicipalities(), g.GetOwed(), g.GetOnline(), g.GetBelowThreshold(), g.GetInProgress(), g.GetPlanned(), g.GetOpen(),
				g.GetNotApplicable(), g.GetNotAssessed())
		}
		if got != c.want {
			t.Errorf("%v %s:%s\nwant:%s", c.by, c.filter, got, c.want)
		}
	}
}
