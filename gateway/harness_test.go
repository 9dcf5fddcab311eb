package gateway

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
)

// call is what the services saw.
type call struct {
	method  string
	request proto.Message
	header  metadata.MD
	code    codes.Code
}

// backend is a real gRPC server whose handlers echo, behind an in-memory listener.
type backend struct {
	conn   *grpc.ClientConn
	health *health.Server
	shut   atomic.Bool // reads that are not public need a key

	mu   sync.Mutex
	last *call
}

// taken returns the last call and forgets it.
func (b *backend) taken() *call {
	b.mu.Lock()
	defer b.mu.Unlock()
	last := b.last
	b.last = nil
	return last
}

func (b *backend) intercept(ctx context.Context, request any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	header, _ := metadata.FromIncomingContext(ctx)
	answer, err := next(ctx, request)
	keyless := len(header.Get("authorization")) == 0 && !strings.Contains(info.FullMethod, "/GetOpen")
	if b.shut.Load() && keyless || slices.Contains(header.Get("authorization"), "Bearer withdrawn") {
		answer, err = nil, refusal(codes.Unauthenticated, "UNAUTHENTICATED", "Schlüssel unbekannt.", "Unknown key.")
	}
	if strings.HasPrefix(info.FullMethod, "/grpc.health") {
		return answer, err
	}
	_ = grpc.SetHeader(ctx, metadata.Pairs(mdRevision, "r7", "secret-header", "stays inside"))
	message, _ := request.(proto.Message)
	b.mu.Lock()
	defer b.mu.Unlock()
	b.last = &call{info.FullMethod, message, header, status.Code(err)}
	return answer, err
}

func newBackend(t testing.TB) *backend {
	t.Helper()
	b := &backend{health: health.NewServer()}
	server := grpc.NewServer(grpc.UnaryInterceptor(b.intercept), grpc.MaxRecvMsgSize(65<<20))
	cataloguev1.RegisterCatalogueServiceServer(server, catalogue{})
	municipalityv1.RegisterMunicipalityServiceServer(server, municipality{})
	marketplacev1.RegisterMarketplaceServiceServer(server, marketplace{})
	healthv1.RegisterHealthServer(server, b.health)
	listener := bufconn.Listen(1 << 20)
	go func() { _ = server.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///buf", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	b.conn = conn
	t.Cleanup(func() { _ = conn.Close(); server.Stop() })
	return b
}

// newEdge serves the edge over real HTTP in front of a backend.
func newEdge(t testing.TB, change func(*Options)) (*httptest.Server, *backend) {
	t.Helper()
	b := newBackend(t)
	options := Options{Catalogue: b.conn, Municipality: b.conn, Marketplace: b.conn}
	if change != nil {
		change(&options)
	}
	h, err := New(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(h)
	s.Config = NewServer(h, nil)
	s.Start()
	t.Cleanup(s.Close)
	return s, b
}

// plainClient does not compress by itself.
var plainClient = &http.Client{Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 8}, Timeout: 20 * time.Second}

// ask sends a request; headers are names and values in turn.
func ask(t testing.TB, method, url, body string, headers ...string) (*http.Response, []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if body == "" {
		request.Body = http.NoBody
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := plainClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response, answer
}

// refusal makes a status as the services' faults do.
func refusal(code codes.Code, reason, de, en string, more ...proto.Message) error {
	details := []protoadapt.MessageV1{
		&errdetails.ErrorInfo{Reason: reason, Domain: errorDomain},
		&errdetails.LocalizedMessage{Locale: "de", Message: de},
		&errdetails.LocalizedMessage{Locale: "en", Message: en},
	}
	for _, m := range more {
		details = append(details, protoadapt.MessageV1Of(m))
	}
	s, err := status.New(code, en).WithDetails(details...)
	if err != nil {
		return err
	}
	return s.Err()
}

// refusals are what GetTheme answers to the theme of that name.
var refusals = map[string]error{
	"mismatch":     refusal(codes.Aborted, "ETAG_MISMATCH", "Inzwischen geändert.", "Changed."),
	"conflict":     refusal(codes.Aborted, "CONCURRENT_CHANGE", "Gerade geändert.", "Being changed."),
	"state":        refusal(codes.FailedPrecondition, "STATE_FORBIDS", "Geht nicht.", "Not possible."),
	"missing":      refusal(codes.NotFound, "RESOURCE_NOT_FOUND", "Gibt es nicht.", "Does not exist."),
	"exists":       refusal(codes.AlreadyExists, "RESOURCE_ALREADY_EXISTS", "Gibt es.", "Exists."),
	"no-key":       refusal(codes.Unauthenticated, "KEY_MISSING", "Schlüssel fehlt.", "Key missing."),
	"forbidden":    refusal(codes.PermissionDenied, "PERMISSION_DENIED", "Darf nicht.", "Not permitted."),
	"too-large":    refusal(codes.ResourceExhausted, "TOO_LARGE", "Zu groß.", "Too large."),
	"behind":       refusal(codes.Unavailable, "REPLICA_BEHIND", "Noch nicht da.", "Not here yet."),
	"broken":       refusal(codes.Internal, "INTERNAL", "Fehler.", "Error."),
	"not-offered":  refusal(codes.Unimplemented, "METHOD_NOT_OFFERED", "Nicht angeboten.", "Not offered."),
	"field":        refusal(codes.InvalidArgument, "INVALID_FIELD", "Ungültig.", "Invalid.", &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{{Field: "pageSize", Description: "zu groß / too large", Reason: "INVALID_FIELD"}}}),
	"driver":       status.Error(codes.Unknown, "dial tcp 10.0.0.1:4222: password=hunter2"),
	"driver-args":  status.Error(codes.InvalidArgument, "pq: syntax error near hunter2"),
	"driver-send":  status.Error(codes.ResourceExhausted, "trying to send message larger than max (9 vs. 4)"),
	"driver-quota": status.Error(codes.ResourceExhausted, "grpc: hunter2"),
	"foreign":      foreign(),
}

// foreign is a status with details of somebody else's domain.
func foreign() error {
	s, _ := status.New(codes.NotFound, "hunter2").WithDetails(&errdetails.ErrorInfo{Reason: "HUNTER2", Domain: "example.org"})
	return s.Err()
}

type catalogue struct {
	cataloguev1.UnimplementedCatalogueServiceServer
}

func (catalogue) GetTheme(ctx context.Context, r *cataloguev1.GetThemeRequest) (*cataloguev1.Theme, error) {
	id := strings.TrimPrefix(r.GetName(), "themes/")
	if id == "slow" {
		<-ctx.Done()
		return nil, status.FromContextError(ctx.Err()).Err()
	}
	if err := refusals[id]; err != nil {
		return nil, err
	}
	return &cataloguev1.Theme{Name: r.GetName(), DisplayName: "Bildung"}, nil
}

// ListThemes answers as many themes as the page size says.
func (catalogue) ListThemes(_ context.Context, r *cataloguev1.ListThemesRequest) (*cataloguev1.ListThemesResponse, error) {
	answer := &cataloguev1.ListThemesResponse{}
	for range r.GetPageSize() {
		answer.Themes = append(answer.Themes, &cataloguev1.Theme{Name: "themes/bildung", DisplayName: "Bildung & Forschung"})
	}
	return answer, nil
}

func (catalogue) ListPublicServices(context.Context, *cataloguev1.ListPublicServicesRequest) (*cataloguev1.ListPublicServicesResponse, error) {
	return &cataloguev1.ListPublicServicesResponse{}, nil
}

func (catalogue) UpdateRelevance(_ context.Context, r *cataloguev1.UpdateRelevanceRequest) (*cataloguev1.Relevance, error) {
	if r.GetRelevance().GetEtag() == "refuse" {
		return nil, refusal(codes.InvalidArgument, "INVALID_FIELD", "Ungültig.", "Invalid.", &errdetails.BadRequest{FieldViolations: []*errdetails.BadRequest_FieldViolation{
			{Field: "relevance.rules[0].obligation", Description: "fehlt / is missing", Reason: "INVALID_FIELD"},
			{Field: "updateMask", Description: "nein / no", Reason: "INVALID_FIELD"},
		}})
	}
	return r.GetRelevance(), nil
}

// ImportCatalogue refuses a file that says so.
func (catalogue) ImportCatalogue(_ context.Context, r *cataloguev1.ImportCatalogueRequest) (*commonv1.ImportReport, error) {
	report := &commonv1.ImportReport{Format: r.GetFormat(), Rows: int32(len(r.GetFile())), ValidateOnly: r.GetValidateOnly()}
	switch string(r.GetFile()) {
	case "":
		return nil, refusal(codes.FailedPrecondition, "IMPORT_EMPTY", "Leer.", "Empty.")
	case "bad rows":
		report.Issues = []*commonv1.ImportIssue{{Severity: commonv1.ImportIssue_SEVERITY_ERROR, Line: 3, Column: "schluessel", Reason: "DUPLICATE_KEY"}}
		report.IssueCount = 1
		return nil, refusal(codes.InvalidArgument, "IMPORT_BAD_ROWS", "1 Zeile ist fehlerhaft.", "1 row is in error.", report)
	}
	return report, nil
}

type municipality struct {
	municipalityv1.UnimplementedMunicipalityServiceServer
}

func (municipality) GetImplementation(_ context.Context, r *municipalityv1.GetImplementationRequest) (*municipalityv1.Implementation, error) {
	return &municipalityv1.Implementation{Name: r.GetName(), Etag: "v3", Fulfilled: strings.Contains(r.GetName(), "/05758004/")}, nil
}

func (municipality) UpdateImplementation(_ context.Context, r *municipalityv1.UpdateImplementationRequest) (*municipalityv1.Implementation, error) {
	answer, _ := proto.Clone(r.GetImplementation()).(*municipalityv1.Implementation)
	answer.Etag = "v4"
	return answer, nil
}

func (municipality) BatchUpdateImplementations(context.Context, *municipalityv1.BatchUpdateImplementationsRequest) (*municipalityv1.BatchUpdateImplementationsResponse, error) {
	return &municipalityv1.BatchUpdateImplementationsResponse{}, nil
}

func (municipality) DeleteImplementation(context.Context, *municipalityv1.DeleteImplementationRequest) (*municipalityv1.DeleteImplementationResponse, error) {
	return &municipalityv1.DeleteImplementationResponse{}, nil
}

func (municipality) ListImplementationHistory(context.Context, *municipalityv1.ListImplementationHistoryRequest) (*municipalityv1.ListImplementationHistoryResponse, error) {
	return &municipalityv1.ListImplementationHistoryResponse{}, nil
}

func (municipality) ListGaps(context.Context, *municipalityv1.ListGapsRequest) (*municipalityv1.ListGapsResponse, error) {
	return &municipalityv1.ListGapsResponse{}, nil
}

func (municipality) ListProgress(context.Context, *municipalityv1.ListProgressRequest) (*municipalityv1.ListProgressResponse, error) {
	return &municipalityv1.ListProgressResponse{}, nil
}

func (municipality) ImportMunicipalities(_ context.Context, r *municipalityv1.ImportMunicipalitiesRequest) (*commonv1.ImportReport, error) {
	return &commonv1.ImportReport{Format: r.GetFormat(), Rows: int32(len(r.GetFile()))}, nil
}

// fileSize is how long exported files are.
const fileSize = 3000

// ExportImplementations answers a file that is no text, or one that is.
func (municipality) ExportImplementations(_ context.Context, r *municipalityv1.ExportImplementationsRequest) (*httpbody.HttpBody, error) {
	if r.GetFormat() == commonv1.FileFormat_FILE_FORMAT_XLSX {
		return &httpbody.HttpBody{ContentType: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", Data: bytes.Repeat([]byte{0, 0xff}, fileSize/2)}, nil
	}
	return &httpbody.HttpBody{ContentType: "text/csv; charset=utf-8", Data: bytes.Repeat([]byte("a"), fileSize)}, nil
}

type marketplace struct {
	marketplacev1.UnimplementedMarketplaceServiceServer
}

func (marketplace) CreateSolution(_ context.Context, r *marketplacev1.CreateSolutionRequest) (*marketplacev1.Solution, error) {
	return r.GetSolution(), nil
}

func (marketplace) SubmitSolution(_ context.Context, r *marketplacev1.SubmitSolutionRequest) (*marketplacev1.Solution, error) {
	return &marketplacev1.Solution{Name: r.GetName()}, nil
}

// GetOpenProjects answers the same document to everybody, or a table.
func (marketplace) GetOpenProjects(_ context.Context, r *marketplacev1.GetOpenProjectsRequest) (*httpbody.HttpBody, error) {
	if r.GetFormat() == "csv" {
		return &httpbody.HttpBody{ContentType: "text/csv; charset=utf-8", Data: bytes.Repeat([]byte("a"), fileSize)}, nil
	}
	return &httpbody.HttpBody{ContentType: "application/json", Data: []byte(`{"projects":[]}`)}, nil
}

func (marketplace) ListProjects(context.Context, *marketplacev1.ListProjectsRequest) (*marketplacev1.ListProjectsResponse, error) {
	return &marketplacev1.ListProjectsResponse{}, nil
}

// plain turns a message into what JSON decodes to, without protojson's random spaces.
func plain(t testing.TB, m proto.Message) any {
	t.Helper()
	source, err := protojson.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	var v any
	if err := json.Unmarshal(source, &v); err != nil {
		t.Fatal(err)
	}
	return v
}
