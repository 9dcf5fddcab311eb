package notification

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"google.golang.org/grpc"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/platform/journal"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/server"
	"kompass.krz.de/services/platform/state"
)

// Service answers kompass.notification.v1.NotificationService from its own replica. Create it with New, then Run it.
type Service struct {
	notificationv1.UnimplementedNotificationServiceServer

	replica   *state.Replica[world]
	events    *journal.Journal // what happened
	publisher *publisher
	own       *ledger.Log
	matches   *journal.Journal // whom it concerned
	matcher   *matcher
	inboxes   *inboxes
	hub       *hub
	heartbeat time.Duration // of streams
	vault     *vault
	webhooks  *webhooks
	post      *post // nil when there is no mail
	measures  measures
	clock     func() time.Time
	log       *slog.Logger
}

// New opens the streams and journals that the service writes and follows. clock gives the time of changes. It fails as well
// when the settings are wrong.
func New(ctx context.Context, site ledger.Site, logger *slog.Logger, clock func() time.Time, settings Settings) (*Service, error) {
	var logs [4]*ledger.Log
	for i, name := range []string{ownStream, catalogueStream, municipalityStream, marketplaceStream} {
		log, err := site.Open(ctx, name)
		if err != nil {
			return nil, err
		}
		logs[i] = log
	}
	s := &Service{replica: state.New(logger, emptyWorld(), apply, logs[0], logs[1:]...), clock: clock, log: logger, heartbeat: heartbeat}
	var err error
	if s.events, err = journal.Open(ctx, site, journal.Config{Name: "events", MaxAge: eventsKept}); err != nil {
		return nil, err
	}
	if err := s.openMatches(ctx, site, logs[0]); err != nil {
		return nil, err
	}
	if s.publisher, err = newPublisher(ctx, s.events, logs[1:], logger, clock()); err != nil {
		return nil, err
	}
	if s.hub, err = newHub(s.events, logger); err != nil {
		return nil, err
	}
	if s.vault, err = openVault(ctx, site, settings.random()); err != nil {
		return nil, err
	}
	if s.webhooks, err = openWebhooks(ctx, s, site, settings); err != nil {
		return nil, err
	}
	if s.post, err = openPost(ctx, s, site, settings); err != nil {
		return nil, err
	}
	s.measure(site.Registerer)
	return s, nil
}

// Run follows the streams and does the service's work until ctx ends (nil) or a record cannot be applied.
func (s *Service) Run(ctx context.Context) error {
	var working sync.WaitGroup
	working.Go(func() { s.publisher.run(ctx) })
	working.Go(func() { s.runMatches(ctx) })
	working.Go(func() { s.hub.run(ctx) })
	working.Go(func() { s.webhooks.run(ctx) })
	working.Go(func() { s.post.run(ctx) })
	defer working.Wait()
	return s.replica.Run(ctx)
}

// Leave ends the streams of events, for a process that takes no more requests: their readers come back elsewhere.
func (s *Service) Leave() { s.hub.end() }

// Ready waits until everything that was in the streams and in the inboxes at the start is there.
func (s *Service) Ready(ctx context.Context) error {
	if err := s.replica.Ready(ctx); err != nil {
		return err
	}
	select {
	case <-s.inboxes.complete:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// IsReady tells whether everything that was in the streams and in the inboxes at the start is there; the error says why it never
// will be.
func (s *Service) IsReady() (bool, error) {
	ready, err := s.replica.IsReady()
	return ready && s.inboxes.isComplete(), err
}

// Revisions says how far the service has come.
func (s *Service) Revisions() server.Revisions { return s.replica }

// Register offers the service on a server.
func (s *Service) Register(r grpc.ServiceRegistrar) {
	notificationv1.RegisterNotificationServiceServer(r, s)
}
