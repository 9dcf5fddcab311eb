package marketplace

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestFoldedID(t *testing.T) {
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
		if got := foldedID(name); got != want {
			t.Errorf("%q becomes %q, want %q", name, got, want)
		}
	}
}

func TestFoldedIDIsAnID(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		id := foldedID(rapid.String().Draw(t, "name"))
		if id != "" && !ownName.MatchString("solutions/"+id) {
			t.Fatalf("%q is not an id", id)
		}
		if foldedID(id) != id {
			t.Fatalf("folding %q again gives %q", id, foldedID(id))
		}
	})
}
