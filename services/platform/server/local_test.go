package server

import (
	"context"
	"fmt"
	"log/slog"
	"reflect"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
)

// startBoth serves the same over a network and within the process.
func startBoth(t *testing.T, o Options, c *catalogue) (network, local grpc.ClientConnInterface) {
	t.Helper()
	o.Authenticator, o.Logger = everybody{}, slog.New(slog.DiscardHandler)
	network = start(t, o, c)
	l, err := NewLocal(o, network)
	if err != nil {
		t.Fatal(err)
	}
	cataloguev1.RegisterCatalogueServiceServer(l, c)
	municipalityv1.RegisterMunicipalityServiceServer(l, municipality{})
	return network, l
}

type callerKey struct{}

// tell answers in headers what a handler sees of its caller.
func tell(ctx context.Context) {
	deadline, has := ctx.Deadline()
	md, _ := metadata.FromIncomingContext(ctx)
	_ = grpc.SetHeader(ctx, metadata.Pairs("seen", fmt.Sprint(has, time.Until(deadline) > time.Minute, md.Get("some-key"), ctx.Value(callerKey{}), Actor(ctx), TraceID(ctx))))
	_ = grpc.SetTrailer(ctx, metadata.Pairs("trailer", "t"))
	_ = grpc.SendHeader(ctx, metadata.Pairs("header", "h"))
}

// TestLocalIsLikeTheNetwork makes the same calls both ways and compares all that a caller can see.
func TestLocalIsLikeTheNetwork(t *testing.T) {
	t.Parallel()
	network, local := startBoth(t, Options{
		Revisions:    map[string]Revisions{"kompass.catalogue.v1.CatalogueService": behind{}},
		RevisionWait: 10 * time.Millisecond, Timeout: 50 * time.Millisecond,
	}, &catalogue{seen: tell})
	theme := func(id string, pairs ...string) func(context.Context, grpc.ClientConnInterface, ...grpc.CallOption) (proto.Message, error) {
		return func(ctx context.Context, conn grpc.ClientConnInterface, o ...grpc.CallOption) (proto.Message, error) {
			ctx = metadata.AppendToOutgoingContext(ctx, append(pairs, HeaderRequestID, "trace")...)
			return cataloguev1.NewCatalogueServiceClient(conn).GetTheme(ctx, &cataloguev1.GetThemeRequest{Name: "themes/" + id}, o...)
		}
	}
	ended, end := context.WithCancel(t.Context())
	end()
	late, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
	defer cancel()
	long, cancelLong := context.WithTimeout(t.Context(), time.Hour)
	defer cancelLong()
	for name, c := range map[string]struct {
		ctx  context.Context
		call func(context.Context, grpc.ClientConnInterface, ...grpc.CallOption) (proto.Message, error)
	}{
		"fine":             {long, theme("bildung")},
		"what is seen":     {context.WithValue(long, callerKey{}, "leaks"), theme("bildung", "Some-Key", "v1", "some-key", "v2")},
		"no deadline":      {t.Context(), theme("bildung")},
		"service too slow": {t.Context(), theme("slow")},
		"caller too early": {late, theme("slow")},
		"cancelled":        {ended, theme("bildung")},
		"panic":            {long, theme("panic")},
		"driver":           {long, theme("driver")},
		"fault":            {long, theme("missing")},
		"long report":      {long, theme("report")},
		"invalid":          {long, theme("BILDUNG")},
		"revision ahead":   {long, theme("bildung", HeaderRevision, "8")},
		"revision garbled": {long, theme("bildung", HeaderRevision, "x")},
		"not offered": {long, func(ctx context.Context, conn grpc.ClientConnInterface, o ...grpc.CallOption) (proto.Message, error) {
			ctx = metadata.AppendToOutgoingContext(ctx, HeaderRequestID, "trace")
			return municipalityv1.NewMunicipalityServiceClient(conn).ListProgress(ctx, &municipalityv1.ListProgressRequest{}, o...)
		}},
		"health": {long, func(ctx context.Context, conn grpc.ClientConnInterface, o ...grpc.CallOption) (proto.Message, error) {
			ctx = metadata.AppendToOutgoingContext(ctx, HeaderRequestID, "trace")
			return healthv1.NewHealthClient(conn).Check(ctx, &healthv1.HealthCheckRequest{}, o...)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			type seen struct {
				answer          proto.Message
				status          *status.Status
				header, trailer metadata.MD
			}
			ask := func(conn grpc.ClientConnInterface) (s seen) {
				var err error
				s.answer, err = c.call(c.ctx, conn, grpc.Header(&s.header), grpc.Trailer(&s.trailer))
				s.status = status.Convert(err)
				for _, md := range []metadata.MD{s.header, s.trailer} {
					delete(md, "content-type") // the transport's own
					delete(md, "grpc-status-details-bin")
				}
				if err != nil { // gRPC answers at once with nothing but a trailer then
					s.header, s.trailer, s.answer = metadata.Join(s.header, s.trailer), nil, nil
				}
				return s
			}
			n, l := ask(network), ask(local)
			if name == "caller too early" || name == "cancelled" { // which side notices first decides the text
				n.status, l.status = status.New(n.status.Code(), ""), status.New(l.status.Code(), "")
				n.header, l.header = nil, nil
			}
			if n.answer != nil && !proto.Equal(n.answer, l.answer) || !proto.Equal(n.status.Proto(), l.status.Proto()) {
				t.Errorf("network %v %v\nlocal %v %v", n.answer, n.status, l.answer, l.status)
			}
			if len(n.header)+len(l.header) > 0 && !reflect.DeepEqual(n.header, l.header) || len(n.trailer)+len(l.trailer) > 0 && !reflect.DeepEqual(n.trailer, l.trailer) {
				t.Errorf("header %v, local %v; trailer %v, local %v", n.header, l.header, n.trailer, l.trailer)
			}
		})
	}
}

// keeping keeps its last request and answers with a part of it.
type keeping struct {
	catalogue
	kept *cataloguev1.UpdatePublicServiceRequest
}

func (k *keeping) UpdatePublicService(_ context.Context, req *cataloguev1.UpdatePublicServiceRequest) (*cataloguev1.PublicService, error) {
	k.kept = req
	return req.GetPublicService(), nil
}

// TestLocalRequestsAreKept: a service may keep its request, whatever the caller does with its own; answers arrive whole.
func TestLocalRequestsAreKept(t *testing.T) {
	t.Parallel()
	k := &keeping{}
	l, err := NewLocal(Options{Authenticator: everybody{}, Logger: slog.New(slog.DiscardHandler)}, nil)
	if err != nil {
		t.Fatal(err)
	}
	cataloguev1.RegisterCatalogueServiceServer(l, k)
	name := "publicServices/99012001001000"
	request := &cataloguev1.UpdatePublicServiceRequest{PublicService: &cataloguev1.PublicService{Name: name, Keywords: []string{"a", "b"}}}
	answer, err := cataloguev1.NewCatalogueServiceClient(l).UpdatePublicService(t.Context(), request)
	if err != nil || !proto.Equal(answer, request.GetPublicService()) {
		t.Fatal(answer, err)
	}
	request.PublicService.Name, request.PublicService.Keywords[0] = "other", "other"
	if got := k.kept.GetPublicService(); got.GetName() != name || got.GetKeywords()[0] != "a" {
		t.Errorf("the service's request became %v", got)
	}
}

// TestLocalUnknown: what nobody serves is unimplemented, and streams go over the connection.
func TestLocalUnknown(t *testing.T) {
	t.Parallel()
	_, local := startBoth(t, Options{}, &catalogue{})
	err := local.Invoke(t.Context(), "/kompass.catalogue.v1.CatalogueService/Nothing", &cataloguev1.GetThemeRequest{}, &cataloguev1.Theme{})
	if status.Code(err) != codes.Unimplemented {
		t.Error(err)
	}
	watch, err := healthv1.NewHealthClient(local).Watch(t.Context(), &healthv1.HealthCheckRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if answer, err := watch.Recv(); err != nil || answer.GetStatus() != healthv1.HealthCheckResponse_SERVING {
		t.Errorf("%v %v", answer, err)
	}
}

// TestLocalContextsHangOnTheCaller: no goroutine carries the caller's end over, so it is there at once.
func TestLocalContextsHangOnTheCaller(t *testing.T) {
	t.Parallel()
	caller, end := context.WithCancel(context.WithValue(t.Context(), callerKey{}, "x"))
	derived, cancel := context.WithTimeout((&localCall{}).context(caller), time.Minute)
	defer cancel()
	if derived.Err() != nil || derived.Value(callerKey{}) != nil {
		t.Errorf("derived: %v, with the caller's %v", derived.Err(), derived.Value(callerKey{}))
	}
	if end(); derived.Err() == nil {
		t.Error("the end of the caller has to be carried over")
	}
}
