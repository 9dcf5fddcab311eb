package ledger

import (
	"context"
	"maps"
	"time"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"kompass.krz.de/services/platform/telemetry"
)

// noSpan is what there is while nothing is traced.
var noSpan trace.Span = noop.Span{}

// Span begins a span below the one in ctx; while nothing is traced it costs a comparison.
func (l *Log) Span(ctx context.Context, name string, kind trace.SpanKind) (context.Context, trace.Span) {
	if l.tracer == nil {
		return ctx, noSpan
	}
	return l.tracer.Start(ctx, name, trace.WithSpanKind(kind))
}

// origin is the header that carries the span in ctx to those who follow the stream; nil without.
func (l *Log) origin(ctx context.Context) nats.Header {
	if l.tracer == nil {
		return nil
	}
	h := nats.Header{}
	telemetry.Inject(ctx, h)
	return h
}

// signed adds the span in ctx to the last message of a batch.
func (l *Log) signed(ctx context.Context, batch []*nats.Msg) []*nats.Msg {
	maps.Copy(batch[len(batch)-1].Header, l.origin(ctx))
	return batch
}

// observeAppend begins to measure and trace an append; what it returns is called with how it ended.
func (l *Log) observeAppend(ctx context.Context, records int) (context.Context, func(sequence uint64, err error)) {
	start := time.Now()
	ctx, span := l.Span(ctx, "append", trace.SpanKindProducer)
	return ctx, func(sequence uint64, err error) {
		l.measures.appendedSince(start, records, err)
		if span.IsRecording() {
			l.endAppend(span, records, sequence, err)
		}
	}
}

// endAppend ends the span of an append. Somebody else's newer record is no failure: the decision is made again.
func (l *Log) endAppend(s trace.Span, records int, sequence uint64, err error) {
	outcome := outcomeOf(err)
	s.SetAttributes(l.about()...)
	s.SetAttributes(attribute.Int("kompass.records", records), attribute.String("kompass.outcome", outcome))
	switch outcome {
	case "ok":
		s.SetAttributes(attribute.Int64("kompass.sequence", int64(sequence)))
	case "unavailable":
		s.SetStatus(codes.Error, err.Error())
	}
	s.End()
}

// about are the attributes of everything that happens to this stream, in the words of OpenTelemetry.
func (l *Log) about() []attribute.KeyValue {
	return []attribute.KeyValue{
		attribute.String("messaging.system", "nats"),
		attribute.String("messaging.destination.name", l.name.Stream()),
	}
}

// traced is the header of a message that came out of a sampled trace, else nil.
func (d *delivery) traced(h nats.Header) nats.Header { return spanHeader(d.tracing, h) }

func (l *Log) traced(h nats.Header) nats.Header { return spanHeader(l.tracer != nil, h) }

func spanHeader(tracing bool, h nats.Header) nats.Header {
	if !tracing || len(h["traceparent"]) == 0 {
		return nil
	}
	return h
}

// trace shows what a replica did with records, below the append that wrote each. A replay is nobody's request and leaves no span.
func (f *follower) trace(start time.Time, entries []Entry, err error) {
	if f.log.tracer == nil {
		return
	}
	var end time.Time
	for i := range entries {
		e := &entries[i]
		if e.header == nil || e.Record.GetStaging() != "" || e.Sequence <= f.target.Load() { // of a staging the commit counts
			continue
		}
		if end.IsZero() {
			end = time.Now()
		}
		ctx, sampled := telemetry.Extract(context.Background(), e.header)
		if !sampled {
			continue
		}
		_, span := f.log.tracer.Start(ctx, "apply "+f.Name(), trace.WithTimestamp(start), trace.WithSpanKind(trace.SpanKindConsumer), trace.WithAttributes(f.log.about()...))
		span.SetAttributes(
			attribute.String("kompass.replica", f.Name()),
			attribute.Int64("kompass.sequence", int64(e.Sequence)),
			attribute.String("kompass.request_id", e.Record.GetRequestId()),
			attribute.Int("kompass.records", len(entries)))
		if err != nil {
			span.SetStatus(codes.Error, err.Error())
		}
		span.End(trace.WithTimestamp(end))
	}
}
