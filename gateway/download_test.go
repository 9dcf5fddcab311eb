package gateway

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

// TestDownload: a file arrives as it is, under a name, and with all that an answer has.
func TestDownload(t *testing.T) {
	t.Parallel()
	server, _ := newEdge(t, nil)
	for _, c := range []struct{ path, kind, name string }{
		{"/v1/municipalities/05758004/implementations:export", "text/csv; charset=utf-8", "implementations-05758004.csv"},
		{"/v1/municipalities/-/implementations:export?format=xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "implementations.xlsx"},
	} {
		answer, body := ask(t, "GET", server.URL+c.path, "", "Accept-Encoding", "gzip")
		if answer.StatusCode != http.StatusOK || answer.Header.Get("Content-Type") != c.kind || !strings.Contains(answer.Header.Get("Content-Disposition"), "attachment; filename="+c.name) {
			t.Errorf("%s: %d %v", c.path, answer.StatusCode, answer.Header)
		}
		if packed := answer.Header.Get("Content-Encoding") != ""; packed != strings.HasPrefix(c.kind, "text/") {
			t.Errorf("%s is compressed: %v", c.kind, packed)
		}
		_, plain := ask(t, "GET", server.URL+c.path, "")
		if len(plain) != fileSize || plain[0] != 'a' && plain[0] != 0 || answer.ContentLength != int64(len(body)) {
			t.Errorf("%s: %d bytes", c.path, len(plain))
		}
		tag := answer.Header.Get("Etag")
		if again, rest := ask(t, "GET", server.URL+c.path, "", "If-None-Match", tag); again.StatusCode != http.StatusNotModified || len(rest) > 0 {
			t.Errorf("%s: %d with %s", c.path, again.StatusCode, tag)
		}
		if head, _ := ask(t, "HEAD", server.URL+c.path, ""); head.ContentLength != fileSize {
			t.Errorf("HEAD of %s: %d", c.path, head.ContentLength)
		}
	}
	for _, format := range []string{"pdf", "geojson", "FILE_FORMAT_XZUFI"} {
		refused, body := ask(t, "GET", server.URL+"/v1/municipalities/05758004/implementations:export?format="+format, "")
		if refused.StatusCode != http.StatusBadRequest || refused.Header.Get("Content-Disposition") != "" || !strings.Contains(string(body), "muss einer dieser Werte sein: csv, xlsx / ") {
			t.Errorf("%s: %d %v %s", format, refused.StatusCode, refused.Header, body)
		}
	}
}

// TestDownloadsAreDescribed: as files with their types.
func TestDownloadsAreDescribed(t *testing.T) {
	t.Parallel()
	_, doc := describedAt(t)
	operation := members(doc, "paths", "/v1/municipalities/{municipality}/implementations:export", "get")
	produces, _ := operation["produces"].([]any)
	if !slices.Contains(produces, any("text/csv")) || text(members(operation, "responses", "200", "schema")["type"]) != "file" {
		t.Errorf("%v", operation)
	}
	for _, p := range items(operation["parameters"]) {
		if formats, _ := p["enum"].([]any); p["name"] == "format" && !slices.Equal(formats, []any{"csv", "xlsx"}) {
			t.Errorf("formats: %v", p)
		}
	}
}
