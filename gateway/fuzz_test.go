package gateway

import (
	"encoding/json"
	"net/url"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
)

func contractRoutes(t testing.TB) *routes {
	t.Helper()
	b := newBackend(t)
	h, err := New(t.Context(), Options{Catalogue: b.conn, Municipality: b.conn, Marketplace: b.conn, Notification: b.conn})
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

// bodies are the messages that the contract takes as JSON, in the order of their names.
func bodies(t testing.TB) (all []protoreflect.MessageDescriptor) {
	t.Helper()
	for _, r := range contractRoutes(t).all {
		for _, ep := range r.endpoints {
			if ep.bodyField != nil {
				all = append(all, ep.bodyField.Message())
			} else if ep.bodyAll && !ep.upload {
				all = append(all, ep.input)
			}
		}
	}
	slices.SortFunc(all, func(a, b protoreflect.MessageDescriptor) int {
		return strings.Compare(string(a.FullName()), string(b.FullName()))
	})
	return slices.Compact(all)
}

// TestBodiesAreNamed: whatever stands in any field of any body, protojson takes it or the walk names the field.
func TestBodiesAreNamed(t *testing.T) {
	t.Parallel()
	values := []string{`null`, `true`, `"x"`, `""`, `" 7"`, `"7"`, `7`, `7.5`, `-1`, `1e400`, `"NaN"`, `{}`, `[]`, `[null]`, `[[]]`, `["x",null]`, `[{}, null]`, `[7]`, `"2026-02-30T00:00:00Z"`, `"a_b"`, `"a,b"`, `["\ud800"]`}
	checked := 0
	var below func(body protoreflect.MessageDescriptor, message protoreflect.MessageDescriptor, path, before, after string, depth int)
	below = func(body, message protoreflect.MessageDescriptor, path, before, after string, depth int) {
		for i := range message.Fields().Len() {
			field := message.Fields().Get(i)
			at, start, end := join(path, field.JSONName()), before+`{"`+field.JSONName()+`":`, `}`+after
			for _, value := range values {
				source := []byte(start + value + end)
				w := walk(slices.Clone(source), body)
				err := protojson.Unmarshal(w.source, dynamicpb.NewMessage(body)) // a mask is respelled in it
				if checked++; w.syntax != nil || len(w.violations) == 0 && err != nil {
					t.Errorf("%s: %s is taken, but %v", body.FullName(), source, err)
				}
				for _, v := range w.violations {
					if !strings.HasPrefix(v.Field, at) {
						t.Errorf("%s: %s blames %s", body.FullName(), source, v.Field)
					}
				}
			}
			if field.Message() == nil || wellKnown(field.Message()) || depth == 3 {
				continue
			}
			if field.IsList() {
				below(body, field.Message(), at+"[1]", start+`[{},`, `]`+end, depth+1)
			} else {
				below(body, field.Message(), at, start, end, depth+1)
			}
		}
	}
	for _, body := range bodies(t) {
		below(body, body, "", "", "", 0)
	}
	if t.Logf("%d bodies", checked); checked < 10_000 {
		t.Errorf("only %d bodies", checked)
	}
}

// FuzzWalk: what the walk takes, protojson takes; it names fields that protojson refuses.
func FuzzWalk(f *testing.F) {
	for _, seed := range []string{`{}`, `{"note":"x","maturity":{"level":3}}`, `{"maturity":null}`, `{"annualCases":"12"}`, `{"phase":"PHASE_ONLINE"}`, `[1`, `{"a":{"b":[{}]}}`, `{"maturity":{"level":3e0}}`, `{"note":"a","note":"b"}`, `{"updateTime":"x"}`, `{"updateTime":"2026-02-30T00:00:00Z"}`, "{\"note\":\"\\ud800\"}", "{\"note\":\"\\\\ufffd\\ud800\"}", "{\"note\":\"\xff\"}", "\ufeff{}"} {
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
		if len(w.violations) == 0 && err != nil {
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
