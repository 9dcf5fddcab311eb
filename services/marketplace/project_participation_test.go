package marketplace_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
)

// TestParticipation: everybody who takes part counts once a project, in the row where they belong.
func TestParticipation(t *testing.T) {
	t.Parallel()
	m := region(t)
	m.publish("catalogue", "theme", &cataloguev1.Theme{Name: "themes/bildung", DisplayName: "Bildung"})
	m.publish("municipality", "dataCentre", &municipalityv1.DataCentre{Name: "dataCentres/krz", DisplayName: "krz Lemgo"})
	for ags, name := range map[string]string{"05758004": "Bünde", "05758016": "Herford"} {
		m.publish("municipality", "municipality", &municipalityv1.Municipality{Name: "municipalities/" + ags, DisplayName: name, DataCentre: "dataCentres/krz", SizeClass: 3})
	}
	m.publish("municipality", "municipality", &municipalityv1.Municipality{Name: "municipalities/05315000", DisplayName: "Köln", SizeClass: 3})
	part := func(member string, role marketplacev1.Participant_Role) *marketplacev1.Participant {
		return &marketplacev1.Participant{Member: member, Role: role}
	}
	const buende, herford, koeln, krz = "municipalities/05758004", "municipalities/05758016", "municipalities/05315000", "dataCentres/krz"
	m.publish("marketplace", "provider", &marketplacev1.Provider{Name: "providers/firma"})
	for _, p := range []*marketplacev1.Project{
		{DisplayName: "A", Theme: "themes/bildung", Lead: krz, Participants: []*marketplacev1.Participant{part(buende, 0), part(herford, 2), part(krz, 4)}},
		{DisplayName: "B", Theme: "themes/bildung", Lead: buende, Participants: []*marketplacev1.Participant{part(koeln, 1)}},
		{DisplayName: "C", Participants: []*marketplacev1.Participant{part(buende, 2)}},
		{DisplayName: "D", Lead: "providers/firma"},
	} {
		if _, err := m.project(p); err != nil {
			t.Fatal(err)
		}
	}
	for by, want := range map[marketplacev1.ProjectParticipation_GroupBy][]string{
		0: {"Bünde [a b c] leads 1, 1: MEMBER 1 PILOT 1", "Herford [a] leads 0, 1: PILOT 1", "Köln [b] leads 0, 1: MEMBER 1"},
		2: {"krz Lemgo [a b c] leads 2, 2: MEMBER 1 PILOT 2 OPERATOR 1", "Ohne Rechenzentrum [b] leads 0, 1: MEMBER 1"},
		3: {"Bildung [a b] leads 0, 3: MEMBER 2 PILOT 1 OPERATOR 1", "Ohne Themenfeld [c d] leads 0, 1: PILOT 1"},
	} {
		answer, err := m.GetProjectParticipation(t.Context(), &marketplacev1.GetProjectParticipationRequest{GroupBy: by})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, r := range answer.GetRows() {
			got = append(got, spelled(r))
		}
		if !slices.Equal(got, want) {
			t.Errorf("by %v:\n%s\nwant\n%s", by, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
	}
	same, err := m.GetProjectParticipation(t.Context(), &marketplacev1.GetProjectParticipationRequest{GroupBy: 1})
	if err != nil || len(same.GetRows()) != 3 || same.GetRows()[0].GetSubject() != buende {
		t.Errorf("by municipality: %v, %v", same, err)
	}
	if _, err := m.GetProjectParticipation(t.Context(), &marketplacev1.GetProjectParticipationRequest{GroupBy: 9}); err == nil {
		t.Error("a group that does not exist is taken")
	}
}

// spelled is a row in one line.
func spelled(r *marketplacev1.ParticipationRow) string {
	var projects, roles []string
	for _, p := range r.GetProjects() {
		projects = append(projects, strings.TrimPrefix(p, "projects/"))
	}
	for _, c := range r.GetRoles() {
		roles = append(roles, fmt.Sprint(strings.TrimPrefix(c.GetRole().String(), "ROLE_"), " ", c.GetCount()))
	}
	return fmt.Sprintf("%s %v leads %d, %d: %s", r.GetDisplayName(), projects, r.GetLeading(), r.GetMunicipalities(), strings.Join(roles, " "))
}
