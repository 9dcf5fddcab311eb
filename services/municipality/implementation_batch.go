package municipality

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/server"
)

// BatchUpdateImplementations changes several implementations of one municipality: all or none of them, or each on its own.
func (s *Service) BatchUpdateImplementations(ctx context.Context, req *municipalityv1.BatchUpdateImplementationsRequest) (*municipalityv1.BatchUpdateImplementationsResponse, error) {
	if server.Etag(ctx, "") != "" || server.ExistingOnly(ctx) || server.CreateOnly(ctx) {
		return nil, fault.New(fault.InvalidField).Field("requests",
			"die Kopfzeilen If-Match und If-None-Match meinen einen einzelnen Umsetzungsstand; in einer Sammelanfrage hat jeder sein Feld etag",
			"the headers If-Match and If-None-Match are about a single implementation; in a batch each has its field etag")
	}
	refused := checkBatch(req)
	if req.GetPerItem() {
		return s.batchPerItem(ctx, req, refused)
	}
	if err := together(refused); err != nil {
		return nil, err
	}
	var answers []*municipalityv1.Implementation
	result, err := s.change(ctx, req, req.GetValidateOnly(), func(r records, today string) (drafts []ledger.Draft, err error) {
		answers = nil
		if r.place(agsOf(req.GetParent())) == nil {
			return nil, fault.New(fault.NotFound, "resource", req.GetParent())
		}
		for i, one := range req.GetRequests() {
			after, changed, err := r.decideImplementation(editOf(one, today))
			if err != nil {
				return nil, inRequest(i, err)
			}
			drafts, answers = s.draft(drafts, r, after, changed), append(answers, r.present(after))
		}
		return drafts, nil
	})
	if err != nil {
		return nil, err
	}
	if req.GetValidateOnly() {
		return &municipalityv1.BatchUpdateImplementationsResponse{Implementations: answers}, nil
	}
	return result.State.answerBatch(req), nil
}

func editOf(one *municipalityv1.UpdateImplementationRequest, today string) edit {
	return edit{request: one, etag: server.Versions(one.GetImplementation().GetEtag()), today: today}
}

// answerBatch answers what is recorded for the requests of a batch; one that was removed since is left out.
func (r records) answerBatch(req *municipalityv1.BatchUpdateImplementationsRequest) *municipalityv1.BatchUpdateImplementationsResponse {
	answer := &municipalityv1.BatchUpdateImplementationsResponse{}
	p := r.place(agsOf(req.GetParent()))
	for _, one := range req.GetRequests() {
		if i, err := r.answer(p, one.GetImplementation().GetName()); err == nil {
			answer.Implementations = append(answer.Implementations, i)
		}
	}
	return answer
}

// batchPerItem changes each one on its own, and all that can be changed by one commit. refused are the requests that
// are not valid in themselves, by their index.
func (s *Service) batchPerItem(ctx context.Context, req *municipalityv1.BatchUpdateImplementationsRequest, refused []error) (*municipalityv1.BatchUpdateImplementationsResponse, error) {
	var outcomes []outcome
	result, err := s.change(ctx, req, req.GetValidateOnly(), func(r records, today string) ([]ledger.Draft, error) {
		if r.place(agsOf(req.GetParent())) == nil {
			return nil, fault.New(fault.NotFound, "resource", req.GetParent())
		}
		var drafts []ledger.Draft
		outcomes, drafts = s.decideEach(r, req, refused, today)
		return drafts, nil
	})
	if err != nil {
		return nil, err
	}
	if result.Repeated {
		outcomes, _ = s.decideEach(result.State, req, refused, s.today().String())
		if err := s.recall(ctx, req, refused, outcomes); err != nil {
			return nil, err
		}
	}
	answer := &municipalityv1.BatchUpdateImplementationsResponse{Results: make([]*municipalityv1.BatchResult, len(outcomes))}
	for i, o := range outcomes {
		answer.Results[i] = result.State.batchResult(o, req.GetValidateOnly())
	}
	return answer, nil
}

// outcome is what a decision on one request of a batch came to.
type outcome struct {
	name  string
	after *municipalityv1.Implementation
	moves bool // it has to be written
	err   error
}

func (s *Service) decideEach(r records, req *municipalityv1.BatchUpdateImplementationsRequest, refused []error, today string) (outcomes []outcome, drafts []ledger.Draft) {
	outcomes = make([]outcome, len(req.GetRequests()))
	for i, one := range req.GetRequests() {
		o := &outcomes[i]
		o.name, o.err = one.GetImplementation().GetName(), refused[i]
		if o.err != nil {
			continue
		}
		var changed []string
		if o.after, changed, o.err = r.decideImplementation(editOf(one, today)); o.err == nil {
			before := len(drafts)
			drafts = s.draft(drafts, r, o.after, changed)
			o.moves = len(drafts) > before
		}
	}
	return outcomes, drafts
}

// batchResult is what a client gets to know about one request: what is recorded now, or would be.
func (r records) batchResult(o outcome, validateOnly bool) *municipalityv1.BatchResult {
	i, err := r.present(o.after), o.err
	if err == nil && !validateOnly {
		i, err = r.answer(r.place(agsOf(o.name)), o.name)
	}
	if err != nil {
		return &municipalityv1.BatchResult{Error: status.Convert(fault.From(err)).Proto()}
	}
	return &municipalityv1.BatchResult{Implementation: i}
}

// recall corrects what the requests of a repeated batch would come to now by what they came to when it was sent first:
// the ledger knows which ones it wrote. One that it did not write then is not written now either.
func (s *Service) recall(ctx context.Context, req *municipalityv1.BatchUpdateImplementationsRequest, refused []error, outcomes []outcome) error {
	id := server.RequestID(ctx, req.GetRequestId())
	for i := range outcomes {
		o := &outcomes[i]
		if o.err == nil && !o.moves || refused[i] != nil {
			continue
		}
		history, err := s.replica.History(ctx, s.removal(o.name).Subject)
		if err != nil {
			return err
		}
		switch {
		case slices.ContainsFunc(history, func(e ledger.Entry) bool { return e.Record.GetRequestId() == id }):
			o.err = nil
		case o.err == nil:
			o.err = fault.New(fault.Conflict, "resource", o.name)
		}
	}
	return nil
}

// ofContract holds one request of a batch to the rules of the contract, which the whole batch has passed unless it is
// carried out item by item.
func ofContract(batch *municipalityv1.BatchUpdateImplementationsRequest, one *municipalityv1.UpdateImplementationRequest) error {
	if !batch.GetPerItem() {
		return nil
	}
	return server.Validate(one)
}

// checkBatch says of each request of a batch what is wrong with it in itself: the contract's rules, one municipality,
// one change an implementation. nil: nothing.
func checkBatch(req *municipalityv1.BatchUpdateImplementationsRequest) []error {
	refused := make([]error, len(req.GetRequests()))
	seen := map[string]int{}
	for i, one := range req.GetRequests() {
		name := one.GetImplementation().GetName()
		first, twice := seen[name]
		switch err := ofContract(req, one); {
		case err != nil:
			refused[i] = err
		case !isImplementationName(name):
			refused[i] = badName("implementation.name")
		case municipalityName(agsOf(name)) != req.GetParent():
			refused[i] = fault.New(fault.InvalidField).Field("implementation.name", "gehört nicht zu "+req.GetParent(), "does not belong to "+req.GetParent())
		case twice:
			refused[i] = fault.New(fault.InvalidField).Field("implementation.name", fmt.Sprintf("kommt schon in requests[%d] vor", first),
				fmt.Sprintf("is already in requests[%d]", first))
		default:
			seen[name] = i
		}
	}
	return refused
}

// together is one fault for all requests that were refused; nil when none was.
func together(refused []error) error {
	all, found := fault.New(fault.InvalidField), false
	for i, err := range refused {
		for _, v := range violationsOf(err) {
			de, en, _ := strings.Cut(v.GetDescription(), " / ")
			all.Field(fmt.Sprintf("requests[%d].%s", i, v.GetField()), de, en)
			found = true
		}
	}
	if !found {
		return nil
	}
	return all
}

// violationsOf are the fields that a fault blames.
func violationsOf(err error) []*errdetails.BadRequest_FieldViolation {
	for _, d := range status.Convert(err).Details() {
		if bad, ok := d.(*errdetails.BadRequest); ok {
			return bad.GetFieldViolations()
		}
	}
	return nil
}

// inRequest is the fault of one request of a batch: the same reason, with its place in the batch named.
func inRequest(i int, err error) error {
	return placed(err, func(field string) string {
		return strings.TrimSuffix(fmt.Sprintf("requests[%d].%s", i, field), ".")
	})
}
