package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"maps"
	"net"
	"strings"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

var quiet = slog.New(slog.DiscardHandler)

// span starts a span below traceparent; sampling follows the parent.
func span(t *testing.T, traceparent string) context.Context {
	t.Helper()
	ctx := t.Context()
	if traceparent != "" {
		ctx = w3c.Extract(ctx, carrier{"traceparent": {traceparent}})
	}
	provider := sdktrace.NewTracerProvider()
	ctx, s := provider.Tracer("test").Start(ctx, "test")
	t.Cleanup(func() { s.End() })
	return ctx
}

const (
	theTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
	outside  = "00-" + theTrace + "-00f067aa0ba902b7-01"
	unwanted = "00-" + theTrace + "-00f067aa0ba902b7-00"
)

// TestCarry: a sampled trace goes on behind NATS, any other leaves no byte.
func TestCarry(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		ctx  context.Context
		want bool
	}{
		"no span":     {t.Context(), false},
		"not sampled": {span(t, unwanted), false},
		"sampled":     {span(t, outside), true},
	} {
		header := map[string][]string{"Nats-Msg-Id": {"1"}}
		Inject(tt.ctx, header)
		_, has := header["traceparent"]
		ctx, found := Extract(t.Context(), maps.Clone(header))
		if has != tt.want || found != tt.want {
			t.Errorf("%s: header %v, found %v, want %v", name, header, found, tt.want)
		}
		if there, here := trace.SpanContextFromContext(tt.ctx), trace.SpanContextFromContext(ctx); tt.want && (there.SpanID() != here.SpanID() || here.TraceID().String() != theTrace) {
			t.Errorf("%s: %v became %v", name, there, here)
		}
	}
	if _, found := Extract(t.Context(), map[string][]string{"traceparent": {"00-nonsense"}}); found {
		t.Error("nonsense is a trace")
	}
}

// TestOff: without an endpoint nothing is made, and nothing breaks.
func TestOff(t *testing.T) {
	for _, env := range [][2]string{{"OTEL_EXPORTER_OTLP_ENDPOINT", ""}, {"OTEL_SDK_DISABLED", "true"}} {
		t.Setenv(env[0], env[1])
		c := Config{Logger: quiet}
		if env[1] != "" {
			c.Endpoint = "http://127.0.0.1:1"
		}
		traces, err := Start(t.Context(), c)
		if err != nil || traces != nil {
			t.Fatalf("%v: %v, %v", env, traces, err)
		}
		if traces.Tracer() != nil || traces.Client() != nil || traces.Server() != nil || traces.Log(quiet) != quiet || traces.Stop(t.Context()) != nil {
			t.Errorf("%v: something is installed", env)
		}
	}
}

func TestWrongSettings(t *testing.T) {
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf")
	if _, err := Start(t.Context(), Config{Endpoint: "http://127.0.0.1:1", Logger: quiet}); err == nil || !strings.Contains(err.Error(), "OTEL_EXPORTER_OTLP_PROTOCOL") {
		t.Errorf("got %v", err)
	}
}

// TestSilentCollector: one that accepts and never answers blocks neither spans nor, for long, the end.
func TestSilentCollector(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	traces, err := Start(t.Context(), Config{Endpoint: "http://" + listener.Addr().String(), Logger: quiet})
	if err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	for range 10_000 { // more than the queue holds
		_, s := traces.Tracer().Start(t.Context(), "test")
		s.End()
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("10,000 spans took %v", took)
	}
	start = time.Now()
	if err := traces.Stop(t.Context()); err != nil || time.Since(start) > FlushLimit+2*time.Second {
		t.Errorf("the end took %v: %v", time.Since(start), err)
	}
}

func TestLog(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := (&Traces{}).Log(slog.New(slog.NewJSONHandler(&out, nil))).With("service", "catalogue")
	for name, tt := range map[string]struct {
		ctx  context.Context
		want any
	}{
		"sampled": {span(t, outside), theTrace},
		"not":     {span(t, unwanted), nil},
		"without": {t.Context(), nil},
	} {
		out.Reset()
		log.InfoContext(tt.ctx, "line")
		var line map[string]any
		if err := json.Unmarshal(out.Bytes(), &line); err != nil || line["trace_id"] != tt.want || line["service"] != "catalogue" || (line["span_id"] != nil) != (tt.want != nil) {
			t.Errorf("%s: %s", name, &out)
		}
	}
}

// TestComplaints: of what fails again and again the log hears once a minute, with a count.
func TestComplaints(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	now := time.Unix(0, 0)
	c := newComplaints(slog.New(slog.NewTextHandler(&out, nil)))
	c.now = func() time.Time { return now }
	for range 100 {
		c.Handle(errors.New("refused"))
		now = now.Add(time.Second)
	}
	if lines := strings.Count(out.String(), "\n"); lines != 2 || !strings.Contains(out.String(), "left_out=59") {
		t.Errorf("%d lines:\n%s", lines, &out)
	}
}
