package marketplace

import (
	"context"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/list"
	"kompass.krz.de/services/platform/mask"
	"kompass.krz.de/services/platform/names"
	"kompass.krz.de/services/platform/resource"
)

// projectView shows projects as clients see them: on one day, in one state of the world.
type projectView struct {
	teams teams
	today string // "2027-03-31"
}

// of is a shallow copy of a stored project with what is derived; what it shares with p stays immutable.
func (v projectView) of(p *marketplacev1.Project) *marketplacev1.Project {
	c := shallow(p)
	c.Phase, c.TeamFindings, c.Reliability = reached(p), v.teams.findings(p), projectReliability(p, v.today)
	return c
}

// day is the day of a moment, "2027-03-31": days of the marketplace are those of UTC.
func day(at time.Time) string { return at.UTC().Format(time.DateOnly) }

// projectKind is the kind of entity that projects are; today is the day of the request.
func projectKind(today string) resource.Kind[world, *marketplacev1.Project] {
	return resource.Kind[world, *marketplacev1.Project]{
		Token: "project",
		Find: func(w world, name string) (*marketplacev1.Project, bool) {
			p, ok := w.projects.Get(name)
			if !ok {
				return nil, false
			}
			return projectView{w.teams(), today}.of(p), true
		},
		Bare: func(p *marketplacev1.Project) *marketplacev1.Project {
			p = proto.CloneOf(p)
			p.Etag, p.UpdateTime = "", nil
			p.Phase, p.TeamFindings, p.Reliability = 0, nil, nil
			return p
		},
	}
}

// GetProject answers one project.
func (s *Service) GetProject(_ context.Context, req *marketplacev1.GetProjectRequest) (*marketplacev1.Project, error) {
	return projectKind(day(s.clock())).Get(s.replica, req.GetName())
}

// ListProjects answers a page of projects. Filter and order reach what is derived.
func (s *Service) ListProjects(_ context.Context, req *marketplacev1.ListProjectsRequest) (*marketplacev1.ListProjectsResponse, error) {
	w, err := s.replica.Read()
	if err != nil {
		return nil, err
	}
	page, next, total, err := list.Page(req, w.projectList(), list.Options[*marketplacev1.Project]{View: projectView{w.teams(), day(s.clock())}.of})
	if err != nil {
		return nil, err
	}
	return &marketplacev1.ListProjectsResponse{Projects: page, NextPageToken: next, TotalSize: total}, nil
}

// CreateProject adds a project.
func (s *Service) CreateProject(ctx context.Context, req *marketplacev1.CreateProjectRequest) (*marketplacev1.Project, error) {
	id, err := names.ID(req.GetProjectId(), req.GetProject().GetDisplayName(), "project_id")
	if err != nil {
		return nil, err
	}
	name, kind := "projects/"+id, projectKind(day(s.clock()))
	return resource.Change(ctx, s.replica, s.clock(), req, kind, name, func(w world, c ledger.Cause) (*marketplacev1.Project, []string, error) {
		if _, taken := w.projects.Get(name); taken {
			return nil, nil, fault.New(fault.AlreadyExists, "resource", name)
		}
		p, changed, err := editProject(w, c, &marketplacev1.Project{Name: name}, req.GetProject(), everything)
		return p, append([]string{"name"}, changed...), err
	})
}

// UpdateProject changes a project.
func (s *Service) UpdateProject(ctx context.Context, req *marketplacev1.UpdateProjectRequest) (*marketplacev1.Project, error) {
	name, kind := req.GetProject().GetName(), projectKind(day(s.clock()))
	if err := resource.CheckName("project.name", "projects", name); err != nil {
		return nil, err
	}
	return resource.Change(ctx, s.replica, s.clock(), req, kind, name, func(w world, c ledger.Cause) (*marketplacev1.Project, []string, error) {
		before, err := kind.Found(ctx, w, name, req.GetProject().GetEtag())
		if err != nil {
			return nil, nil, err
		}
		return editProject(w, c, before, req.GetProject(), req.GetUpdateMask())
	})
}

// editProject is a copy of before with what the mask names from given, as clients see it, and the fields that differ.
// It notes changed plans and checks the result.
func editProject(w world, c ledger.Cause, before, given *marketplacev1.Project, m *fieldmaskpb.FieldMask) (*marketplacev1.Project, []string, error) {
	after := proto.CloneOf(before)
	changed, err := mask.Apply(after, given, m)
	if err != nil {
		return nil, nil, err
	}
	if before.GetDeferred() && !after.GetDeferred() && before.GetDeferredReason() != "" && after.GetDeferredReason() == before.GetDeferredReason() {
		after.DeferredReason, changed = "", append(changed, "deferred_reason") // the reason went with it
	}
	if err := checkProject(after, day(c.Time)); err != nil {
		return nil, nil, err
	}
	if err := checkProjectReferences(w, after, changed); err != nil {
		return nil, nil, err
	}
	if slices.Contains(changed, "phases") {
		after.Phases = planned(before.GetPhases(), after.GetPhases(), c.Time, c.Actor)
		if samePhases(before.GetPhases(), after.GetPhases()) { // the client only left out what the service keeps
			changed = slices.DeleteFunc(changed, func(field string) bool { return field == "phases" })
		}
	}
	return projectView{w.teams(), day(c.Time)}.of(after), changed, nil
}
