package marketplace

import (
	"context"

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

var providerKind = resource.Kind[world, *marketplacev1.Provider]{
	Token: "provider",
	Find:  func(w world, name string) (*marketplacev1.Provider, bool) { return w.providers.Get(name) },
	Bare: func(p *marketplacev1.Provider) *marketplacev1.Provider {
		p = proto.CloneOf(p)
		p.Etag, p.UpdateTime, p.Reliability = "", nil, nil
		return p
	},
}

// everything replaces all fields that clients can set.
var everything = &fieldmaskpb.FieldMask{Paths: []string{"*"}}

// GetProvider answers one provider.
func (s *Service) GetProvider(_ context.Context, req *marketplacev1.GetProviderRequest) (*marketplacev1.Provider, error) {
	w, err := s.replica.Read()
	if err != nil {
		return nil, err
	}
	p, ok := w.providers.Get(req.GetName())
	if !ok {
		return nil, fault.New(fault.NotFound, "resource", req.GetName())
	}
	return w.reliability(day(s.clock())).shown(p), nil
}

// ListProviders answers a page of providers.
func (s *Service) ListProviders(_ context.Context, req *marketplacev1.ListProvidersRequest) (*marketplacev1.ListProvidersResponse, error) {
	w, err := s.replica.Read()
	if err != nil {
		return nil, err
	}
	page, next, total, err := list.Page(req, w.reliability(day(s.clock())).shownAll(w.providerList()), list.Options[*marketplacev1.Provider]{})
	if err != nil {
		return nil, err
	}
	return &marketplacev1.ListProvidersResponse{Providers: page, NextPageToken: next, TotalSize: total}, nil
}

// CreateProvider adds a provider.
func (s *Service) CreateProvider(ctx context.Context, req *marketplacev1.CreateProviderRequest) (*marketplacev1.Provider, error) {
	id, err := names.ID(req.GetProviderId(), req.GetProvider().GetDisplayName(), "provider_id")
	if err != nil {
		return nil, err
	}
	name := "providers/" + id
	return s.withReliability(resource.Change(ctx, s.replica, s.clock(), req, providerKind, name, func(w world, _ ledger.Cause) (*marketplacev1.Provider, []string, error) {
		if _, taken := w.providers.Get(name); taken {
			return nil, nil, fault.New(fault.AlreadyExists, "resource", name)
		}
		p := &marketplacev1.Provider{Name: name}
		changed, err := mask.Apply(p, req.GetProvider(), everything)
		if err != nil {
			return nil, nil, err
		}
		return p, append([]string{"name"}, changed...), checkProvider(p)
	}))
}

// UpdateProvider changes a provider.
func (s *Service) UpdateProvider(ctx context.Context, req *marketplacev1.UpdateProviderRequest) (*marketplacev1.Provider, error) {
	name := req.GetProvider().GetName()
	if err := resource.CheckName("provider.name", "providers", name); err != nil {
		return nil, err
	}
	return s.withReliability(resource.Change(ctx, s.replica, s.clock(), req, providerKind, name, func(w world, _ ledger.Cause) (*marketplacev1.Provider, []string, error) {
		before, err := providerKind.Found(ctx, w, name, req.GetProvider().GetEtag())
		if err != nil {
			return nil, nil, err
		}
		p := w.reliability(day(s.clock())).shown(before) // a client may send back what it read
		changed, err := mask.Apply(p, req.GetProvider(), req.GetUpdateMask())
		if err != nil {
			return nil, nil, err
		}
		return p, changed, checkProvider(p)
	}))
}
