package server

import (
	"context"
	"log/slog"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/reflection"
	"google.golang.org/grpc/stats"

	"kompass.krz.de/services/platform/fault"
)

const (
	// MaxMessage is the largest request, in bytes: a file of 64 MiB and what goes with it.
	MaxMessage = 80 << 20
	// DefaultTimeout bounds unary calls of clients that set no deadline.
	DefaultTimeout = 60 * time.Second
	// DefaultRevisionWait bounds the wait for a revision that the client has seen.
	DefaultRevisionWait = 5 * time.Second
)

// Authenticator says who calls a method; identity.Keys is one. Its errors are faults.
type Authenticator interface {
	Authenticate(ctx context.Context, fullMethod string) (actor string, err error)
}

// Revisions is what the state of a service says about how far it has come.
type Revisions interface {
	// WaitFor returns when the state has applied the revision of the token, or ctx ends. A token that it cannot read is
	// [fault.InvalidRevision]; any other error becomes [fault.NotCaughtUp].
	WaitFor(ctx context.Context, token string) error
	// Token is the revision that the state has applied; empty when there is nothing to say.
	Token() string
}

// Options are what a server needs from its process.
type Options struct {
	// Logger gets one line a call; default slog.Default().
	Logger *slog.Logger
	// Registerer gets the metrics; nil keeps them private.
	Registerer prometheus.Registerer
	// Authenticator decides about every call; nil denies all of them.
	Authenticator Authenticator
	// Revisions by full service name ("kompass.catalogue.v1.CatalogueService"); services without have none.
	Revisions map[string]Revisions
	// Health answers health checks; default one that reports serving.
	Health healthv1.HealthServer
	// Served hears of every call that is answered, Called of those that a [Local] makes, as a client would; nil: nobody does.
	Served, Called stats.Handler
	// Timeout bounds unary calls without deadline; default [DefaultTimeout].
	Timeout time.Duration
	// RevisionWait bounds the wait for a revision; default [DefaultRevisionWait].
	RevisionWait time.Duration
}

// New makes a server with the chain of [Options.Steps], health and reflection; services are registered by the caller.
// It returns an error when the metrics collide with other ones.
func New(o Options) (*grpc.Server, error) {
	o.setDefaults()
	steps, err := o.Steps()
	if err != nil {
		return nil, err
	}
	warm()
	var more []grpc.ServerOption
	if o.Served != nil {
		more = append(more, grpc.StatsHandler(o.Served))
	}
	s := grpc.NewServer(append(more,
		grpc.UnaryInterceptor(unary(steps)),
		grpc.StreamInterceptor(stream(steps)),
		grpc.NumStreamWorkers(uint32(runtime.GOMAXPROCS(0))), // saves growing a new stack for most calls
		grpc.MaxRecvMsgSize(MaxMessage),
		grpc.MaxSendMsgSize(MaxMessage),
		grpc.KeepaliveParams(keepalive.ServerParameters{Time: 2 * time.Minute, Timeout: 20 * time.Second}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 20 * time.Second, PermitWithoutStream: true}),
	)...)
	healthv1.RegisterHealthServer(s, o.Health)
	reflection.Register(s)
	return s, nil
}

func (o *Options) setDefaults() {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Authenticator == nil {
		o.Authenticator = denyAll{}
	}
	if o.Health == nil {
		o.Health = health.NewServer()
	}
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	if o.RevisionWait <= 0 {
		o.RevisionWait = DefaultRevisionWait
	}
}

type denyAll struct{}

// Authenticate denies.
func (denyAll) Authenticate(context.Context, string) (string, error) {
	return "", fault.New(fault.PermissionDenied)
}
