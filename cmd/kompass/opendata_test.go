package main

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc/metadata"

	"kompass.krz.de/gateway"
	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	"kompass.krz.de/services/platform/opendata"
	"kompass.krz.de/services/platform/tabular"
)

// startShut starts a process whose reads are not open: its gRPC listener has a name that does not read as loopback, though it is.
func startShut(t *testing.T, dir string, flags ...string) *process {
	t.Helper()
	address := freeAddress(t)
	p := start(t, dir, append(flags, "--grpc", strings.Replace(address, "127.0.0.1", "LOCALHOST", 1))...)
	p.grpc = address
	return p
}

// TestOpenData: where reads are not open, everybody still gets open data, with its licence and in every format, and nobody gets
// anything else by having asked for it.
func TestOpenData(t *testing.T) {
	t.Parallel()
	p := startShut(t, t.TempDir(), "--demo")
	key := "Bearer " + p.key()
	for data, wanted := range map[string]string{"projects": "Umsetzungsprojekte", "offers": "Angebote", "progress": "Fortschritt"} {
		path := "/v1/openData/" + data
		first := p.do(http.StatusOK, http.MethodGet, path, nil, "Origin", "https://karte.example")
		document := first.json(t)
		if document["title"] != wanted || document["licence"] != opendata.Licence || document["licenceUrl"] != gateway.Licence || opendata.LicenceURL != gateway.Licence {
			t.Errorf("%s: %.300s", path, first.body)
		}
		entries, _ := document[data].([]any)
		if data != "projects" && len(entries) == 0 {
			t.Errorf("%s is empty: %.300s", path, first.body)
		}
		h := first.header
		if h.Get("Link") != "<"+opendata.LicenceURL+`>; rel="license"` || h.Get("Cache-Control") != "public, max-age=300" || h.Get("Access-Control-Allow-Origin") != "*" {
			t.Errorf("%s: %v", path, h)
		}
		if again := p.do(http.StatusNotModified, http.MethodGet, path, nil, "If-None-Match", h.Get("Etag")); len(again.body) > 0 {
			t.Errorf("%s: 304 with a body", path)
		}
		p.do(http.StatusUnauthorized, http.MethodGet, path, nil, "Authorization", "Bearer kompass_wrong")
		for format, start := range map[string]string{"csv": "\uFEFF", "xlsx": "PK"} {
			file := p.do(http.StatusOK, http.MethodGet, path+"?format="+format, nil)
			table, err := tabular.Read(file.body, tabular.Options{})
			if !strings.HasPrefix(string(file.body), start) || file.header.Get("Content-Disposition") != fmt.Sprintf("attachment; filename=%s.%s", data, format) {
				t.Errorf("%s as %s: %v %.20q", path, format, file.header, file.body)
			}
			if len(entries) > 0 && (err != nil || len(table.Rows) < len(entries)) {
				t.Errorf("%s as %s: %d entries, %v", path, format, len(entries), err)
			}
		}
		p.do(http.StatusBadRequest, http.MethodGet, path+"?format=xml", nil)
	}
	for _, path := range []string{"/v1/solutions", "/v1/projects", "/v1/municipalities", "/v1/progress", "/v1/projects:participation"} {
		p.do(http.StatusOK, http.MethodGet, path, nil, "Authorization", key) // and is kept
		p.do(http.StatusUnauthorized, http.MethodGet, path, nil)
	}
	p.do(http.StatusUnauthorized, http.MethodPost, "/v1/projects", `{"displayName":"Neu"}`, "Authorization", "")
	conn, err := dial(p.grpc)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	client := marketplacev1.NewMarketplaceServiceClient(conn)
	if _, err := client.GetOpenOffers(t.Context(), &marketplacev1.GetOpenOffersRequest{}); err != nil {
		t.Errorf("over gRPC: %v", err)
	}
	if _, err := client.ListSolutions(t.Context(), &marketplacev1.ListSolutionsRequest{}); err == nil {
		t.Error("gRPC lists solutions to everybody")
	}
	if _, err := client.ListSolutions(metadata.AppendToOutgoingContext(t.Context(), "authorization", key), &marketplacev1.ListSolutionsRequest{}); err != nil {
		t.Errorf("gRPC with the key: %v", err)
	}
	p.stop()
}
