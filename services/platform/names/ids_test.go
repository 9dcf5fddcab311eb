package names

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// wellFormed is what the contract demands of an id.
var wellFormed = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

func TestFolded(t *testing.T) {
	t.Parallel()
	cases := map[string]string{
		"Hundesteuer Online":            "hundesteuer-online",
		"Ämter & Büros: Größe 3":        "aemter-bueros-groesse-3",
		"A\u0308mter":                   "aemter",
		"Café Łódź – Straße":            "cafe-lodz-strasse",
		"  --x--  ":                     "x",
		"!?":                            "",
		"日本":                            "",
		"":                              "",
		strings.Repeat("a", 62) + " bc": strings.Repeat("a", 62),
		strings.Repeat("ü", 40):         strings.Repeat("ue", 31) + "u",
	}
	for name, want := range cases {
		if got := Folded(name); got != want {
			t.Errorf("%q becomes %q, want %q", name, got, want)
		}
	}
}

func TestFoldedIsAnID(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		id := Folded(rapid.String().Draw(t, "name"))
		if id != "" && !wellFormed.MatchString(id) {
			t.Fatalf("%q is not an id", id)
		}
		if Folded(id) != id {
			t.Fatalf("folding %q again gives %q", id, Folded(id))
		}
	})
}
