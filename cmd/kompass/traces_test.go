package main

import (
	"bytes"
	"context"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	collectorv1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/grpc"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
)

// collector takes spans over OTLP, as a collector of a data centre does.
type collector struct {
	collectorv1.UnimplementedTraceServiceServer
	url string

	mu    sync.Mutex
	spans []span
}

// span is one that was received, with what is told of the process that made it.
type span struct {
	*tracev1.Span
	process map[string]string
}

func (c *collector) Export(_ context.Context, r *collectorv1.ExportTraceServiceRequest) (*collectorv1.ExportTraceServiceResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, resource := range r.GetResourceSpans() {
		process := attributes(resource.GetResource().GetAttributes())
		for _, scope := range resource.GetScopeSpans() {
			for _, s := range scope.GetSpans() {
				c.spans = append(c.spans, span{s, process})
			}
		}
	}
	return &collectorv1.ExportTraceServiceResponse{}, nil
}

func attributes(list []*commonv1.KeyValue) map[string]string {
	found := map[string]string{}
	for _, a := range list {
		switch v := a.GetValue().GetValue().(type) {
		case *commonv1.AnyValue_ArrayValue:
			for _, e := range v.ArrayValue.GetValues() {
				found[a.GetKey()] += e.GetStringValue() + " "
			}
		case *commonv1.AnyValue_StringValue:
			found[a.GetKey()] = v.StringValue
		case *commonv1.AnyValue_IntValue:
			found[a.GetKey()] = fmt.Sprint(v.IntValue)
		}
	}
	return found
}

func collect(t *testing.T) *collector {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	c := &collector{url: "http://" + listener.Addr().String()}
	server := grpc.NewServer()
	collectorv1.RegisterTraceServiceServer(server, c)
	go server.Serve(listener) // ends with Stop
	t.Cleanup(server.Stop)
	return c
}

// of lists the spans of a trace.
func (c *collector) of(trace string) (found []span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.spans {
		if hex.EncodeToString(s.GetTraceId()) == trace {
			found = append(found, s)
		}
	}
	return found
}

// lineage names a span and those above it: "a < b < c".
func lineage(all []span, s span) string {
	name := s.GetName()
	for _, above := range all {
		if bytes.Equal(above.GetSpanId(), s.GetParentSpanId()) {
			return name + " < " + lineage(all, above)
		}
	}
	return name
}

// lineages lists those of all spans of a trace, sorted.
func lineages(all []span) []string {
	var found []string
	for _, s := range all {
		found = append(found, lineage(all, s))
	}
	slices.Sort(found)
	return found
}

const (
	theTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
	outside  = "00-" + theTrace + "-00f067aa0ba902b7-01"
	change   = "kompass.municipality.v1.MunicipalityService/UpdateImplementation"
	patched  = "PATCH /v1/municipalities/*/implementations/*"
)

// chain is what a PATCH leaves, on whatever processes: from the edge to the ledger and on to those who follow it.
func chain() []string {
	spans := []string{"append", "write", change, change, patched}
	want := []string{}
	for i := range spans {
		want = append(want, strings.Join(spans[i:], " < "))
	}
	want = append(want, "apply municipality < "+want[0], "apply marketplace < "+want[0])
	slices.Sort(want)
	return want
}

// natsServer is a server of its own, so that a test can look at what is stored.
func natsServer(t *testing.T) *natsserver.Server {
	t.Helper()
	server, err := natsserver.NewServer(&natsserver.Options{Host: "127.0.0.1", Port: natsserver.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), NoSigs: true, NoLog: true, MaxPayload: 8 << 20})
	if err != nil {
		t.Fatal(err)
	}
	server.Start()
	t.Cleanup(func() { server.Shutdown(); server.WaitForShutdown() })
	if !server.ReadyForConnections(20 * time.Second) {
		t.Fatal("NATS is not ready")
	}
	return server
}

// traceparents are the values of that header in a stream, one of each.
func traceparents(t *testing.T, url, stream string) (found []string) {
	t.Helper()
	conn, err := nats.Connect(url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	js, err := conn.JetStream()
	if err != nil {
		t.Fatal(err)
	}
	info, err := js.StreamInfo(stream)
	if err != nil || info.State.LastSeq == 0 {
		t.Fatalf("%s: %v, %v", stream, info, err)
	}
	for seq := range info.State.LastSeq {
		m, err := js.GetMsg(stream, seq+1)
		if err != nil {
			t.Fatal(err)
		}
		if value := m.Header.Get("traceparent"); value != "" && !slices.Contains(found, value) {
			found = append(found, value)
		}
	}
	return found
}

// populate imports what a PATCH needs.
func populate(p *process) {
	p.tb.Helper()
	p.do(200, http.MethodPost, "/v1/catalogue:import", "leika_key;name;ozg_id\n99102013002000;Hundesteuer Festsetzung;10160\n")
	p.do(200, http.MethodPost, "/v1/municipalities:import", "ags;name;einwohner;groessenklasse\n05758004;Bünde, Stadt;46030;mittlere_kreisangehoerige_stadt\n")
}

// awaitServing waits until the process has caught up, by its gRPC port.
func (p *process) awaitServing() {
	p.tb.Helper()
	conn, err := dial(p.grpc)
	if err != nil {
		p.tb.Fatal(err)
	}
	defer conn.Close()
	for deadline := time.Now().Add(startLimit); ; time.Sleep(50 * time.Millisecond) {
		answer, err := healthv1.NewHealthClient(conn).Check(p.tb.Context(), &healthv1.HealthCheckRequest{})
		if answer.GetStatus() == healthv1.HealthCheckResponse_SERVING {
			return
		}
		if time.Now().After(deadline) {
			p.tb.Fatalf("not serving within %v: %v\n%s", startLimit, err, p.log)
		}
	}
}

// TestTraces: one PATCH over REST is one trace, over two processes, which goes on where the client's began.
func TestTraces(t *testing.T) {
	t.Parallel()
	c, server := collect(t), natsServer(t)
	numbers := freeAddress(t)
	flags := []string{"--nats-url", server.ClientURL(), "--replicas", "1", "--otlp-endpoint", c.url, "--log-format", "json"}
	far := t.TempDir()
	market := func() *process {
		p, _ := launch(t, far, append(flags, "--only", "marketplace", "--http", numbers)...)
		p.awaitServing()
		return p
	}
	elsewhere := market()
	p := start(t, t.TempDir(), append(flags, "--only", "catalogue,municipality,gateway", "--marketplace-addr", elsewhere.grpc)...)
	populate(p)
	path := buende + "/implementations/" + hundesteuer
	revision := p.do(200, http.MethodPatch, path, `{"phase":"PHASE_ONLINE"}`, "Traceparent", outside, "X-Request-Id", "find-me").header.Get("Kompass-Revision")
	p.do(200, http.MethodPatch, path, `{"phase":"PHASE_PLANNED"}`, "Traceparent", strings.TrimSuffix(outside, "1")+"0") // the client does not want it sampled
	p.do(200, http.MethodGet, "/v1/portfolioGaps?pageSize=1", nil, "Kompass-Revision", revision)                        // the marketplace has applied it
	elsewhere.url = "http://" + numbers
	if shown := string(elsewhere.do(200, http.MethodGet, "/metrics", nil).body); !strings.Contains(shown, `kompass_ledger_lag_records{replica="marketplace",stream="KOMPASS_KRZ_MUNICIPALITY"} `) {
		t.Errorf("a process without a gateway does not show its lag:\n%.2000s", shown)
	}
	p.stop()
	elsewhere.stop() // sends what is left

	found := c.of(theTrace)
	if got, want := lineages(found), chain(); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for _, s := range found {
		own := attributes(s.GetAttributes())
		part := "catalogue municipality gateway "
		if s.GetName() == "apply marketplace" {
			part = "marketplace "
		}
		if s.process["service.name"] != "kompass" || s.process["kompass.parts"] != part || s.process["service.version"] == "" || len(s.process["service.instance.id"]) != 32 {
			t.Errorf("%s comes from %v", s.GetName(), s.process)
		}
		if strings.HasPrefix(s.GetName(), "apply") && own["kompass.request_id"] != "find-me" || s.GetName() == patched && (own["http.response.status_code"] != "200" || own["kompass.request_id"] != "find-me") ||
			s.GetName() == "append" && (own["kompass.outcome"] != "ok" || own["kompass.records"] != "1" || own["messaging.destination.name"] != "KOMPASS_KRZ_MUNICIPALITY") {
			t.Errorf("%s has %v", s.GetName(), own)
		}
	}
	if line := regexp.MustCompile(`(?m)^.*"call".*UpdateImplementation.*"find-me".*$`).FindString(p.log.String()); !strings.Contains(line, `"trace_id":"`+theTrace+`"`) {
		t.Errorf("the log of the call does not name the trace: %s", line)
	}

	market().stop() // which replays
	if again := c.of(theTrace); len(again) != len(found) {
		t.Errorf("a replay added %d spans", len(again)-len(found))
	}
	if carried := traceparents(t, server.ClientURL(), "KOMPASS_KRZ_MUNICIPALITY"); !slices.ContainsFunc(carried, func(v string) bool { return strings.Contains(v, theTrace) }) {
		t.Errorf("records name %v", carried)
	}
}

// TestNoTraces: without an endpoint nothing is stored that names a trace, whatever clients send.
func TestNoTraces(t *testing.T) {
	t.Parallel()
	server := natsServer(t)
	p := start(t, t.TempDir(), "--nats-url", server.ClientURL(), "--replicas", "1")
	populate(p)
	p.do(200, http.MethodPatch, buende+"/implementations/"+hundesteuer, `{"phase":"PHASE_ONLINE"}`, "Traceparent", outside)
	for _, stream := range []string{"KOMPASS_KRZ_MUNICIPALITY", "KOMPASS_KRZ_CATALOGUE"} {
		if carried := traceparents(t, server.ClientURL(), stream); len(carried) > 0 {
			t.Errorf("%s: records name %v", stream, carried)
		}
	}
}

// TestCollectorGone: requests do not notice that nobody takes the traces, the log hears of it once, and the end does not hang.
func TestCollectorGone(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir(), "--otlp-endpoint", "http://"+freeAddress(t))
	populate(p)
	for range 50 {
		p.do(200, http.MethodGet, buende+"/gaps", nil)
	}
	begin := time.Now()
	p.stop()
	if took := time.Since(begin); took > 15*time.Second {
		t.Errorf("the end took %v", took)
	}
	if n := strings.Count(p.log.String(), "traces "); n < 1 || n > 2 {
		t.Errorf("%d lines about traces:\n%s", n, p.log)
	}
}
