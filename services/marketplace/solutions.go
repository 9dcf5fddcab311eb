package marketplace

import (
	"context"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/list"
	"kompass.krz.de/services/platform/mask"
	"kompass.krz.de/services/platform/maturity"
	"kompass.krz.de/services/platform/names"
	"kompass.krz.de/services/platform/promises"
	"kompass.krz.de/services/platform/resource"
)

var solutionKind = resource.Kind[world, *marketplacev1.Solution]{
	Token: "solution",
	Find:  func(w world, name string) (*marketplacev1.Solution, bool) { return w.solution(name) },
	Bare: func(s *marketplacev1.Solution) *marketplacev1.Solution {
		s = proto.CloneOf(s)
		s.Etag, s.UpdateTime, s.UserCount, s.SlipCount, s.SlipDays = "", nil, 0, 0, 0
		for _, c := range s.GetCoverage() {
			c.Maturity = maturity.Stored(c.GetMaturity())
		}
		return s
	},
}

// GetSolution answers one solution, whatever its state.
func (s *Service) GetSolution(_ context.Context, req *marketplacev1.GetSolutionRequest) (*marketplacev1.Solution, error) {
	return solutionKind.Get(s.replica, req.GetName())
}

// ListSolutions answers a page of solutions, of all states unless the filter says otherwise.
func (s *Service) ListSolutions(_ context.Context, req *marketplacev1.ListSolutionsRequest) (*marketplacev1.ListSolutionsResponse, error) {
	w, err := s.replica.Read()
	if err != nil {
		return nil, err
	}
	page, next, total, err := list.Page(req, w.solutionList(), list.Options[*marketplacev1.Solution]{})
	if err != nil {
		return nil, err
	}
	return &marketplacev1.ListSolutionsResponse{Solutions: page, NextPageToken: next, TotalSize: total}, nil
}

// CreateSolution adds a solution as a draft.
func (s *Service) CreateSolution(ctx context.Context, req *marketplacev1.CreateSolutionRequest) (*marketplacev1.Solution, error) {
	id, err := names.ID(req.GetSolutionId(), req.GetSolution().GetDisplayName(), "solution_id")
	if err != nil {
		return nil, err
	}
	name := "solutions/" + id
	return resource.Change(ctx, s.replica, s.clock(), req, solutionKind, name, func(w world, c ledger.Cause) (*marketplacev1.Solution, []string, error) {
		if _, taken := w.solutions.Get(name); taken {
			return nil, nil, fault.New(fault.AlreadyExists, "resource", name)
		}
		created := &marketplacev1.Solution{Name: name, State: draft}
		changed, err := edit(w, c, created, req.GetSolution(), everything)
		return created, append([]string{"name", "state"}, changed...), err
	})
}

// UpdateSolution changes a solution. A published one stays published, a submitted one submitted; both must go on to
// meet what a submission requires.
func (s *Service) UpdateSolution(ctx context.Context, req *marketplacev1.UpdateSolutionRequest) (*marketplacev1.Solution, error) {
	name := req.GetSolution().GetName()
	if err := resource.CheckName("solution.name", "solutions", name); err != nil {
		return nil, err
	}
	return resource.Change(ctx, s.replica, s.clock(), req, solutionKind, name, func(w world, c ledger.Cause) (*marketplacev1.Solution, []string, error) {
		before, err := solutionKind.Found(ctx, w, name, req.GetSolution().GetEtag())
		if err != nil {
			return nil, nil, err
		}
		if _, ok := after(before.GetState(), update); !ok {
			return nil, nil, forbidden(name, before.GetState(), update)
		}
		updated := proto.CloneOf(before)
		rest, err := giveBack(updated, req.GetSolution(), req.GetUpdateMask())
		if err != nil {
			return nil, nil, err
		}
		changed, err := edit(w, c, updated, req.GetSolution(), rest)
		return updated, keepLocal(before, updated, changed), err
	})
}

// edit copies what the mask names from given to s, which is the caller's own, notes a changed promise, and checks the
// result. It returns the fields that differ.
func edit(w world, c ledger.Cause, s, given *marketplacev1.Solution, m *fieldmaskpb.FieldMask) ([]string, error) {
	promised, awaited := s.GetPromisedDate(), promises.Awaited(s)
	given = proto.CloneOf(given)
	completeCoverage(given)
	completePrices(given.GetPrices())
	changed, err := mask.Apply(s, given, m)
	if err != nil {
		return nil, err
	}
	if err := checkSolution(s, "solution."); err != nil {
		return nil, err
	}
	if err := checkReferences(w, s, changed); err != nil {
		return nil, err
	}
	if promise(s, promised, awaited, c.Time, c.Actor) {
		changed = append(changed, "promise_changes")
		completeSlips(s)
	}
	return changed, nil
}

// SubmitSolution hands a draft or a rejected solution over to the review.
func (s *Service) SubmitSolution(ctx context.Context, req *marketplacev1.SubmitSolutionRequest) (*marketplacev1.Solution, error) {
	return s.move(ctx, req, submit)
}

// PublishSolution makes a submitted solution visible to all.
func (s *Service) PublishSolution(ctx context.Context, req *marketplacev1.PublishSolutionRequest) (*marketplacev1.Solution, error) {
	return s.move(ctx, req, publish)
}

// RejectSolution sends a submitted solution back.
func (s *Service) RejectSolution(ctx context.Context, req *marketplacev1.RejectSolutionRequest) (*marketplacev1.Solution, error) {
	return s.move(ctx, req, reject)
}

// WithdrawSolution takes a published solution out. It stays readable, and its users see it.
func (s *Service) WithdrawSolution(ctx context.Context, req *marketplacev1.WithdrawSolutionRequest) (*marketplacev1.Solution, error) {
	return s.move(ctx, req, withdraw)
}

// move is a request that moves a solution through its life.
type move interface {
	resource.Command
	GetName() string
	GetEtag() string
	GetNote() string
}

func (s *Service) move(ctx context.Context, req move, v verb) (*marketplacev1.Solution, error) {
	name := req.GetName()
	return resource.Change(ctx, s.replica, s.clock(), req, solutionKind, name, func(w world, _ ledger.Cause) (*marketplacev1.Solution, []string, error) {
		before, err := solutionKind.Found(ctx, w, name, req.GetEtag())
		if err != nil {
			return nil, nil, err
		}
		to, ok := after(before.GetState(), v)
		if !ok {
			return nil, nil, forbidden(name, before.GetState(), v)
		}
		if (v == reject || v == withdraw) && strings.TrimSpace(req.GetNote()) == "" {
			return nil, nil, fault.New(fault.InvalidField).Field("note", missingDE, missingEN)
		}
		moved, changed := proto.CloneOf(before), []string{"state"}
		moved.State = to
		if moved.ReviewNote = req.GetNote(); moved.GetReviewNote() != before.GetReviewNote() {
			changed = append(changed, "review_note")
		}
		return moved, changed, checkSolution(moved, "")
	})
}

// ListPortfolioGaps answers a page of what is owed, not online and covered by no published solution.
func (s *Service) ListPortfolioGaps(_ context.Context, req *marketplacev1.ListPortfolioGapsRequest) (*marketplacev1.ListPortfolioGapsResponse, error) {
	w, err := s.replica.Read()
	if err != nil {
		return nil, err
	}
	page, next, total, err := list.Page(req, w.gaps(), list.Options[*marketplacev1.PortfolioGap]{
		Key: (*marketplacev1.PortfolioGap).GetPublicService, Ranked: true,
	})
	if err != nil {
		return nil, err
	}
	return &marketplacev1.ListPortfolioGapsResponse{PortfolioGaps: page, NextPageToken: next, TotalSize: total}, nil
}
