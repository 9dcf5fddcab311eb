package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"kompass.krz.de/services/platform/ledger"
)

// tracing is a site of its own, as of another process, with the spans that it made.
func tracing(site ledger.Site) (ledger.Site, *tracetest.InMemoryExporter) {
	spans := tracetest.NewInMemoryExporter()
	site.Tracer = sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)).Tracer("test")
	site.Shared = nil
	return site, spans
}

// attend lets a listener follow a stream until the test ends.
func attend(t *testing.T, log *ledger.Log, name string) *listener {
	t.Helper()
	l := &listener{name: name, order: &callOrder{}}
	if err := log.Feed().Subscribe(l, false); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	group.Go(func() { log.Feed().Run(ctx) })
	t.Cleanup(func() { cancel(); group.Wait() })
	return l
}

// below lists the spans of a name in the trace of root.
func below(root trace.Span, spans *tracetest.InMemoryExporter, name string) (found []tracetest.SpanStub) {
	for _, s := range spans.GetSpans() {
		if s.Name == name && s.SpanContext.TraceID() == root.SpanContext().TraceID() {
			found = append(found, s)
		}
	}
	return found
}

// headers are those of the stored messages, by sequence.
func headers(t *testing.T, site ledger.Site, log *ledger.Log) map[uint64][]string {
	t.Helper()
	js, err := site.Conn.JetStream()
	if err != nil {
		t.Fatal(err)
	}
	found := map[uint64][]string{}
	for seq := uint64(1); ; seq++ {
		m, err := js.GetMsg(log.Name().Stream(), seq)
		if errors.Is(err, nats.ErrMsgNotFound) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		found[seq] = slices.Sorted(maps.Keys(m.Header))
	}
}

// TestTrace: what follows a stream shows up below the append that wrote, whatever process it is in; a replay does not.
func TestTrace(t *testing.T) {
	t.Parallel()
	plain := embedded(t, t.TempDir())
	site, spans := tracing(plain)
	elsewhere, far := tracing(plain)
	log := open(t, site, "catalogue")
	near := attend(t, log, "near")
	ctx, root := site.Tracer.Start(t.Context(), "request")
	write := func(ctx context.Context, ids ...string) uint64 {
		t.Helper()
		var drafts []ledger.Draft
		for _, id := range ids {
			drafts = append(drafts, draft(log, id, "x", ledger.Head{}))
		}
		seq, err := log.Append(ctx, cause("request-"+ids[0]), drafts)
		if err != nil {
			t.Fatal(err)
		}
		return seq
	}
	mustAppend(t, log, draft(log, "first", "x", ledger.Head{}))
	eventually(t, "first record", func() bool { _, p, _ := near.state(); return p == 1 })
	write(ctx, "before") // the replay of the other process
	other := open(t, elsewhere, "catalogue")
	distant := attend(t, other, "distant")
	eventually(t, "replay", func() bool { _, p, _ := distant.state(); return p == 2 })
	write(ctx, "one")
	last := write(ctx, "a", "b", "c") // staged: the commit carries the trace of all
	unsampled := trace.ContextWithSpanContext(t.Context(), root.SpanContext().WithTraceFlags(0))
	last = max(last, write(unsampled, "silent"))
	for _, l := range []*listener{near, distant} {
		eventually(t, l.name, func() bool { _, p, _ := l.state(); return p == last })
	}
	appends := below(root, spans, "append")
	if len(appends) != 3 {
		t.Fatalf("%d appends, want 3: %v", len(appends), appends)
	}
	for _, want := range []struct {
		spans   *tracetest.InMemoryExporter
		name    string
		appends []tracetest.SpanStub
	}{{spans, "apply near", appends}, {far, "apply distant", appends[1:]}} {
		got := below(root, want.spans, want.name)
		if len(got) != len(want.appends) {
			t.Fatalf("%d of %q, want %d", len(got), want.name, len(want.appends))
		}
		for i, s := range got {
			if s.Parent.SpanID() != want.appends[i].SpanContext.SpanID() || s.SpanKind != trace.SpanKindConsumer {
				t.Errorf("%s: below %v, want below %v", s.Name, s.Parent.SpanID(), want.appends[i].SpanContext.SpanID())
			}
		}
	}
	carried := []uint64{}
	for seq, keys := range headers(t, plain, log) {
		if slices.Contains(keys, "traceparent") {
			carried = append(carried, seq)
		}
	}
	if slices.Sort(carried); fmt.Sprint(carried) != "[1 2 3 6]" {
		t.Errorf("records %v name a trace, want 1, 2, 3 and the commit 6", carried)
	}
}

// TestNoTrace: without a tracer nothing is added to what is stored, even below a span.
func TestNoTrace(t *testing.T) {
	t.Parallel()
	site := embedded(t, t.TempDir())
	log := open(t, site, "catalogue")
	ctx, _ := sdktrace.NewTracerProvider().Tracer("test").Start(t.Context(), "request")
	for _, drafts := range [][]ledger.Draft{{draft(log, "a", "1", ledger.Head{})}, {draft(log, "b", "1", ledger.Head{}), draft(log, "c", "1", ledger.Head{})}} {
		if _, err := log.Append(ctx, cause("r"), drafts); err != nil {
			t.Fatal(err)
		}
	}
	for seq, keys := range headers(t, site, log) {
		if slices.Contains(keys, "traceparent") {
			t.Errorf("record %d has %v", seq, keys)
		}
	}
}

// numbers reads the samples of a registry: counters and gauges by value, histograms by count.
func numbers(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := strings.TrimPrefix(f.GetName(), "kompass_ledger_")
			for _, l := range m.GetLabel() {
				if l.GetName() != "stream" {
					name += " " + l.GetValue()
				}
			}
			found[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return found
}

// refusal is a follower that applies nothing.
type refusal struct{ listener }

func (*refusal) Name() string                         { return "refusal" }
func (*refusal) Receive(uint64, []ledger.Entry) error { return errors.New("refused") }

// TestMeasures: appends by outcome, and how far a follower is.
func TestMeasures(t *testing.T) {
	t.Parallel()
	site := embedded(t, t.TempDir())
	registry := prometheus.NewRegistry()
	site.Registerer = registry
	log := open(t, site, "catalogue")
	repeated := ledger.Cause{Actor: "test", RequestID: "r1", Digest: []byte{1}}
	for _, id := range []string{"a", "z"} {
		_, _ = log.Append(t.Context(), repeated, []ledger.Draft{draft(log, id, "1", ledger.Head{})})
	}
	_, _ = log.Append(t.Context(), cause("r2"), []ledger.Draft{draft(log, "a", "2", ledger.Head{})})
	mustAppend(t, log, draft(log, "b", "1", ledger.Head{}), draft(log, "c", "1", ledger.Head{}))
	if err := log.Feed().Subscribe(&refusal{}, false); err != nil {
		t.Fatal(err)
	}
	attend(t, log, "near")
	eventually(t, "replay", func() bool {
		return numbers(t, registry)["last_sequence"] == 3 && numbers(t, registry)["replay_seconds near"] > 0
	})
	got := numbers(t, registry)
	for name, want := range map[string]float64{
		"append_seconds ok": 2, "append_seconds duplicate": 1, "append_seconds conflict": 1, "append_seconds unavailable": 0,
		"appended_records_total": 3, "applied_records_total near": 3, "applied_sequence near": 3, "replay_target_sequence near": 3,
		"lag_records near": 0, "lag_records refusal": 3, "subjects": 3, "reachable": 1,
	} {
		if value, has := got[name]; !has || value != want {
			t.Errorf("%s is %v, want %v", name, value, want)
		}
	}
	if got["bytes"] < 100 || got["apply_seconds near"] < 1 {
		t.Errorf("bytes %v, applied %v times", got["bytes"], got["apply_seconds near"])
	}
	site.Conn.Close()
	eventually(t, "silence", func() bool { return numbers(t, registry)["reachable"] == 0 })
	if _, err := log.Append(t.Context(), cause("r3"), []ledger.Draft{draft(log, "d", "1", ledger.Head{})}); !errors.Is(err, ledger.ErrUnavailable) || numbers(t, registry)["append_seconds unavailable"] != 1 {
		t.Errorf("append without a server: %v", err)
	}
}
