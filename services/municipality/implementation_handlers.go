package municipality

import (
	"context"
	"fmt"
	"strings"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/list"
	"kompass.krz.de/services/platform/server"
	"kompass.krz.de/services/platform/state"
)

// GetImplementation answers one implementation.
func (s *Service) GetImplementation(ctx context.Context, req *municipalityv1.GetImplementationRequest) (*municipalityv1.Implementation, error) {
	v, err := s.viewOf(ctx, req.GetName(), req.GetAsOf(), false)
	if err != nil {
		return nil, err
	}
	return v.answer(v.then, req.GetName())
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
func (s *Service) ListImplementations(ctx context.Context, req *municipalityv1.ListImplementationsRequest) (*municipalityv1.ListImplementationsResponse, error) {
	v, err := s.viewOf(ctx, req.GetParent(), req.GetAsOf(), false)
	if err != nil {
		return nil, err
	}
	r, p := v.records, v.then
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
	e := edit{request: req, etag: server.Etag(ctx, req.GetImplementation().GetEtag()), createOnly: server.CreateOnly(ctx), existingOnly: server.ExistingOnly(ctx)}
	var after *municipalityv1.Implementation
	result, err := s.change(ctx, req, req.GetValidateOnly(), func(r records, today string) ([]ledger.Draft, error) {
		var changed []string
		var err error
		e.today = today
		if after, changed, err = r.decideImplementation(e); err != nil {
			return nil, err
		}
		return s.draft(nil, r, after, changed), nil
	})
	if err != nil {
		return nil, err
	}
	if req.GetValidateOnly() {
		return result.State.present(after), nil
	}
	return result.State.answer(result.State.place(agsOf(name)), name)
}

// change carries out a decision on behalf of a request; with validateOnly it only decides. The decision gets the day of
// the change, "2027-03-31", in UTC.
func (s *Service) change(ctx context.Context, req server.Change, validateOnly bool, decide func(r records, today string) ([]ledger.Draft, error)) (state.Result[records], error) {
	if validateOnly {
		r, err := s.replica.Read()
		if err == nil {
			_, err = decide(r, s.today().String())
		}
		return state.Result[records]{State: r}, err
	}
	cause, err := server.Cause(ctx, req, s.clock())
	if err != nil {
		return state.Result[records]{}, err
	}
	today := dayAt(cause.Time).String()
	return s.replica.Write(ctx, cause, func(r records) ([]ledger.Draft, error) { return decide(r, today) })
}

func badName(field string) error {
	return fault.New(fault.InvalidField).Field(field,
		"muss die Form „municipalities/05758004/implementations/99107010012000“ haben",
		"must have the form \"municipalities/05758004/implementations/99107010012000\"")
}

// draft appends what has to be written for an implementation: nothing when it is recorded and stays as it is.
func (s *Service) draft(drafts []ledger.Draft, r records, after *municipalityv1.Implementation, changed []string) []ledger.Draft {
	if len(changed) == 0 && r.place(agsOf(after.GetName())).find(keyOf(after.GetName())) != nil {
		return drafts
	}
	d := s.removal(after.GetName())
	d.Entity, d.Changed = after, changed
	return append(drafts, d)
}

// DeleteImplementation removes what is recorded; the history stays.
func (s *Service) DeleteImplementation(ctx context.Context, req *municipalityv1.DeleteImplementationRequest) (*municipalityv1.DeleteImplementationResponse, error) {
	name, wanted := req.GetName(), server.Etag(ctx, req.GetEtag())
	_, err := s.change(ctx, req, req.GetValidateOnly(), func(r records, _ string) ([]ledger.Draft, error) {
		i, err := r.answer(r.place(agsOf(name)), name)
		if err != nil {
			return nil, err
		}
		if wanted.Exclude(i.GetEtag()) {
			return nil, fault.New(fault.EtagMismatch, "resource", name)
		}
		return []ledger.Draft{s.removal(name)}, nil
	})
	return &municipalityv1.DeleteImplementationResponse{}, err
}

// removal is the draft that removes what is recorded.
func (s *Service) removal(name string) ledger.Draft {
	return ledger.Draft{Subject: s.replica.Own().Subject("implementation", agsOf(name), keyOf(name)), Resource: name}
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
