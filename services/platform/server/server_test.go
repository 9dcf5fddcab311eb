package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	reflectionv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/fault"
	keys "kompass.krz.de/services/platform/identity"
)

const key = "kompass_test"

// catalogue answers GetTheme by the id that is asked for.
type catalogue struct {
	cataloguev1.UnimplementedCatalogueServiceServer
	seen func(ctx context.Context)
}

func (c *catalogue) GetTheme(ctx context.Context, req *cataloguev1.GetThemeRequest) (*cataloguev1.Theme, error) {
	if c.seen != nil {
		c.seen(ctx)
	}
	switch id := strings.TrimPrefix(req.GetName(), "themes/"); id {
	case "panic":
		panic("secret of the handler")
	case "driver":
		return nil, errors.New("nats: secret at 10.0.0.1")
	case "missing":
		return nil, fmt.Errorf("reading secret: %w", fault.New(fault.NotFound, "resource", req.GetName()))
	case "report":
		report := &commonv1.ImportReport{}
		for range 1000 {
			report.Issues = append(report.Issues, &commonv1.ImportIssue{Value: strings.Repeat("ü", 200), MessageDe: strings.Repeat("x", 200)})
		}
		return nil, fault.New(fault.ImportBadRows, "count", "1000").Detail(report)
	case "slow":
		<-ctx.Done()
		return nil, errors.New("driver: gave up on secret")
	}
	return &cataloguev1.Theme{Name: req.GetName()}, nil
}

func (c *catalogue) UpdatePublicService(ctx context.Context, _ *cataloguev1.UpdatePublicServiceRequest) (*cataloguev1.PublicService, error) {
	c.seen(ctx)
	return &cataloguev1.PublicService{}, nil
}

type municipality struct {
	municipalityv1.UnimplementedMunicipalityServiceServer
}

// behind is a state at revision "7", which "8" never reaches.
type behind struct{}

func (behind) Token() string { return "7" }

func (behind) WaitFor(ctx context.Context, token string) error {
	switch token {
	case "7":
		return nil
	case "8":
		<-ctx.Done()
		return ctx.Err()
	}
	return fault.New(fault.InvalidRevision)
}

// start serves on an in-memory listener and returns a connection to it.
func start(t testing.TB, o Options, c *catalogue) *grpc.ClientConn {
	t.Helper()
	if o.Authenticator == nil {
		o.Authenticator = keys.New(key).OpenReads(true)
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	cataloguev1.RegisterCatalogueServiceServer(s, c)
	municipalityv1.RegisterMunicipalityServiceServer(s, municipality{})
	listener := bufconn.Listen(1 << 20)
	go s.Serve(listener) // ends with Stop
	t.Cleanup(s.Stop)
	conn, err := grpc.NewClient("passthrough:///test",
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
		grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// refusal is what a client can tell about an error.
type refusal struct {
	code   codes.Code
	reason string
	fields string
}

func refusalOf(err error) refusal {
	s := status.Convert(err)
	r := refusal{code: s.Code()}
	for _, d := range s.Details() {
		switch d := d.(type) {
		case *errdetails.ErrorInfo:
			r.reason = d.GetReason()
		case *errdetails.BadRequest:
			for _, v := range d.GetFieldViolations() {
				r.fields += v.GetField() + " "
			}
		}
	}
	r.fields = strings.TrimSpace(r.fields)
	return r
}

func withKey(ctx context.Context, pairs ...string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, append(pairs, "authorization", "Bearer "+key)...)
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	conn := start(t, Options{
		Revisions:    map[string]Revisions{"kompass.catalogue.v1.CatalogueService": behind{}},
		RevisionWait: 10 * time.Millisecond,
	}, &catalogue{})
	client, places := cataloguev1.NewCatalogueServiceClient(conn), municipalityv1.NewMunicipalityServiceClient(conn)
	theme := func(id string, pairs ...string) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := client.GetTheme(metadata.AppendToOutgoingContext(ctx, pairs...), &cataloguev1.GetThemeRequest{Name: "themes/" + id})
			return err
		}
	}
	implementation := func(i *municipalityv1.Implementation) func(context.Context) error {
		return func(ctx context.Context) error {
			_, err := places.UpdateImplementation(withKey(ctx), &municipalityv1.UpdateImplementationRequest{Implementation: i})
			return err
		}
	}
	cases := map[string]struct {
		call func(context.Context) error
		want refusal
	}{
		"fine":              {theme("bildung"), refusal{}},
		"pattern":           {theme("BILDUNG"), refusal{codes.InvalidArgument, "INVALID_FIELD", "name"}},
		"fault, wrapped":    {theme("missing"), refusal{codes.NotFound, "RESOURCE_NOT_FOUND", ""}},
		"driver's error":    {theme("driver"), refusal{codes.Internal, "INTERNAL", ""}},
		"panic":             {theme("panic"), refusal{codes.Internal, "INTERNAL", ""}},
		"wrong key on read": {theme("bildung", "authorization", "Bearer kompass_x"), refusal{codes.Unauthenticated, "KEY_INVALID", ""}},
		"revision reached":  {theme("bildung", HeaderRevision, "7"), refusal{}},
		"revision ahead":    {theme("bildung", HeaderRevision, "8"), refusal{codes.Unavailable, "REPLICA_BEHIND", ""}},
		"revision garbled":  {theme("bildung", HeaderRevision, "x"), refusal{codes.InvalidArgument, "INVALID_REVISION", ""}},
		"idempotency key":   {theme("bildung", HeaderIdempotencyKey, "a b"), refusal{codes.InvalidArgument, "INVALID_FIELD", "idempotency-key"}},
		"not offered": {func(ctx context.Context) error {
			_, err := client.ListThemes(ctx, &cataloguev1.ListThemesRequest{})
			return err
		}, refusal{codes.Unimplemented, "METHOD_NOT_OFFERED", ""}},
		"two fields": {func(ctx context.Context) error {
			_, err := client.ListThemes(ctx, &cataloguev1.ListThemesRequest{PageSize: 1001, OrderBy: strings.Repeat("x", 201)})
			return err
		}, refusal{codes.InvalidArgument, "INVALID_FIELD", "pageSize orderBy"}},
		"change without key": {func(ctx context.Context) error {
			_, err := client.ImportCatalogue(ctx, &cataloguev1.ImportCatalogueRequest{})
			return err
		}, refusal{codes.Unauthenticated, "KEY_MISSING", ""}},
		"no resource": {implementation(nil), refusal{codes.InvalidArgument, "INVALID_FIELD", "implementation"}},
		"nested": {implementation(&municipalityv1.Implementation{
			Url: "ftp://x", TargetDate: "tomorrow", Maturity: &municipalityv1.Maturity{Model: "1.1", Level: -1},
		}), refusal{codes.InvalidArgument, "INVALID_FIELD", "implementation.url implementation.targetDate implementation.maturity.level"}},
		"in a list": {func(ctx context.Context) error {
			_, err := places.BatchUpdateImplementations(withKey(ctx), &municipalityv1.BatchUpdateImplementationsRequest{
				Parent: "municipalities/05758004",
				Requests: []*municipalityv1.UpdateImplementationRequest{
					{Implementation: &municipalityv1.Implementation{}}, {Implementation: &municipalityv1.Implementation{Priority: 9}},
				},
			})
			return err
		}, refusal{codes.InvalidArgument, "INVALID_FIELD", "requests[1].implementation.priority"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := c.call(t.Context())
			got := refusalOf(err)
			want, have := strings.Fields(c.want.fields), strings.Fields(got.fields)
			slices.Sort(want)
			slices.Sort(have)
			if got.code != c.want.code || got.reason != c.want.reason || !slices.Equal(want, have) {
				t.Errorf("got %+v, want %+v (%v)", got, c.want, err)
			}
			if strings.Contains(fmt.Sprint(status.Convert(err).Proto()), "secret") {
				t.Errorf("the client learns too much: %v", err)
			}
		})
	}
}

// The report of a refused import travels whole, although a status travels in headers.
func TestLargestReport(t *testing.T) {
	t.Parallel()
	client := cataloguev1.NewCatalogueServiceClient(start(t, Options{}, &catalogue{}))
	_, err := client.GetTheme(t.Context(), &cataloguev1.GetThemeRequest{Name: "themes/report"})
	for _, d := range status.Convert(err).Details() {
		if report, ok := d.(*commonv1.ImportReport); ok && len(report.GetIssues()) == 1000 {
			return
		}
	}
	t.Errorf("the report is lost: %.200v", err)
}

func TestDeadline(t *testing.T) {
	t.Parallel()
	client := cataloguev1.NewCatalogueServiceClient(start(t, Options{Timeout: 10 * time.Millisecond}, &catalogue{}))
	_, err := client.GetTheme(t.Context(), &cataloguev1.GetThemeRequest{Name: "themes/slow"})
	if got := refusalOf(err); got.reason != "DEADLINE_EXCEEDED" || got.code != codes.DeadlineExceeded {
		t.Errorf("got %+v", got)
	}
	var left time.Duration
	client = cataloguev1.NewCatalogueServiceClient(start(t, Options{Timeout: time.Millisecond}, &catalogue{seen: func(ctx context.Context) {
		at, _ := ctx.Deadline()
		left = time.Until(at)
	}}))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := client.GetTheme(ctx, &cataloguev1.GetThemeRequest{Name: "themes/x"}); err != nil || left < 30*time.Second {
		t.Errorf("the client's own deadline became %v, %v", left, err)
	}
}

func TestHeaders(t *testing.T) {
	t.Parallel()
	conn := start(t, Options{Revisions: map[string]Revisions{"kompass.catalogue.v1.CatalogueService": behind{}}}, &catalogue{})
	client := cataloguev1.NewCatalogueServiceClient(conn)
	for _, id := range []string{"bildung", "missing"} {
		var header metadata.MD
		ctx := metadata.AppendToOutgoingContext(t.Context(), HeaderRequestID, "trace-1")
		_, _ = client.GetTheme(ctx, &cataloguev1.GetThemeRequest{Name: "themes/" + id}, grpc.Header(&header))
		if got := header.Get(HeaderRequestID); !slices.Equal(got, []string{"trace-1"}) {
			t.Errorf("%s: request id %v", id, got)
		}
		if got := header.Get(HeaderRevision); !slices.Equal(got, []string{"7"}) {
			t.Errorf("%s: revision %v", id, got)
		}
	}
	var header metadata.MD
	ctx := metadata.AppendToOutgoingContext(t.Context(), HeaderRequestID, "two words")
	_, _ = client.GetTheme(ctx, &cataloguev1.GetThemeRequest{Name: "themes/x"}, grpc.Header(&header))
	if got := header.Get(HeaderRequestID); len(got) != 1 || len(got[0]) != 32 {
		t.Errorf("a strange request id became %v", got)
	}
	_, _ = municipalityv1.NewMunicipalityServiceClient(conn).ListProgress(t.Context(), &municipalityv1.ListProgressRequest{}, grpc.Header(&header))
	if got := header.Get(HeaderRevision); len(got) != 0 {
		t.Errorf("a service without revisions has %v", got)
	}
}

func TestWhatHandlersAsk(t *testing.T) {
	t.Parallel()
	type answers struct {
		actor, requestID, own string
		etag, given           Versions
		key, create, existing bool
	}
	cases := map[string]struct {
		headers []string
		want    answers
	}{
		"nothing": {nil, answers{"administrator", "trace", "own", "", "e9", false, false, false}},
		"key":     {[]string{HeaderIdempotencyKey, `"k1"`}, answers{"administrator", "k1", "own", "", "e9", true, false, false}},
		"etag":    {[]string{HeaderIfMatch, `W/"abc", "def"`}, answers{"administrator", "trace", "own", "abc,def", "e9", false, false, false}},
		"any":     {[]string{HeaderIfMatch, `*`}, answers{"administrator", "trace", "own", "", "e9", false, false, true}},
		"create":  {[]string{HeaderIfNoneMatch, `*`}, answers{"administrator", "trace", "own", "", "e9", false, true, false}},
		"not any": {[]string{HeaderIfNoneMatch, `"abc"`}, answers{"administrator", "trace", "own", "", "e9", false, false, false}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var got answers
			conn := start(t, Options{}, &catalogue{seen: func(ctx context.Context) {
				got = answers{Actor(ctx), RequestID(ctx, ""), RequestID(ctx, "own"), Etag(ctx, ""), Etag(ctx, "e9"), HasIdempotencyKey(ctx), CreateOnly(ctx), ExistingOnly(ctx)}
			}})
			ctx := withKey(t.Context(), append(c.headers, HeaderRequestID, "trace")...)
			_, err := cataloguev1.NewCatalogueServiceClient(conn).UpdatePublicService(ctx, &cataloguev1.UpdatePublicServiceRequest{PublicService: &cataloguev1.PublicService{}})
			if err != nil || got != c.want {
				t.Errorf("got %+v, %v, want %+v", got, err, c.want)
			}
		})
	}
	if ctx := t.Context(); Actor(ctx)+RequestID(ctx, "")+TraceID(ctx) != "" {
		t.Error("outside of a call there is an actor or an id")
	}
}

func TestVersionsExclude(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		versions Versions
		current  string
		want     bool
	}{
		{"", "7", false}, {"", "", false}, {"7", "7", false}, {"6,7", "7", false}, {"7,6", "7", false},
		{"6", "7", true}, {"6,8", "7", true}, {"77", "7", true}, {"7", "", true}, {"6,", "", true}, {",", "7", true},
	} {
		if got := c.versions.Exclude(c.current); got != c.want {
			t.Errorf("%q excludes %q: %v", c.versions, c.current, got)
		}
	}
}

// buffer is a bytes.Buffer that a server may write to while a test reads.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func TestLogAndMetrics(t *testing.T) {
	t.Parallel()
	var log buffer
	reg := prometheus.NewRegistry()
	o := Options{Logger: slog.New(slog.NewJSONHandler(&log, nil)), Registerer: reg}
	if _, err := New(o); err != nil { // a second server of the process shares the collectors
		t.Fatal(err)
	}
	client := cataloguev1.NewCatalogueServiceClient(start(t, o, &catalogue{}))
	for _, id := range []string{"bildung", "panic", "missing"} {
		ctx := withKey(t.Context(), HeaderRequestID, "trace-"+id)
		_, _ = client.GetTheme(ctx, &cataloguev1.GetThemeRequest{Name: "themes/" + id})
	}
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	if len(lines) != 3 {
		t.Fatalf("%d lines: %s", len(lines), log.String())
	}
	want := []map[string]any{
		{"level": "INFO", "code": "OK", "request_id": "trace-bildung", "reason": nil},
		{"level": "ERROR", "code": "Internal", "request_id": "trace-panic", "reason": "INTERNAL", "cause": "panic: secret of the handler"},
		{"level": "INFO", "code": "NotFound", "request_id": "trace-missing", "reason": "RESOURCE_NOT_FOUND"},
	}
	for i, line := range lines {
		var got map[string]any
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatal(err)
		}
		for name, value := range want[i] {
			if got[name] != value {
				t.Errorf("line %d: %s is %v, want %v", i, name, got[name], value)
			}
		}
		if got["method"] != "/kompass.catalogue.v1.CatalogueService/GetTheme" || got["actor"] != "administrator" || got["duration_ms"] == nil {
			t.Errorf("line %d is %v", i, got)
		}
		if stack, _ := got["stack"].(string); strings.Contains(stack, "GetTheme") != (i == 1) {
			t.Errorf("line %d has the stack %q", i, stack)
		}
	}
	if strings.Contains(log.String(), key) || strings.Contains(log.String(), "themes/bildung") {
		t.Errorf("the log has what the calls carried: %s", log.String())
	}
	counts := map[string]float64{}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			name := family.GetName()
			for _, label := range m.GetLabel() {
				name += " " + label.GetValue()
			}
			counts[name] = m.GetCounter().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	method := "/kompass.catalogue.v1.CatalogueService/GetTheme"
	if counts["kompass_grpc_calls_total OK "+method] != 1 || counts["kompass_grpc_calls_total Internal "+method] != 1 ||
		counts["kompass_grpc_call_seconds "+method] != 3 {
		t.Errorf("metrics are %v", counts)
	}
}

func TestHealthAndReflectionAreOpen(t *testing.T) {
	t.Parallel()
	conn := start(t, Options{Authenticator: keys.New(key)}, &catalogue{})
	if _, err := cataloguev1.NewCatalogueServiceClient(conn).GetTheme(t.Context(), &cataloguev1.GetThemeRequest{Name: "themes/x"}); status.Code(err) != codes.Unauthenticated {
		t.Errorf("a read is open although it should not be: %v", err)
	}
	answer, err := healthv1.NewHealthClient(conn).Check(t.Context(), &healthv1.HealthCheckRequest{})
	if err != nil || answer.GetStatus() != healthv1.HealthCheckResponse_SERVING {
		t.Errorf("health: %v, %v", answer, err)
	}
	if _, err := healthv1.NewHealthClient(conn).Check(t.Context(), &healthv1.HealthCheckRequest{Service: "nobody"}); status.Code(err) != codes.NotFound {
		t.Errorf("health of an unknown service: %v", err)
	}
	stream, err := reflectionv1.NewServerReflectionClient(conn).ServerReflectionInfo(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Send(&reflectionv1.ServerReflectionRequest{MessageRequest: &reflectionv1.ServerReflectionRequest_ListServices{}}); err != nil {
		t.Fatal(err)
	}
	reply, err := stream.Recv()
	if err != nil || len(reply.GetListServicesResponse().GetService()) < 4 {
		t.Errorf("reflection: %v, %v", reply, err)
	}
	if header, err := stream.Header(); err != nil || len(header.Get(HeaderRequestID)) != 1 {
		t.Errorf("the stream has the headers %v, %v", header, err)
	}
}

func TestNobodyPassesWithoutAuthenticator(t *testing.T) {
	t.Parallel()
	o := Options{}
	o.setDefaults()
	if _, err := o.Authenticator.Authenticate(t.Context(), "/a/b"); !fault.Is(err, fault.PermissionDenied) {
		t.Errorf("got %v", err)
	}
}

func TestOrderOfSteps(t *testing.T) {
	t.Parallel()
	o := Options{}
	o.setDefaults()
	steps, err := o.Steps()
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, s := range steps {
		names = append(names, s.Name)
	}
	want := []string{"request id", "metrics", "logging", "deadline", "faults", "recovery", "identity", "idempotency", "revision", "validation"}
	if !slices.Equal(names, want) {
		t.Errorf("the chain is %v", names)
	}
}

func BenchmarkChain(b *testing.B) {
	o := Options{
		Authenticator: keys.New(key).OpenReads(true), Logger: slog.New(slog.NewJSONHandler(&discard{}, nil)),
		Revisions: map[string]Revisions{"kompass.catalogue.v1.CatalogueService": behind{}},
	}
	o.setDefaults()
	steps, err := o.Steps()
	if err != nil {
		b.Fatal(err)
	}
	warm()
	intercept := unary(steps)
	req := &cataloguev1.GetThemeRequest{Name: "themes/bildung"}
	info := &grpc.UnaryServerInfo{FullMethod: "/kompass.catalogue.v1.CatalogueService/GetTheme"}
	ctx := grpc.NewContextWithServerTransportStream(context.Background(), &noTransport{})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := intercept(ctx, req, info, func(context.Context, any) (any, error) { return nil, nil }); err != nil {
			b.Fatal(err)
		}
	}
}

type discard struct{}

func (*discard) Write(p []byte) (int, error) { return len(p), nil }

type noTransport struct{}

func (*noTransport) Method() string               { return "" }
func (*noTransport) SetHeader(metadata.MD) error  { return nil }
func (*noTransport) SendHeader(metadata.MD) error { return nil }
func (*noTransport) SetTrailer(metadata.MD) error { return nil }
