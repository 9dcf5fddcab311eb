package starter_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"
)

// source reads a file of the shared test data as rows; the test is skipped where that folder is missing.
func source(t *testing.T, name string) []row {
	t.Helper()
	dir, err := os.Getwd()
	for ; err == nil && dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, missing := os.Stat(filepath.Join(dir, "go.work")); missing == nil {
			break
		}
	}
	file, err := os.Open(filepath.Join(dir, "..", "shared", "data", name))
	if err != nil {
		t.Skipf("no shared data beside the project: %v", err)
	}
	return parse(t, file)
}

// sourceBy is a file of the shared data by one column.
func sourceBy(t *testing.T, name, column string) map[string]row {
	t.Helper()
	return by(source(t, name), column)
}

// agree reports whether two names say the same but for spelling: at least half of the words of either stand in the other.
func agree(a, b string) bool {
	words := func(s string) map[string]bool {
		set := map[string]bool{}
		for _, w := range strings.FieldsFunc(strings.ToLower(s), func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) }) {
			set[w] = true
		}
		return set
	}
	in, of := words(a), words(b)
	common := 0
	for w := range in {
		if of[w] {
			common++
		}
	}
	return 2*common >= len(in) && 2*common >= len(of) || strings.EqualFold(a, b)
}

func TestServicesAgreeWithTheSource(t *testing.T) {
	t.Parallel()
	leika := sourceBy(t, "leika_leistungen.csv", "leika_key")
	different := 0
	for _, r := range read(t, "public_services.csv") {
		s, ok := leika[r["leika_key"]]
		if !ok || s["ozg_id"] != r["ozg_id"] || strings.ReplaceAll(s["typisierung"], " ", "") != r["typisierung"] {
			t.Errorf("%s %s: source has OZG id %q, typisierung %q", r["leika_key"], r["name"], s["ozg_id"], s["typisierung"])
			continue
		}
		if name := strings.Join(strings.Fields(s["name"]), " "); name != r["name"] {
			different++
			if !agree(name, r["name"]) {
				t.Errorf("%s: %q is another service than %q", r["leika_key"], r["name"], name)
			}
		}
	}
	if different > 10 {
		t.Errorf("%d names differ from the source; only spelling mistakes were to be corrected", different)
	}
}

func TestOzgServicesAgreeWithTheSource(t *testing.T) {
	t.Parallel()
	services := sourceBy(t, "ozg_leistungen.csv", "ozg_id")
	for _, r := range read(t, "ozg_services.csv") {
		s := services[r["ozg_id"]]
		if s["lage"] != r["situation"] || s["themenfeld"] != r["theme"] || !agree(s["name"], r["name"]) {
			t.Errorf("%s: have %v, source has %v", r["ozg_id"], r, s)
		}
	}
	situations := sourceBy(t, "lagen.csv", "name")
	if have := read(t, "situations.csv"); len(have) != len(situations) {
		t.Errorf("%d situations, source has %d", len(have), len(situations))
	}
	for _, r := range read(t, "situations.csv") {
		if situations[r["name"]]["themenfeld"] != r["theme"] {
			t.Errorf("%s: theme %q, source has %q", r["name"], r["theme"], situations[r["name"]]["themenfeld"])
		}
	}
}

func TestPlacesAgreeWithTheSource(t *testing.T) {
	t.Parallel()
	municipalities, kreise := sourceBy(t, "nrw_gemeinden.csv", "ags"), sourceBy(t, "nrw_kreise.csv", "schluessel")
	for _, p := range read(t, "places.csv") {
		if p["kind"] == "Kreis" {
			s := kreise[p["ags"][:5]]
			if s["ars"] != p["ars"] || s["einwohner"] != p["population"] || "Kreis "+s["name"] != p["name"] {
				t.Errorf("%s: have %v, source has %v", p["ags"], p, s)
			}
			continue
		}
		s := municipalities[p["ags"]]
		if s["ars"] != p["ars"] || s["name_kurz"] != p["name"] || s["einwohner"] != p["population"] || s["groessenklasse"] != p["size_class"] ||
			number(t, p["ags"], s["flaeche_km2"]) != number(t, p["ags"], p["area_km2"]) {
			t.Errorf("%s: have %v, source has %v", p["ags"], p, s)
		}
	}
	if krz := source(t, "krz_verband_gemeinden.csv"); len(krz)+3 != len(read(t, "places.csv")) {
		t.Errorf("source lists %d municipalities of the area", len(krz))
	}
}
