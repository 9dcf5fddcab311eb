package gateway

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protojson"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
)

func contractRoutes(t testing.TB) *routes {
	t.Helper()
	b := newBackend(t)
	h, err := New(t.Context(), Options{Catalogue: b.conn, Municipality: b.conn})
	if err != nil {
		t.Fatal(err)
	}
	e, _ := h.(*edge)
	return e.routes
}

// FuzzQuery: a query is taken whole or refused whole, and what is taken fits the endpoint.
func FuzzQuery(f *testing.F) {
	r := contractRoutes(f)
	for _, seed := range []string{"format=csv&validateOnly=true&force", "scope=partial", "format=CSV", "a=b&a=c", "%zz", "requestId=%F0%9F", ";", "updateMask=phase,maturity.level&validateOnly=x"} {
		f.Add("/v1/catalogue:import", seed)
		f.Add("/v1/municipalities/1/implementations/2", seed)
	}
	f.Fuzz(func(t *testing.T, path, query string) {
		found, _ := r.find(path)
		if found == nil {
			return
		}
		for _, ep := range found.endpoints {
			if ep.page != nil {
				continue
			}
			form, reason, violations := ep.parseQuery(query)
			if (form == nil) == (reason == nil) {
				t.Fatalf("neither taken nor refused: %v %v", form, reason)
			}
			if reason != nil && len(violations) == 0 {
				t.Fatal("refused without naming anything")
			}
			sent, _ := url.ParseQuery(query)
			if reason == nil && len(form) != len(sent) {
				t.Fatalf("%d of %d parameters", len(form), len(sent))
			}
			for name, values := range form {
				if !utf8.ValidString(values[0]) {
					t.Fatalf("%s is no UTF-8", name)
				}
				if p := ep.params[name]; p.short != nil && p.short[values[0]] != values[0] {
					t.Fatalf("%s=%q is no name of the enum", name, values[0])
				}
			}
		}
	})
}

// FuzzWalk: what the walk takes, protojson takes; it names fields that protojson refuses.
func FuzzWalk(f *testing.F) {
	for _, seed := range []string{`{}`, `{"note":"x","maturity":{"level":3}}`, `{"maturity":null}`, `{"annualCases":"12"}`, `{"phase":"PHASE_ONLINE"}`, `[1`, `{"a":{"b":[{}]}}`, `{"maturity":{"level":3e0}}`, `{"note":"a","note":"b"}`, `{"updateTime":"x"}`, "{\"note\":\"\\ud800\"}", "{\"note\":\"\\\\ufffd\\ud800\"}", "{\"note\":\"\xff\"}", "\ufeff{}"} {
		f.Add([]byte(seed))
	}
	message := (&municipalityv1.Implementation{}).ProtoReflect().Descriptor()
	f.Fuzz(func(t *testing.T, source []byte) {
		w := walk(source, message)
		_ = w.where("at")
		if w.syntax != nil {
			if protojson.Unmarshal(source, &municipalityv1.Implementation{}) == nil && json.Valid(source) {
				t.Fatalf("%q refused: %v", source, w.syntax)
			}
			return
		}
		err := protojson.Unmarshal(source, &municipalityv1.Implementation{})
		if len(w.violations) == 0 && err != nil && !strings.Contains(err.Error(), "Timestamp") { // times are left to protojson
			t.Fatalf("%q taken, but %v", source, err)
		}
	})
}

// FuzzHeaders: whatever headers say, nothing breaks, and what goes on is fit for metadata.
func FuzzHeaders(f *testing.F) {
	f.Add(`W/"a~1f-gzip", *, b`, "gzip;q=0.5, *;q=0", "en;q=x, de")
	f.Fuzz(func(t *testing.T, tags, encoding, language string) {
		if versions := versionsOf(tags); headerText(tags) && !headerText(versions) && len(tags) < maxHeader/4 {
			t.Fatalf("%q", versions)
		}
		acceptsGzip(encoding)
		prefersEnglish(language)
	})
}
