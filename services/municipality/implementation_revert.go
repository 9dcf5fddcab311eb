package municipality

import (
	"context"
	"fmt"
	"slices"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/server"
)

// RevertImplementation records what a revision of the history holds as the newest state. What was recorded once may come
// back whatever has become of its service and its solution since: answers, gaps and findings say that they are withdrawn.
// Going back to a deletion deletes; the answer then has the name alone.
func (s *Service) RevertImplementation(ctx context.Context, req *municipalityv1.RevertImplementationRequest) (*municipalityv1.Implementation, error) {
	name, wanted := req.GetName(), server.Etag(ctx, req.GetEtag())
	if _, _, err := s.read(name); err != nil {
		return nil, err
	}
	history, err := s.revision(ctx, name, req.GetRevision())
	if err != nil {
		return nil, err
	}
	after, _ := history[len(history)-1].Entity.(*municipalityv1.Implementation)
	result, err := s.change(ctx, req, req.GetValidateOnly(), func(r records, _ string) ([]ledger.Draft, error) {
		p := r.place(agsOf(name))
		before := p.find(keyOf(name))
		if wanted.Exclude(before.etag()) || before == nil && server.ExistingOnly(ctx) || before != nil && server.CreateOnly(ctx) {
			return nil, fault.New(fault.EtagMismatch, "resource", name)
		}
		var drafts []ledger.Draft
		switch {
		case after != nil:
			after.AdoptionEnded = r.adoptions.over(after.GetAdoption()) // it may be over since
			drafts = s.draft(nil, r, after, changedFields(before.stored(p.ags), after))
		case before != nil:
			drafts = []ledger.Draft{s.removal(name)}
		}
		for i := range drafts {
			drafts[i].Revert = revertTo(history)
		}
		return drafts, nil
	})
	if err != nil {
		return nil, err
	}
	if after != nil && req.GetValidateOnly() {
		return result.State.present(after), nil
	}
	if after == nil && (req.GetValidateOnly() || result.State.place(agsOf(name)).find(keyOf(name)) == nil) {
		return &municipalityv1.Implementation{Name: name}, nil
	}
	return result.State.answer(result.State.place(agsOf(name)), name)
}

// revision reads the history of an implementation up to one change, oldest first. Error: fault.NotFound.
func (s *Service) revision(ctx context.Context, name string, number uint64) ([]ledger.Entry, error) {
	history, err := s.replica.History(ctx, s.removal(name).Subject)
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(history, func(e ledger.Entry) bool { return e.Sequence == number })
	if at < 0 {
		return nil, fault.New(fault.NotFound, "resource", fmt.Sprintf("%s, Revision %d", name, number)).
			Field("revision", "gehört nicht zur Geschichte dieses Umsetzungsstands", "is none of the history of this implementation")
	}
	slices.Reverse(history[at:])
	return history[at:], nil
}
