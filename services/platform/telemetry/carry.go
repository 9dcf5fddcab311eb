package telemetry

import (
	"context"

	"go.opentelemetry.io/otel/propagation"
)

// Inject writes the place in the trace that ctx carries into the header of a NATS message, as traceparent and tracestate.
// Without a sampled span it writes nothing: a stored record shall not carry what nobody will look at.
func Inject(ctx context.Context, header map[string][]string) {
	if sampled(ctx) {
		w3c.Inject(ctx, carrier(header))
	}
}

// Extract returns a context below the span that a NATS message came from, and whether there is one that was sampled.
func Extract(ctx context.Context, header map[string][]string) (context.Context, bool) {
	if len(header) == 0 {
		return ctx, false
	}
	ctx = w3c.Extract(ctx, carrier(header))
	return ctx, sampled(ctx)
}

// carrier is a NATS header: names keep their case, the first value counts.
type carrier map[string][]string

// Get implements [propagation.TextMapCarrier].
func (c carrier) Get(key string) string {
	if values := c[key]; len(values) > 0 {
		return values[0]
	}
	return ""
}

// Set implements [propagation.TextMapCarrier].
func (c carrier) Set(key, value string) { c[key] = []string{value} }

// Keys implements [propagation.TextMapCarrier].
func (c carrier) Keys() []string {
	keys := make([]string, 0, len(c))
	for key := range c {
		keys = append(keys, key)
	}
	return keys
}

var _ propagation.TextMapCarrier = carrier(nil)
