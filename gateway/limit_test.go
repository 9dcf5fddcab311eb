package gateway

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
)

func zip(t *testing.T, s string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = io.WriteString(w, s)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func form(t *testing.T, part, content string) (body, contentType string) {
	t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	_ = w.WriteField("note", "first part")
	p, err := w.CreateFormFile(part, "leika.csv")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(p, content)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String(), w.FormDataContentType()
}

func TestImportForms(t *testing.T) {
	t.Parallel()
	server, services := newEdge(t, func(o *Options) { o.MaxImport, o.MaxBody = 4096, 256 })
	fileForm, fileType := form(t, "file", "a;b\r\n1;2")
	otherForm, otherType := form(t, "attachment", "x")
	bomb := zip(t, strings.Repeat("0", 1<<20))
	for _, c := range []struct {
		name, body string
		headers    []string
		status     int
		file       string
	}{
		{"raw", "a;b", []string{"Content-Type", "text/csv"}, 200, "a;b"},
		{"gzip", zip(t, "a;b"), []string{"Content-Encoding", "gzip"}, 200, "a;b"},
		{"form", fileForm, []string{"Content-Type", fileType}, 200, "a;b\r\n1;2"},
		{"form in gzip", zip(t, fileForm), []string{"Content-Type", fileType, "Content-Encoding", "gzip"}, 200, "a;b\r\n1;2"},
		{"as long as allowed", strings.Repeat("x", 4096), nil, 200, strings.Repeat("x", 4096)},
		{"form without file", otherForm, []string{"Content-Type", otherType}, 400, ""},
		{"form cut off", fileForm[:len(fileForm)-30], []string{"Content-Type", fileType}, 400, ""},
		{"form without boundary", fileForm, []string{"Content-Type", "multipart/form-data"}, 400, ""},
		{"gzip that is none", "a;b", []string{"Content-Encoding", "gzip"}, 400, ""},
		{"gzip cut off", bomb[:20], []string{"Content-Encoding", "gzip"}, 400, ""},
		{"too long", strings.Repeat("x", 4097), nil, 413, ""},
		{"bomb", bomb, []string{"Content-Encoding", "gzip"}, 413, ""},
		{"coding nobody reads", "a", []string{"Content-Encoding", "zstd"}, 415, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			services.taken()
			response, answer := ask(t, "POST", server.URL+"/v1/catalogue:import", c.body, c.headers...)
			if response.StatusCode != c.status {
				t.Fatalf("%d: %s", response.StatusCode, answer)
			}
			seen := services.taken()
			if c.status != 200 {
				checkProblem(t, nil, c.status, response.Header.Get("Content-Type"), answer)
				if c.status == 413 && !strings.Contains(string(answer), "4 KiB") {
					t.Errorf("the limit is not named: %s", answer)
				}
				if seen != nil {
					t.Error("a refused file reached the service")
				}
				return
			}
			if r, _ := seen.request.(*cataloguev1.ImportCatalogueRequest); string(r.GetFile()) != c.file {
				t.Errorf("the service got %q", r.GetFile())
			}
		})
	}
	t.Run("JSON body too long", func(t *testing.T) {
		response, answer := ask(t, "PATCH", server.URL+implementation, `{"note":"`+strings.Repeat("x", 256)+`"}`, "Content-Type", "application/json")
		if response.StatusCode != http.StatusRequestEntityTooLarge || !strings.Contains(string(answer), "256 Bytes") {
			t.Errorf("%d %s", response.StatusCode, answer)
		}
	})
	t.Run("chunked and too long", func(t *testing.T) {
		request, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL+"/v1/catalogue:import", io.MultiReader(strings.NewReader(strings.Repeat("x", 5000))))
		response, err := plainClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if response.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("%d", response.StatusCode)
		}
	})
}

func TestTimeouts(t *testing.T) {
	t.Parallel()
	server, _ := newEdge(t, func(o *Options) { o.Timeout, o.ImportTimeout = 100*time.Millisecond, 100*time.Millisecond })
	t.Run("slow service", func(t *testing.T) {
		t.Parallel()
		response, answer := ask(t, "GET", server.URL+"/v1/themes/slow", "")
		if response.StatusCode != http.StatusGatewayTimeout {
			t.Fatalf("%d: %s", response.StatusCode, answer)
		}
		checkProblem(t, nil, 504, response.Header.Get("Content-Type"), answer)
	})
	t.Run("silent client", func(t *testing.T) {
		t.Parallel()
		var dialer net.Dialer
		conn, err := dialer.DialContext(t.Context(), "tcp", strings.TrimPrefix(server.URL, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close() }()
		_, _ = fmt.Fprint(conn, "POST /v1/catalogue:import HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc")
		_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
		answer, _ := io.ReadAll(conn)
		if !strings.HasPrefix(string(answer), "HTTP/1.1 504") {
			t.Errorf("%q", answer)
		}
	})
}

// TestImportsWait: more files than there is room for wait, and give up in time.
func TestImportsWait(t *testing.T) {
	t.Parallel()
	e := &edge{imports: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(t.Context())
	request, _ := http.NewRequestWithContext(ctx, http.MethodPost, "/", nil)
	first, second := &exchange{req: request}, &exchange{req: request}
	if !e.admitImport(first) {
		t.Fatal("there was room")
	}
	cancel()
	if e.admitImport(second) {
		t.Fatal("there was no room")
	}
	first.finish[0]()
	third := &exchange{req: request.WithContext(t.Context())}
	if !e.admitImport(third) {
		t.Fatal("there was room again")
	}
}
