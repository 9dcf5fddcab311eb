package gateway

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

const (
	openProjects = "/v1/openData/projects"
	someOrigin   = "https://karte.example"
)

// TestOpenDataHeaders: any cache and any page may have open data, its licence goes with it, and a refusal is no open data.
func TestOpenDataHeaders(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Options){
		"nothing shared":     nil,
		"one origin":         func(o *Options) { o.AllowedOrigins = []string{"https://portal.example"} },
		"reads of everybody": func(o *Options) { o.PublicReads = true },
	} {
		server, _ := newEdge(t, change)
		first, body := ask(t, "GET", server.URL+openProjects, "")
		again, rest := ask(t, "GET", server.URL+openProjects, "", "If-None-Match", first.Header.Get("Etag"), "Origin", someOrigin)
		keyed, _ := ask(t, "GET", server.URL+openProjects, "", "Authorization", "Bearer x", "Origin", someOrigin)
		head, _ := ask(t, "HEAD", server.URL+openProjects, "")
		if string(body) != `{"projects":[]}` || first.Header.Get("Content-Type") != contentJSON || first.Header.Get("Content-Disposition") != "" {
			t.Errorf("%s: %s %v", name, body, first.Header)
		}
		if again.StatusCode != http.StatusNotModified || len(rest) > 0 {
			t.Errorf("%s: %d with the tag", name, again.StatusCode)
		}
		for _, r := range []*http.Response{first, again, keyed, head} {
			h := r.Header
			if h.Get("Cache-Control") != "public, max-age=300" || h.Get("Link") != `<https://www.govdata.de/dl-de/zero-2-0>; rel="license"` ||
				h.Get("Access-Control-Allow-Origin") != "*" || slices.Contains(h.Values("Vary"), "Origin") || !strings.Contains(h.Get("Access-Control-Expose-Headers"), "Link") {
				t.Errorf("%s: %d %v", name, r.StatusCode, h)
			}
		}
		refused, _ := ask(t, "GET", server.URL+openProjects+"?farbe=rot", "", "Origin", someOrigin)
		closed, _ := ask(t, "POST", server.URL+openProjects, "", "Origin", someOrigin)
		for status, r := range map[int]*http.Response{http.StatusBadRequest: refused, http.StatusMethodNotAllowed: closed} {
			if r.StatusCode != status || r.Header.Get("Cache-Control") != "no-store" || r.Header.Get("Link") != "" {
				t.Errorf("%s: a refusal is published: %d %v", name, r.StatusCode, r.Header)
			}
		}
		preflight, _ := ask(t, "OPTIONS", server.URL+openProjects, "", "Origin", someOrigin, "Access-Control-Request-Method", "GET")
		if preflight.StatusCode != http.StatusNoContent || preflight.Header.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(preflight.Header.Get("Access-Control-Allow-Headers"), "If-None-Match") {
			t.Errorf("%s: preflight %d %v", name, preflight.StatusCode, preflight.Header)
		}
		if other, _ := ask(t, "GET", server.URL+"/v1/projects", ""); other.Header.Get("Cache-Control") != "no-cache" || other.Header.Get("Link") != "" {
			t.Errorf("%s: what is no open data says %v", name, other.Header)
		}
	}
}

// TestOpenDataFile: a table is saved under the name of the data.
func TestOpenDataFile(t *testing.T) {
	t.Parallel()
	server, _ := newEdge(t, nil)
	answer, _ := ask(t, "GET", server.URL+openProjects+"?format=csv", "")
	if answer.Header.Get("Content-Disposition") != "attachment; filename=projects.csv" || answer.Header.Get("Link") == "" {
		t.Errorf("%v", answer.Header)
	}
}

// TestOpenDataAdmitsNowhereElse: whom a service lets in to open data, which is everybody, gets nothing else that was kept.
func TestOpenDataAdmitsNowhereElse(t *testing.T) {
	t.Parallel()
	server, services := newEdge(t, func(o *Options) {
		o.Sources = map[string]Source{"kompass.marketplace.v1.MarketplaceService": {Revision: func() string { return "r7" }}}
	})
	services.shut.Store(true)
	const key = "Bearer x"
	for _, s := range []struct {
		name, path, key string
		status          int
		asked           bool
	}{
		{"somebody with a key", "/v1/projects", key, 200, true},
		{"which is kept", "/v1/projects", key, 200, false},
		{"nobody in particular", openProjects, "", 200, true},
		{"again", openProjects, "", 200, false},
		{"is not let in to what was kept", "/v1/projects", "", 401, true},
		{"nor when asking again", "/v1/projects", "", 401, true},
		{"with a key that is none", openProjects, "Bearer withdrawn", 401, true},
		{"a key at open data", openProjects, "Bearer y", 200, true},
		{"is judged elsewhere anew", "/v1/projects", "Bearer y", 200, true},
	} {
		services.taken()
		var headers []string
		if s.key != "" {
			headers = []string{"Authorization", s.key}
		}
		response, _ := ask(t, http.MethodGet, server.URL+s.path, "", headers...)
		if asked := services.taken() != nil; response.StatusCode != s.status || asked != s.asked {
			t.Errorf("%s: %d, service asked %v; want %d, %v", s.name, response.StatusCode, asked, s.status, s.asked)
		}
	}
}

// TestOpenDataIsDescribed: in all its formats, with its licence.
func TestOpenDataIsDescribed(t *testing.T) {
	t.Parallel()
	_, doc := describedAt(t)
	operation := members(doc, "paths", openProjects, "get")
	produces, _ := operation["produces"].([]any)
	for _, kind := range []any{contentJSON, "text/csv"} {
		if !slices.Contains(produces, kind) {
			t.Errorf("%v is not among %v", kind, produces)
		}
	}
	if !strings.Contains(text(members(operation, "responses", "200", "headers", "Link")["description"]), Licence) {
		t.Errorf("%v", operation["responses"])
	}
	for _, p := range items(operation["parameters"]) {
		if formats, _ := p["enum"].([]any); p["name"] == "format" && !slices.Equal(formats, []any{"json", "csv", "xlsx"}) {
			t.Errorf("formats: %v", p)
		}
	}
}
