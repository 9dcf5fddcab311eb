package gateway

import (
	"bytes"
	"encoding/json"
	"net/http"
	"reflect"
	"testing"

	"go.yaml.in/yaml/v3"

	"kompass.krz.de/proto/asyncapi"
)

// TestAsyncAPIIsServed: both spellings are the one document, as whole as it was written.
func TestAsyncAPIIsServed(t *testing.T) {
	t.Parallel()
	server, _ := newEdge(t, nil)
	asYAML, source := ask(t, "GET", server.URL+"/asyncapi.yaml", "")
	if asYAML.StatusCode != http.StatusOK || asYAML.Header.Get("Content-Type") != contentYAML || !bytes.Equal(source, asyncapi.YAML) {
		t.Errorf("YAML: %d %s, %d bytes", asYAML.StatusCode, asYAML.Header.Get("Content-Type"), len(source))
	}
	asJSON, spelled := ask(t, "GET", server.URL+"/asyncapi.json", "")
	if asJSON.StatusCode != http.StatusOK || asJSON.Header.Get("Content-Type") != contentJSON {
		t.Errorf("JSON: %d %s", asJSON.StatusCode, asJSON.Header.Get("Content-Type"))
	}
	var want, got any
	if err := yaml.Unmarshal(source, &want); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(spelled, &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("JSON and YAML differ (%v)", err)
	}
	for _, page := range []string{"/", "/docs"} {
		if _, html := ask(t, "GET", server.URL+page, ""); !bytes.Contains(html, []byte(`href="/asyncapi.yaml"`)) {
			t.Errorf("%s does not lead to it", page)
		}
	}
}
