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

// contractKind is the kind of entity that contracts are; today is the day of the request.
func contractKind(today string) resource.Kind[world, *marketplacev1.Contract] {
	return resource.Kind[world, *marketplacev1.Contract]{
		Token: "contract",
		Find: func(w world, name string) (*marketplacev1.Contract, bool) {
			c, ok := w.contracts.Get(name)
			if !ok {
				return nil, false
			}
			return contractView{w.contractLinks(), today}.of(c), true
		},
		Bare: func(c *marketplacev1.Contract) *marketplacev1.Contract {
			c = proto.CloneOf(c)
			c.Etag, c.UpdateTime = "", nil
			c.State, c.TermEndDate, c.NoticeDate, c.Adoptions = 0, "", "", nil
			return c
		},
	}
}

// GetContract answers one contract as it stands today.
func (s *Service) GetContract(_ context.Context, req *marketplacev1.GetContractRequest) (*marketplacev1.Contract, error) {
	return contractKind(day(s.clock())).Get(s.replica, req.GetName())
}

// ListContracts answers a page of contracts. Filter and order reach what is derived.
func (s *Service) ListContracts(_ context.Context, req *marketplacev1.ListContractsRequest) (*marketplacev1.ListContractsResponse, error) {
	w, err := s.replica.Read()
	if err != nil {
		return nil, err
	}
	page, next, total, err := list.Page(req, w.contractList(), list.Options[*marketplacev1.Contract]{View: contractView{w.contractLinks(), day(s.clock())}.of})
	if err != nil {
		return nil, err
	}
	return &marketplacev1.ListContractsResponse{Contracts: page, NextPageToken: next, TotalSize: total}, nil
}

// CreateContract adds a contract.
func (s *Service) CreateContract(ctx context.Context, req *marketplacev1.CreateContractRequest) (*marketplacev1.Contract, error) {
	id, err := names.ID(req.GetContractId(), req.GetContract().GetDisplayName(), "contract_id")
	if err != nil {
		return nil, err
	}
	name, kind := "contracts/"+id, contractKind(day(s.clock()))
	return resource.Change(ctx, s.replica, s.clock(), req, kind, name, func(w world, c ledger.Cause) (*marketplacev1.Contract, []string, error) {
		if _, taken := w.contracts.Get(name); taken {
			return nil, nil, fault.New(fault.AlreadyExists, "resource", name)
		}
		created, changed, err := editContract(w, day(c.Time), &marketplacev1.Contract{Name: name}, req.GetContract(), everything)
		return created, append([]string{"name"}, changed...), err
	})
}

// UpdateContract changes a contract; of one that is terminated or over only note and documents.
func (s *Service) UpdateContract(ctx context.Context, req *marketplacev1.UpdateContractRequest) (*marketplacev1.Contract, error) {
	name, kind := req.GetContract().GetName(), contractKind(day(s.clock()))
	if err := resource.CheckName("contract.name", "contracts", name); err != nil {
		return nil, err
	}
	return resource.Change(ctx, s.replica, s.clock(), req, kind, name, func(w world, c ledger.Cause) (*marketplacev1.Contract, []string, error) {
		before, err := kind.Found(ctx, w, name, req.GetContract().GetEtag())
		if err != nil {
			return nil, nil, err
		}
		after, changed, err := editContract(w, day(c.Time), before, req.GetContract(), req.GetUpdateMask())
		if err != nil {
			return nil, nil, err
		}
		if err := checkStillOpen(before, changed, day(c.Time)); err != nil {
			return nil, nil, err
		}
		return after, changed, w.checkLinked(before, after, day(c.Time))
	})
}

// editContract is a copy of before with what the mask names from given, as clients see it, and the fields that differ. It
// checks the result in itself and against what it refers to.
func editContract(w world, today string, before, given *marketplacev1.Contract, m *fieldmaskpb.FieldMask) (*marketplacev1.Contract, []string, error) {
	after, given := proto.CloneOf(before), proto.CloneOf(given)
	completePrices(given.GetPrices())
	if from := given.GetFramework(); given.GetProvider() == "" && from != "" {
		if f, ok := w.contracts.Get(from); ok {
			given.Provider = f.GetProvider()
		}
	}
	changed, err := mask.Apply(after, given, m)
	if err != nil {
		return nil, nil, err
	}
	if err := checkContract(after); err != nil {
		return nil, nil, err
	}
	if err := w.checkContractReferences(after, changed); err != nil {
		return nil, nil, err
	}
	if err := w.checkContractRelations(after, changed); err != nil {
		return nil, nil, err
	}
	return contractView{w.contractLinks(), today}.of(after), changed, nil
}

// TerminateContract sets an end to a contract.
func (s *Service) TerminateContract(ctx context.Context, req *marketplacev1.TerminateContractRequest) (*marketplacev1.Contract, error) {
	name, kind := req.GetName(), contractKind(day(s.clock()))
	return resource.Change(ctx, s.replica, s.clock(), req, kind, name, func(w world, c ledger.Cause) (*marketplacev1.Contract, []string, error) {
		before, err := kind.Found(ctx, w, name, req.GetEtag())
		if err != nil {
			return nil, nil, err
		}
		termination, err := terminate(before, req, day(c.Time))
		if err != nil {
			return nil, nil, err
		}
		after := proto.CloneOf(before)
		after.Termination, termination.Actor = termination, c.Actor
		return contractView{w.contractLinks(), day(c.Time)}.of(after), []string{"termination"}, nil
	})
}
