package server

import (
	"context"
	"time"

	"google.golang.org/grpc/stats"
)

// observed tells a stats handler of a call that no transport carries: that it begins, and by the function that it returns
// how it ended. The context is what the handler makes of it. Without a handler nothing happens.
func observed(ctx context.Context, h stats.Handler, method string, client bool) (context.Context, func(error)) {
	if h == nil {
		return ctx, unobserved
	}
	begin := time.Now()
	ctx = h.TagRPC(ctx, &stats.RPCTagInfo{FullMethodName: method, FailFast: true})
	h.HandleRPC(ctx, &stats.Begin{Client: client, BeginTime: begin, FailFast: true})
	return ctx, func(err error) {
		h.HandleRPC(ctx, &stats.End{Client: client, BeginTime: begin, EndTime: time.Now(), Error: err})
	}
}

func unobserved(error) {}
