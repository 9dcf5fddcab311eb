package municipality

import (
	"context"
	"time"

	"kompass.krz.de/services/platform/ledger"
)

// effectPause is how long the worker waits after a failure.
const effectPause = time.Second

// followAdoptions gives adoptions that went live or ended their effect, until ctx ends or the replica is broken. Every replica
// does so; the guards of the write let one of them do it. Implementations and the record that it was done become visible
// together: after a crash either both are there or it is due again.
func (s *Service) followAdoptions(ctx context.Context) {
	if s.replica.Ready(ctx) != nil {
		return
	}
	for {
		news, again := s.replica.Changed(marketplaceStream), (<-chan time.Time)(nil)
		if err := s.applyDue(ctx); err != nil {
			if _, broken := s.replica.IsReady(); broken != nil || ctx.Err() != nil {
				return
			}
			s.log.Warn("the effect of adoptions on implementations could not be written; trying again", "error", err)
			news, again = nil, time.After(effectPause)
		}
		select {
		case <-news:
		case <-again:
		case <-ctx.Done():
			return
		}
	}
}

// applyDue writes the effect of everything that is due. An error leaves it and all that follows due, because what an adoption
// does depends on what was done before.
func (s *Service) applyDue(ctx context.Context) error {
	r, err := s.replica.Read()
	if err != nil || r.adoptions.first() == nil {
		return err
	}
	// The marketplace knew the municipality and the services when the adoption went live: so they are in the streams.
	if err := s.replica.CatchUp(ctx); err != nil {
		return err
	}
	for {
		if r, err = s.replica.Read(); err != nil {
			return err
		}
		t := r.adoptions.first()
		if t == nil {
			return nil
		}
		cause := ledger.Cause{Actor: t.actor, RequestID: t.requestID(), Time: s.clock()}
		result, err := s.replica.Write(ctx, cause, func(r records) ([]ledger.Draft, error) { return s.decideDue(r, cause), nil })
		if err != nil {
			return err
		}
		if result.Sequence != 0 {
			s.log.Info("adoptions had their effect on implementations", "first", t.adoption.GetName(), "state", t.adoption.GetState().String(), "request", t.request)
		}
	}
}
