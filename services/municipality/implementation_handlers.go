package municipality

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/list"
	"kompass.krz.de/services/platform/server"
)

// GetImplementation answers one implementation.
func (s *Service) GetImplementation(_ context.Context, req *municipalityv1.GetImplementationRequest) (*municipalityv1.Implementation, error) {
	r, p, err := s.read(req.GetName())
	if err != nil {
		return nil, err
	}
	return r.answer(p, req.GetName())
}

func (r records) answer(p *place, name string) (*municipalityv1.Implementation, error) {
	if p == nil {
		return nil, fault.New(fault.NotFound, "resource", name)
	}
	i := p.find(keyOf(name))
	if i == nil {
		return nil, fault.New(fault.NotFound, "resource", name)
	}
	return r.show(p, i), nil
}

// ListImplementations answers what is recorded for a municipality.
func (s *Service) ListImplementations(_ context.Context, req *municipalityv1.ListImplementationsRequest) (*municipalityv1.ListImplementationsResponse, error) {
	r, p, err := s.read(req.GetParent())
	if err != nil {
		return nil, err
	}
	if strings.TrimSpace(req.GetFilter()) == "" && strings.TrimSpace(req.GetOrderBy()) == "" {
		return r.pageImplementations(req, p)
	}
	page, next, total, err := list.Page(req, r.showAll(p, p.implementations), list.Options[*municipalityv1.Implementation]{})
	if err != nil {
		return nil, err
	}
	return &municipalityv1.ListImplementationsResponse{Implementations: page, NextPageToken: next, TotalSize: total}, nil
}

// pageImplementations spells out no more than the page.
func (r records) pageImplementations(req *municipalityv1.ListImplementationsRequest, p *place) (*municipalityv1.ListImplementationsResponse, error) {
	cursor, err := list.Open(req)
	if err != nil {
		return nil, err
	}
	rest := p.implementations
	if !cursor.First() {
		from, found := position(rest, cursor.Key)
		if found {
			from++
		}
		rest = rest[from:]
	}
	page := rest[:min(len(rest), cursor.Size)]
	answer := &municipalityv1.ListImplementationsResponse{Implementations: r.showAll(p, page), TotalSize: int32(len(p.implementations))}
	if len(page) < len(rest) {
		answer.NextPageToken = cursor.Next(page[len(page)-1].service.String(), len(page))
	}
	return answer, nil
}

func (r records) showAll(p *place, items []implementation) []*municipalityv1.Implementation {
	shown := make([]*municipalityv1.Implementation, len(items))
	for i := range items {
		shown[i] = r.show(p, &items[i])
	}
	return shown
}

// UpdateImplementation records or changes an implementation.
func (s *Service) UpdateImplementation(ctx context.Context, req *municipalityv1.UpdateImplementationRequest) (*municipalityv1.Implementation, error) {
	name := req.GetImplementation().GetName()
	if !isImplementationName(name) {
		return nil, badName("implementation.name")
	}
	e := edit{req, server.Etag(ctx, req.GetImplementation().GetEtag()), server.CreateOnly(ctx), server.ExistingOnly(ctx)}
	decide := func(r records) ([]ledger.Draft, *municipalityv1.Implementation, error) {
		after, changed, err := r.decideImplementation(e)
		if err != nil {
			return nil, nil, err
		}
		return s.draft(nil, r, after, changed), after, nil
	}
	if req.GetValidateOnly() {
		r, err := s.replica.Read()
		if err != nil {
			return nil, err
		}
		_, after, err := decide(r)
		return r.present(after), err
	}
	cause, err := server.Cause(ctx, req, s.clock())
	if err != nil {
		return nil, err
	}
	result, err := s.replica.Write(ctx, cause, func(r records) ([]ledger.Draft, error) {
		drafts, _, err := decide(r)
		return drafts, err
	})
	if err != nil {
		return nil, err
	}
	return result.State.answer(result.State.place(agsOf(name)), name)
}

func badName(field string) error {
	return fault.New(fault.InvalidField).Field(field,
		"muss die Form „municipalities/05758004/implementations/99107010012000“ haben",
		"must have the form \"municipalities/05758004/implementations/99107010012000\"")
}

// draft appends what has to be written for an implementation: nothing when it is recorded and stays as it is.
func (s *Service) draft(drafts []ledger.Draft, r records, after *municipalityv1.Implementation, changed []string) []ledger.Draft {
	ags, key := agsOf(after.GetName()), keyOf(after.GetName())
	if len(changed) == 0 && r.place(ags).find(key) != nil {
		return drafts
	}
	return append(drafts, ledger.Draft{
		Subject:  s.replica.Own().Subject("implementation", ags, key),
		Resource: after.GetName(), Entity: after, Changed: changed,
	})
}

// BatchUpdateImplementations changes several implementations of one municipality, or none of them.
func (s *Service) BatchUpdateImplementations(ctx context.Context, req *municipalityv1.BatchUpdateImplementationsRequest) (*municipalityv1.BatchUpdateImplementationsResponse, error) {
	if err := checkBatch(req); err != nil {
		return nil, err
	}
	decide := func(r records) (drafts []ledger.Draft, answers []*municipalityv1.Implementation, err error) {
		if r.place(agsOf(req.GetParent())) == nil {
			return nil, nil, fault.New(fault.NotFound, "resource", req.GetParent())
		}
		for i, one := range req.GetRequests() {
			after, changed, err := r.decideImplementation(edit{request: one, etag: one.GetImplementation().GetEtag()})
			if err != nil {
				return nil, nil, inRequest(i, err)
			}
			drafts, answers = s.draft(drafts, r, after, changed), append(answers, r.present(after))
		}
		return drafts, answers, nil
	}
	if req.GetValidateOnly() {
		r, err := s.replica.Read()
		if err != nil {
			return nil, err
		}
		_, answers, err := decide(r)
		if err != nil {
			return nil, err
		}
		return &municipalityv1.BatchUpdateImplementationsResponse{Implementations: answers}, nil
	}
	cause, err := server.Cause(ctx, req, s.clock())
	if err != nil {
		return nil, err
	}
	result, err := s.replica.Write(ctx, cause, func(r records) ([]ledger.Draft, error) {
		drafts, _, err := decide(r)
		return drafts, err
	})
	if err != nil {
		return nil, err
	}
	return result.State.answerBatch(req)
}

// answerBatch answers what is recorded for the requests of a batch; one that was removed since is left out.
func (r records) answerBatch(req *municipalityv1.BatchUpdateImplementationsRequest) (*municipalityv1.BatchUpdateImplementationsResponse, error) {
	answer := &municipalityv1.BatchUpdateImplementationsResponse{}
	p := r.place(agsOf(req.GetParent()))
	for _, one := range req.GetRequests() {
		if i := p.find(keyOf(one.GetImplementation().GetName())); i != nil {
			answer.Implementations = append(answer.Implementations, r.show(p, i))
		}
	}
	return answer, nil
}

// checkBatch holds a batch to one municipality and to one change an implementation.
func checkBatch(req *municipalityv1.BatchUpdateImplementationsRequest) error {
	seen := map[string]int{}
	for i, one := range req.GetRequests() {
		name, field := one.GetImplementation().GetName(), fmt.Sprintf("requests[%d].implementation.name", i)
		if !isImplementationName(name) {
			return badName(field)
		}
		if municipalityName(agsOf(name)) != req.GetParent() {
			return fault.New(fault.InvalidField).Field(field, "gehört nicht zu "+req.GetParent(), "does not belong to "+req.GetParent())
		}
		if first, twice := seen[name]; twice {
			return fault.New(fault.InvalidField).Field(field, fmt.Sprintf("kommt schon in requests[%d] vor", first),
				fmt.Sprintf("is already in requests[%d]", first))
		}
		seen[name] = i
	}
	return nil
}

// inRequest is the fault of one request of a batch: the same reason, with its place in the batch named.
func inRequest(i int, err error) error {
	var f *fault.Error
	if !errors.As(err, &f) {
		return err
	}
	var pairs []string
	var violations []*errdetails.BadRequest_FieldViolation
	for _, d := range f.GRPCStatus().Details() {
		switch d := d.(type) {
		case *errdetails.ErrorInfo:
			for k, v := range d.GetMetadata() {
				pairs = append(pairs, k, v)
			}
		case *errdetails.BadRequest:
			violations = d.GetFieldViolations()
		}
	}
	prefix := fmt.Sprintf("requests[%d]", i)
	placed := fault.New(f.Reason(), pairs...).Cause(f)
	if len(violations) == 0 {
		de, en := f.Texts()
		return placed.Field(prefix, de, en)
	}
	for _, v := range violations {
		de, en, _ := strings.Cut(v.GetDescription(), " / ")
		placed = placed.Field(prefix+"."+v.GetField(), de, en)
	}
	return placed
}

// DeleteImplementation removes what is recorded; the history stays.
func (s *Service) DeleteImplementation(ctx context.Context, req *municipalityv1.DeleteImplementationRequest) (*municipalityv1.DeleteImplementationResponse, error) {
	name, wanted := req.GetName(), server.Etag(ctx, req.GetEtag())
	decide := func(r records) ([]ledger.Draft, error) {
		i, err := r.answer(r.place(agsOf(name)), name)
		if err != nil {
			return nil, err
		}
		if wanted != "" && wanted != i.GetEtag() {
			return nil, fault.New(fault.EtagMismatch, "resource", name)
		}
		return []ledger.Draft{{Subject: s.replica.Own().Subject("implementation", agsOf(name), keyOf(name)), Resource: name}}, nil
	}
	if req.GetValidateOnly() {
		r, err := s.replica.Read()
		if err == nil {
			_, err = decide(r)
		}
		return &municipalityv1.DeleteImplementationResponse{}, err
	}
	cause, err := server.Cause(ctx, req, s.clock())
	if err != nil {
		return nil, err
	}
	_, err = s.replica.Write(ctx, cause, decide)
	return &municipalityv1.DeleteImplementationResponse{}, err
}

// ListImplementationHistory answers every change of an implementation, newest first.
func (s *Service) ListImplementationHistory(ctx context.Context, req *municipalityv1.ListImplementationHistoryRequest) (*municipalityv1.ListImplementationHistoryResponse, error) {
	r, err := s.replica.Read()
	if err != nil {
		return nil, err
	}
	name := req.GetName()
	found, err := s.replica.History(ctx, s.replica.Own().Subject("implementation", agsOf(name), keyOf(name)))
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, fault.New(fault.NotFound, "resource", name)
	}
	changes := make([]*municipalityv1.ImplementationChange, len(found))
	for i := range found {
		changes[i] = r.presentChange(&found[i])
	}
	page, next, total, err := list.Page(req, changes, list.Options[*municipalityv1.ImplementationChange]{
		Key:     func(c *municipalityv1.ImplementationChange) string { return fmt.Sprintf("%020d", c.GetRevision()) },
		Compare: func(a, b string) int { return strings.Compare(b, a) },
	})
	if err != nil {
		return nil, err
	}
	return &municipalityv1.ListImplementationHistoryResponse{Changes: page, NextPageToken: next, TotalSize: total}, nil
}

func (r records) presentChange(e *ledger.Entry) *municipalityv1.ImplementationChange {
	c := &municipalityv1.ImplementationChange{
		Revision:      e.Sequence,
		Time:          e.Record.GetTime(),
		Actor:         e.Record.GetActor(),
		RequestId:     e.Record.GetRequestId(),
		ChangedFields: jsonNames((*municipalityv1.Implementation)(nil).ProtoReflect().Descriptor(), e.Record.GetChangedFields()),
	}
	if i, ok := e.Entity.(*municipalityv1.Implementation); ok {
		i.Etag, i.UpdateTime, i.UpdateActor = etag(e.Sequence), e.Record.GetTime(), e.Record.GetActor()
		c.Implementation = r.present(i)
	}
	return c
}
