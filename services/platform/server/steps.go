package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/state"
)

// faults turns every error into one that may be shown. What fails after the time of the call ran out failed for that.
// The statuses of health and reflection are part of gRPC's own contracts and pass as they are.
func faults(ctx context.Context, c *Call, next Next) error {
	err := next(ctx)
	var own *fault.Error
	if strings.HasPrefix(c.Service, "grpc.") && !errors.As(err, &own) {
		if _, isStatus := status.FromError(err); isStatus {
			return err
		}
	}
	err = fault.From(err)
	if !fault.Is(err, fault.Internal) {
		return err
	}
	switch ctx.Err() {
	case nil:
		return err
	case context.DeadlineExceeded:
		return fault.New(fault.DeadlineExceeded).Cause(err)
	default:
		return fault.New(fault.Cancelled).Cause(err)
	}
}

// panicked is the cause of a fault that was a panic.
type panicked struct {
	value any
	stack []byte
}

// Error describes the panic for the log.
func (p *panicked) Error() string { return fmt.Sprintf("panic: %v", p.value) }

// recovery turns a panic into an internal fault; its stack goes to the log.
func recovery(ctx context.Context, _ *Call, next Next) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fault.New(fault.Internal).Cause(&panicked{v, debug.Stack()})
		}
	}()
	return next(ctx)
}

// logging writes one line a call, and never what the call carries.
type logging struct{ log *slog.Logger }

func (l *logging) around(ctx context.Context, c *Call, next Next) error {
	start := time.Now()
	err := next(ctx)
	code := status.Code(err)
	level := levelOf(code, c)
	if !l.log.Enabled(ctx, level) {
		return err
	}
	attrs := make([]slog.Attr, 0, 9)
	attrs = append(attrs,
		slog.String("method", c.Method),
		slog.String("code", code.String()),
		slog.Float64("duration_ms", float64(time.Since(start).Microseconds())/1000),
		slog.String("request_id", c.TraceID),
		slog.String("actor", c.Actor))
	var f *fault.Error
	if errors.As(err, &f) {
		attrs = append(attrs, slog.String("reason", f.Reason().Name))
		if cause := f.Unwrap(); cause != nil {
			attrs = append(attrs, slog.String("cause", cause.Error()))
		}
	}
	var p *panicked
	if errors.As(err, &p) {
		attrs = append(attrs, slog.String("stack", string(p.stack)))
	}
	l.log.LogAttrs(ctx, level, "call", attrs...)
	return err
}

// levelOf makes defects errors, lack of capacity warnings, and the probes of health checkers noise.
func levelOf(code codes.Code, c *Call) slog.Level {
	switch code {
	case codes.Internal, codes.Unknown, codes.DataLoss:
		return slog.LevelError
	case codes.Unavailable, codes.DeadlineExceeded, codes.ResourceExhausted:
		return slog.LevelWarn
	}
	if strings.HasPrefix(c.Service, "grpc.") {
		return slog.LevelDebug
	}
	return slog.LevelInfo
}

// deadline gives unary calls a time limit when the client gave none; streams may last.
type deadline struct{ timeout time.Duration }

func (d *deadline) around(ctx context.Context, c *Call, next Next) error {
	if _, has := ctx.Deadline(); has || c.Stream {
		return next(ctx)
	}
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	return next(ctx)
}

// identity finds out who calls, and stops who may not.
type identity struct{ auth Authenticator }

func (i *identity) around(ctx context.Context, c *Call, next Next) (err error) {
	if c.Actor, err = i.auth.Authenticate(ctx, c.Method); err != nil {
		return err
	}
	return next(ctx)
}

// revision waits until the service has seen what the client has seen, and tells the client what the answer has seen.
type revision struct {
	services map[string]Revisions
	wait     time.Duration
}

func (r *revision) around(ctx context.Context, c *Call, next Next) error {
	revisions, ok := r.services[c.Service]
	if !ok {
		return next(ctx)
	}
	carried := incoming(ctx, HeaderRevision)
	if carried != "" {
		if err := r.waitFor(ctx, revisions, carried); err != nil {
			return err
		}
	}
	err := next(ctx)
	if token := revisions.Token(); token != "" {
		_ = c.SetHeader(HeaderRevision, state.Join(token, carried)) // fails on a stream whose first message has left
	}
	return err
}

func (r *revision) waitFor(ctx context.Context, revisions Revisions, token string) error {
	bounded, cancel := context.WithTimeout(ctx, r.wait)
	defer cancel()
	err := revisions.WaitFor(bounded, token)
	var f *fault.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &f):
		return f
	case ctx.Err() != nil:
		return ctx.Err()
	}
	return fault.New(fault.NotCaughtUp).Cause(err)
}
