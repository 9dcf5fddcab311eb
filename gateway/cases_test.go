package gateway

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path"
	"reflect"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
)

// golden is one case of testdata/cases.json: a request over HTTP, what the service then saw over gRPC, and the answer.
type golden struct {
	Name    string
	Method  string // GET when empty
	Path    string
	Headers map[string]string
	Body    json.RawMessage // JSON, or a string that is sent as it is
	GRPC    *struct {       // absent: the request must not reach a service
		Method   string
		Code     string // OK when empty
		Request  any
		Metadata map[string]string
	}
	Status int // 200 when 0
	Answer any // every member must be in the answer; lists in full
	Header map[string]string
	Fields []string // of the problem's violations, in order
}

func (g *golden) body() string {
	var text string
	if json.Unmarshal(g.Body, &text) == nil {
		return text
	}
	return string(g.Body)
}

// TestGolden runs the table through real HTTP and real gRPC and asserts both codes.
func TestGolden(t *testing.T) {
	t.Parallel()
	source, err := os.ReadFile("testdata/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []golden
	decoder := json.NewDecoder(strings.NewReader(string(source)))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&cases); err != nil {
		t.Fatal(err)
	}
	server, services := newEdge(t, nil)
	for _, g := range cases {
		t.Run(g.Name, func(t *testing.T) { // in turn: they share what the backend saw
			services.taken()
			g.run(t, server.URL, services)
		})
	}
}

func (g *golden) run(t *testing.T, address string, services *backend) {
	method, body := g.Method, g.body()
	if method == "" {
		method = "GET"
	}
	var headers []string
	if body != "" && g.Headers["Content-Type"] == "" {
		headers = append(headers, "Content-Type", "application/json")
	}
	for name, value := range g.Headers {
		headers = append(headers, name, value)
	}
	response, answer := ask(t, method, address+g.Path, body, headers...)
	if want := cmp.Or(g.Status, http.StatusOK); response.StatusCode != want {
		t.Fatalf("status %d, want %d: %s", response.StatusCode, want, answer)
	}
	g.checkCall(t, services.taken())
	for name, want := range g.Header {
		if got := response.Header.Get(name); got != want {
			t.Errorf("header %s is %q, want %q", name, got, want)
		}
	}
	var got any
	if len(answer) > 0 && response.Header.Get("Content-Type") != contentText {
		if err := json.Unmarshal(answer, &got); err != nil {
			t.Fatalf("no JSON: %v: %s", err, answer)
		}
	}
	if difference := missing("", g.Answer, got); difference != "" {
		t.Errorf("%s in %s", difference, answer)
	}
	if response.StatusCode >= 400 {
		checkProblem(t, g.Fields, response.StatusCode, response.Header.Get("Content-Type"), answer)
	}
	if strings.Contains(string(answer)+fmt.Sprint(response.Header), "hunter2") {
		t.Errorf("text of a driver reached the client: %s", answer)
	}
	for name := range response.Header {
		if strings.HasPrefix(name, "Grpc") || name == "Secret-Header" || name == "Trailer" {
			t.Errorf("header %s leaks out", name)
		}
	}
}

func (g *golden) checkCall(t *testing.T, seen *call) {
	t.Helper()
	if (seen != nil) != (g.GRPC != nil) {
		t.Fatalf("the service saw %+v, expected %+v", seen, g.GRPC)
	}
	if seen == nil {
		return
	}
	if got := path.Base(seen.method); got != g.GRPC.Method {
		t.Errorf("gRPC method %s, want %s", got, g.GRPC.Method)
	}
	want := g.GRPC.Code
	if want == "" {
		want = codes.OK.String()
	}
	if seen.code.String() != want {
		t.Errorf("gRPC code %s, want %s", seen.code, want)
	}
	if got := plain(t, seen.request); g.GRPC.Request != nil && !reflect.DeepEqual(got, g.GRPC.Request) {
		t.Errorf("the service saw %v\nwant %v", got, g.GRPC.Request)
	}
	for key, want := range g.GRPC.Metadata {
		if got := strings.Join(seen.header.Get(key), "|"); got != want {
			t.Errorf("metadata %s is %q, want %q", key, got, want)
		}
	}
	allowed := map[string]bool{":authority": true, "content-type": true, "user-agent": true, "grpc-accept-encoding": true,
		"authorization": true, mdRevision: true, mdRequestID: true, mdIdempotency: true, "if-match": true, "if-none-match": true}
	for key := range seen.header {
		if !allowed[key] {
			t.Errorf("metadata %s leaks in", key)
		}
	}
}

// missing names the first member of want that got has not.
func missing(at string, want, got any) string {
	object, ok := want.(map[string]any)
	if !ok {
		if want != nil && !reflect.DeepEqual(want, got) {
			return fmt.Sprintf("%s is %v, want %v", at, got, want)
		}
		return ""
	}
	members, _ := got.(map[string]any)
	for name, value := range object {
		actual, present := members[name]
		if !present {
			return at + "." + name + " is missing"
		}
		if difference := missing(at+"."+name, value, actual); difference != "" {
			return difference
		}
	}
	return ""
}

// checkProblem asserts every member that a problem always has.
func checkProblem(t *testing.T, fields []string, status int, contentType string, answer []byte) {
	t.Helper()
	if contentType != contentProblem {
		t.Errorf("Content-Type %q", contentType)
	}
	var p map[string]any
	if err := json.Unmarshal(answer, &p); err != nil {
		t.Fatalf("problem is no JSON: %v", err)
	}
	for _, name := range []string{"type", "title", "detail", "detailEn", "instance", "reason", "requestId"} {
		if s, _ := p[name].(string); s == "" {
			t.Errorf("problem has no %s: %s", name, answer)
		}
	}
	if p["status"] != float64(status) {
		t.Errorf("problem says %v, the answer %d", p["status"], status)
	}
	violations, ok := p["violations"].([]any)
	if !ok {
		t.Fatalf("violations are no list: %s", answer)
	}
	var got []string
	for _, v := range violations {
		v, _ := v.(map[string]any)
		got = append(got, fmt.Sprint(v["field"]))
		if text, _ := v["description"].(string); !strings.Contains(text, " / ") || v["reason"] == "" {
			t.Errorf("violation %v lacks a language or a reason", v)
		}
	}
	if fields != nil && !reflect.DeepEqual(got, fields) {
		t.Errorf("violations name %q, want %q", got, fields)
	}
}
