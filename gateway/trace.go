package gateway

import (
	"net/http"
	"strconv"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// trace makes a span of every request to the contract, below the one that the client names in traceparent. Pages and probes
// have none. Nothing is kept of a request that says who asks or for what: the route, not the path.
func (e *edge) trace(next handler) handler {
	tracer := e.options.Tracer
	if tracer == nil {
		return next
	}
	return func(x *exchange) {
		if x.endpoint.page != nil {
			next(x)
			return
		}
		ctx := propagation.TraceContext{}.Extract(x.req.Context(), propagation.HeaderCarrier(x.req.Header))
		ctx, span := tracer.Start(ctx, x.req.Method+" "+x.route.pattern, trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(x.start))
		x.req = x.req.WithContext(ctx)
		x.finish = append(x.finish, func() { x.endSpan(span) }) // when also a panic has become an answer
		next(x)
	}
}

// endSpan says how the exchange went, in the words of OpenTelemetry.
func (x *exchange) endSpan(span trace.Span) {
	if span.IsRecording() {
		span.SetAttributes(
			attribute.String("http.request.method", x.req.Method),
			attribute.String("http.route", x.route.pattern),
			attribute.Int("http.response.status_code", x.status),
			attribute.Int("http.response.body.size", x.size),
			attribute.String("kompass.request_id", x.id))
		if x.status == 0 || x.status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, strconv.Itoa(x.status)+" "+http.StatusText(x.status))
		}
	}
	span.End()
}
