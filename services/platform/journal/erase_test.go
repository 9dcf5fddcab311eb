package journal_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"kompass.krz.de/services/platform/broker"
	"kompass.krz.de/services/platform/journal"
	"kompass.krz.de/services/platform/ledger"
)

// TestErase looks for the bytes in all files of the embedded server: while it runs, and after it was closed and opened again.
func TestErase(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	e, err := broker.Start(dir, quiet)
	if err != nil {
		t.Fatal(err)
	}
	site := ledger.Site{Conn: e.Conn, Origin: "test", Replicas: 1}
	vault := open(t, site, journal.Config{Name: "vault", LastOnly: true})
	events := open(t, site, journal.Config{Name: "events"})
	put := func(j *journal.Journal, subject, text string) uint64 {
		m := message(t, j, subject, 0)
		m.Data, m.Header = []byte(text), map[string][]string{"Note": {"header of " + text}}
		return mustAppend(t, j, m, journal.Guard{})
	}
	put(vault, "a", "replaced@example.org")
	put(vault, "b", "kept@example.org")
	put(vault, "a", "replaced-too@example.org")
	put(vault, "a", "newest@example.org")
	erased := put(vault, "c", "erased@example.org")
	seq := put(events, "x", "event-to-erase")
	put(events, "x", "event-to-keep")
	for _, kept := range []string{"erased@example.org", "event-to-erase"} {
		if holders(t, dir, kept) == 0 {
			t.Fatalf("%s is in no file: the search is wrong", kept)
		}
	}
	if err := vault.Erase(t.Context(), erased); err != nil {
		t.Fatal(err)
	}
	if err := events.Erase(t.Context(), seq); err != nil {
		t.Fatal(err)
	}
	check := func(when string) {
		t.Helper()
		for _, gone := range []string{"replaced@example.org", "replaced-too@example.org", "erased@example.org", "event-to-erase"} {
			if n := holders(t, dir, gone); n != 0 {
				t.Errorf("%s %s is in %d files", when, gone, n)
			}
		}
		for _, kept := range []string{"kept@example.org", "newest@example.org", "event-to-keep"} {
			if holders(t, dir, kept) == 0 {
				t.Errorf("%s %s is in no file", when, kept)
			}
		}
	}
	check("while the server runs")
	e.Stop()
	check("after the end of the server")
	site.Conn = embedded(t, dir).Conn
	vault = open(t, site, journal.Config{Name: "vault", LastOnly: true})
	m, err := vault.Read(t.Context(), filter(t, vault), 1, 10)
	if err != nil || len(m) != 2 || string(m[0].Data) != "kept@example.org" || string(m[1].Data) != "newest@example.org" {
		t.Errorf("after a new start %v, %v", m, err)
	}
	check("after a new start")
}

// holders counts the files below dir that hold a text.
func holders(t *testing.T, dir, text string) (n int) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		if bytes.Contains(data, []byte(text)) {
			n++
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}
