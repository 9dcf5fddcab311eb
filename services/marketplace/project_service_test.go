package marketplace_test

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
)

func (m *market) project(p *marketplacev1.Project) (*marketplacev1.Project, error) {
	return m.CreateProject(m.tb.Context(), &marketplacev1.CreateProjectRequest{Project: p})
}

// TestProject takes one project from its plan to its first phase, and onto the board.
func TestProject(t *testing.T) {
	t.Parallel()
	m := region(t)
	m.publish("catalogue", "theme", &cataloguev1.Theme{Name: "themes/bildung"})
	m.publish("municipality", "dataCentre", &municipalityv1.DataCentre{Name: "dataCentres/krz"})
	p, err := m.project(&marketplacev1.Project{
		DisplayName: "Hunde & Bäume", Theme: "themes/bildung", Lead: "dataCentres/krz",
		Participants:   []*marketplacev1.Participant{{Member: "municipalities/" + buende}},
		PublicServices: []string{"publicServices/" + dogTax, "publicServices/" + vehicle},
		Phases:         []*marketplacev1.ProjectPhase{{Phase: 2, PlannedDate: "2026-09-01"}, {Phase: 1, PlannedDate: "2026-01-01"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	var lacking []string
	for _, f := range p.GetTeamFindings() {
		lacking = append(lacking, f.GetMessageDe())
	}
	want := []string{
		"Niemand aus der Größenklasse „Kleine kreisangehörige Gemeinde“ ist dabei; sie schuldet 1 der 2 Leistungen.",
		"Niemand aus der Größenklasse „Kreis“ ist dabei; sie schuldet 1 der 2 Leistungen.",
	}
	if p.GetName() != "projects/hunde-baeume" || !slices.Equal(lacking, want) || p.GetEtag() == "" {
		t.Fatalf("created: %v", p)
	}
	if phases := p.GetPhases(); phases[0].GetPhase() != 1 || len(phases[0].GetChanges()) != 1 || phases[0].GetChanges()[0].GetActor() != "tester" {
		t.Errorf("phases: %v", phases)
	}
	p, err = m.UpdateProject(t.Context(), &marketplacev1.UpdateProjectRequest{
		Project: &marketplacev1.Project{Name: p.GetName(), Etag: p.GetEtag(), Phases: []*marketplacev1.ProjectPhase{
			{Phase: 1, PlannedDate: "2026-01-31", ActualDate: "2026-03-02"},
		}},
		UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"phases"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if p.GetPhase() != 1 || len(p.GetPhases()) != 2 || len(p.GetPhases()[0].GetChanges()) != 2 || len(p.GetPhases()[1].GetChanges()) != 2 || p.GetReliability().GetPromises() == 0 {
		t.Errorf("after the update: %v", p)
	}
	again, err := m.GetProject(t.Context(), &marketplacev1.GetProjectRequest{Name: p.GetName()})
	if err != nil || again.GetEtag() != p.GetEtag() || len(again.GetTeamFindings()) != 2 {
		t.Errorf("read again: %v, %v", again, err)
	}
	board, err := m.GetProjectBoard(t.Context(), &marketplacev1.GetProjectBoardRequest{Theme: "themes/bildung"})
	if err != nil || len(board.GetColumns()) != 8 || len(board.GetColumns()[1].GetCards()) != 1 {
		t.Fatalf("board: %v, %v", board, err)
	}
	_, err = m.GetProjectBoard(t.Context(), &marketplacev1.GetProjectBoardRequest{Theme: "themes/nope"})
	if violations, _ := wantFault(t, err, codes.InvalidArgument, "UNKNOWN_REFERENCE"); len(violations) != 1 || !strings.HasPrefix(violations[0], "theme:") {
		t.Errorf("a theme that is not there: %q", violations)
	}
	if card := board.GetColumns()[1].GetCards()[0]; card.GetSlipCount() != 1 || card.GetSlipDays() != 30 || card.GetMunicipalities() != 1 || card.GetTeamFindings() != 2 || card.GetNextPhase() != 2 || card.GetNextDate() != "" {
		t.Errorf("card: %v", card)
	}
}

// TestListProjects: who takes part where, and what is derived can be asked for.
func TestListProjects(t *testing.T) {
	t.Parallel()
	m := region(t)
	for _, p := range []*marketplacev1.Project{
		{DisplayName: "A", Participants: []*marketplacev1.Participant{{Member: "municipalities/05758016"}, {Member: "municipalities/" + buende}}},
		{DisplayName: "B", Phases: []*marketplacev1.ProjectPhase{{Phase: 5, ActualDate: "2026-01-01"}}},
	} {
		if _, err := m.project(p); err != nil {
			t.Fatal(err)
		}
	}
	for filter, want := range map[string]string{
		"": "AB",
		`participants.member="municipalities/` + buende + `"`: "A",
		`participants.member="municipalities/05758099"`:       "",
		`phase=ROLLOUT_STATE`:                                 "B",
	} {
		list, err := m.ListProjects(t.Context(), &marketplacev1.ListProjectsRequest{Filter: filter})
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, p := range list.GetProjects() {
			got += p.GetDisplayName()
		}
		if got != want || int(list.GetTotalSize()) != len(want) {
			t.Errorf("%s: %s, want %s", filter, got, want)
		}
	}
}

// TestProjectReferences: a reference to nothing is named by its field, and only what changes is looked at.
func TestProjectReferences(t *testing.T) {
	t.Parallel()
	m := region(t)
	_, err := m.project(&marketplacev1.Project{
		DisplayName: "P", Theme: "themes/keines", Lead: "providers/keiner", Participants: []*marketplacev1.Participant{{Member: "dataCentres/keines"}},
		PublicServices: []string{"publicServices/" + dogTax, "publicServices/11111111111111"}, Solutions: []string{"solutions/keine"},
	})
	violations, _ := wantFault(t, err, codes.InvalidArgument, "UNKNOWN_REFERENCE")
	for i, field := range []string{"theme", "lead", "participants[0].member", "publicServices[1]", "solutions[0]"} {
		if i >= len(violations) || !strings.HasPrefix(violations[i], "project."+field+":") {
			t.Errorf("violation %d of %q is not about %s", i, violations, field)
		}
	}
	_, err = m.GetProject(t.Context(), &marketplacev1.GetProjectRequest{Name: "projects/p"})
	wantFault(t, err, codes.NotFound, "RESOURCE_NOT_FOUND")
	p, err := m.project(&marketplacev1.Project{DisplayName: "Q", Participants: []*marketplacev1.Participant{{Member: "municipalities/" + buende}}})
	if err != nil {
		t.Fatal(err)
	}
	m.remove("municipality", "municipality", "municipalities/"+buende)
	if _, err = m.UpdateProject(t.Context(), &marketplacev1.UpdateProjectRequest{Project: &marketplacev1.Project{Name: p.GetName(), Description: "neu"}}); err != nil {
		t.Error(err)
	}
}

// TestTakingUpAgain: the reason for putting a project aside goes with it, unless another one is given.
func TestTakingUpAgain(t *testing.T) {
	t.Parallel()
	m := region(t)
	p, err := m.project(&marketplacev1.Project{DisplayName: "P", Deferred: true, DeferredReason: "Haushalt"})
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		given *marketplacev1.Project
		mask  []string
		want  codes.Code
	}{
		"flag alone":     {&marketplacev1.Project{}, []string{"deferred"}, codes.OK},
		"sent back":      {&marketplacev1.Project{DisplayName: "P", DeferredReason: "Haushalt"}, []string{"*"}, codes.OK},
		"another reason": {&marketplacev1.Project{DeferredReason: "Personal"}, []string{"deferred", "deferred_reason"}, codes.InvalidArgument},
		"reason alone":   {&marketplacev1.Project{}, []string{"deferred_reason"}, codes.InvalidArgument},
	} {
		c.given.Name = p.GetName()
		got, err := m.UpdateProject(t.Context(), &marketplacev1.UpdateProjectRequest{Project: c.given, UpdateMask: &fieldmaskpb.FieldMask{Paths: c.mask}, ValidateOnly: true})
		if status.Code(err) != c.want || err == nil && (got.GetDeferred() || got.GetDeferredReason() != "") {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}
