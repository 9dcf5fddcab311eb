package gateway

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"
)

const implementation = "/v1/municipalities/05758004/implementations/99107010012000"

func TestConditionalReads(t *testing.T) {
	t.Parallel()
	server, _ := newEdge(t, nil)
	for _, path := range []string{implementation, "/v1/themes?pageSize=3", "/v1/themes?pageSize=100", "/openapi.json", "/asyncapi.yaml", "/docs", "/"} {
		t.Run(path, func(t *testing.T) {
			t.Parallel()
			first, body := ask(t, "GET", server.URL+path, "")
			tag := first.Header.Get("ETag")
			if !strings.HasPrefix(tag, `"`) || len(tag) < 10 {
				t.Fatalf("ETag is %q", tag)
			}
			zipped, _ := ask(t, "GET", server.URL+path, "", "Accept-Encoding", "gzip")
			if long := len(body) >= minCompress; long == (zipped.Header.Get("ETag") == tag) {
				t.Errorf("a compressed body needs a tag of its own: %q and %q", tag, zipped.Header.Get("ETag"))
			}
			for _, header := range []string{tag, "W/" + tag, `"x", ` + tag, "*", strings.TrimSuffix(tag, `"`) + tagSuffix + `"`} {
				again, rest := ask(t, "GET", server.URL+path, "", "If-None-Match", header)
				if again.StatusCode != http.StatusNotModified || len(rest) != 0 || again.Header.Get("ETag") != tag {
					t.Errorf("If-None-Match %s: %d, %d bytes, ETag %q", header, again.StatusCode, len(rest), again.Header.Get("ETag"))
				}
				if again.Header.Get("Vary") == "" || again.Header.Get("Cache-Control") != "no-cache" {
					t.Errorf("304 without Vary or Cache-Control: %v", again.Header)
				}
			}
			if other, rest := ask(t, "GET", server.URL+path, "", "If-None-Match", `"other"`); other.StatusCode != http.StatusOK || !bytes.Equal(rest, body) {
				t.Errorf("another tag: %d", other.StatusCode)
			}
			head, nothing := ask(t, "HEAD", server.URL+path, "")
			if head.StatusCode != http.StatusOK || len(nothing) != 0 || head.ContentLength != int64(len(body)) || head.Header.Get("ETag") != tag {
				t.Errorf("HEAD: %d, %d bytes, length %d", head.StatusCode, len(nothing), head.ContentLength)
			}
		})
	}
}

// TestTagSeesDerivedFields: two resources of one version whose derived fields differ must not share a tag.
func TestTagSeesDerivedFields(t *testing.T) {
	t.Parallel()
	server, services := newEdge(t, nil)
	one, _ := ask(t, "GET", server.URL+implementation, "")
	two, _ := ask(t, "GET", server.URL+strings.Replace(implementation, "05758004", "05758012", 1), "")
	if one.Header.Get("ETag") == two.Header.Get("ETag") {
		t.Errorf("both have %s", one.Header.Get("ETag"))
	}
	if !strings.HasPrefix(one.Header.Get("ETag"), `"v3~`) {
		t.Errorf("ETag %s does not carry the version", one.Header.Get("ETag"))
	}
	changed, _ := ask(t, "PATCH", server.URL+implementation, `{"note":"x"}`, "If-Match", one.Header.Get("ETag"))
	if got := services.taken().header.Get("if-match"); len(got) != 1 || got[0] != `"v3"` {
		t.Errorf("the service got if-match %q", got)
	}
	if !strings.HasPrefix(changed.Header.Get("ETag"), `"v4~`) {
		t.Errorf("the answer to a change has ETag %q", changed.Header.Get("ETag"))
	}
}

func TestVersionsOf(t *testing.T) {
	t.Parallel()
	for header, want := range map[string]string{
		``: ``, `*`: `*`, `"a"`: `"a"`, `W/"a~1f"`: `"a"`, `"a~1f-gzip"`: `"a"`, `"a~b~1f"`: `"a~b"`,
		`"a", W/"b"`: `"a", "b"`, `abc`: `"abc"`, `,,`: ``, `"~1f"`: `"~1f"`,
	} {
		if got := versionsOf(header); got != want {
			t.Errorf("versionsOf(%s) = %s, want %s", header, got, want)
		}
	}
}

func TestCompression(t *testing.T) {
	t.Parallel()
	server, _ := newEdge(t, nil)
	for name, c := range map[string]struct {
		path, accept string
		zipped       bool
	}{
		"long":        {"/v1/themes?pageSize=100", "br, gzip;q=0.5", true},
		"any":         {"/v1/themes?pageSize=100", "*", true},
		"not wanted":  {"/v1/themes?pageSize=100", "gzip;q=0, *", false},
		"not asked":   {"/v1/themes?pageSize=100", "", false},
		"short":       {"/v1/themes?pageSize=1", "gzip", false},
		"static page": {"/docs", "gzip", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, plain := ask(t, "GET", server.URL+c.path, "")
			response, body := ask(t, "GET", server.URL+c.path, "", "Accept-Encoding", c.accept)
			if got := response.Header.Get("Content-Encoding") == "gzip"; got != c.zipped {
				t.Fatalf("compressed: %v", got)
			}
			if !strings.Contains(strings.Join(response.Header.Values("Vary"), ","), "Accept-Encoding") {
				t.Errorf("Vary is %q", response.Header.Values("Vary"))
			}
			if c.zipped {
				reader, err := gzip.NewReader(bytes.NewReader(body))
				if err != nil {
					t.Fatal(err)
				}
				if body, err = io.ReadAll(reader); err != nil {
					t.Fatal(err)
				}
			}
			if !bytes.Equal(body, plain) {
				t.Errorf("%d bytes, want %d", len(body), len(plain))
			}
		})
	}
}
