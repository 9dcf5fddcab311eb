package telemetry

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/stats"
)

// FlushLimit bounds how long [Traces.Stop] waits for a collector.
const FlushLimit = 3 * time.Second

// scope names the instrumentation of the platform's own spans.
const scope = "kompass.krz.de"

// w3c is how the place in a trace travels, everywhere: traceparent and tracestate.
var w3c = propagation.TraceContext{}

// Config says where spans go and what they are about.
type Config struct {
	// Endpoint is the collector's OTLP/gRPC address, "http://127.0.0.1:4317", with https for TLS. Empty leaves it to the
	// standard variables OTEL_EXPORTER_OTLP_ENDPOINT and OTEL_EXPORTER_OTLP_TRACES_ENDPOINT.
	Endpoint string
	// Parts are what this process runs: "catalogue", "gateway".
	Parts []string
	// Logger hears of a collector that does not answer, at most once a minute; required.
	Logger *slog.Logger
}

// Traces is where the spans of a process go. The nil *Traces is tracing switched off: all methods work on it.
type Traces struct {
	provider *sdktrace.TracerProvider
	logger   *slog.Logger
}

// Start prepares sending spans and does not wait for the collector. It returns nil when no endpoint is set, or
// OTEL_SDK_DISABLED is true. Sampler, batch, headers, certificates and further attributes come from the standard OTEL_…
// variables. Errors: one of them, or the endpoint, cannot be used.
func Start(ctx context.Context, c Config) (*Traces, error) {
	if !c.wanted() {
		return nil, nil
	}
	if p := protocol(); p != "" && p != "grpc" {
		return nil, fmt.Errorf("telemetry: OTLP over %s is not offered: set OTEL_EXPORTER_OTLP_PROTOCOL to grpc", p)
	}
	otel.SetErrorHandler(newComplaints(c.Logger)) // the SDK has no other way to say what fails in the background
	about, err := c.resource(ctx)
	if err != nil { // what could be found out is there all the same
		c.Logger.Warn("traces know less about this process", "error", err)
	}
	var options []otlptracegrpc.Option
	if c.Endpoint != "" {
		options = append(options, otlptracegrpc.WithEndpointURL(c.Endpoint))
	}
	exporter, err := otlptracegrpc.New(ctx, options...)
	if err != nil {
		return nil, fmt.Errorf("telemetry: %w", err)
	}
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about))
	return &Traces{provider: provider, logger: c.Logger}, nil
}

func (c *Config) wanted() bool {
	if off, err := strconv.ParseBool(os.Getenv("OTEL_SDK_DISABLED")); err == nil && off {
		return false
	}
	return c.Endpoint != "" || os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || os.Getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") != ""
}

func protocol() string {
	if p := os.Getenv("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL"); p != "" {
		return p
	}
	return os.Getenv("OTEL_EXPORTER_OTLP_PROTOCOL")
}

// resource describes the process; OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES overrule it.
func (c *Config) resource(ctx context.Context) (*resource.Resource, error) {
	var instance [16]byte
	_, _ = rand.Read(instance[:]) // never fails, see crypto/rand
	return resource.New(ctx,
		resource.WithTelemetrySDK(),
		resource.WithHost(),
		resource.WithAttributes(
			semconv.ServiceName("kompass"),
			semconv.ServiceVersion(version()),
			semconv.ServiceInstanceID(hex.EncodeToString(instance[:])),
			attribute.StringSlice("kompass.parts", c.Parts),
		),
		resource.WithFromEnv(),
	)
}

// version is what the build knows about itself: a release, else the commit, else "(devel)".
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return "(devel)"
}

// Tracer makes the platform's own spans; nil when tracing is off.
func (t *Traces) Tracer() trace.Tracer {
	if t == nil {
		return nil
	}
	return t.provider.Tracer(scope)
}

// Client traces the calls of a gRPC connection; nil when tracing is off.
func (t *Traces) Client() stats.Handler {
	if t == nil {
		return nil
	}
	return otelgrpc.NewClientHandler(t.grpcOptions()...)
}

// Server traces the calls that a gRPC server answers, below the caller's span; nil when tracing is off.
func (t *Traces) Server() stats.Handler {
	if t == nil {
		return nil
	}
	return otelgrpc.NewServerHandler(t.grpcOptions()...)
}

// grpcOptions leaves out health checks and reflection, which nobody looks for in traces, and metrics, which Prometheus has.
func (t *Traces) grpcOptions() []otelgrpc.Option {
	return []otelgrpc.Option{
		otelgrpc.WithTracerProvider(t.provider),
		otelgrpc.WithMeterProvider(noop.NewMeterProvider()),
		otelgrpc.WithPropagators(w3c),
		otelgrpc.WithFilter(func(info *stats.RPCTagInfo) bool { return !strings.HasPrefix(info.FullMethodName, "/grpc.") }),
	}
}

// Stop sends what is left, for at most [FlushLimit]. A collector that does not take it is no error: the log says so.
func (t *Traces) Stop(ctx context.Context) error {
	if t == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, FlushLimit)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		t.logger.Warn("traces are lost: the collector did not take them", "error", err)
	}
	return nil
}
