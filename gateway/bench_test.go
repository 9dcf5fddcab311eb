package gateway

import (
	"net/http"
	"net/http/httptest"
	"testing"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
)

// discard is an answer that nobody reads.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header         { return d.header }
func (d *discard) WriteHeader(int)             {}
func (d *discard) Write(p []byte) (int, error) { return len(p), nil }

// BenchmarkEdge compares a page, a read of one resource, a list and a kept list with a handler that only writes bytes.
func BenchmarkEdge(b *testing.B) {
	services := newBackend(b)
	h, err := New(b.Context(), Options{Catalogue: services.conn, Municipality: services.conn, Marketplace: services.conn})
	if err != nil {
		b.Fatal(err)
	}
	catalogueName := cataloguev1.CatalogueService_ServiceDesc.ServiceName
	keeping, err := New(b.Context(), Options{Catalogue: services.conn, Sources: map[string]Source{catalogueName: {
		Revision: func() string { return "r7" }, // as the backend says
		Version:  func(string, string) Version { return Version{7} },
	}}})
	if err != nil {
		b.Fatal(err)
	}
	body := make([]byte, 512)
	static := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentJSON)
		_, _ = w.Write(body)
	})
	for _, c := range []struct {
		name, path string
		handler    http.Handler
	}{
		{"static", "/", static},
		{"page", "/healthz", h},
		{"resource", "/v1/themes/bildung", h},
		{"list50", "/v1/themes?pageSize=50", h},
		{"refused", "/v1/themes?colour=red", h},
		{"kept50", "/v1/themes?pageSize=50", keeping},
	} {
		b.Run(c.name, func(b *testing.B) {
			request := httptest.NewRequest(http.MethodGet, c.path, nil)
			w := &discard{http.Header{}}
			b.ReportAllocs()
			for b.Loop() {
				clear(w.header)
				c.handler.ServeHTTP(w, request)
			}
		})
	}
	b.Run("grpc", func(b *testing.B) { // what of a resource is not the edge's
		client := cataloguev1.NewCatalogueServiceClient(services.conn)
		b.ReportAllocs()
		for b.Loop() {
			if _, err := client.GetTheme(b.Context(), &cataloguev1.GetThemeRequest{Name: "themes/bildung"}); err != nil {
				b.Fatal(err)
			}
		}
	})
}
