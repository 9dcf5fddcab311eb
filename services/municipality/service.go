package municipality

import (
	"context"
	"log/slog"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"google.golang.org/grpc"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/opendata"
	"kompass.krz.de/services/platform/server"
	"kompass.krz.de/services/platform/state"
)

// Service answers the MunicipalityService. Create it with New, then Run it.
type Service struct {
	municipalityv1.UnimplementedMunicipalityServiceServer

	// Quiet is how long a municipality must be left alone before its new findings are recorded, a minute unless a test shortens
	// it before Run.
	Quiet time.Duration

	replica *state.Replica[records]
	log     *slog.Logger
	clock   func() time.Time
	pasts   *lru.Cache[pastKey, *past]

	progressShelf opendata.Shelf
}

// marketplaceStream is the service whose stream tells of adoptions.
const marketplaceStream = "marketplace"

// New opens the service's own stream and those of catalogue and marketplace, and creates what is not there yet. The
// clock gives the time of changes and the day on which a target date has passed. Errors are those of ledger.Open.
func New(ctx context.Context, site ledger.Site, logger *slog.Logger, clock func() time.Time) (*Service, error) {
	var logs [3]*ledger.Log
	for i, name := range []string{"municipality", "catalogue", marketplaceStream} {
		log, err := site.Open(ctx, name)
		if err != nil {
			return nil, err
		}
		logs[i] = log
	}
	pasts, err := lru.New[pastKey, *past](maxPasts)
	if err != nil {
		return nil, err
	}
	return &Service{replica: state.New(logger, emptyRecords(), apply, logs[0], logs[1:]...), log: logger, clock: clock, pasts: pasts, Quiet: usualQuiet}, nil
}

// Run follows the streams, gives adoptions that went live or ended their effect, and records new findings, until ctx ends (nil)
// or a record cannot be applied.
func (s *Service) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var worker sync.WaitGroup
	worker.Go(func() { s.followAdoptions(ctx) })
	worker.Go(func() { s.watchFindings(ctx) })
	err := s.replica.Run(ctx)
	cancel()
	worker.Wait()
	return err
}

// Ready waits until everything that was in the streams at the start is applied.
func (s *Service) Ready(ctx context.Context) error { return s.replica.Ready(ctx) }

// IsReady tells whether everything that was in the streams at the start is applied; the error says why it never will be.
func (s *Service) IsReady() (bool, error) { return s.replica.IsReady() }

// Register adds the service to a gRPC server.
func (s *Service) Register(r grpc.ServiceRegistrar) {
	municipalityv1.RegisterMunicipalityServiceServer(r, s)
}

// Revisions says how far the state has come, for the server chain.
func (s *Service) Revisions() server.Revisions { return s.replica }

// today is the day in UTC.
func (s *Service) today() day { return dayAt(s.clock()) }

// read answers the current state and the place that a resource name is about. Errors: fault.NotFound, those of reading.
func (s *Service) read(name string) (records, *place, error) {
	r, err := s.replica.Read()
	if err != nil {
		return r, nil, err
	}
	p := r.place(agsOf(name))
	if p == nil {
		return r, nil, fault.New(fault.NotFound, "resource", municipalityName(agsOf(name)))
	}
	return r, p, nil
}
