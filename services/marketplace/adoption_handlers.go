package marketplace

import (
	"context"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/list"
	"kompass.krz.de/services/platform/maturity"
	"kompass.krz.de/services/platform/resource"
	"kompass.krz.de/services/platform/server"
)

var adoptionKind = resource.Kind[world, *marketplacev1.Adoption]{
	Token: "adoption",
	Find:  func(w world, name string) (*marketplacev1.Adoption, bool) { return w.adoption(name) },
	Bare: func(a *marketplacev1.Adoption) *marketplacev1.Adoption {
		a = proto.CloneOf(a)
		a.Etag, a.UpdateTime, a.Overlaps = "", nil, nil
		for _, s := range a.GetServices() {
			s.Maturity = maturity.Stored(s.GetMaturity())
		}
		return a
	},
}

// GetAdoption answers one adoption.
func (s *Service) GetAdoption(_ context.Context, req *marketplacev1.GetAdoptionRequest) (*marketplacev1.Adoption, error) {
	return adoptionKind.Get(s.replica, req.GetName())
}

// ListAdoptions answers a page of adoptions.
func (s *Service) ListAdoptions(_ context.Context, req *marketplacev1.ListAdoptionsRequest) (*marketplacev1.ListAdoptionsResponse, error) {
	w, err := s.replica.Read()
	if err != nil {
		return nil, err
	}
	page, next, total, err := list.Page(req, w.adoptionList(), list.Options[*marketplacev1.Adoption]{})
	if err != nil {
		return nil, err
	}
	return &marketplacev1.ListAdoptionsResponse{Adoptions: page, NextPageToken: next, TotalSize: total}, nil
}

// CreateAdoption records the interest of a municipality in a solution.
func (s *Service) CreateAdoption(ctx context.Context, req *marketplacev1.CreateAdoptionRequest) (*marketplacev1.Adoption, error) {
	var created *marketplacev1.Adoption
	result, err := resource.Carry(ctx, s.replica, s.clock(), req, func(w world, c ledger.Cause) (_ []ledger.Draft, err error) {
		var changed []string
		if created, changed, err = w.interest(req.GetAdoption(), req.GetAdoptionId(), req.GetDate(), c); err != nil {
			return nil, err
		}
		return s.adoptionDrafts([]edited{{created, changed}}), nil
	})
	if err != nil {
		return nil, err
	}
	if req.GetValidateOnly() {
		return resource.Preview(result.State.shownAdoption(created)), nil
	}
	name := created.GetName()
	if result.Repeated {
		if name, err = s.createdBy(ctx, result.State, req); err != nil {
			return nil, err
		}
	}
	a, ok := result.State.adoption(name)
	if !ok {
		return nil, fault.New(fault.NotFound, "resource", name)
	}
	return a, nil
}

// createdBy finds the adoption that an earlier try of a request created: the service may have chosen its name.
func (s *Service) createdBy(ctx context.Context, w world, req *marketplacev1.CreateAdoptionRequest) (string, error) {
	for _, a := range w.adopters.at(req.GetAdoption().GetMunicipality()) {
		if a.GetSolution() != req.GetAdoption().GetSolution() {
			continue
		}
		if created, err := s.wrote(ctx, a.GetName(), server.RequestID(ctx, req.GetRequestId())); created || err != nil {
			return a.GetName(), err
		}
	}
	return "", nil
}

// wrote tells whether a request wrote a record of an adoption.
func (s *Service) wrote(ctx context.Context, name, requestID string) (bool, error) {
	history, err := s.replica.History(ctx, s.replica.Own().Subject(adoptionKind.Token, strings.TrimPrefix(name, "adoptions/")))
	return slices.ContainsFunc(history, func(e ledger.Entry) bool { return e.Record.GetRequestId() == requestID }), err
}

// UpdateAdoption changes what may change in the state that an adoption is in.
func (s *Service) UpdateAdoption(ctx context.Context, req *marketplacev1.UpdateAdoptionRequest) (*marketplacev1.Adoption, error) {
	name := req.GetAdoption().GetName()
	if err := resource.CheckName("adoption.name", "adoptions", name); err != nil {
		return nil, err
	}
	return resource.Change(ctx, s.replica, s.clock(), req, adoptionKind, name, func(w world, c ledger.Cause) (*marketplacev1.Adoption, []string, error) {
		before, err := adoptionKind.Found(ctx, w, name, req.GetAdoption().GetEtag())
		if err != nil {
			return nil, nil, err
		}
		return w.editAdoption(before, req.GetAdoption(), req.GetUpdateMask(), day(c.Time))
	})
}

// MoveAdoption moves an adoption to another state.
func (s *Service) MoveAdoption(ctx context.Context, req *marketplacev1.MoveAdoptionRequest) (*marketplacev1.Adoption, error) {
	var moved *marketplacev1.Adoption
	result, err := resource.Carry(ctx, s.replica, s.clock(), req, func(w world, c ledger.Cause) ([]ledger.Draft, error) {
		before, err := adoptionKind.Found(ctx, w, req.GetName(), req.GetEtag())
		if err != nil {
			return nil, err
		}
		a, changed, no := w.moved(before, w.stepOf(req, before.GetSolution(), day(c.Time)), c)
		if no != nil {
			return nil, no.fault()
		}
		moved = a
		return s.adoptionDrafts([]edited{{a, changed}}), nil
	})
	if err != nil {
		return nil, err
	}
	if req.GetValidateOnly() {
		return resource.Preview(moved), nil
	}
	a, ok := result.State.adoption(req.GetName())
	if !ok {
		return nil, fault.New(fault.NotFound, "resource", req.GetName())
	}
	return a, nil
}

// adoptionDrafts are adoptions as they shall be stored. Beside one that begins or goes live stands the turn of its municipality: what
// holds between adoptions is decided on a state in which they share no subject, and only the guard of a shared one sees
// that somebody else decided at the same moment.
func (s *Service) adoptionDrafts(all []edited) []ledger.Draft {
	drafts := make([]ledger.Draft, 0, 2*len(all))
	for _, e := range all {
		drafts = append(drafts, adoptionKind.Draft(s.replica, e.after, e.changed))
		if moves := e.after.GetTransitions(); slices.Contains(e.changed, "state") && (len(moves) == 1 || e.after.GetState() == stateLive) {
			name := e.after.GetMunicipality() + "/adoptionTurn"
			drafts = append(drafts, ledger.Draft{
				Subject:  s.replica.Own().Subject("adoptionTurn", strings.TrimPrefix(e.after.GetMunicipality(), municipalities)),
				Resource: name, Entity: &marketplacev1.AdoptionTurn{Name: name},
			})
		}
	}
	return drafts
}
