package catalogue

import (
	"slices"
	"strings"
	"testing"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	"kompass.krz.de/services/platform/importreport"
)

func TestKeys(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		parse  func(string) (string, finding)
		cell   string
		want   string
		reason string
	}{
		{leikaKey, "99012001001000", "99012001001000", ""},
		{leikaKey, " 99 012 001 001 000 ", "99012001001000", ""},
		{leikaKey, "99.012.001.001.000", "99012001001000", ""},
		{leikaKey, "99012001001000.0", "99012001001000", ""},
		{leikaKey, "99\u00a0012001001000", "99012001001000", ""},
		{leikaKey, "77012001001000", "77012001001000", ""},
		{leikaKey, "", "", ""},
		{leikaKey, "-", "", ""},
		{leikaKey, "5012001001000", "05012001001000", "LEADING_ZERO_RESTORED"},
		{leikaKey, "9901200100100", "", "BAD_KEY"}, // a digit is missing elsewhere: no instance begins with 09 9
		{leikaKey, "12001001000", "", "BAD_KEY"},
		{leikaKey, "990120010010001", "", "BAD_KEY"},
		{leikaKey, "9,9012E+13", "", "SCIENTIFIC_NOTATION"},
		{leikaKey, "9.9012e13", "", "SCIENTIFIC_NOTATION"},
		{leikaKey, "99O12001001000", "", "BAD_KEY"},
		{leikaKey, "...", "", "BAD_KEY"},
		{leikaKey, "９９０１２００１００１０００", "", "BAD_KEY"},
		{ozgID, "10513", "10513", ""},
		{ozgID, "OZG-10513", "10513", ""},
		{ozgID, "ozg:10513", "10513", ""},
		{ozgID, "513", "", "BAD_OZG_ID"},
		{ozgID, "0513", "00513", "LEADING_ZERO_RESTORED"},
		{ozgID, "", "", ""},
		{procedureCode, "1", "001", "LEADING_ZERO_RESTORED"},
		{procedureCode, "012", "012", ""},
		{procedureCode, "", "", "BAD_PROCEDURE"},
	} {
		if got, f := c.parse(c.cell); got != c.want || f.reason != c.reason || f.fatal() != (c.reason != "" && c.want == "") {
			t.Errorf("%q: %q %s, want %q %s", c.cell, got, f.reason, c.want, c.reason)
		}
	}
}

// TestKeylessID: whoever retypes a name finds the same entry.
func TestKeylessID(t *testing.T) {
	t.Parallel()
	id := keylessID("(Baumuster-) Prüfung von Gefahrgut & Tanks")
	if len(id) != len(keylessPrefix)+keylessDigestSize || !isPublicID(id) {
		t.Fatal(id)
	}
	for _, name := range []string{
		"(Baumuster-)  Prüfung von Gefahrgut & Tanks ", "(BAUMUSTER-) PRÜFUNG VON GEFAHRGUT & TANKS",
		"(Baumuster-) Pr&uuml;fung von Gefahrgut &amp; Tanks", "Baumuster Prüfung von Gefahrgut Tanks", "(Baumuster-) Pru\u0308fung von Gefahrgut & Tanks",
	} {
		if keylessID(name) != id {
			t.Errorf("%q has another id", name)
		}
	}
	if keylessID("Baumusterprüfung von Tanks") == id || keylessID(" &!") != "" {
		t.Error("different names share an id, or nothing has one")
	}
}

func TestFoldedID(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"Bauen & Wohnen": "bauen-wohnen", "Ein- & Auswanderung": "ein-auswanderung", "Auslandsgeschäft": "auslandsgeschaeft",
		"(Drohender) Arbeitsplatzverlust & -suche": "drohender-arbeitsplatzverlust-suche", "Ελλάδα": "", "": "",
	} {
		if got := foldedID(name); got != want {
			t.Errorf("%q: %q, want %q", name, got, want)
		}
	}
	if len(officialThemes) != 14 {
		t.Errorf("%d official themes", len(officialThemes))
	}
}

func TestCells(t *testing.T) {
	t.Parallel()
	for cell, want := range map[string][]int32{
		"": nil, "4": {4}, "2/3": {2, 3}, "1, 2/3": {1, 2, 3}, "3;2;3": {2, 3}, "Typ 2 und 3": {2, 3}, "6": {6},
	} {
		if got, f := leikaTypes(cell); !slices.Equal(got, want) || !f.none() {
			t.Errorf("%q: %v %s", cell, got, f.reason)
		}
	}
	for _, cell := range []string{"02. Mrz", "23", "0", "zwei"} {
		if _, f := leikaTypes(cell); f.reason != "BAD_LEIKA_TYPE" || f.fatal() {
			t.Errorf("%q is taken: %v", cell, f)
		}
	}
	for cell, want := range map[string]bool{"1": true, "ja": true, "X": true, "0": false, "": false, "nein": false} {
		if got, f := flag(cell); got != want || !f.none() {
			t.Errorf("%q: %v", cell, got)
		}
	}
	if _, f := flag("vielleicht"); f.reason != "BAD_FLAG" {
		t.Error("vielleicht is a flag")
	}
	if got := words("BGB, FamFG; BGB |  ", true); !slices.Equal(got, []string{"BGB", "FamFG"}) {
		t.Error(got)
	}
	for cell, want := range map[string]cataloguev1.Obligation{"ja": 2, "Nein": 3, "offen": 1, "": 0} {
		if got, f := obligation(cell); got != want || !f.none() {
			t.Errorf("%q: %v", cell, got)
		}
	}
	if _, f := obligation("evtl."); !f.fatal() {
		t.Error("evtl. is an obligation")
	}
}

func FuzzKeys(f *testing.F) {
	for _, seed := range []string{"99012001001000", "5012001001000", "9,9012E+13", "OZG-10513", "ohne-abcdefghijkl", "\xff", "ozg", "&#57;9", "1e", "-"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, cell string) {
		if key, bad := leikaKey(cell); key != "" && !isDigits(key, leikaDigits) || key != "" && bad.fatal() {
			t.Errorf("%q is key %q", cell, key)
		} else if again, bad := leikaKey(key); again != key || !bad.none() {
			t.Errorf("%q is not stable", key)
		}
		if id, _ := ozgID(cell); id != "" && !isDigits(id, ozgDigits) {
			t.Errorf("%q is OZG id %q", cell, id)
		}
		if name, bad := relevanceTarget(cell, false); name != "" && !isRelevanceName(name) || name == "" && bad.none() && strings.Trim(cell, " .-_/") != "" && len(strings.TrimSpace(cell)) > 40 {
			t.Errorf("%q leads to %q", cell, name)
		}
		if id := keylessID(cell); id != "" && !isPublicID(id) {
			t.Errorf("%q has id %q", cell, id)
		}
		if id := foldedID(cell); strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || strings.HasPrefix(id, "-") {
			t.Errorf("%q folds to %q", cell, id)
		}
	})
}

func FuzzCells(f *testing.F) {
	for _, seed := range []string{"1, 2/3", "02. Mrz", "ja", "a;b|c", "Typ 4", "\x00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, cell string) {
		types, _ := leikaTypes(cell)
		if !slices.IsSorted(types) || len(slices.Compact(slices.Clone(types))) != len(types) {
			t.Errorf("%q: %v is no set", cell, types)
		}
		for _, w := range words(cell, true) {
			if w == "" || strings.TrimSpace(w) != w {
				t.Errorf("%q has the part %q", cell, w)
			}
		}
	})
}

// FuzzImport: whatever comes as a file is read or refused, and what is read can be planned.
func FuzzImport(f *testing.F) {
	for _, seed := range []string{
		"id,name\n1,Umwelt\n", "leika_key;name\n99012001001000;Abbruch\n;Ohne\n", "target,kreis,note\nozg:10000,ja,x\n", "PK\x03\x04",
		"<a/>", "ozg_id,name,lage\n10000,Elterngeld,Geburt\n", "\xef\xbb\xbfname,themenfeld\nGeburt,Familie & Kind\n",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, file []byte) {
		in, err := read(file, 0)
		if err != nil {
			return
		}
		p := in.plan(empty(), cataloguev1.ImportScope_IMPORT_SCOPE_COMPLETE)
		if r := p.preview(false); len(r.GetIssues()) > importreport.MostIssues || int(r.GetIssueCount()) < len(r.GetIssues()) {
			t.Errorf("%d issues of %d", len(r.GetIssues()), r.GetIssueCount())
		}
	})
}
