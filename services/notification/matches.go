package notification

import (
	"context"
	"sync"

	"kompass.krz.de/services/platform/journal"
	"kompass.krz.de/services/platform/ledger"
)

// openMatches opens the journal "matches", and prepares who writes and who reads it.
func (s *Service) openMatches(ctx context.Context, site ledger.Site, own *ledger.Log) (err error) {
	s.own, s.inboxes = own, newInboxes()
	if s.matches, err = journal.Open(ctx, site, journal.Config{Name: "matches", MaxAge: matchesKept}); err != nil {
		return err
	}
	s.matcher, err = newMatcher(s.matches, s.matches, s.current, s.log)
	return err
}

// runMatches finds out whom events concern, and keeps the inboxes, until ctx ends.
func (s *Service) runMatches(ctx context.Context) {
	var working sync.WaitGroup
	defer working.Wait()
	working.Go(func() {
		s.inboxes.follow(ctx, s.matches, func(err error) { s.log.Error("journal of matches", "error", err) })
	})
	if s.replica.Ready(ctx) == nil {
		s.matcher.run(ctx, s.events)
	}
}

// current is the state with everything that was in the service's own stream when it was asked for. Where no other process writes to
// it, that is the state as it is.
func (s *Service) current(ctx context.Context) (world, error) {
	if s.webhooks.alone {
		return s.replica.Read()
	}
	last, err := s.own.LastSequence(ctx)
	if err != nil {
		return world{}, err
	}
	if err := s.replica.WaitFor(ctx, ledger.Positions{s.own.Name().Stream(): last}.Token()); err != nil {
		return world{}, err
	}
	return s.replica.Read()
}
