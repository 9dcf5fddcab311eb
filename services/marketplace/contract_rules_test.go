package marketplace

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
)

const (
	buendeName  = "municipalities/05758004"
	herfordName = "municipalities/05758012"
	hagenName   = "municipalities/05914000"
	dogSolution = "solutions/hund"
)

// contractScene is a world with three municipalities, of which the krz serves the first two, and the contracts given.
func contractScene(t testing.TB, contracts ...*marketplacev1.Contract) *scene {
	t.Helper()
	s := newScene()
	for name, centre := range map[string]string{buendeName: "dataCentres/krz", herfordName: "dataCentres/krz", hagenName: "dataCentres/sit"} {
		s.apply(t, municipalityStream, s.entry("municipality", name, &municipalityv1.Municipality{Name: name, DisplayName: name, DataCentre: centre, SizeClass: 1, Population: 45000}))
	}
	for _, c := range contracts {
		s.apply(t, ownStream, s.entry("contract", c.GetName(), proto.CloneOf(c)))
	}
	return s
}

func TestContractLacks(t *testing.T) {
	t.Parallel()
	whole := func(change func(*marketplacev1.Contract)) *marketplacev1.Contract {
		c := &marketplacev1.Contract{
			Name: "contracts/c", Kind: directKind, Customer: buendeName, Solutions: []string{dogSolution}, StartDate: "2026-01-01", EndDate: "2027-12-31",
		}
		change(c)
		return c
	}
	for name, c := range map[string]struct {
		contract                    *marketplacev1.Contract
		municipality, solution, day string
		want                        string // of the German text
	}{
		"serves":             {whole(func(*marketplacev1.Contract) {}), buendeName, dogSolution, "2026-01-01", ""},
		"serves on its last": {whole(func(*marketplacev1.Contract) {}), buendeName, dogSolution, "2027-12-31", ""},
		"unknown":            {&marketplacev1.Contract{Name: "contracts/d", StartDate: "2026-01-01"}, buendeName, dogSolution, "2026-01-01", "gibt es nicht"},
		"framework":          {whole(func(c *marketplacev1.Contract) { c.Kind = frameworkKind }), buendeName, dogSolution, "2026-01-01", "Einzelabruf"},
		"not begun":          {whole(func(*marketplacev1.Contract) {}), buendeName, dogSolution, "2025-12-31", "beginnt erst am 01.01.2026"},
		"over":               {whole(func(*marketplacev1.Contract) {}), buendeName, dogSolution, "2028-01-01", "endete am 31.12.2027"},
		"goes on":            {whole(func(c *marketplacev1.Contract) { c.RenewalMonths = 12 }), buendeName, dogSolution, "2031-01-01", ""},
		"no end":             {whole(func(c *marketplacev1.Contract) { c.EndDate = "" }), buendeName, dogSolution, "2199-01-01", ""},
		"terminated": {whole(func(c *marketplacev1.Contract) {
			c.Termination = &marketplacev1.ContractTermination{EndDate: "2026-06-30"}
		}), buendeName, dogSolution, "2026-07-01", "Kündigung am 30.06.2026"},
		"terminated, runs": {whole(func(c *marketplacev1.Contract) {
			c.Termination = &marketplacev1.ContractTermination{EndDate: "2026-06-30"}
		}), buendeName, dogSolution, "2026-06-30", ""},
		"other municipality":  {whole(func(*marketplacev1.Contract) {}), herfordName, dogSolution, "2026-01-01", "gilt nicht für „" + herfordName},
		"listed":              {whole(func(c *marketplacev1.Contract) { c.Municipalities = []string{herfordName} }), herfordName, dogSolution, "2026-01-01", ""},
		"its data centre":     {whole(func(c *marketplacev1.Contract) { c.Customer = "dataCentres/krz" }), herfordName, dogSolution, "2026-01-01", ""},
		"another data centre": {whole(func(c *marketplacev1.Contract) { c.Customer = "dataCentres/krz" }), hagenName, dogSolution, "2026-01-01", "gilt nicht"},
		"data centre for some": {whole(func(c *marketplacev1.Contract) {
			c.Customer, c.Municipalities = "dataCentres/krz", []string{buendeName}
		}), herfordName, dogSolution, "2026-01-01", "gilt nicht"},
		"organisation":   {whole(func(c *marketplacev1.Contract) { c.Customer, c.Organisation = "", "Zweckverband" }), buendeName, dogSolution, "2026-01-01", "gilt nicht"},
		"other solution": {whole(func(*marketplacev1.Contract) {}), buendeName, "solutions/katze", "2026-01-01", "„solutions/katze“ nicht"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := contractScene(t, c.contract)
			de, en := s.world.contractLacks("contracts/c", c.municipality, c.solution, c.day)
			if (de == "") != (c.want == "") || (en == "") != (c.want == "") || !strings.Contains(de, c.want) {
				t.Errorf("%q, %q; want %q", de, en, c.want)
			}
		})
	}
}

func TestContractOnADay(t *testing.T) {
	t.Parallel()
	termination := &marketplacev1.ContractTermination{EndDate: "2027-06-30"}
	for _, c := range []struct {
		name              string
		contract          *marketplacev1.Contract
		today             string
		state             marketplacev1.Contract_State
		term, noticeUntil string
	}{
		{"upcoming", &marketplacev1.Contract{EndDate: "2026-12-31", RenewalMonths: 12, NoticeMonths: 3}, "2025-12-31", contractUpcoming, "2026-12-31", "2026-09-30"},
		{"first term", &marketplacev1.Contract{EndDate: "2026-12-31", RenewalMonths: 12, NoticeMonths: 3}, "2026-12-31", contractActive, "2026-12-31", "2026-09-30"},
		{"third term", &marketplacev1.Contract{EndDate: "2026-12-31", RenewalMonths: 12, NoticeMonths: 3}, "2028-01-01", contractActive, "2028-12-31", "2028-09-30"},
		{"no time for a notice", &marketplacev1.Contract{EndDate: "2026-12-31", RenewalMonths: 12, NoticeMonths: 24}, "2026-12-31", contractActive, "2026-12-31", ""},
		{"a notice in the first term", &marketplacev1.Contract{EndDate: "2026-12-31", RenewalMonths: 12, NoticeMonths: 24}, "2029-01-01", contractActive, "2029-12-31", "2027-12-31"},
		{"one term", &marketplacev1.Contract{EndDate: "2026-12-31", NoticeMonths: 3}, "2026-12-31", contractActive, "2026-12-31", ""},
		{"one term, over", &marketplacev1.Contract{EndDate: "2026-12-31"}, "2027-01-01", contractOver, "2026-12-31", ""},
		{"no end", &marketplacev1.Contract{NoticeMonths: 3}, "2027-01-01", contractActive, "", ""},
		{"no end, terminated", &marketplacev1.Contract{NoticeMonths: 3, Termination: termination}, "2027-06-30", contractTerminated, "2027-06-30", ""},
		{"terminated", &marketplacev1.Contract{EndDate: "2027-06-30", RenewalMonths: 1, Termination: termination}, "2027-07-01", contractOver, "2027-06-30", ""},
		{"out of turn", &marketplacev1.Contract{EndDate: "2028-12-31", RenewalMonths: 12, Termination: termination}, "2027-01-01", contractTerminated, "2027-06-30", ""},
	} {
		c.contract.StartDate = "2026-01-01"
		term, notice := contractTerm(c.contract, c.today)
		if state := contractState(c.contract, c.today); state != c.state || term != c.term || notice != c.noticeUntil {
			t.Errorf("%s: %v, %s, %s", c.name, state, term, notice)
		}
	}
}

// TestDaysUnderContract: a change keeps the ground of the day that an adoption came under contract, and of today while it is under way.
func TestDaysUnderContract(t *testing.T) {
	t.Parallel()
	before := &marketplacev1.Contract{Name: "contracts/c", Kind: directKind, Customer: buendeName, Solutions: []string{dogSolution}, StartDate: "2026-01-01"}
	for _, c := range []struct {
		state      marketplacev1.Adoption_State
		start, end string // of the contract after the change
		want       string // beginning of the violation
	}{
		{stateLive, "2026-02-01", "2026-06-01", ""},
		{stateLive, "2026-02-02", "", "contract.startDate: „adoptions/a“"},
		{stateLive, "2026-01-01", "2026-05-31", "contract.endDate: „adoptions/a“"},
		{stateEnded, "2026-01-01", "2026-05-31", ""},
		{stateEnded, "2026-02-02", "", "contract.startDate: „adoptions/a“"},
	} {
		s := contractScene(t, before)
		a := &marketplacev1.Adoption{Name: "adoptions/a", Municipality: buendeName, Solution: dogSolution, Contract: "contracts/c", State: c.state, LiveDate: "2026-02-01", Transitions: []*marketplacev1.AdoptionTransition{{To: stateContracted, Date: "2026-02-01"}}}
		s.apply(t, ownStream, s.entry("adoption", a.GetName(), a))
		after := proto.CloneOf(before)
		after.StartDate, after.EndDate = c.start, c.end
		got := ""
		if err := s.world.checkLinked(before, after, "2026-06-01"); err != nil {
			got = err.Error()
		}
		if (got == "") != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("%v: %q", c, got)
		}
	}
}
