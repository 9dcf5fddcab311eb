package gateway

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/go-openapi/loads"
	"github.com/go-openapi/strfmt"
	"github.com/go-openapi/validate"
)

// describedAt reads the served description.
func describedAt(t *testing.T) ([]byte, object) {
	t.Helper()
	server, _ := newEdge(t, nil)
	response, source := ask(t, "GET", server.URL+"/openapi.json", "")
	if response.StatusCode != http.StatusOK {
		t.Fatalf("%d", response.StatusCode)
	}
	var doc object
	if err := json.Unmarshal(source, &doc); err != nil {
		t.Fatal(err)
	}
	return source, doc
}

// TestOpenAPIIsValid holds the description to Swagger 2.0, with all of its references.
func TestOpenAPIIsValid(t *testing.T) {
	t.Parallel()
	source, _ := describedAt(t)
	doc, err := loads.Analyzed(source, "2.0")
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Spec(doc, strfmt.Default); err != nil {
		t.Error(err)
	}
}

// TestOpenAPIDescribesHTTP: headers where they are honoured and nowhere else, statuses that the edge answers with.
func TestOpenAPIDescribesHTTP(t *testing.T) {
	t.Parallel()
	_, doc := describedAt(t)
	const one = "/v1/municipalities/{municipality}/implementations/{implementation}"
	for _, c := range []struct{ path, method, headers, statuses string }{
		{one, "get", "Kompass-Revision If-None-Match", "200 304 400 401 404 503"},
		{one, "patch", "Kompass-Revision If-Match If-None-Match Idempotency-Key", "200 400 401 404 409 412 413 415 503"},
		{one, "delete", "Kompass-Revision If-Match Idempotency-Key", "200 400 401 404 409 412 503"},
		{"/v1/themes", "get", "Kompass-Revision If-None-Match", "200 304 400 401 422 503"},
		{"/v1/solutions", "post", "Kompass-Revision Idempotency-Key", "200 400 401 409 413 415 503"},
		{"/v1/solutions/{solution}:submit", "post", "Kompass-Revision If-Match Idempotency-Key", "200 400 401 404 409 412 413 415 503"},
		{"/v1/municipalities/{municipality}/implementations:batchUpdate", "post", "Kompass-Revision Idempotency-Key", "200 400 401 404 409 413 415 503"},
		{"/v1/catalogue:import", "post", "Kompass-Revision Idempotency-Key", "200 400 401 409 413 415 503"},
	} {
		operation := members(doc, "paths", c.path, c.method)
		var headers, statuses []string
		for _, p := range items(operation["parameters"]) {
			if p["in"] == "header" {
				headers = append(headers, text(p["name"]))
			}
		}
		for status := range members(operation, "responses") {
			if status != "default" {
				statuses = append(statuses, status)
			}
		}
		slices.Sort(statuses)
		if got := strings.Join(headers, " "); got != c.headers {
			t.Errorf("%s %s has the headers %q, want %q", c.method, c.path, got, c.headers)
		}
		if got := strings.Join(statuses, " "); got != c.statuses {
			t.Errorf("%s %s answers %q, want %q", c.method, c.path, got, c.statuses)
		}
	}
	for name, response := range members(doc, "responses") {
		if ref := refName(members(response, "schema")); name != "304" && ref != "Problem" {
			t.Errorf("%s has the schema %q", name, ref)
		}
	}
}

// TestImportsTakeTheFileItself: a raw body with the types of files; Swagger 2.0 cannot say "or a form" beside it.
func TestImportsTakeTheFileItself(t *testing.T) {
	t.Parallel()
	_, doc := describedAt(t)
	for _, path := range []string{"/v1/catalogue:import", "/v1/municipalities:import", "/v1/solutions:import"} {
		operation, bodies := members(doc, "paths", path, "post"), 0
		for _, p := range items(operation["parameters"]) {
			switch p["in"] {
			case "body":
				bodies++
			case "formData":
				t.Errorf("%s mixes forms and bodies", path)
			}
		}
		consumes, _ := operation["consumes"].([]any)
		if bodies != 1 || slices.Contains(consumes, any("multipart/form-data")) {
			t.Errorf("%s has %d bodies of the types %v", path, bodies, consumes)
		}
		for _, kind := range []string{"text/csv", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "application/xml", "application/yaml"} {
			if !slices.Contains(consumes, any(kind)) {
				t.Errorf("%s does not take %s", path, kind)
			}
		}
	}
}

// TestMailThatCameBackIsAMail: the one upload that is no import says so.
func TestMailThatCameBackIsAMail(t *testing.T) {
	t.Parallel()
	_, base := newConsents(t)
	_, source := ask(t, http.MethodGet, base+"/openapi.json", "")
	var doc object
	if err := json.Unmarshal(source, &doc); err != nil {
		t.Fatal(err)
	}
	if kinds, _ := members(doc, "paths", "/v1/mail:bounce", "post")["consumes"].([]any); !slices.Contains(kinds, any("message/rfc822")) || slices.Contains(kinds, any("text/csv")) {
		t.Errorf("a mail that came back is taken as %v", kinds)
	}
}
