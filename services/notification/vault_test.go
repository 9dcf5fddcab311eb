package notification

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"kompass.krz.de/services/platform/broker"
	"kompass.krz.de/services/platform/ledger"
)

// TestVault looks at what is given out, and for what was replaced or erased in every file below the store.
func TestVault(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	e, err := broker.Start(dir, quiet)
	if err != nil {
		t.Fatal(err)
	}
	stopped := false
	defer func() {
		if !stopped {
			e.Stop()
		}
	}()
	ctx := t.Context()
	v, err := openVault(ctx, ledger.Site{Conn: e.Conn, Origin: "test", Replicas: 1}, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	put := func(value string) string {
		id, err := v.put(ctx, "mail", []byte(value))
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	gets := func(id, want string) {
		t.Helper()
		got, err := v.get(ctx, id)
		if want == "" && !errors.Is(err, errNoSecret) || want != "" && (err != nil || string(got) != want) {
			t.Errorf("get(%s) = %q, %v; want %q", id, got, err, want)
		}
	}
	one, two, orphan := put("first@example.org"), put("second@example.org"), put("orphan@example.org")
	if other := regexp.MustCompile(`^mail\.[0-9a-f]{32}$`); !other.MatchString(one) || one == two {
		t.Fatalf("ids %s and %s", one, two)
	}
	gets(one, "first@example.org")
	gets(two, "second@example.org")
	for range 2 { // the second time it is gone already
		if err := v.erase(ctx, two); err != nil {
			t.Fatal(err)
		}
	}
	gets(two, "")
	referred := func(id string) bool { return id == one }
	for _, before := range []time.Time{time.Now().Add(-time.Hour), time.Now().Add(time.Hour)} {
		gets(orphan, "orphan@example.org")
		if err := v.sweep(ctx, "mail", before, referred); err != nil {
			t.Fatal(err)
		}
	}
	gets(orphan, "")
	gets(one, "first@example.org")
	for _, bad := range []string{"", "mail.>", "mail.*", "mail."} {
		if _, err := v.get(ctx, bad); err == nil || errors.Is(err, errNoSecret) {
			t.Errorf("get(%q): %v", bad, err)
		}
	}
	e.Stop()
	stopped = true
	for text, want := range map[string]bool{"first@": true, "second@": false, "orphan@": false} {
		if found := below(t, dir, text+"example.org"); found != want {
			t.Errorf("%sexample.org on disk: %v", text, found)
		}
	}
}

// below tells whether a file below a directory holds a text.
func below(t *testing.T, dir, text string) (found bool) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		found = found || bytes.Contains(data, []byte(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}
