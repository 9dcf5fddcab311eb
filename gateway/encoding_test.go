package gateway

import (
	"net/http"
	"strings"
	"testing"
)

// TestBodiesThatAreNoUTF8: the field and the byte are named, wherever the text stands; nothing is repaired in silence.
func TestBodiesThatAreNoUTF8(t *testing.T) {
	t.Parallel()
	server, services := newEdge(t, nil)
	for name, c := range map[string]struct{ method, path, body, field, text string }{
		"text of a field":    {"PATCH", implementation, "{\"note\":\"ab\xffc\"}", "note", "Byte 11 "},
		"second line":        {"PATCH", implementation, "{\"note\":\n \"\xc3\"}", "note", "byte 11"},
		"in a list":          {"POST", "/v1/solutions", "{\"sizeClasses\":[\"SIZE_CLASS_KREIS\",\"\xed\xa0\x80\"]}", "sizeClasses[1]", "UTF-8"},
		"in a nested object": {"PATCH", implementation, "{\"maturity\":{\"model\":\"\xfe\"}}", "maturity.model", "Byte 22 "},
		"name of a field":    {"PATCH", implementation, "{\"no\xffte\":1}", "no\uFFFDte", ""},
	} {
		response, answer := ask(t, c.method, server.URL+c.path, c.body, "Content-Type", contentJSON)
		if response.StatusCode != http.StatusBadRequest || services.taken() != nil {
			t.Errorf("%s: %d %s", name, response.StatusCode, answer)
			continue
		}
		checkProblem(t, []string{c.field}, 400, response.Header.Get("Content-Type"), answer)
		if !strings.Contains(string(answer), c.text) {
			t.Errorf("%s: %s does not say %q", name, answer, c.text)
		}
	}
}

func TestSizeText(t *testing.T) {
	t.Parallel()
	for bytes, want := range map[int64]string{8 << 20: "8 MiB", 3 << 10: "3 KiB", 4097: "4097 Bytes"} {
		if got := sizeText(bytes); got != want {
			t.Errorf("%d is %q, want %q", bytes, got, want)
		}
	}
}
