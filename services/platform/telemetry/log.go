package telemetry

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"
)

func sampled(ctx context.Context) bool { return trace.SpanContextFromContext(ctx).IsSampled() }

// Log adds trace_id and span_id to the lines of sampled requests; with tracing off it returns the logger as it is.
func (t *Traces) Log(l *slog.Logger) *slog.Logger {
	if t == nil {
		return l
	}
	return slog.New(tracedLog{l.Handler()})
}

// tracedLog names the span in whose context a line is written.
type tracedLog struct{ slog.Handler }

// Handle implements [slog.Handler].
func (h tracedLog) Handle(ctx context.Context, r slog.Record) error {
	if span := trace.SpanContextFromContext(ctx); span.IsSampled() {
		r.AddAttrs(slog.String("trace_id", span.TraceID().String()), slog.String("span_id", span.SpanID().String()))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements [slog.Handler].
func (h tracedLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return tracedLog{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements [slog.Handler].
func (h tracedLog) WithGroup(name string) slog.Handler { return tracedLog{h.Handler.WithGroup(name)} }

// complaintPause is how long the SDK's next complaint waits for the log.
const complaintPause = time.Minute

// complaints passes the SDK's errors on to the log, but not all of them: a collector that is gone fails every few seconds.
type complaints struct {
	logger *slog.Logger
	now    func() time.Time

	mu     sync.Mutex
	quiet  time.Time // until then nothing is logged
	unsaid int       // errors that were not logged
}

func newComplaints(l *slog.Logger) *complaints { return &complaints{logger: l, now: time.Now} }

// Handle implements [otel.ErrorHandler].
func (c *complaints) Handle(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	if now.Before(c.quiet) {
		c.unsaid++
		return
	}
	c.logger.Warn("traces cannot be sent", "error", err, "left_out", c.unsaid)
	c.quiet, c.unsaid = now.Add(complaintPause), 0
}
