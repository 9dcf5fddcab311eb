package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	"kompass.krz.de/gateway"
	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/catalogue"
	"kompass.krz.de/services/marketplace"
	"kompass.krz.de/services/municipality"
	"kompass.krz.de/services/notification"
	"kompass.krz.de/services/platform/broker"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/identity"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/server"
	"kompass.krz.de/services/platform/telemetry"
)

// service is what the process needs of a domain service.
type service interface {
	Run(ctx context.Context) error
	Ready(ctx context.Context) error
	IsReady() (ready bool, broken error)
	Register(r grpc.ServiceRegistrar)
	Revisions() server.Revisions
}

// grpcNames are the names by which health and revisions know the services.
var grpcNames = map[string]string{
	"catalogue":    cataloguev1.CatalogueService_ServiceDesc.ServiceName,
	"municipality": municipalityv1.MunicipalityService_ServiceDesc.ServiceName,
	"marketplace":  marketplacev1.MarketplaceService_ServiceDesc.ServiceName,
	"notification": notificationv1.NotificationService_ServiceDesc.ServiceName,
}

// platform is the process: the parts that were chosen and how they find each other.
type platform struct {
	*settings
	keys     *identity.Keys
	metrics  *prometheus.Registry
	traces   *telemetry.Traces // nil when tracing is off
	site     ledger.Site
	embedded *broker.Embedded
	services map[string]service
	opened   chan struct{} // closed when all services are made
	open     atomic.Bool   // the process is ready for requests
	leaving  chan struct{} // closed when it takes no more of them
	grpc     *grpc.Server
	local    *server.Local     // the services of this process, without a connection
	memory   *bufconn.Listener // gRPC within the process, for streams
	conns    map[string]grpc.ClientConnInterface
	dialled  []*grpc.ClientConn // to be closed
	http     *http.Server
	address  string // of the REST edge, as it listens
}

func newPlatform(s *settings, keys *identity.Keys) *platform {
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}), collectors.NewBuildInfoCollector())
	return &platform{settings: s, keys: keys, metrics: metrics, opened: make(chan struct{}), leaving: make(chan struct{}), services: map[string]service{}, conns: map[string]grpc.ClientConnInterface{}}
}

// units lists what starts, in this order; it stops in the reverse order, the broker last.
func (p *platform) units() []unit {
	units := []unit{
		{name: "traces", start: p.startTraces, stop: func(ctx context.Context) error { return p.traces.Stop(ctx) }},
		{name: "broker", start: p.startBroker, stop: p.stopBroker},
		{name: "services", start: p.openServices, run: p.runServices},
		{name: "grpc", start: p.startGRPC, stop: p.stopGRPC},
	}
	edge := unit{name: "metrics", start: p.startMetrics, stop: p.stopGateway}
	if p.runs("gateway") {
		edge = unit{name: "gateway", start: p.startGateway, stop: p.stopGateway}
	}
	return append(units, edge)
}

// startTraces comes first and stops last, so that nothing is traced that cannot be sent.
func (p *platform) startTraces(ctx context.Context) (err error) {
	if p.traces, err = telemetry.Start(ctx, telemetry.Config{Endpoint: p.OTLPEndpoint, Parts: p.only, Logger: p.log}); err != nil {
		return &exitError{exitUsage, err}
	}
	p.log = p.traces.Log(p.log)
	return nil
}

// startBroker checks the stored blocks before the embedded server touches them.
func (p *platform) startBroker(ctx context.Context) error {
	p.site = ledger.Site{Origin: p.Origin, Replicas: p.replicas, Logger: p.log, Registerer: p.metrics, Tracer: p.traces.Tracer(), Shared: &ledger.Shared{}}
	if len(p.settings.services()) == 0 {
		return nil // a gateway alone has no ledger
	}
	if p.NatsURL != "" {
		var options []nats.Option
		if p.NatsCreds != "" {
			options = append(options, nats.UserCredentials(p.NatsCreds))
		}
		conn, err := broker.Await(ctx, p.NatsURL, p.log, options...)
		if p.site.Conn = conn; err == nil {
			broker.Measure(p.metrics, conn)
		}
		return err
	}
	witness, err := ledger.NewWitness(ledger.WitnessDir(p.Data))
	if err != nil {
		return err
	}
	if err := ledger.CheckStore(broker.StoreDir(p.Data), witness); err != nil {
		return err
	}
	p.embedded, err = broker.Start(p.Data, p.log)
	if err != nil {
		return err
	}
	broker.Measure(p.metrics, p.embedded.Conn)
	p.site.Conn, p.site.Witness, p.site.Failed = p.embedded.Conn, witness, p.embedded.Failed
	p.site.Store = broker.StoreDir(p.Data)
	return nil
}

func (p *platform) stopBroker(context.Context) error {
	switch {
	case p.embedded != nil:
		p.embedded.Stop()
	case p.site.Conn != nil:
		p.site.Conn.Close()
	}
	return nil
}

// openServices makes all services before any of them runs, because they share what they read.
func (p *platform) openServices(ctx context.Context) error {
	for _, name := range p.settings.services() {
		s, err := p.openService(ctx, name, p.log.With("service", name))
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		p.services[name] = s
	}
	close(p.opened)
	return nil
}

// runServices replays in the background, so that health answers meanwhile. A service whose replica is broken stays up,
// not ready, and has said why in the log: it must not take the others down.
func (p *platform) runServices(ctx context.Context) error {
	select {
	case <-p.opened:
	case <-ctx.Done():
		return nil
	}
	var group sync.WaitGroup
	for name, s := range p.services {
		group.Go(func() {
			if err := s.Run(ctx); err != nil {
				p.log.Error("stopped", "service", name, "error", err)
			}
		})
	}
	group.Wait()
	return nil
}

func (p *platform) openService(ctx context.Context, name string, log *slog.Logger) (service, error) {
	switch name {
	case "catalogue":
		return catalogue.New(ctx, p.site, log, time.Now)
	case "municipality":
		return municipality.New(ctx, p.site, log, time.Now)
	case "marketplace":
		return marketplace.New(ctx, p.site, log, time.Now)
	case "notification":
		return notification.New(ctx, p.site, log, time.Now, p.notification)
	}
	return nil, fmt.Errorf("no service is called %q", name)
}

func (p *platform) startGRPC(context.Context) error {
	revisions := map[string]server.Revisions{}
	for name, s := range p.services {
		revisions[grpcNames[name]] = s.Revisions()
	}
	options := server.Options{Logger: p.log, Registerer: p.metrics, Authenticator: p.keys, Revisions: revisions, Health: &partHealth{p: p},
		Served: p.traces.Server(), Called: p.traces.Client()}
	var err error
	if p.grpc, err = server.New(options); err != nil {
		return err
	}
	p.memory = bufconn.Listen(1 << 20)
	streams, err := p.dial("passthrough:///memory",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return p.memory.DialContext(ctx) }))
	if err != nil {
		return err
	}
	if p.local, err = server.NewLocal(options, streams); err != nil {
		return err
	}
	for _, s := range p.services {
		s.Register(p.grpc)
		s.Register(p.local)
	}
	listener, err := net.Listen("tcp", p.Grpc)
	if err != nil {
		return err
	}
	for _, l := range []net.Listener{listener, p.memory} {
		go func() {
			if err := p.grpc.Serve(l); err != nil {
				p.log.Error("gRPC listener", "address", l.Addr().String(), "error", err)
			}
		}()
	}
	return p.connect()
}

// connect finds the way to every service, within the process or to where it runs.
func (p *platform) connect() error {
	for name := range grpcNames {
		if p.runs(name) {
			p.conns[name] = p.local
		} else if addresses := p.addresses[name]; len(addresses) > 0 {
			target, options, err := replicaOptions(grpcNames[name], addresses)
			if err != nil {
				return err
			}
			conn, err := p.dial(target, options...)
			if err != nil {
				return err
			}
			conn.Connect()
			p.conns[name] = conn
		}
	}
	return nil
}

// dial is [dial] for as long as the process runs.
func (p *platform) dial(addr string, more ...grpc.DialOption) (*grpc.ClientConn, error) {
	if h := p.traces.Client(); h != nil {
		more = append(more, grpc.WithStatsHandler(h))
	}
	conn, err := grpc.NewClient(addr, clientOptions(more...)...)
	if err == nil {
		p.dialled = append(p.dialled, conn)
	}
	return conn, err
}

// dial connects to a gRPC port without transport security: within a cluster that is the network's matter.
func dial(addr string) (*grpc.ClientConn, error) { return grpc.NewClient(addr, clientOptions()...) }

func clientOptions(more ...grpc.DialOption) []grpc.DialOption {
	return append([]grpc.DialOption{
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithDefaultCallOptions(grpc.MaxCallSendMsgSize(server.MaxMessage), grpc.MaxCallRecvMsgSize(server.MaxMessage)),
	}, more...)
}

// stopGRPC lets running calls end, for as long as a unit may take to stop.
func (p *platform) stopGRPC(ctx context.Context) error {
	for _, c := range p.dialled {
		_ = c.Close()
	}
	p.open.Store(false)
	close(p.leaving)
	for _, s := range p.services {
		if l, ok := s.(interface{ Leave() }); ok {
			l.Leave()
		}
	}
	done := make(chan struct{})
	go func() { p.grpc.GracefulStop(); close(done) }()
	select {
	case <-done:
	case <-ctx.Done():
		p.grpc.Stop()
	}
	return nil
}

// stale is how old an open read of a service elsewhere may be; with the way of a record to a replica it stays below a second.
const stale = 500 * time.Millisecond

func (p *platform) startGateway(ctx context.Context) error {
	options := gateway.Options{Sources: map[string]gateway.Source{}, Stale: stale, Logger: p.log, Gatherer: p.metrics, Registerer: p.metrics, Tracer: p.traces.Tracer(), AllowedOrigins: p.origins, Reasons: reasons()}
	for part, target := range map[string]*grpc.ClientConnInterface{"catalogue": &options.Catalogue, "municipality": &options.Municipality, "marketplace": &options.Marketplace, "notification": &options.Notification} {
		if conn := p.conns[part]; conn != nil {
			*target = conn
		}
	}
	for name, s := range p.services {
		source := gateway.Source{Revision: s.Revisions().Token}
		if v, ok := s.(interface {
			Version(rpc, resource string) gateway.Version
		}); ok {
			source.Version = v.Version
		}
		options.Sources[grpcNames[name]] = source
	}
	handler, err := gateway.New(context.WithoutCancel(ctx), options)
	if err != nil {
		return err
	}
	p.address, err = p.serveHTTP(handler)
	return err
}

// startMetrics shows what a process without a gateway counts, at the same path as one with.
func (p *platform) startMetrics(context.Context) error {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(p.metrics, promhttp.HandlerOpts{}))
	_, err := p.serveHTTP(mux)
	return err
}

// serveHTTP answers at the address of the settings, and says which one that is.
func (p *platform) serveHTTP(handler http.Handler) (address string, err error) {
	listener, err := net.Listen("tcp", p.HTTP)
	if err != nil {
		return "", err
	}
	p.http = gateway.NewServer(handler, p.log)
	go func() {
		if err := p.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			p.log.Error("HTTP listener", "error", err)
		}
	}()
	return listener.Addr().String(), nil
}

func (p *platform) stopGateway(ctx context.Context) error { return p.http.Shutdown(ctx) }

// reasons tells the gateway what the services' faults mean, for its pages.
func reasons() []gateway.Reason {
	var list []gateway.Reason
	for _, r := range fault.Reasons() {
		list = append(list, gateway.Reason{Name: r.Name, Code: r.Code, DE: r.DE, EN: r.EN})
	}
	return list
}

// becomeReady waits for every replay, loads the starter data if asked to, opens health and says where to look.
func (p *platform) becomeReady(ctx context.Context) error {
	start := time.Now()
	for _, name := range p.settings.services() {
		if err := p.services[name].Ready(ctx); err != nil {
			if ctx.Err() != nil {
				return nil //nolint:nilerr // being stopped while it waits is no failure
			}
			p.log.Error("not ready", "service", name, "error", err)
			<-ctx.Done() // health and the log say why; an operator has to look
			return nil
		}
	}
	p.log.Debug("replayed", "duration", time.Since(start))
	if p.Demo {
		if err := p.loadStarter(ctx); err != nil {
			return fmt.Errorf("starter data: %w", err)
		}
	}
	p.open.Store(true)
	switch {
	case p.address == "":
		fmt.Printf("Kompass is ready: gRPC at %s\n", p.Grpc)
	case p.Demo:
		fmt.Printf("Kompass is ready at http://%s - try: curl http://%s/v1/municipalities/05758004/gaps (API: /docs)\n", p.address, p.address)
	default:
		fmt.Printf("Kompass is ready at http://%s - try: kompass import --grpc %s --data %s FILE (API: /docs)\n", p.address, p.Grpc, p.Data)
	}
	return nil
}
