package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"kompass.krz.de/services/platform/tabular"
)

// TestImportOffers sends a file of each format by the command line; which import takes it follows from the file.
func TestImportOffers(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir(), "--demo")
	dir := t.TempDir()
	const key = "99102013002000"
	sheet, err := os.Create(filepath.Join(dir, "offers.xlsx"))
	if err != nil {
		t.Fatal(err)
	}
	rows := func(yield func([]string) bool) { yield([]string{"b", "Aus Excel", "Produkt", key, "1.200,50"}) }
	if err := tabular.WriteXLSX(sheet, "Angebote", []string{"id", "Name", "Art", "LeiKa-Schlüssel", "Preis je Jahr"}, rows); err != nil {
		t.Fatal(err)
	}
	if err := sheet.Close(); err != nil {
		t.Fatal(err)
	}
	files := []string{sheet.Name()}
	for name, text := range map[string]string{
		"publiccode.yml": "publiccodeYmlVersion: '0.4'\nname: Aus publiccode\nurl: https://example.org/a.git\nde: {leika: [{leika-id: '" + key + "'}]}\n",
		"offers.csv":     "id;name;anbieter;art;leika_schluessel\na;Aus CSV;;Formular;" + key + "\n",
		"onlinedienste.xml": `<x:m xmlns:x="http://xoev.de/schemata/xzufi/2_2_0"><x:schreibe><x:onlinedienst><x:id schemeAgencyID="L1">1</x:id>
<x:bezeichnung>Aus XZuFi</x:bezeichnung><x:referenzLeiKa><code>` + key + `</code></x:referenzLeiKa></x:onlinedienst></x:schreibe></x:m>`,
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, path)
	}
	command := append([]string{"import", "--grpc", p.grpc, "--data", p.dir}, files...)
	out, code := kompass(t, command...)
	if code != 0 || strings.Count(out, ": offers, 1 row: 1 added") != len(files) {
		t.Fatalf("import: %d\n%s", code, out)
	}
	if out, code := kompass(t, command...); code != 0 || strings.Count(out, "0 added, 0 changed, 0 withdrawn, 1 unchanged") != len(files) {
		t.Errorf("again: %d\n%s", code, out)
	}
	bad := filepath.Join(dir, "bad.csv")
	if err := os.WriteFile(bad, []byte("id;name;anbieter;preis_je_jahr\n1;A;;1,234\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, code := kompass(t, "import", "--grpc", p.grpc, "--data", p.dir, bad); code != exitRefused || !strings.Contains(out, "bad.csv:2: error: INVALID_VALUE") {
		t.Errorf("a bad amount: %d\n%s", code, out)
	}
	p.stop()
}
