package marketplace

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
)

const (
	byDataCentre = marketplacev1.ProjectParticipation_GROUP_BY_DATA_CENTRE
	byTheme      = marketplacev1.ProjectParticipation_GROUP_BY_THEME
)

// GetProjectParticipation answers who takes part in projects, and where.
func (s *Service) GetProjectParticipation(_ context.Context, req *marketplacev1.GetProjectParticipationRequest) (*marketplacev1.ProjectParticipation, error) {
	w, err := s.replica.Read()
	if err != nil {
		return nil, err
	}
	p := participation{w, req.GetGroupBy(), map[string]*participants{}}
	for _, project := range w.projectList() {
		p.add(project)
	}
	return &marketplacev1.ProjectParticipation{Rows: p.rows()}, nil
}

// participation collects who takes part, by municipality, data centre or theme.
type participation struct {
	world  world
	by     marketplacev1.ProjectParticipation_GroupBy
	groups map[string]*participants // by resource name
}

// participants are one row on its way.
type participants struct {
	projects []string
	leading  int32
	members  map[string]bool // municipalities and Kreise
	roles    [roleCount]int32
}

// roleCount is the number of values of Role, the unspecified one included.
const roleCount = int(marketplacev1.Participant_ROLE_OBSERVER) + 1

// add counts a stored project in.
func (p *participation) add(project *marketplacev1.Project) {
	if p.by == byTheme { // also when nobody takes part yet
		p.group(project.GetTheme(), project)
	}
	for _, participant := range project.GetParticipants() {
		if g := p.groupOf(participant.GetMember(), project); g != nil {
			g.roles[cmp.Or(participant.GetRole(), marketplacev1.Participant_ROLE_MEMBER)]++
		}
	}
	if lead := project.GetLead(); lead != "" {
		if g := p.groupOf(lead, project); g != nil && p.by != byTheme {
			g.leading++
		}
	}
}

// groupOf is the group in which a participant or lead counts, with both noted there; nil when it counts in none.
func (p *participation) groupOf(member string, project *marketplacev1.Project) *participants {
	place, centre := strings.HasPrefix(member, municipalities), strings.HasPrefix(member, "dataCentres/")
	subject := member
	switch {
	case p.by == byTheme:
		subject = project.GetTheme()
	case p.by == byDataCentre && place:
		subject = p.world.places.centreOf(member)
	case !place && (p.by != byDataCentre || !centre):
		return nil
	}
	g := p.group(subject, project)
	if place {
		g.members[member] = true
	}
	return g
}

// group is the group of that name, with the project noted.
func (p *participation) group(subject string, project *marketplacev1.Project) *participants {
	g := p.groups[subject]
	if g == nil {
		g = &participants{members: map[string]bool{}}
		p.groups[subject] = g
	}
	if n := len(g.projects); n == 0 || g.projects[n-1] != project.GetName() {
		g.projects = append(g.projects, project.GetName())
	}
	return g
}

// rows spells the groups out, those in most projects first, then by name.
func (p *participation) rows() []*marketplacev1.ParticipationRow {
	rows := make([]*marketplacev1.ParticipationRow, 0, len(p.groups))
	for subject, g := range p.groups {
		row := &marketplacev1.ParticipationRow{
			Subject: subject, DisplayName: p.displayName(subject), Projects: g.projects,
			Leading: g.leading, Municipalities: int32(len(g.members)),
		}
		for role, count := range g.roles {
			if count > 0 {
				row.Roles = append(row.Roles, &marketplacev1.RoleCount{Role: marketplacev1.Participant_Role(role), Count: count})
			}
		}
		rows = append(rows, row)
	}
	german := collate.New(language.German)
	slices.SortFunc(rows, func(a, b *marketplacev1.ParticipationRow) int {
		return cmp.Or(cmp.Compare(len(b.GetProjects()), len(a.GetProjects())),
			german.CompareString(a.GetDisplayName(), b.GetDisplayName()), strings.Compare(a.GetSubject(), b.GetSubject()))
	})
	return rows
}

func (p *participation) displayName(subject string) string {
	switch {
	case subject != "":
		return p.world.displayName(subject)
	case p.by == byTheme:
		return "Ohne Themenfeld"
	}
	return "Ohne Rechenzentrum"
}
