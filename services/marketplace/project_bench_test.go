package marketplace

import (
	"fmt"
	"testing"

	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
)

// manyProjects are 2,000 projects with 10 participants, 8 public services and 6 phases each, some of them put off.
func manyProjects() []*marketplacev1.Project {
	projects := make([]*marketplacev1.Project, 2000)
	for i := range projects {
		p := &marketplacev1.Project{Name: fmt.Sprintf("projects/p%04d", i), DisplayName: fmt.Sprintf("Überfahrten digital %d", i*7919%2000), Deferred: i%10 == 0}
		for n := range 10 {
			p.Participants = append(p.Participants, &marketplacev1.Participant{Member: fmt.Sprintf("municipalities/05%06d", (i+n*7*(1+i%2))%nrwPlaces)})
		}
		for n := range 8 {
			p.PublicServices = append(p.PublicServices, "publicServices/"+key(i*8+n))
		}
		for n := preparation; n <= lastPhase; n++ {
			one := phase(n, fmt.Sprintf("2027-%02d-01", 1+(i+int(n))%12), "")
			if int(n) <= i%7 {
				one.ActualDate = someDay
			}
			one.Changes = []*marketplacev1.PromiseChange{{NewDate: "2026-01-01"}, {OldDate: "2026-01-01", NewDate: one.GetPlannedDate()}}
			p.Phases = append(p.Phases, one)
		}
		projects[i] = p
	}
	return projects
}

// BenchmarkProjectBoard answers the board of 2,000 projects.
func BenchmarkProjectBoard(b *testing.B) {
	w, projects := nrw().world, manyProjects()
	for b.Loop() {
		board := projectView{w.teams(), someDay}.board(projects, "")
		if len(board.GetColumns()) != len(phaseTitles)+1 || board.GetColumns()[1].GetCards()[0].GetTeamFindings() > int32(commonv1.SizeClass_SIZE_CLASS_STAEDTEREGION) {
			b.Fatal("not the board")
		}
	}
}

// BenchmarkProjectViews derives everything of 2,000 projects, as a list with a filter or an order does.
func BenchmarkProjectViews(b *testing.B) {
	w, projects := nrw().world, manyProjects()
	for b.Loop() {
		view := projectView{w.teams(), someDay}
		for _, p := range projects {
			if got := view.of(p); got.GetName() != p.GetName() {
				b.Fatal(got)
			}
		}
	}
}
