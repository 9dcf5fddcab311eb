package server

import (
	"context"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
)

// Next goes on to the following step, in the end to the handler.
type Next func(ctx context.Context) error

// Step is one concern around every call, unary and stream alike.
type Step struct {
	// Name is what the step is about, for tests and documentation.
	Name string
	// Around does its part before and after next.
	Around func(ctx context.Context, call *Call, next Next) error
}

// Steps is the chain, outermost first. The order is the point:
//
//   - "request id" comes first, so that everything after can name the call.
//   - "metrics" and "logging" see the final outcome of what follows, a recovered panic included.
//   - "deadline" bounds all that waits: "revision" and the handler.
//   - "faults" turns whatever comes from further inside into an error that may be shown.
//   - "recovery" lies inside of these, so that a panic is measured, logged and answered like any other fault.
//   - "identity" comes before anything that costs: a stranger waits for nothing.
//   - "validation" is last, when the message has arrived.
func (o *Options) Steps() ([]Step, error) {
	metrics, err := newMetrics(o.Registerer)
	if err != nil {
		return nil, err
	}
	return []Step{
		{"request id", requestID},
		{"metrics", metrics.around},
		{"logging", (&logging{o.Logger}).around},
		{"deadline", (&deadline{o.Timeout}).around},
		{"faults", faults},
		{"recovery", recovery},
		{"identity", (&identity{o.Authenticator}).around},
		{"idempotency", idempotency},
		{"revision", (&revision{o.Revisions, o.RevisionWait}).around},
		{"validation", validation},
	}, nil
}

// unary runs the steps around a unary call.
func unary(steps []Step) grpc.UnaryServerInterceptor {
	return func(ctx context.Context, req any, info *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		call := newCall(info.FullMethod)
		ctx = context.WithValue(ctx, callKey{}, call)
		call.setHeader = func(md metadata.MD) error { return grpc.SetHeader(ctx, md) }
		var answer any
		err := run(ctx, call, steps, func(ctx context.Context) (err error) {
			if err = call.check(req); err == nil {
				answer, err = handler(ctx, req)
			}
			return err
		})
		if err != nil {
			return nil, err
		}
		return answer, nil
	}
}

// stream runs the steps around a stream; requests are checked as they arrive.
func stream(steps []Step) grpc.StreamServerInterceptor {
	return func(srv any, ss grpc.ServerStream, info *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		call := newCall(info.FullMethod)
		call.Stream = true
		call.setHeader = ss.SetHeader
		ctx := context.WithValue(ss.Context(), callKey{}, call)
		return run(ctx, call, steps, func(ctx context.Context) error {
			return handler(srv, &checkedStream{ServerStream: ss, ctx: ctx, call: call})
		})
	}
}

func newCall(fullMethod string) *Call {
	service, _, _ := strings.Cut(strings.TrimPrefix(fullMethod, "/"), "/")
	return &Call{Method: fullMethod, Service: service}
}

func run(ctx context.Context, call *Call, steps []Step, handler Next) error {
	if len(steps) == 0 {
		return handler(ctx)
	}
	return steps[0].Around(ctx, call, func(ctx context.Context) error { return run(ctx, call, steps[1:], handler) })
}

// checkedStream has the context of the steps and checks what it receives.
type checkedStream struct {
	grpc.ServerStream
	ctx  context.Context //nolint:containedctx // that is how gRPC hands a context to a stream's handler
	call *Call
}

// Context is the context of the steps.
func (s *checkedStream) Context() context.Context { return s.ctx }

// RecvMsg receives and checks one request message.
func (s *checkedStream) RecvMsg(m any) error {
	if err := s.ServerStream.RecvMsg(m); err != nil {
		return err
	}
	return s.call.check(m)
}
