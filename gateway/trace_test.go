package gateway

import (
	"slices"
	"strings"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// TestTrace: a span for each request to the contract, below the client's, and none that says what somebody looked for.
func TestTrace(t *testing.T) {
	t.Parallel()
	spans := tracetest.NewInMemoryExporter()
	server, _ := newEdge(t, func(o *Options) {
		o.Tracer = sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)).Tracer("test")
	})
	const theTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
	for _, tt := range []struct {
		method, path, flags string
		want                []string // name, status code, span status; nothing when there is no span
	}{
		{"GET", "/v1/themes/bildung", "01", []string{"GET /v1/themes/*", "200", "Unset"}},
		{"GET", "/v1/publicServices?q=geheim", "01", []string{"GET /v1/publicServices", "200", "Unset"}},
		{"GET", "/v1/themes/missing", "01", []string{"GET /v1/themes/*", "404", "Unset"}},
		{"GET", "/v1/themes/driver", "01", []string{"GET /v1/themes/*", "500", "Error"}},
		{"GET", "/v1/themes/bildung", "00", nil},
		{"GET", "/healthz", "01", nil},
		{"GET", "/nowhere", "01", nil},
	} {
		spans.Reset()
		ask(t, tt.method, server.URL+tt.path, "", "Traceparent", "00-"+theTrace+"-00f067aa0ba902b7-"+tt.flags, "X-Request-Id", "find-me")
		var got []string
		for _, s := range spans.GetSpans() {
			attributes := map[string]string{}
			for _, a := range s.Attributes {
				attributes[string(a.Key)] = a.Value.String()
				if strings.Contains(a.Value.String(), "geheim") {
					t.Errorf("%s: the span says what somebody looked for: %v", tt.path, a)
				}
			}
			got = append(got, s.Name, attributes["http.response.status_code"], s.Status.Code.String())
			if s.SpanContext.TraceID().String() != theTrace || s.Parent.SpanID().String() != "00f067aa0ba902b7" || attributes["kompass.request_id"] != "find-me" {
				t.Errorf("%s: %v below %v, attributes %v", tt.path, s.SpanContext.TraceID(), s.Parent.SpanID(), attributes)
			}
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s with flags %s: %q, want %q", tt.path, tt.flags, got, tt.want)
		}
	}
}
