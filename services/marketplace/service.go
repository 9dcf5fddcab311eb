package marketplace

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"google.golang.org/grpc"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/opendata"
	"kompass.krz.de/services/platform/server"
	"kompass.krz.de/services/platform/state"
)

// Service answers kompass.marketplace.v1.MarketplaceService from its own replica. Create it with New, then Run it.
type Service struct {
	marketplacev1.UnimplementedMarketplaceServiceServer

	replica *state.Replica[world]
	clock   func() time.Time

	projectShelf, offerShelf opendata.Shelf
}

// New opens the streams that the service writes and follows. clock gives the time of changes.
func New(ctx context.Context, site ledger.Site, logger *slog.Logger, clock func() time.Time) (*Service, error) {
	own, err := site.Open(ctx, ownStream)
	if err != nil {
		return nil, err
	}
	catalogue, err := site.Open(ctx, catalogueStream)
	if err != nil {
		return nil, err
	}
	municipality, err := site.Open(ctx, municipalityStream)
	if err != nil {
		return nil, err
	}
	return &Service{replica: state.New(logger, emptyWorld(), apply, own, catalogue, municipality), clock: clock}, nil
}

// Run follows the streams and notes promised dates that pass, until ctx ends (nil) or a record cannot be applied.
func (s *Service) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() { s.watchDates(ctx) })
	err := s.replica.Run(ctx)
	cancel()
	watch.Wait()
	return err
}

// Ready waits until everything that was in the streams at the start is applied.
func (s *Service) Ready(ctx context.Context) error { return s.replica.Ready(ctx) }

// IsReady tells whether everything that was in the streams at the start is applied; the error says why it never will be.
func (s *Service) IsReady() (bool, error) { return s.replica.IsReady() }

// Revisions says how far the service has come.
func (s *Service) Revisions() server.Revisions { return s.replica }

// Register offers the service on a server.
func (s *Service) Register(r grpc.ServiceRegistrar) {
	marketplacev1.RegisterMarketplaceServiceServer(r, s)
}
