package marketplace

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"pgregory.net/rapid"

	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/relevance"
)

const (
	preparation = marketplacev1.Project_PHASE_PREPARATION
	concept     = marketplacev1.Project_PHASE_CONCEPT
	pilot       = marketplacev1.Project_PHASE_PILOT
	someDay     = "2026-03-02"
)

func phase(p marketplacev1.Project_Phase, plan, actual string) *marketplacev1.ProjectPhase {
	return &marketplacev1.ProjectPhase{Phase: p, PlannedDate: plan, ActualDate: actual}
}

// TestCheckProject: what is wrong is named by the field of the request.
func TestCheckProject(t *testing.T) {
	t.Parallel()
	for want, change := range map[string]func(*marketplacev1.Project){
		"":                                 func(*marketplacev1.Project) {},
		"project.displayName: fehlt":       func(p *marketplacev1.Project) { p.DisplayName = "  " },
		"project.deferredReason: fehlt":    func(p *marketplacev1.Project) { p.Deferred = true },
		"project.deferredReason: gilt nur": func(p *marketplacev1.Project) { p.DeferredReason = "kein Geld" },
		"project.phases[1].plannedDate: ist kein": func(p *marketplacev1.Project) { p.Phases[1].PlannedDate = "2027-02-30" },
		"project.phases[0].actualDate: ist":       func(p *marketplacev1.Project) { p.Phases[0].ActualDate = "2025-02-30" },
		"project.phases[0].actualDate: lie":       func(p *marketplacev1.Project) { p.Phases[0].ActualDate = "2026-03-03" },
		"project.entries[0].date":                 func(p *marketplacev1.Project) { p.Entries = []*marketplacev1.ProjectEntry{{Date: "2026-02-29"}} },
	} {
		p := &marketplacev1.Project{DisplayName: "Wohngeld", Phases: []*marketplacev1.ProjectPhase{
			phase(preparation, "2026-01-01", someDay), phase(concept, "2027-01-01", ""),
		}}
		change(p)
		err := checkProject(p, someDay)
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", want, err)
		}
	}
}

// TestNext: the board looks ahead to the first planned phase beyond what was reached.
func TestNext(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		phases        []*marketplacev1.ProjectPhase
		reached, next marketplacev1.Project_Phase
		date          string
	}{
		{nil, 0, preparation, ""},
		{[]*marketplacev1.ProjectPhase{phase(preparation, "", someDay)}, preparation, concept, ""},
		{[]*marketplacev1.ProjectPhase{phase(preparation, "2026-01-01", ""), phase(concept, "2026-02-01", someDay), phase(pilot, "2027-01-01", "")}, concept, pilot, "2027-01-01"},
		{[]*marketplacev1.ProjectPhase{phase(lastPhase, "2026-01-01", someDay)}, lastPhase, 0, ""},
	} {
		p := &marketplacev1.Project{Phases: c.phases}
		if n, date := next(p); reached(p) != c.reached || n != c.next || date != c.date {
			t.Errorf("%v: reached %v, next %v on %q", c.phases, reached(p), n, date)
		}
	}
}

// TestFindingsOfTeam: who is absent although the class exists and owes something; the lead counts as present.
func TestFindingsOfTeam(t *testing.T) {
	t.Parallel()
	w := nrw().world // the classes take turns by AGS, and every class owes every service with a relevance
	p := &marketplacev1.Project{PublicServices: []string{"publicServices/" + key(0), "publicServices/" + key(15)}, Lead: "municipalities/05000000"}
	for n := 1; n < 7; n++ { // who only watches does not count
		p.Participants = append(p.Participants, &marketplacev1.Participant{Member: fmt.Sprintf("municipalities/05%06d", n), Role: marketplacev1.Participant_ROLE_OBSERVER})
	}
	for n := 1; n < 7; n++ {
		findings := w.teams().findings(p)
		if len(findings) != 7-n || findings[0].GetSizeClass() != commonv1.SizeClass(n+1) || findings[0].GetPublicServices() != 2 {
			t.Fatalf("%d classes take part: %v", n, findings)
		}
		want := "Niemand aus der Größenklasse „" + relevance.ClassName(commonv1.SizeClass(n+1)) + "“ ist dabei; sie schuldet 2 der 2 Leistungen."
		if findings[0].GetMessageDe() != want {
			t.Errorf("%q, want %q", findings[0].GetMessageDe(), want)
		}
		p.Participants = append(p.Participants, &marketplacev1.Participant{Member: fmt.Sprintf("municipalities/05%06d", n)})
	}
	if findings := w.teams().findings(p); len(findings) != 0 {
		t.Errorf("all take part: %v", findings)
	}
}

// TestPlansAreNeverForgotten: whatever clients write, every change of a plan is kept, in order, and nothing else is.
func TestPlansAreNeverForgotten(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		dates := []string{"", "2026-01-01", "2027-01-01", "2028-02-29"}
		want := map[marketplacev1.Project_Phase][]string{}
		plan := map[marketplacev1.Project_Phase]string{}
		p := &marketplacev1.Project{Name: "projects/p", DisplayName: "P"}
		for step := range rapid.IntRange(1, 12).Draw(t, "steps") {
			given := &marketplacev1.Project{DisplayName: "P"}
			named := map[marketplacev1.Project_Phase]string{}
			for _, n := range rapid.SliceOfNDistinct(rapid.IntRange(1, 6), 0, 6, rapid.ID[int]).Draw(t, "phases") {
				date := rapid.SampledFrom(dates).Draw(t, "date")
				one := phase(marketplacev1.Project_Phase(n), date, "")
				one.Changes = []*marketplacev1.PromiseChange{{NewDate: "forged"}}
				given.Phases = append(given.Phases, one)
				named[one.GetPhase()] = date
			}
			var m *fieldmaskpb.FieldMask
			switch rapid.IntRange(0, 2).Draw(t, "mask") {
			case 0:
				m = &fieldmaskpb.FieldMask{Paths: []string{"phases"}}
			case 1:
				m = everything
			default: // without a mask nothing is cleared
				if len(named) == 0 {
					named = plan
				}
			}
			for n := preparation; n <= lastPhase; n++ {
				if plan[n] != named[n] {
					want[n] = append(want[n], plan[n]+">"+named[n])
				}
			}
			plan = named
			after, _, err := editProject(emptyWorld(), ledger.Cause{Time: time.Unix(int64(step), 0), Actor: "a"}, p, given, m)
			if err != nil {
				t.Fatal(err)
			}
			p = projectKind(someDay).Bare(after)
		}
		if !slices.IsSortedFunc(p.GetPhases(), func(a, b *marketplacev1.ProjectPhase) int { return int(a.GetPhase() - b.GetPhase()) }) {
			t.Fatalf("phases are not in order: %v", p.GetPhases())
		}
		for n := preparation; n <= lastPhase; n++ {
			var got []string
			for _, c := range phaseOf(p.GetPhases(), n).GetChanges() {
				got = append(got, c.GetOldDate()+">"+c.GetNewDate())
			}
			if !slices.Equal(got, want[n]) {
				t.Fatalf("%v: %v, want %v", n, got, want[n])
			}
		}
	})
}

// TestBoard: every column is there, and cards come in their order.
func TestBoard(t *testing.T) {
	t.Parallel()
	project := func(id, name string, phases ...*marketplacev1.ProjectPhase) *marketplacev1.Project {
		return &marketplacev1.Project{Name: "projects/" + id, DisplayName: name, Theme: "themes/bildung", Phases: phases}
	}
	aside := project("x", "X", phase(pilot, "", someDay))
	aside.Deferred = true
	other := proto.CloneOf(aside)
	other.Theme = "themes/andere"
	view := projectView{emptyWorld().teams(), someDay}
	board := view.board([]*marketplacev1.Project{
		project("a", "Zoll"), project("b", "Ärzte"), project("c", "C", phase(concept, "2027-01-01", "")), project("d", "D", phase(concept, "2026-03-01", "")), aside, other,
	}, "themes/bildung")
	var got []string
	for _, column := range board.GetColumns() {
		ids := ""
		for _, card := range column.GetCards() {
			ids += strings.TrimPrefix(card.GetProject(), "projects/")
			if card.GetOverdue() {
				ids += "!"
			}
		}
		got = append(got, column.GetDisplayName()+":"+ids)
	}
	want := []string{"Noch nicht begonnen:d!cba", "Vorbereitung:", "Konzeption:", "Umsetzung:", "Pilotierung NRW:", "Start Roll-out NRW:", "Start bundesweiter Roll-out:", "Zurückgestellt:x"}
	if !slices.Equal(got, want) {
		t.Errorf("board is %q, want %q", got, want)
	}
}
