package server

import (
	"context"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/stats"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// Local leads to the services of the same process: a unary call goes through the chain of [Options.Steps] to the handler
// without being encoded and without a connection. What a call sees and answers is that of the network: metadata both ways,
// deadline and cancellation, statuses, and nothing else of the caller's context. Two things differ: a handler runs in its
// caller's goroutine, so that one which ignores its context holds the caller; and an answer shares its parts with the
// service, so that callers read it only. Streams go over a connection.
type Local struct {
	chain   grpc.UnaryServerInterceptor
	streams grpc.ClientConnInterface
	served  stats.Handler
	called  stats.Handler
	methods map[string]localMethod // by "/package.Service/Method"
}

// localMethod is a method with the service that answers it.
type localMethod struct {
	name    string
	service any
	handle  grpc.MethodHandler
}

// NewLocal makes a way to services that are registered with it, health among them; streams take the given connection, which
// leads to a server of the same process. It returns an error when the metrics collide with other ones.
func NewLocal(o Options, streams grpc.ClientConnInterface) (*Local, error) {
	o.setDefaults()
	steps, err := o.Steps()
	if err != nil {
		return nil, err
	}
	warm()
	l := &Local{chain: unary(steps), streams: streams, served: o.Served, called: o.Called, methods: map[string]localMethod{}}
	healthv1.RegisterHealthServer(l, o.Health)
	return l, nil
}

// RegisterService implements [grpc.ServiceRegistrar]. It must not run beside calls.
func (l *Local) RegisterService(service *grpc.ServiceDesc, implementation any) {
	for _, m := range service.Methods {
		name := "/" + service.ServiceName + "/" + m.MethodName
		l.methods[name] = localMethod{name, implementation, m.Handler}
	}
}

// NewStream implements [grpc.ClientConnInterface].
func (l *Local) NewStream(ctx context.Context, desc *grpc.StreamDesc, method string, opts ...grpc.CallOption) (grpc.ClientStream, error) {
	return l.streams.NewStream(ctx, desc, method, opts...)
}

// Invoke implements [grpc.ClientConnInterface]. Of the options it knows those that ask for header and trailer.
func (l *Local) Invoke(ctx context.Context, method string, request, reply any, opts ...grpc.CallOption) error {
	m, ok := l.methods[method]
	if !ok {
		return status.Errorf(codes.Unimplemented, "unknown method %s", method)
	}
	ctx, answered := observed(ctx, l.called, method, true)
	err := l.invoke(ctx, m, request, reply, opts)
	answered(err)
	return err
}

// invoke makes a call to a method.
func (l *Local) invoke(ctx context.Context, m localMethod, request, reply any, opts []grpc.CallOption) error {
	call := &localCall{method: m.name}
	inner, served := observed(call.context(ctx), l.served, m.name, false)
	answer, err := m.handle(m.service, inner, func(into any) error { return copyRequest(into, request) }, l.chain)
	served(err)
	call.report(opts)
	if err == nil {
		err = ctx.Err() // an answer that comes too late does not arrive over a network either
	}
	if err != nil {
		return statusOf(err)
	}
	return shareReply(reply, answer)
}

// statusOf is what a client sees of a handler's error.
func statusOf(err error) error {
	if s, ok := status.FromError(err); ok {
		return s.Err()
	}
	return status.FromContextError(err).Err()
}

// copyRequest gives the service a request of its own, which it may keep.
func copyRequest(into, request any) error {
	to, isMessage := into.(proto.Message)
	from, same := request.(proto.Message)
	if !isMessage || !same {
		return status.Errorf(codes.Internal, "request of type %T", request)
	}
	proto.Merge(to, from)
	return nil
}

// shareReply fills the caller's message with the fields of the service's, whose parts both have from then on.
func shareReply(reply, answer any) error {
	to, isMessage := reply.(proto.Message)
	from, same := answer.(proto.Message)
	if !isMessage || !same || to.ProtoReflect().Descriptor() != from.ProtoReflect().Descriptor() {
		return status.Errorf(codes.Internal, "answer of type %T", answer)
	}
	into := to.ProtoReflect()
	from.ProtoReflect().Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		into.Set(field, value)
		return true
	})
	return nil
}

// localCall is what gRPC keeps beside a call. It implements [grpc.ServerTransportStream].
type localCall struct {
	method string

	mu      sync.Mutex
	header  metadata.MD
	trailer metadata.MD
	sent    bool
}

// context is what the handler sees of the caller's: the time that is left, and the metadata.
func (c *localCall) context(ctx context.Context) context.Context {
	md, _ := metadata.FromOutgoingContext(ctx)
	lowered := make(metadata.MD, len(md))
	for key, values := range md {
		lowered[strings.ToLower(key)] = values
	}
	return grpc.NewContextWithServerTransportStream(metadata.NewIncomingContext(bare{ctx}, lowered), c)
}

// bare is a context without values: what is not metadata does not pass from a client to a server.
type bare struct {
	caller context.Context //nolint:containedctx // a context with less in it
}

// Deadline implements [context.Context].
func (b bare) Deadline() (time.Time, bool) { return b.caller.Deadline() }

// Done implements [context.Context].
func (b bare) Done() <-chan struct{} { return b.caller.Done() }

// Err implements [context.Context].
func (b bare) Err() error { return b.caller.Err() }

// Value implements [context.Context]. The one key that passes is the context package's own, by which contexts that are derived
// from this one find the caller's: without it each of them costs a goroutine that waits for the caller.
func (b bare) Value(key any) any {
	if _, own := key.(*int); own {
		return b.caller.Value(key)
	}
	return nil
}

// Method implements [grpc.ServerTransportStream].
func (c *localCall) Method() string { return c.method }

// SetHeader implements [grpc.ServerTransportStream].
func (c *localCall) SetHeader(md metadata.MD) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.sent {
		return status.Error(codes.Internal, "the header is sent already")
	}
	c.header = metadata.Join(c.header, md)
	return nil
}

// SendHeader implements [grpc.ServerTransportStream].
func (c *localCall) SendHeader(md metadata.MD) error {
	err := c.SetHeader(md)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent = true
	return err
}

// SetTrailer implements [grpc.ServerTransportStream].
func (c *localCall) SetTrailer(md metadata.MD) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.trailer = metadata.Join(c.trailer, md)
	return nil
}

// report hands header and trailer to a caller that asked for them.
func (c *localCall) report(opts []grpc.CallOption) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sent = true
	for _, o := range opts {
		switch o := o.(type) {
		case grpc.HeaderCallOption:
			*o.HeaderAddr = c.header
		case grpc.TrailerCallOption:
			*o.TrailerAddr = c.trailer
		}
	}
}
