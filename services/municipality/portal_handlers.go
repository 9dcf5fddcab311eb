package municipality

import (
	"context"
	"regexp"
	"strings"

	"google.golang.org/protobuf/types/known/fieldmaskpb"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/list"
	"kompass.krz.de/services/platform/mask"
	"kompass.krz.de/services/platform/names"
	"kompass.krz.de/services/platform/server"
)

// portalName is what names of portals look like; a request's own pattern does not reach into its resource.
var portalName = regexp.MustCompile(`^portals/[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// GetPortal answers one portal.
func (s *Service) GetPortal(_ context.Context, req *municipalityv1.GetPortalRequest) (*municipalityv1.Portal, error) {
	r, err := s.replica.Read()
	if err != nil {
		return nil, err
	}
	return r.answerPortal(req.GetName())
}

func (r records) answerPortal(name string) (*municipalityv1.Portal, error) {
	p, ok := r.portals.Get(strings.TrimPrefix(name, portals))
	if !ok {
		return nil, fault.New(fault.NotFound, "resource", name)
	}
	return r.showPortal(p), nil
}

// allPortals are the portals as clients see them, in the order of their names.
func (r records) allPortals() []*municipalityv1.Portal {
	all := make([]*municipalityv1.Portal, 0, r.portals.Len())
	for _, p := range r.portals.All() {
		all = append(all, r.showPortal(p))
	}
	return all
}

// ListPortals answers a page of portals.
func (s *Service) ListPortals(_ context.Context, req *municipalityv1.ListPortalsRequest) (*municipalityv1.ListPortalsResponse, error) {
	r, err := s.replica.Read()
	if err != nil {
		return nil, err
	}
	page, next, total, err := list.Page(req, r.allPortals(), list.Options[*municipalityv1.Portal]{})
	if err != nil {
		return nil, err
	}
	return &municipalityv1.ListPortalsResponse{Portals: page, NextPageToken: next, TotalSize: total}, nil
}

// CreatePortal adds a portal.
func (s *Service) CreatePortal(ctx context.Context, req *municipalityv1.CreatePortalRequest) (*municipalityv1.Portal, error) {
	id, err := names.ID(req.GetPortalId(), req.GetPortal().GetDisplayName(), "portal_id")
	if err != nil {
		return nil, err
	}
	name := portals + id
	return s.changePortal(ctx, req, name, func(r records, today string) (*municipalityv1.Portal, []string, error) {
		if _, taken := r.portals.Get(id); taken {
			return nil, nil, fault.New(fault.AlreadyExists, "resource", name)
		}
		everything := &fieldmaskpb.FieldMask{Paths: []string{"*"}}
		after, changed, err := r.decidePortal(&municipalityv1.Portal{Name: name}, req.GetPortal(), everything, today)
		return after, append([]string{"name"}, changed...), err
	})
}

// UpdatePortal changes a portal.
func (s *Service) UpdatePortal(ctx context.Context, req *municipalityv1.UpdatePortalRequest) (*municipalityv1.Portal, error) {
	name := req.GetPortal().GetName()
	if !portalName.MatchString(name) {
		return nil, fault.New(fault.InvalidField).Field("portal.name",
			"muss die Form „portals/buende“ haben", "must have the form \"portals/buende\"")
	}
	wanted, createOnly := server.Etag(ctx, req.GetPortal().GetEtag()), server.CreateOnly(ctx)
	return s.changePortal(ctx, req, name, func(r records, today string) (*municipalityv1.Portal, []string, error) {
		before, ok := r.portals.Get(strings.TrimPrefix(name, portals))
		switch {
		case !ok:
			return nil, nil, fault.New(fault.NotFound, "resource", name)
		case createOnly, wanted.Exclude(before.GetEtag()):
			return nil, nil, fault.New(fault.EtagMismatch, "resource", name)
		}
		return r.decidePortal(before, req.GetPortal(), req.GetUpdateMask(), today)
	})
}

// portalChange is a request that changes a portal.
type portalChange interface {
	server.Change
	GetValidateOnly() bool
}

// changePortal carries a decision about a portal out, or only answers what would be.
func (s *Service) changePortal(ctx context.Context, req portalChange, name string, decide func(r records, today string) (*municipalityv1.Portal, []string, error)) (*municipalityv1.Portal, error) {
	var after *municipalityv1.Portal
	result, err := s.change(ctx, req, req.GetValidateOnly(), func(r records, today string) ([]ledger.Draft, error) {
		var changed []string
		var err error
		if after, changed, err = decide(r, today); err != nil || len(changed) == 0 {
			return nil, err
		}
		return []ledger.Draft{{
			Subject:  s.replica.Own().Subject("portal", strings.TrimPrefix(name, portals)),
			Resource: name, Entity: after, Changed: changed,
		}}, nil
	})
	if err != nil {
		return nil, err
	}
	if req.GetValidateOnly() {
		return result.State.showPortal(after), nil
	}
	return result.State.answerPortal(name)
}

// decidePortal says what a portal is after an edit, and which fields differ from before. Errors are faults.
func (r records) decidePortal(before, wanted *municipalityv1.Portal, fields *fieldmaskpb.FieldMask, today string) (*municipalityv1.Portal, []string, error) {
	before = storedPortal(before)
	after := storedPortal(before)
	if _, err := mask.Apply(after, wanted, fields); err != nil {
		return nil, nil, err
	}
	settlePortalDate(before, after, today)
	if err := checkPortal(after, today); err != nil {
		return nil, nil, err
	}
	if m := after.GetMunicipality(); m != before.GetMunicipality() && r.place(agsOf(m)) == nil {
		return nil, nil, fault.New(fault.UnknownReference, "resource", m).Field("portal.municipality", "diese Kommune gibt es nicht", "there is no such municipality")
	}
	return after, differences(before, after), nil
}
