package gateway

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
)

func TestCORS(t *testing.T) {
	t.Parallel()
	const here, there = "https://portal.example", "https://other.example"
	for _, c := range []struct {
		name, method, origin, wanted string
		options                      Options
		allow                        string
	}{
		{"nobody by default", "GET", here, "", Options{}, ""},
		{"listed", "GET", here, "", Options{AllowedOrigins: []string{here}}, here},
		{"not listed", "GET", there, "", Options{AllowedOrigins: []string{here}}, ""},
		{"any", "GET", there, "", Options{AllowedOrigins: []string{"*"}}, "*"},
		{"public reads", "GET", there, "", Options{PublicReads: true}, "*"},
		{"public reads do not write", "OPTIONS", there, "PATCH", Options{PublicReads: true}, ""},
		{"preflight of a read", "OPTIONS", there, "GET", Options{PublicReads: true}, "*"},
		{"preflight", "OPTIONS", here, "PATCH", Options{AllowedOrigins: []string{here}}, here},
		{"preflight not listed", "OPTIONS", there, "PATCH", Options{AllowedOrigins: []string{here}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			server, _ := newEdge(t, func(o *Options) { o.AllowedOrigins, o.PublicReads = c.options.AllowedOrigins, c.options.PublicReads })
			headers := []string{"Origin", c.origin}
			if c.wanted != "" {
				headers = append(headers, "Access-Control-Request-Method", c.wanted)
			}
			response, body := ask(t, c.method, server.URL+implementation, "", headers...)
			if got := response.Header.Get("Access-Control-Allow-Origin"); got != c.allow {
				t.Errorf("Allow-Origin %q, want %q", got, c.allow)
			}
			if methods := response.Header.Get("Access-Control-Allow-Methods"); (c.wanted != "" && c.allow != "") != strings.Contains(methods, "PATCH") {
				t.Errorf("Allow-Methods %q", methods)
			}
			if c.wanted != "" && (response.StatusCode != http.StatusNoContent || len(body) != 0) {
				t.Errorf("preflight: %d %s", response.StatusCode, body)
			}
			if c.allow != "" && response.Header.Get("Access-Control-Allow-Credentials") != "" {
				t.Error("credentials are never allowed")
			}
			if c.options.PublicReads || c.options.AllowedOrigins != nil {
				if !slices.Contains(response.Header.Values("Vary"), "Origin") {
					t.Errorf("Vary %q", response.Header.Values("Vary"))
				}
			}
		})
	}
}

func TestReadiness(t *testing.T) {
	t.Parallel()
	server, services := newEdge(t, nil)
	states := func() (int, map[string]string) {
		response, body := ask(t, "GET", server.URL+"/readyz", "")
		if (response.Header.Get("Retry-After") != "") != (response.StatusCode == http.StatusServiceUnavailable) {
			t.Errorf("%d with Retry-After %q", response.StatusCode, response.Header.Get("Retry-After"))
		}
		var answer struct {
			Ready bool
			Parts []partState
		}
		if err := json.Unmarshal(body, &answer); err != nil {
			t.Fatal(err)
		}
		if answer.Ready != (response.StatusCode == http.StatusOK) {
			t.Errorf("ready: %v with %d", answer.Ready, response.StatusCode)
		}
		m := map[string]string{}
		for _, p := range answer.Parts {
			m[p.Name] = p.State
		}
		return response.StatusCode, m
	}
	if code, m := states(); code != 200 || len(m) != 3 || m["catalogue"] != "SERVING" {
		t.Fatalf("%d %v", code, m)
	}
	services.health.SetServingStatus(municipalityv1.MunicipalityService_ServiceDesc.ServiceName, healthv1.HealthCheckResponse_NOT_SERVING)
	if code, m := states(); code != 503 || m["municipality"] != "NOT_SERVING" || m["catalogue"] != "SERVING" {
		t.Fatalf("%d %v", code, m)
	}
	_ = services.conn.Close()
	if code, m := states(); code != 503 || m["catalogue"] != "UNREACHABLE" {
		t.Fatalf("%d %v", code, m)
	}
	if response, body := ask(t, "GET", server.URL+"/healthz", ""); response.StatusCode != http.StatusOK || string(body) != "ok\n" {
		t.Errorf("alive: %d %s", response.StatusCode, body)
	}
	if response, body := ask(t, "GET", server.URL+"/v1/themes", ""); response.StatusCode < 499 {
		t.Errorf("a service that is gone: %d %s", response.StatusCode, body)
	}
}

func TestPartsThatAreNotServed(t *testing.T) {
	t.Parallel()
	server, _ := newEdge(t, func(o *Options) { o.Municipality, o.Marketplace = nil, nil })
	for path, want := range map[string]int{"/v1/themes": 200, "/v1/municipalities": 404, "/v1/solutions": 404, "/metrics": 404} {
		if response, _ := ask(t, "GET", server.URL+path, ""); response.StatusCode != want {
			t.Errorf("%s: %d", path, response.StatusCode)
		}
	}
	_, spec := ask(t, "GET", server.URL+"/openapi.json", "")
	if bytes.Contains(spec, []byte("/v1/municipalities")) || !bytes.Contains(spec, []byte("/v1/themes")) {
		t.Error("the description lists paths that are not served")
	}
}

// buffer is a log that several goroutines write.
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

func TestMetricsAndLog(t *testing.T) {
	t.Parallel()
	registry, log := prometheus.NewRegistry(), &buffer{}
	server, _ := newEdge(t, func(o *Options) {
		o.Registerer, o.Gatherer, o.Logger = registry, registry, slog.New(slog.NewJSONHandler(log, nil))
	})
	for range 3 {
		ask(t, "GET", server.URL+"/v1/themes/bildung?q=geheim", "")
		ask(t, "GET", server.URL+"/v1/themes/bildung", "")
		ask(t, "GET", server.URL+"/nowhere/"+newID(), "")
		ask(t, "BREW", server.URL+"/v1/themes/bildung", "")
	}
	ask(t, "GET", server.URL+"/v1/themes/driver", "", "X-Request-Id", "find-me")
	_, body := ask(t, "GET", server.URL+"/metrics", "")
	for _, want := range []string{
		`kompass_http_requests_total{method="GET",route="/v1/themes/*",status="200"} 3`,
		`kompass_http_requests_total{method="GET",route="/v1/themes/*",status="400"} 3`,
		`kompass_http_requests_total{method="other",route="unknown",status="404"} 3`,
		`kompass_http_requests_total{method="other",route="/v1/themes/*",status="405"} 3`,
		`kompass_http_request_duration_seconds_count{method="GET",route="/v1/themes/*"} 7`,
		`kompass_http_requests_in_flight 1`,
	} {
		if !strings.Contains(string(body), want) {
			t.Errorf("/metrics lacks %s", want)
		}
	}
	written := log.String()
	if strings.Contains(written, "geheim") {
		t.Error("the log has what people search for")
	}
	if !regexp.MustCompile(`"ERROR".*"status":500.*"request_id":"find-me".*hunter2`).MatchString(written) {
		t.Errorf("the cause of an error is not in the log:\n%s", written)
	}
	if _, err := New(t.Context(), Options{Registerer: registry}); err == nil {
		t.Error("metrics registered twice without an error")
	}
}

func TestPanic(t *testing.T) {
	t.Parallel()
	h, err := New(t.Context(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	e, _ := h.(*edge)
	e.addPage("/panic", func(*exchange) { panic("secret") })
	e.addPage("/late", func(x *exchange) { _, _ = x.Write([]byte("half")); panic("secret") })
	recorder := httptest.NewRecorder()
	h.ServeHTTP(recorder, httptest.NewRequest(http.MethodGet, "/panic", nil))
	if strings.Contains(recorder.Body.String(), "secret") {
		t.Error("the panic reached the client")
	}
	checkProblem(t, nil, 500, recorder.Header().Get("Content-Type"), recorder.Body.Bytes())
	defer func() {
		if recover() != http.ErrAbortHandler { //nolint:errorlint // a panic's value, compared as net/http does
			t.Error("an answer that has begun must break off")
		}
	}()
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, "/late", nil))
}

func TestRequestIDs(t *testing.T) {
	t.Parallel()
	server, services := newEdge(t, nil)
	for _, sent := range []string{"", "with space", strings.Repeat("x", 129), "ok-1.2:3_4"} {
		response, _ := ask(t, "GET", server.URL+"/v1/themes/bildung", "", "X-Request-Id", sent)
		got := response.Header.Values("X-Request-Id")
		if len(got) != 1 || !validID(got[0]) || (got[0] == sent) != validID(sent) {
			t.Errorf("sent %q, got %q", sent, got)
		}
		if seen := services.taken().header.Get(mdRequestID); !slices.Equal(seen, got) {
			t.Errorf("the service saw %q, the client %q", seen, got)
		}
	}
}

func TestProblemPages(t *testing.T) {
	t.Parallel()
	server, _ := newEdge(t, func(o *Options) {
		o.Reasons = []Reason{{Name: "ETAG_MISMATCH", Code: codes.Aborted, DE: "„{resource}“ wurde geändert.", EN: "{resource} has changed."}}
	})
	_, problem := ask(t, "GET", server.URL+"/v1/themes/mismatch", "")
	if !bytes.Contains(problem, []byte(`"type":"/problems/ETAG_MISMATCH"`)) {
		t.Errorf("%s", problem)
	}
	response, page := ask(t, "GET", server.URL+"/problems/ETAG_MISMATCH", "")
	if response.StatusCode != http.StatusOK || !bytes.Contains(page, []byte("412")) || !bytes.Contains(page, []byte("… has changed")) || bytes.Contains(page, []byte("{resource}")) {
		t.Errorf("%d %s", response.StatusCode, page)
	}
	if response, _ := ask(t, "GET", server.URL+"/problems/NOTHING", ""); response.StatusCode != http.StatusNotFound {
		t.Errorf("%d", response.StatusCode)
	}
}

// TestDocs: every method of the contract is there in German, every link inside the page leads somewhere, and nothing
// is loaded from anywhere.
func TestDocs(t *testing.T) {
	t.Parallel()
	server, _ := newEdge(t, nil)
	response, body := ask(t, "GET", server.URL+"/docs", "")
	page := string(body)
	if policy := response.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "style-src 'sha256-") || !strings.Contains(policy, "frame-ancestors 'none'") {
		t.Errorf("policy %q", policy)
	}
	german, err := germanTexts()
	if err != nil {
		t.Fatal(err)
	}
	services := []string{cataloguev1.CatalogueService_ServiceDesc.ServiceName, municipalityv1.MunicipalityService_ServiceDesc.ServiceName}
	for _, desc := range []struct {
		name    string
		methods int
	}{{services[0], len(cataloguev1.CatalogueService_ServiceDesc.Methods)}, {services[1], len(municipalityv1.MunicipalityService_ServiceDesc.Methods)}} {
		if n := strings.Count(page, `<h3 id="`+desc.name[strings.LastIndex(desc.name, ".")+1:]+"_"); n < desc.methods {
			t.Errorf("%s: %d methods on the page, %d in the contract", desc.name, n, desc.methods)
		}
	}
	for _, id := range regexp.MustCompile(`<h3 id="([A-Za-z]+_[A-Za-z0-9]+)"`).FindAllStringSubmatch(page, -1) {
		if german[id[1]] == "" {
			t.Errorf("%s has no German text in pages/deutsch.json", id[1])
		}
	}
	for _, link := range regexp.MustCompile(`href="#([^"]+)"`).FindAllStringSubmatch(page, -1) {
		if !strings.Contains(page, `id="`+link[1]+`"`) {
			t.Errorf("#%s leads nowhere", link[1])
		}
	}
	if regexp.MustCompile(`(src|href)="(https?:)?//|<script`).MatchString(page) {
		t.Error("the page loads something")
	}
	for _, want := range []string{"/v1/municipalities/{municipality}/implementations/{implementation}", "csv, xlsx, xzufi, geojson", "theme, district, sizeClass, municipality", updateMask,
		"<code>Idempotency-Key</code></td><td>Kopfzeile", "Ablehnungen", "<code>412</code> Inzwischen geändert", "Whether the file is the whole table or a part of it."} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
}

// TestRoutesAgree: every path of the contract leads to the gRPC method whose rule it is.
func TestRoutesAgree(t *testing.T) {
	t.Parallel()
	b := newBackend(t)
	h, err := New(t.Context(), Options{Catalogue: b.conn, Municipality: b.conn, Marketplace: b.conn})
	if err != nil {
		t.Fatal(err)
	}
	e, _ := h.(*edge)
	paths := 0
	for _, r := range e.routes.all {
		for method, ep := range r.endpoints {
			if ep.page != nil || method == http.MethodHead {
				continue
			}
			paths++
			recorder, body := httptest.NewRecorder(), `{"note":"x","displayName":"x","successors":[]}`
			b.taken()
			request := httptest.NewRequest(method, strings.ReplaceAll(r.pattern, "*", "x"), strings.NewReader(body))
			h.ServeHTTP(recorder, request)
			seen := b.taken()
			if seen == nil {
				if recorder.Code != 400 { // a body that does not fit is fine
					t.Errorf("%s %s: %d %s", method, r.pattern, recorder.Code, recorder.Body)
				}
				continue
			}
			if want := "/" + strings.Replace(ep.rpc, "Service.", "Service/", 1); seen.method != want {
				t.Errorf("%s %s: gRPC %s, want %s", method, r.pattern, seen.method, want)
			}
		}
	}
	if paths < 45 {
		t.Errorf("only %d paths", paths)
	}
}
