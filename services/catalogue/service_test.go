package catalogue

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	"kompass.krz.de/services/platform/broker"
	"kompass.krz.de/services/platform/identity"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/server"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
)

const key = "kompass_test"

// client is a service behind the real chain, as its clients see it.
type client struct {
	cataloguev1.CatalogueServiceClient
	service *Service
	tb      testing.TB
	site    ledger.Site
}

// start runs a service on a NATS server of its own.
func start(tb testing.TB) *client {
	tb.Helper()
	nats, err := broker.Start(tb.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(nats.Stop)
	return join(tb, ledger.Site{Conn: nats.Conn, Origin: "test", Replicas: 1})
}

// join runs one more replica at a site.
func join(tb testing.TB, site ledger.Site) *client {
	tb.Helper()
	var ticks atomic.Int64
	clock := func() time.Time { return time.Unix(1_700_000_000+ticks.Add(1), 0) }
	service, err := New(tb.Context(), site, slog.New(slog.DiscardHandler), clock)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- service.Run(ctx) }()
	grpcServer, err := server.New(server.Options{
		Logger: slog.New(slog.DiscardHandler), Authenticator: identity.New(key).OpenReads(true),
		Revisions: map[string]server.Revisions{cataloguev1.CatalogueService_ServiceDesc.ServiceName: service.Revisions()},
	})
	if err != nil {
		tb.Fatal(err)
	}
	service.Register(grpcServer)
	listener := bufconn.Listen(1 << 20)
	go func() { _ = grpcServer.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///test", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }),
		grpc.WithDefaultCallOptions(grpc.MaxCallRecvMsgSize(server.MaxMessage), grpc.MaxCallSendMsgSize(server.MaxMessage)))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = conn.Close()
		grpcServer.Stop()
		cancel()
		if err := <-done; err != nil {
			tb.Error(err)
		}
	})
	if err := service.Ready(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return &client{cataloguev1.NewCatalogueServiceClient(conn), service, tb, site}
}

// admin is the context of a caller with the administrator's key, and more headers.
func admin(tb testing.TB, headers ...string) context.Context {
	return metadata.AppendToOutgoingContext(tb.Context(), append([]string{"authorization", "Bearer " + key}, headers...)...)
}

// load imports a file that must be taken.
func (c *client) load(file string, more ...func(*cataloguev1.ImportCatalogueRequest)) *commonv1.ImportReport {
	c.tb.Helper()
	report, err := c.try(file, more...)
	if err != nil {
		c.tb.Fatalf("import refused: %v %v", err, reportOf(err).GetIssues())
	}
	return report
}

func (c *client) try(file string, more ...func(*cataloguev1.ImportCatalogueRequest)) (*commonv1.ImportReport, error) {
	req := &cataloguev1.ImportCatalogueRequest{File: []byte(file)}
	for _, m := range more {
		m(req)
	}
	return c.ImportCatalogue(admin(c.tb), req)
}

func force(r *cataloguev1.ImportCatalogueRequest)        { r.Force = true }
func validateOnly(r *cataloguev1.ImportCatalogueRequest) { r.ValidateOnly = true }
func partial(r *cataloguev1.ImportCatalogueRequest) {
	r.Scope = cataloguev1.ImportScope_IMPORT_SCOPE_PARTIAL
}

// reasonOf is the reason of a fault, "" when there is none.
func reasonOf(err error) string {
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			return info.GetReason()
		}
	}
	return ""
}

// reportOf is the report in a refusal.
func reportOf(err error) *commonv1.ImportReport {
	for _, d := range status.Convert(err).Details() {
		if r, ok := d.(*commonv1.ImportReport); ok {
			return r
		}
	}
	return nil
}

func refused(tb testing.TB, err error, code codes.Code, reason string) {
	tb.Helper()
	if status.Code(err) != code || reasonOf(err) != reason {
		tb.Fatalf("got %v (%s), want %v (%s)", err, reasonOf(err), code, reason)
	}
}

// counts are the numbers of a report: added, changed, withdrawn, unchanged, revision.
func counts(r *commonv1.ImportReport) [5]int64 {
	return [5]int64{int64(r.GetAdded()), int64(r.GetChanged()), int64(r.GetWithdrawn()), int64(r.GetUnchanged()), r.GetRevision()}
}

// issuesOf are the reasons of a report with their counts.
func issuesOf(r *commonv1.ImportReport) map[string]int {
	found := map[string]int{}
	for _, i := range r.GetIssues() {
		found[i.GetReason()]++
	}
	return found
}

// sample reads a real file that lies beside the project, or skips the test.
func sample(tb testing.TB, name string) string {
	tb.Helper()
	dir, err := os.Getwd()
	for err == nil && dir != filepath.Dir(dir) {
		if _, missing := os.Stat(filepath.Join(dir, "go.work")); missing == nil {
			break
		}
		dir = filepath.Dir(dir)
	}
	data, err := os.ReadFile(filepath.Join(dir, "..", "shared", "data", name))
	if err != nil {
		tb.Skipf("the sample ../shared/data/%s is missing", name)
	}
	return string(data)
}

// violation is the first field violation of a fault.
func violation(err error) string {
	for _, d := range status.Convert(err).Details() {
		if bad, ok := d.(*errdetails.BadRequest); ok && len(bad.GetFieldViolations()) > 0 {
			return bad.GetFieldViolations()[0].GetField() + ": " + bad.GetFieldViolations()[0].GetDescription()
		}
	}
	return ""
}

// texts are what a fault says in both languages.
func texts(err error) string {
	var all string
	for _, d := range status.Convert(err).Details() {
		if text, ok := d.(*errdetails.LocalizedMessage); ok {
			all += text.GetMessage() + "\n"
		}
	}
	return all
}
