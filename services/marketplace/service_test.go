package marketplace_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/proto"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/marketplace"
	"kompass.krz.de/services/platform/broker"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/server"
	"kompass.krz.de/services/platform/state"
)

var (
	quiet   = slog.New(slog.DiscardHandler)
	nats    *broker.Embedded
	origins atomic.Int32
	now     = time.Date(2026, 3, 2, 9, 30, 0, 0, time.UTC)
)

// TestMain starts one NATS server; every test is a data centre of its own on it.
func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "marketplace")
	if err == nil {
		nats, err = broker.Start(dir, quiet)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	nats.Stop()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// market is a running service with a client, and the streams that it follows.
type market struct {
	marketplacev1.MarketplaceServiceClient

	tb      testing.TB
	site    ledger.Site
	service *marketplace.Service
	foreign map[string]*state.Replica[struct{}]
}

type actorFromKey struct{}

func (actorFromKey) Authenticate(ctx context.Context, _ string) (string, error) {
	if key := metadata.ValueFromIncomingContext(ctx, "authorization"); len(key) > 0 {
		return key[0], nil
	}
	return "tester", nil
}

func open(tb testing.TB) *market {
	tb.Helper()
	site := ledger.Site{Conn: nats.Conn, Origin: fmt.Sprintf("t%d", origins.Add(1)), Replicas: 1}
	m := &market{tb: tb, site: site, foreign: map[string]*state.Replica[struct{}]{}}
	m.service = serve(tb, site)
	m.MarketplaceServiceClient = dial(tb, m.service)
	return m
}

// serve runs a replica of the service until the test ends.
func serve(tb testing.TB, site ledger.Site) *marketplace.Service {
	tb.Helper()
	service, err := marketplace.New(tb.Context(), site, quiet, func() time.Time { return now })
	if err != nil {
		tb.Fatal(err)
	}
	run(tb, service.Run)
	if err := service.Ready(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return service
}

func run(tb testing.TB, f func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- f(ctx) }()
	tb.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			tb.Error(err)
		}
	})
}

// dial connects to the service through the real chain.
func dial(tb testing.TB, service *marketplace.Service) marketplacev1.MarketplaceServiceClient {
	tb.Helper()
	s, err := server.New(server.Options{
		Logger: quiet, Authenticator: actorFromKey{},
		Revisions: map[string]server.Revisions{marketplacev1.MarketplaceService_ServiceDesc.ServiceName: service.Revisions()},
	})
	if err != nil {
		tb.Fatal(err)
	}
	service.Register(s)
	listener := bufconn.Listen(1 << 20)
	go s.Serve(listener)
	tb.Cleanup(s.Stop)
	conn, err := grpc.NewClient("passthrough:///bufconn", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close() })
	return marketplacev1.NewMarketplaceServiceClient(conn)
}

// resource is what other services store.
type resource interface {
	proto.Message
	GetName() string
}

// publish writes entities to the stream of another service, as that service would, and waits until the market has them.
func (m *market) publish(service, token string, entities ...resource) {
	m.tb.Helper()
	m.write(service, func(subject func(string, ...string) string) (drafts []ledger.Draft) {
		for _, e := range entities {
			drafts = append(drafts, ledger.Draft{Subject: subject(token, idTokens(e.GetName())...), Resource: e.GetName(), Entity: e})
		}
		return drafts
	})
}

// remove writes tombstones to the stream of another service.
func (m *market) remove(service, token string, names ...string) {
	m.tb.Helper()
	m.write(service, func(subject func(string, ...string) string) (drafts []ledger.Draft) {
		for _, name := range names {
			drafts = append(drafts, ledger.Draft{Subject: subject(token, idTokens(name)...), Resource: name})
		}
		return drafts
	})
}

func (m *market) write(service string, drafts func(subject func(string, ...string) string) []ledger.Draft) {
	m.tb.Helper()
	other := m.other(service)
	_, err := other.Write(m.tb.Context(), ledger.Cause{Actor: "test", Time: now}, func(struct{}) ([]ledger.Draft, error) {
		return drafts(other.Own().Subject), nil
	})
	if err != nil {
		m.tb.Fatal(err)
	}
	if err := m.service.Revisions().WaitFor(m.tb.Context(), other.Token()); err != nil {
		m.tb.Fatal(err)
	}
}

func (m *market) other(service string) *state.Replica[struct{}] {
	if r, ok := m.foreign[service]; ok {
		return r
	}
	log, err := m.site.Open(m.tb.Context(), service)
	if err != nil {
		m.tb.Fatal(err)
	}
	nothing := func(struct{}, ledger.Name, []ledger.Entry, bool) (struct{}, error) { return struct{}{}, nil }
	r := state.New(quiet, struct{}{}, nothing, log)
	run(m.tb, r.Run)
	if err := r.Ready(m.tb.Context()); err != nil {
		m.tb.Fatal(err)
	}
	m.foreign[service] = r
	return r
}

// idTokens are the ids in a resource name: every second segment, and "ozg-…" for the relevance of an OZG service.
func idTokens(name string) (ids []string) {
	segments := strings.Split(name, "/")
	for i := 1; i < len(segments); i += 2 {
		id := segments[i]
		if segments[i-1] == "ozgServices" && len(segments) > 2 {
			id = "ozg-" + id
		}
		ids = append(ids, id)
	}
	return ids
}

func publicService(key, name, ozg string) *cataloguev1.PublicService {
	s := &cataloguev1.PublicService{Name: "publicServices/" + key, LeikaKey: key, DisplayName: name, State: cataloguev1.EntryState_ENTRY_STATE_ACTIVE}
	if ozg != "" {
		s.OzgService = "ozgServices/" + ozg
	}
	return s
}

func relevance(parent string, rules ...*cataloguev1.ClassRule) *cataloguev1.Relevance {
	return &cataloguev1.Relevance{Name: parent + "/relevance", Rules: rules}
}

func rule(class commonv1.SizeClass, obligation cataloguev1.Obligation) *cataloguev1.ClassRule {
	return &cataloguev1.ClassRule{SizeClass: class, Obligation: obligation}
}

func municipality(ags, name string, class commonv1.SizeClass, population int64) *municipalityv1.Municipality {
	return &municipalityv1.Municipality{Name: "municipalities/" + ags, Ags: ags, DisplayName: name, SizeClass: class, Population: population}
}

func implementation(ags, key string, phase municipalityv1.Implementation_Phase) *municipalityv1.Implementation {
	return &municipalityv1.Implementation{Name: "municipalities/" + ags + "/implementations/" + key, PublicService: "publicServices/" + key, Phase: phase}
}

// wantFault checks code and reason of an error and returns its field violations, "field: description", and its metadata.
func wantFault(tb testing.TB, err error, code codes.Code, reason string) (violations []string, meta map[string]string) {
	tb.Helper()
	s := status.Convert(err)
	got := ""
	for _, d := range s.Details() {
		switch d := d.(type) {
		case *errdetails.ErrorInfo:
			got, meta = d.GetReason(), d.GetMetadata()
		case *errdetails.BadRequest:
			for _, v := range d.GetFieldViolations() {
				violations = append(violations, v.GetField()+": "+v.GetDescription())
			}
		}
	}
	if s.Code() != code || got != reason {
		tb.Fatalf("error is %v %s (%v), want %v %s", s.Code(), got, err, code, reason)
	}
	return violations, meta
}
