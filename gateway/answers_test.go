package gateway

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"
)

func TestAdmissionsEnd(t *testing.T) {
	t.Parallel()
	now, who := time.Now(), admission{service: "s"}
	l := newAdmissions()
	l.grant(who, now)
	for after, want := range map[time.Duration]bool{0: true, admissionTime - 1: true, admissionTime: false} {
		if l.holds(who, now.Add(after)) != want || l.holds(admission{service: "t"}, now.Add(after)) {
			t.Errorf("after %v: %v, want %v; at another service it never holds", after, !want, want)
		}
	}
	for i := range 5000 {
		l.grant(admission{key: [32]byte{byte(i), byte(i >> 8)}}, now.Add(time.Duration(i)*time.Millisecond))
	}
	if len(l.since) > 2100 {
		t.Errorf("%d admissions are remembered", len(l.since))
	}
}

// TestReuse: a read asks the service once a revision; whatever could make the answer another one asks again.
func TestReuse(t *testing.T) {
	t.Parallel()
	var revision atomic.Value
	revision.Store("r7") // what the backend says with every answer
	server, services := newEdge(t, func(o *Options) {
		o.Sources = map[string]Source{"kompass.catalogue.v1.CatalogueService": {Revision: func() string { return revision.Load().(string) }}}
	})
	steps := []struct {
		name, method, path, revision string
		headers                      []string
		status                       int
		asked                        bool
	}{
		{"first", http.MethodGet, "/v1/themes/bildung", "r7", nil, 200, true},
		{"again", http.MethodGet, "/v1/themes/bildung", "r7", nil, 200, false},
		{"carrying the same revision", http.MethodGet, "/v1/themes/bildung", "r7", []string{"Kompass-Revision", "r7"}, 200, false},
		{"carrying a newer revision", http.MethodGet, "/v1/themes/bildung", "r7", []string{"Kompass-Revision", "r8"}, 200, true},
		{"with a key that nobody has judged yet", http.MethodGet, "/v1/themes/bildung", "r7", []string{"Authorization", "Bearer x"}, 200, true},
		{"with the same key", http.MethodGet, "/v1/themes/bildung", "r7", []string{"Authorization", "Bearer x"}, 200, false},
		{"with another key", http.MethodGet, "/v1/themes/bildung", "r7", []string{"Authorization", "Bearer y"}, 200, true},
		{"with a key that is none", http.MethodGet, "/v1/themes/bildung", "r7", []string{"Authorization", "Bearer withdrawn"}, 401, true},
		{"with a key that is none, again", http.MethodGet, "/v1/themes/bildung", "r7", []string{"Authorization", "Bearer withdrawn"}, 401, true},
		{"another query", http.MethodGet, "/v1/themes?pageSize=2", "r7", nil, 200, true},
		{"compressed", http.MethodGet, "/v1/themes/bildung", "r7", []string{"Accept-Encoding", "gzip"}, 200, false},
		{"refused", http.MethodGet, "/v1/themes/missing", "r7", nil, 404, true},
		{"refused again", http.MethodGet, "/v1/themes/missing", "r7", nil, 404, true},
		{"of another service", http.MethodGet, "/v1/municipalities/05758004/gaps", "r7", nil, 200, true},
		{"of another service again", http.MethodGet, "/v1/municipalities/05758004/gaps", "r7", nil, 200, true},
		{"the state moved on", http.MethodGet, "/v1/themes/bildung", "r8", nil, 200, true},
		{"the answer was of an older state: not kept", http.MethodGet, "/v1/themes/bildung", "r8", nil, 200, true},
		{"the state is back", http.MethodGet, "/v1/themes/bildung", "r7", nil, 200, false},
		{"a change", http.MethodPatch, "/v1/publicServices/99012001001000/relevance", "r7", nil, 200, true},
	}
	var first []byte
	for _, s := range steps {
		revision.Store(s.revision)
		body := ""
		if s.method == http.MethodPatch {
			body = `{"note":"x"}`
			s.headers = append(s.headers, "Content-Type", "application/json")
		}
		services.taken()
		response, got := ask(t, s.method, server.URL+s.path, body, s.headers...)
		if asked := services.taken() != nil; asked != s.asked || response.StatusCode != s.status {
			t.Errorf("%s: status %d, service asked %v; want %d, %v", s.name, response.StatusCode, asked, s.status, s.asked)
		}
		if s.path != "/v1/themes/bildung" || len(s.headers) > 0 {
			continue
		}
		if first == nil {
			first = got
		}
		if string(got) != string(first) || response.Header.Get("Etag") == "" || response.Header.Get("Kompass-Revision") != "r7" {
			t.Errorf("%s: %s %v", s.name, got, response.Header)
		}
	}
}
