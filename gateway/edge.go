package gateway

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/reflect/protoreflect"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
)

// What applies where [Options] say nothing.
const (
	DefaultMaxBody       = 8 << 20           // bytes of a JSON body, after decompression
	DefaultMaxImport     = 64 << 20          // bytes of an imported file, after decompression
	DefaultTimeout       = 30 * time.Second  // of a request
	DefaultImportTimeout = 120 * time.Second // of an import
)

// Options say what the edge serves and how much it bears. The zero value serves the pages alone.
type Options struct {
	// Catalogue, Municipality, Marketplace and Notification lead to the services; the paths of a nil one answer 404.
	Catalogue, Municipality, Marketplace, Notification grpc.ClientConnInterface
	// Health lists the parts that /readyz asks; nil means the services above, each by the name of its gRPC service.
	Health []Part
	// Sources say how far the services of this process are, by full gRPC service name: the edge then keeps encoded answers to
	// open reads for as long as what they depend on stays. Services elsewhere have none.
	Sources map[string]Source
	// Stale is how old an open read of a service elsewhere may be, when nothing was changed by way of this edge meanwhile;
	// 0 asks every time.
	Stale time.Duration
	// Logger gets one line a request and what clients must not see; nil discards.
	Logger *slog.Logger
	// Gatherer is what /metrics shows; nil leaves the path out.
	Gatherer prometheus.Gatherer
	// Registerer takes the edge's own metrics (requests, durations, in flight); nil keeps none.
	Registerer prometheus.Registerer
	// Tracer makes a span of each request; nil traces nothing.
	Tracer trace.Tracer
	// Reasons are the services' reasons, explained at /problems/NAME beside the edge's own.
	Reasons []Reason
	// AllowedOrigins may use the API from a browser, spelled as in the Origin header; "*" is any.
	AllowedOrigins []string
	// PublicReads lets pages of any origin read (GET, HEAD), without credentials.
	PublicReads bool
	// MaxBody and MaxImport bound JSON bodies and imported files, in bytes after decompression; 0 means the default.
	MaxBody, MaxImport int64
	// Timeout and ImportTimeout bound a request from its first byte on; 0 means the default.
	Timeout, ImportTimeout time.Duration
}

// edge is what all requests share.
type edge struct {
	options Options
	logger  *slog.Logger
	metrics *metrics
	mux     *runtime.ServeMux
	routes  *routes
	reasons map[string]Reason
	cors    cors
	answers *answers
	imports chan struct{}
	leaving chan struct{} // closed when streams shall end
	leave   sync.Once
	chain   handler
}

// layer is one named step around the rest of the work.
type layer struct {
	name string
	wrap func(next handler) handler
}

// layers lists the steps of every request, outermost first.
func (e *edge) layers() []layer {
	return []layer{
		{"identify", e.identify},
		{"observe", e.observe},
		{"recover", e.recoverPanic},
		{"harden", e.harden},
		{"route", e.route},
		{"cors", e.shareOrigins},
		{"methods", e.checkMethod},
		{"trace", e.trace},
		{"reuse", e.reuse},
		{"limit", e.limit},
		{"headers", e.checkHeaders},
		{"query", e.checkQuery},
		{"body", e.readBody},
	}
}

// New composes the edge. The context ends the registration with the connections, not the handler. Errors: the metrics
// are registered already, or a method of the contract has a path that cannot be served.
func New(ctx context.Context, options Options) (http.Handler, error) {
	options.MaxBody = cmp.Or(options.MaxBody, DefaultMaxBody)
	options.MaxImport = cmp.Or(options.MaxImport, DefaultMaxImport)
	options.Timeout = cmp.Or(options.Timeout, DefaultTimeout)
	options.ImportTimeout = cmp.Or(options.ImportTimeout, DefaultImportTimeout)
	e := &edge{
		options: options,
		logger:  options.Logger,
		reasons: reasonTable(options.Reasons),
		cors:    newCORS(options.AllowedOrigins, options.PublicReads),
		routes:  &routes{},
		imports: make(chan struct{}, maxImports),
		leaving: make(chan struct{}),
	}
	if e.logger == nil {
		e.logger = slog.New(slog.DiscardHandler)
	}
	var err error
	if e.metrics, err = newMetrics(options.Registerer); err != nil {
		return nil, err
	}
	if e.answers, err = newAnswers(options.Registerer); err != nil {
		return nil, err
	}
	if err := errors.Join(e.serveContract(ctx), e.servePages()); err != nil {
		return nil, fmt.Errorf("gateway: %w", err)
	}
	e.completeEndpoints()
	e.chain = e.dispatch
	layers := e.layers()
	for i := len(layers) - 1; i >= 0; i-- {
		e.chain = layers[i].wrap(e.chain)
	}
	return e, nil
}

// completeEndpoints adds to what the contract says of the endpoints what this edge knows.
func (e *edge) completeEndpoints() {
	for _, r := range e.routes.all {
		for method, ep := range r.endpoints {
			if method != ep.method {
				continue // HEAD, which shares GET's
			}
			ep.metrics = e.metrics.seriesOf(r.pattern, method)
			if ep.page == nil && method == http.MethodGet && !ep.stream {
				ep.source = e.sourceOf(ep)
			}
		}
	}
}

// serveContract registers the services that have a connection with grpc-gateway. Its handlers are caught on the way in, in
// the order of the contract, and hang in the edge's own tree: grpc-gateway would try every pattern for every request.
func (e *edge) serveContract(ctx context.Context) error {
	var caught []runtime.HandlerFunc
	e.mux = runtime.NewServeMux(
		runtime.WithMiddlewares(func(next runtime.HandlerFunc) runtime.HandlerFunc {
			caught = append(caught, next)
			return next
		}),
		runtime.WithMarshalerOption(runtime.MIMEWildcard, codec{}),
		runtime.WithMetadata(outgoingMetadata),
		runtime.WithOutgoingHeaderMatcher(outgoingHeader),
		runtime.WithOutgoingTrailerMatcher(func(string) (string, bool) { return "", false }),
		runtime.WithForwardResponseOption(noteMessage),
		runtime.WithErrorHandler(e.answerError),
	)
	var errs []error
	add := func(file protoreflect.FileDescriptor, err error) {
		errs = append(errs, err, e.routes.addServices(file, caught))
		caught = nil
	}
	if conn := e.options.Catalogue; conn != nil {
		add(cataloguev1.File_kompass_catalogue_v1_catalogue_service_proto,
			cataloguev1.RegisterCatalogueServiceHandlerClient(ctx, e.mux, cataloguev1.NewCatalogueServiceClient(conn)))
	}
	if conn := e.options.Municipality; conn != nil {
		add(municipalityv1.File_kompass_municipality_v1_municipality_service_proto,
			municipalityv1.RegisterMunicipalityServiceHandlerClient(ctx, e.mux, municipalityv1.NewMunicipalityServiceClient(conn)))
	}
	if conn := e.options.Marketplace; conn != nil {
		add(marketplacev1.File_kompass_marketplace_v1_marketplace_service_proto,
			marketplacev1.RegisterMarketplaceServiceHandlerClient(ctx, e.mux, marketplacev1.NewMarketplaceServiceClient(conn)))
	}
	if conn := e.options.Notification; conn != nil {
		add(notificationv1.File_kompass_notification_v1_notification_service_proto,
			notificationv1.RegisterNotificationServiceHandlerClient(ctx, e.mux, notificationv1.NewNotificationServiceClient(conn)))
	}
	return errors.Join(errs...)
}

// ServeHTTP implements [http.Handler].
func (e *edge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	e.chain(&exchange{ResponseWriter: w, req: r, edge: e, start: time.Now()})
}

// NewServer wraps a handler into a server that slow or silent clients cannot hold: headers within 10 s, 2 minutes idle,
// 32 KiB of headers, and 3 minutes each for what is sent and for the answer, streams excepted. Its Shutdown ends the streams of an
// edge. The caller sets Addr or brings the listener.
func NewServer(handler http.Handler, logger *slog.Logger) *http.Server {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	s := &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       3 * time.Minute,
		IdleTimeout:       2 * time.Minute,
		WriteTimeout:      3 * time.Minute,
		MaxHeaderBytes:    32 << 10,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelWarn),
	}
	if e, ok := handler.(*edge); ok {
		s.RegisterOnShutdown(e.endStreams)
	}
	return s
}
