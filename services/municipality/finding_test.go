package municipality

import (
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	ledgerv1 "kompass.krz.de/proto/kompass/ledger/v1"
	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/state"
)

const (
	phasePlanned       = municipalityv1.Implementation_PHASE_PLANNED
	phaseInProgress    = municipalityv1.Implementation_PHASE_IN_PROGRESS
	phaseOnline        = municipalityv1.Implementation_PHASE_ONLINE
	phaseNotApplicable = municipalityv1.Implementation_PHASE_NOT_APPLICABLE
)

func level(model string, n int32) *municipalityv1.Maturity {
	return &municipalityv1.Maturity{Model: model, Level: n}
}

// found writes the kinds that are found in what was recorded some days before testDay.
func (f *finder) found(m *municipalityv1.Implementation, key string, daysAgo int) string {
	m.Name = implementationName("05766044", key)
	i := recorded(m, &ledger.Entry{Record: &ledgerv1.Record{Time: timestamppb.New(testDay.AddDate(0, 0, -daysAgo))}})
	kinds, names := f.kindsOf(&i), []string(nil)
	for kind := municipalityv1.Finding_Kind(1); kind < findingKindsEnd; kind++ {
		if kinds.has(kind) {
			names = append(names, strings.TrimPrefix(kind.String(), "KIND_"))
		}
	}
	return strings.Join(names, " ")
}

// TestFindingKinds has each kind, and what comes close to it.
func TestFindingKinds(t *testing.T) {
	t.Parallel()
	r := applyAll(t, emptyRecords(), "catalogue", smallCatalogue())
	r = applied(t, r, "marketplace", solution("gut", "Gut", nil, dogTax), solution("weg", "Weg",
		func(s *marketplacev1.Solution) { s.State = marketplacev1.Solution_STATE_WITHDRAWN }, dogTax))
	f := r.finder(dayAt(testDay))
	const url = "https://lemgo.example"
	type recorded = municipalityv1.Implementation
	for name, c := range map[string]struct {
		m       *recorded
		key     string
		daysAgo int
		want    string
	}{
		"nothing":               {&recorded{}, dogTax, 1000, ""},
		"online, no link":       {&recorded{Phase: phaseOnline}, dogTax, 0, "ONLINE_WITHOUT_LINK"},
		"online, link":          {&recorded{Phase: phaseOnline, Url: url}, dogTax, 1000, ""},
		"link, planned":         {&recorded{Phase: phasePlanned, Url: url}, dogTax, 0, "LINK_NOT_REPORTED"},
		"link, no phase":        {&recorded{Url: url}, dogTax, 0, "LINK_NOT_REPORTED"},
		"link, not applicable":  {&recorded{Phase: phaseNotApplicable, Url: url}, dogTax, 1000, ""},
		"below":                 {&recorded{Phase: phaseOnline, Url: url, Solution: "solutions/gut", Maturity: level("", 2)}, dogTax, 0, "BELOW_SOLUTION"},
		"as high":               {&recorded{Phase: phaseOnline, Url: url, Solution: "solutions/gut", Maturity: level("1.1", 3)}, dogTax, 0, ""},
		"below, another model":  {&recorded{Phase: phaseOnline, Url: url, Solution: "solutions/gut", Maturity: level("2.0", 2)}, dogTax, 0, ""},
		"below, not measured":   {&recorded{Phase: phaseOnline, Url: url, Solution: "solutions/gut"}, dogTax, 0, ""},
		"below, planned":        {&recorded{Phase: phasePlanned, Solution: "solutions/gut", Maturity: level("1.1", 2)}, dogTax, 0, ""},
		"below, not covered":    {&recorded{Phase: phaseOnline, Url: url, Solution: "solutions/gut", Maturity: level("1.1", 2)}, waste, 0, ""},
		"solution withdrawn":    {&recorded{Phase: phaseOnline, Url: url, Solution: "solutions/weg", Maturity: level("1.1", 2)}, dogTax, 0, "SOLUTION_WITHDRAWN"},
		"solution unknown":      {&recorded{Phase: phaseOnline, Url: url, Solution: "solutions/fremd", Maturity: level("1.1", 2)}, dogTax, 0, ""},
		"unknown service":       {&recorded{Phase: phaseOnline, Url: url}, "99999999999999", 0, "UNKNOWN_SERVICE"},
		"withdrawn service":     {&recorded{Phase: phaseOnline, Url: url}, old, 0, "WITHDRAWN_SERVICE"},
		"target passed":         {&recorded{Phase: phasePlanned, TargetDate: "2026-11-22"}, dogTax, 0, "TARGET_PASSED"},
		"target today":          {&recorded{Phase: phasePlanned, TargetDate: "2026-11-23"}, dogTax, 0, ""},
		"target passed, online": {&recorded{Phase: phaseOnline, Url: url, TargetDate: "2026-11-22"}, dogTax, 0, ""},
		"target passed, not":    {&recorded{Phase: phaseNotApplicable, TargetDate: "2026-11-22"}, dogTax, 0, ""},
		"untouched":             {&recorded{Phase: phaseInProgress}, dogTax, 180, "UNTOUCHED"},
		"touched":               {&recorded{Phase: phaseInProgress}, dogTax, 179, ""},
		"adoption over":         {&recorded{Phase: phaseOnline, Url: url, Adoption: "adoptions/a", AdoptionEnded: true}, dogTax, 0, "ADOPTION_ENDED"},
		"adoption live":         {&recorded{Phase: phaseOnline, Url: url, Adoption: "adoptions/a"}, dogTax, 0, ""},
		"two at once":           {&recorded{Phase: phasePlanned, TargetDate: "2026-01-01"}, dogTax, 200, "TARGET_PASSED UNTOUCHED"},
	} {
		if got := f.found(c.m, c.key, c.daysAgo); got != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func (w *world) findings(filter string) *municipalityv1.ListFindingsResponse {
	w.tb.Helper()
	answer, err := w.client.ListFindings(w.ctx, &municipalityv1.ListFindingsRequest{Parent: "municipalities/05766044", Filter: filter})
	must(w.tb, err)
	return answer
}

// TestFindings asks the running service: order, messages, filters, counts, refusals.
func TestFindings(t *testing.T) {
	t.Parallel()
	w := smallWorld(t)
	name := func(key string) string { return implementationName("05766044", key) }
	w.patch(&municipalityv1.Implementation{Name: name(waste), Phase: phasePlanned, TargetDate: "2026-11-23", Department: "Umweltamt"})
	w.patch(&municipalityv1.Implementation{Name: name(marriage), Phase: phaseOnline})
	w.patch(&municipalityv1.Implementation{Name: name(dogTax), Phase: phaseOnline, Solution: "solutions/hundesteuer-online", Maturity: level("1.1", 2)})
	w.patch(&municipalityv1.Implementation{Name: name(fishing), Phase: phaseOnline, Url: "https://lemgo.example"})
	withdrawn := service(fishing, "Fischereischein Erteilung", "")
	withdrawn.State = cataloguev1.EntryState_ENTRY_STATE_WITHDRAWN
	w.publish("catalogue", withdrawn)
	w.succeed(fishing, publicServices+waste)
	w.service.clock = func() time.Time { return testDay.AddDate(0, 0, 200) }
	var got []string
	for _, f := range w.findings("").GetFindings() {
		got = append(got, f.GetDisplayName()+": "+f.GetMessageDe())
		if f.GetMessageEn() == "" || f.GetImplementation() == "" || !strings.HasPrefix(f.GetPublicService(), publicServices) {
			t.Errorf("finding: %v", f)
		}
	}
	want := []string{
		"Eheschließung Anmeldung: Online gemeldet, aber ohne Adresse. Adresse des Dienstes nachtragen.",
		"Hundesteuer Festsetzung: Online gemeldet, aber ohne Adresse. Adresse des Dienstes nachtragen.",
		"Hundesteuer Festsetzung: Gemeldet ist Reifegrad 2, die Lösung „Hundesteuer online“ erreicht 3 (Modell 1.1). Reifegrad prüfen und höher melden, oder die Lösung voll nutzen.",
		"Fischereischein Erteilung: Der Katalog hat die Leistung zurückgezogen. Nachfolger: Bioabfall (" + waste + "). Den Stand dort eintragen und diesen Eintrag entfernen.",
		"Bioabfall: Der Zieltermin 23.11.2026 ist verstrichen. Online melden oder einen neuen Termin setzen.",
		"Bioabfall: Zuletzt am 23.11.2026 geändert, vor 200 Tagen. Stand prüfen und fortschreiben.",
	}
	if !slices.Equal(got, want) {
		t.Errorf("findings:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	total := int(w.findings("").GetTotalSize())
	for filter, want := range map[string]int{`kind="KIND_TARGET_PASSED"`: 1, `kind=ONLINE_WITHOUT_LINK`: 2, `department="Umweltamt" AND kind != UNTOUCHED`: 1, `department="x"`: 0} {
		answer := w.findings(filter)
		if int(answer.GetTotalSize()) != want || int(answer.GetCounts().GetTotal()) != total || answer.GetCounts().GetOnlineWithoutLink() != 2 {
			t.Errorf("%s: %v", filter, answer)
		}
	}
	w.countsFit(total)
	_, err := w.client.ListFindings(w.ctx, &municipalityv1.ListFindingsRequest{Parent: "municipalities/09999999"})
	wantReason(t, err, "RESOURCE_NOT_FOUND")
	_, err = w.client.ListFindings(w.ctx, &municipalityv1.ListFindingsRequest{Parent: "municipalities/05766044", Filter: "nonsense = 1"})
	wantReason(t, err, "INVALID_FILTER", "filter")
}

// countsFit checks the counts of all places, where only Lemgo has findings.
func (w *world) countsFit(total int) {
	w.tb.Helper()
	answer, err := w.client.ListFindingCounts(w.ctx, &municipalityv1.ListFindingCountsRequest{})
	must(w.tb, err)
	rows := answer.GetFindingCounts()
	if len(rows) != 7 || !slices.IsSortedFunc(rows, func(a, b *municipalityv1.FindingCounts) int {
		return strings.Compare(a.GetMunicipality(), b.GetMunicipality())
	}) {
		w.tb.Errorf("counts: %v", rows)
	}
	for _, c := range rows {
		want := 0
		if c.GetMunicipality() == "municipalities/05766044" {
			want = total
		}
		sum := c.GetOnlineWithoutLink() + c.GetLinkNotReported() + c.GetBelowSolution() + c.GetSolutionWithdrawn() +
			c.GetUnknownService() + c.GetWithdrawnService() + c.GetTargetPassed() + c.GetUntouched() + c.GetAdoptionEnded()
		if int(c.GetTotal()) != want || int(sum) != want || c.GetDisplayName() == "" {
			w.tb.Errorf("counts, want %d: %v", want, c)
		}
	}
	answer, err = w.client.ListFindingCounts(w.ctx, &municipalityv1.ListFindingCountsRequest{Filter: "total > 0"})
	must(w.tb, err)
	if len(answer.GetFindingCounts()) != 1 {
		w.tb.Errorf("filtered counts: %v", answer)
	}
}

// TestWhatIsPlannedIsNoMeasure: nobody lies below what a solution only plans, or no longer offers.
func TestWhatIsPlannedIsNoMeasure(t *testing.T) {
	t.Parallel()
	s := &marketplacev1.Solution{Name: "solutions/x"}
	for status := range marketplacev1.Coverage_Status(5) {
		s.Coverage = append(s.Coverage, &marketplacev1.Coverage{PublicService: status.String(), Status: status, Maturity: level("1.1", 3)})
	}
	table := state.NewTable[*marketplacev1.Solution]().Edit()
	table.Set(s.GetName(), s)
	f := emptyRecords().finder(planToday())
	f.market.solutions = table.Done()
	levels := f.solution(textOf(s.GetName())).levels
	if got := slices.Sorted(maps.Keys(levels)); !slices.Equal(got, []string{"STATUS_AVAILABLE", "STATUS_PILOT", "STATUS_UNSPECIFIED"}) {
		t.Errorf("measured by %v", got)
	}
}
