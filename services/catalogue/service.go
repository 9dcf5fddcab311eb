package catalogue

import (
	"context"
	"log/slog"
	"time"

	"google.golang.org/grpc"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/server"
	"kompass.krz.de/services/platform/state"
)

// Service answers the methods of kompass.catalogue.v1.CatalogueService from its own replica of the stream "catalogue".
// It is safe for concurrent use. Create it with New, then Run it.
type Service struct {
	cataloguev1.UnimplementedCatalogueServiceServer

	replica *state.Replica[*catalogue]
	clock   func() time.Time
	imports chan struct{} // holds one token: files are large, so one at a time is read and decided
}

// New opens the service's stream at a site. Nothing is answered before Run has caught up; see Ready.
func New(ctx context.Context, site ledger.Site, logger *slog.Logger, clock func() time.Time) (*Service, error) {
	own, err := site.Open(ctx, "catalogue")
	if err != nil {
		return nil, err
	}
	return &Service{
		replica: state.New(logger, empty(), apply, own),
		clock:   clock,
		imports: make(chan struct{}, 1),
	}, nil
}

// Run follows the stream until ctx ends (nil) or a record cannot be applied.
func (s *Service) Run(ctx context.Context) error { return s.replica.Run(ctx) }

// Ready waits until everything that was in the stream at the start is applied.
func (s *Service) Ready(ctx context.Context) error {
	if err := s.replica.Ready(ctx); err != nil {
		return err
	}
	at, err := s.replica.Read()
	if err == nil {
		at.prepare()
	}
	return err
}

// IsReady tells whether the service has caught up; the error says why it never will.
func (s *Service) IsReady() (bool, error) { return s.replica.IsReady() }

// Register offers the service's methods on a gRPC server.
func (s *Service) Register(r grpc.ServiceRegistrar) { cataloguev1.RegisterCatalogueServiceServer(r, s) }

// Revisions says how far the service's state has come.
func (s *Service) Revisions() server.Revisions { return s.replica }

func notFound(name string) error { return fault.New(fault.NotFound, "resource", name) }
