package ledger_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"kompass.krz.de/services/platform/archive"
	"kompass.krz.de/services/platform/broker"
	"kompass.krz.de/services/platform/ledger"
)

var created = time.Date(2026, 11, 23, 7, 0, 0, 0, time.UTC)

func ignore(string, uint64) {}

// fill writes single, staged and deleted entities to two streams, and creates a third.
func fill(t *testing.T, site ledger.Site) {
	t.Helper()
	places := open(t, site, "municipality")
	var drafts []ledger.Draft
	for i := range ledger.BatchSize + 500 {
		drafts = append(drafts, draft(places, fmt.Sprint(i), strings.Repeat("x", i%100), ledger.Head{}))
	}
	last := mustAppend(t, places, drafts...)
	chain, _ := follow(t, places, last)
	gone := draft(places, "7", "", chain.Head(places.Name().Subject("theme", "7")))
	gone.Entity = nil
	mustAppend(t, places, gone)
	mustAppend(t, places, draft(places, "8", "changed", chain.Head(places.Name().Subject("theme", "8"))))
	mustAppend(t, open(t, site, "catalogue"), draft(open(t, site, "catalogue"), "a", "1", ledger.Head{}))
	open(t, site, "marketplace")
}

func openStore(t *testing.T, dir string) ledger.Source {
	t.Helper()
	src, err := ledger.OpenStore(broker.StoreDir(dir), ledger.ReadWitness(ledger.WitnessDir(dir)))
	if err != nil {
		t.Fatal(err)
	}
	return src
}

// backup writes an archive to a file.
func backup(t *testing.T, src ledger.Source) string {
	t.Helper()
	var file bytes.Buffer
	if _, _, err := ledger.Backup(t.Context(), src, &file, created, nil); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "archive")
	write(t, path, file.Bytes())
	return path
}

// verified opens an archive and verifies it.
func verified(t *testing.T, path string) (*ledger.Archive, []ledger.Report) {
	t.Helper()
	a, err := ledger.OpenArchive(path)
	if err != nil {
		t.Fatal(err)
	}
	reports, err := a.Verify(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range reports {
		if !r.Clean() {
			t.Fatalf("%s: %v", r.Stream, r.Damages)
		}
	}
	return a, reports
}

// all lists what a source holds.
func all(t *testing.T, src ledger.Source) []string {
	t.Helper()
	var records []string
	err := src.Walk(t.Context(), func(stream int, m ledger.Message) error {
		records = append(records, fmt.Sprintf("%s %d %s %x", src.Extents()[stream].Name.Stream(), m.Sequence, m.Subject, m.Data))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// TestBackupAndRestore: what comes out of an archive is the same records at the same places, and a ledger to work with.
func TestBackupAndRestore(t *testing.T) {
	t.Parallel()
	dir, copied := t.TempDir(), t.TempDir()
	fill(t, embedded(t, dir))
	src := openStore(t, dir)
	path := backup(t, src)
	a, reports := verified(t, path)
	order := func() (services []string) {
		for _, s := range a.Manifest().Streams {
			services = append(services, s.Service)
		}
		return services
	}()
	if want := []string{"municipality", "marketplace", "catalogue"}; !slices.Equal(order, want) || a.Manifest().Revision != ledger.Cut(src).Token() {
		t.Errorf("streams %v, want %v, at %+v", order, want, a.Manifest())
	}
	site := embedded(t, copied)
	site.Store = broker.StoreDir(copied)
	if err := ledger.Restore(t.Context(), site, a, ignore); err != nil {
		t.Fatal(err)
	}
	restored := openStore(t, copied)
	if got, want := all(t, restored), all(t, src); !slices.Equal(got, want) || len(got) != ledger.BatchSize+503 {
		t.Errorf("%d records restored, %d were there, or not the same", len(got), len(want))
	}
	after, err := ledger.VerifyStore(broker.StoreDir(copied), ledger.ReadWitness(ledger.WitnessDir(copied)), nil)
	if err != nil || ledger.StateDigest(after) != ledger.StateDigest(reports) || ledger.StateDigest(after) == "" {
		t.Errorf("restored state %q, want %q, %v", ledger.StateDigest(after), ledger.StateDigest(reports), err)
	}
	for _, r := range after {
		if seen, err := ledger.ReadWitness(ledger.WitnessDir(copied)).Seen(r.Stream); err != nil || seen != r.End {
			t.Errorf("%s: the witness saw %v, the end is %v, %v", r.Stream, seen, r.End, err)
		}
	}
	log := open(t, site, "catalogue")
	chain, _ := follow(t, log, 1)
	if seq := mustAppend(t, log, draft(log, "a", "2", chain.Head(log.Name().Subject("theme", "a")))); seq != 2 {
		t.Errorf("the first record after the restore is %d, want 2", seq)
	}
	if err := ledger.Restore(t.Context(), site, a, ignore); !errors.Is(err, ledger.ErrNotEmpty) {
		t.Errorf("restore over records: %v, want ErrNotEmpty", err)
	}
}

// TestInterruptedRestore: nobody takes half a restore for a ledger, and the same restore goes on where it ended.
func TestInterruptedRestore(t *testing.T) {
	t.Parallel()
	dir, copied := t.TempDir(), t.TempDir()
	fill(t, embedded(t, dir))
	path := backup(t, openStore(t, dir))
	a, _ := verified(t, path)
	site := embedded(t, copied)
	ctx, cancel := context.WithCancel(t.Context())
	if err := ledger.Restore(ctx, site, a, func(string, uint64) { cancel() }); err == nil {
		t.Fatal("the restore was not interrupted")
	}
	refusals := map[string]error{}
	_, refusals["open"] = site.Open(t.Context(), "municipality")
	_, refusals["store"] = ledger.OpenStore(broker.StoreDir(copied), ledger.ReadWitness(ledger.WitnessDir(copied)))
	_, refusals["verify"] = ledger.VerifyStore(broker.StoreDir(copied), ledger.ReadWitness(ledger.WitnessDir(copied)), nil)
	_, refusals["cluster"] = ledger.VerifyCluster(t.Context(), site.Conn, nil)
	other := embedded(t, t.TempDir())
	mustAppend(t, open(t, other, "catalogue"), draft(open(t, other, "catalogue"), "b", "1", ledger.Head{}))
	cluster, err := ledger.OpenCluster(t.Context(), other.Conn)
	if err != nil {
		t.Fatal(err)
	}
	b, _ := verified(t, backup(t, cluster))
	refusals["another archive"] = ledger.Restore(t.Context(), site, b, ignore)
	for who, err := range refusals {
		if !errors.Is(err, ledger.ErrRestoring) {
			t.Errorf("%s: %v, want ErrRestoring", who, err)
		}
	}
	written := 0
	if err := ledger.Restore(t.Context(), site, a, func(string, uint64) { written++ }); err != nil {
		t.Fatal(err)
	}
	if want := all(t, openStore(t, dir)); !slices.Equal(all(t, openStore(t, copied)), want) || written != 2 {
		t.Errorf("the resumed restore wrote %d batches, want 2, or other records", written)
	}
}

// TestStateDigest computes a digest from what is told about it, and leaves writes that never counted out.
func TestStateDigest(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	site := embedded(t, dir)
	log := open(t, site, "catalogue")
	mustAppend(t, log, draft(log, "b", "1", ledger.Head{}))
	mustAppend(t, log, draft(log, "a", "1", ledger.Head{}))
	chain, _ := follow(t, log, 2)
	mustAppend(t, log, draft(log, "b", "2", chain.Head(log.Name().Subject("theme", "b"))))
	chain, _ = follow(t, log, 3)
	var stream, state string
	for _, id := range []string{"a", "b"} {
		subject := log.Name().Subject("theme", id)
		stream += fmt.Sprintf("%s %s\n", subject, chain.Head(subject).Hash)
	}
	stream = fmt.Sprintf("%x", sha256.Sum256([]byte(stream)))
	state = fmt.Sprintf("%x", sha256.Sum256([]byte("KOMPASS_TEST_CATALOGUE "+stream+"\n")))
	mustAppend(t, log, draft(log, "b", "3", chain.Head(log.Name().Subject("theme", "b"))), draft(log, "c", "1", ledger.Head{}), draft(log, "d", "1", ledger.Head{}))
	src := openStore(t, dir)
	if err := src.Narrow(ledger.Positions{"KOMPASS_TEST_CATALOGUE": 5}); err != nil { // before the commit
		t.Fatal(err)
	}
	_, reports := verified(t, backup(t, src))
	if r := reports[0]; r.Digest.String() != stream || ledger.StateDigest(reports) != state || r.Uncommitted != 2 || r.Subjects != 2 || r.Records != 5 {
		t.Errorf("%+v, state %s, want digest %s, state %s", r, ledger.StateDigest(reports), stream, state)
	}
}

// TestDamagedSourceGivesNoArchive names the damage instead.
func TestDamagedSourceGivesNoArchive(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := store(t, dir)[0]
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	src := openStore(t, dir)
	write(t, path, bytes.Replace(whole, []byte("state 7"), []byte("state 9"), 1))
	_, _, err = ledger.Backup(t.Context(), src, &bytes.Buffer{}, created, nil)
	if !errors.Is(err, ledger.ErrDamaged) || !strings.Contains(err.Error(), "record 11 (kompass.test.catalogue.theme.a)") {
		t.Errorf("backup: %v", err)
	}
	write(t, path, whole[:lastRecord(whole)])
	src = openStore(t, dir)
	if _, _, err = ledger.Backup(t.Context(), src, &bytes.Buffer{}, created, nil); !errors.Is(err, ledger.ErrDamaged) || !strings.Contains(err.Error(), "records up to 23 were written but are missing") {
		t.Errorf("backup without the newest record: %v", err)
	}
}

// TestForgedArchive: an archive whose own sums are right is still held against the chains and against its summary.
func TestForgedArchive(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	fill(t, embedded(t, dir))
	src := openStore(t, dir)
	tests := []struct {
		name  string
		forge func(stream int, sequence uint64, r *archive.Record)
		want  string
	}{
		{"altered", func(_ int, n uint64, r *archive.Record) {
			if n == 9 {
				r.Data = append(bytes.Clone(r.Data), 0xa2, 0x06, 0)
			}
		}, "but 1499 other ones are there"},
		{"another subject", func(_ int, n uint64, r *archive.Record) {
			if n == 9 {
				r.Subject = "kompass.other.municipality.theme.9"
			}
		}, "record 9: has a subject that is not of this stream"},
		{"as it was", func(int, uint64, *archive.Record) {}, "is not the one that the backup found"}, // the summary is left out
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "archive")
			write(t, path, forged(t, src, tt.forge))
			a, err := ledger.OpenArchive(path)
			if err != nil {
				t.Fatal(err)
			}
			reports, err := a.Verify(t.Context(), nil)
			if err != nil || !strings.Contains(fmt.Sprint(reports[0].Damages), tt.want) {
				t.Errorf("%v, %v, want %q", reports[0].Damages, err, tt.want)
			}
			if err := ledger.Restore(t.Context(), ledger.Site{}, a, ignore); err == nil {
				t.Error("a forged archive may be restored")
			}
		})
	}
}

func forged(t *testing.T, src ledger.Source, forge func(int, uint64, *archive.Record)) []byte {
	t.Helper()
	m := archive.Manifest{Format: archive.Format}
	for _, e := range src.Extents() {
		m.Streams = append(m.Streams, archive.Stream{Name: e.Name.Stream(), Origin: e.Name.Origin, Service: e.Name.Service, Last: e.Last})
	}
	var file bytes.Buffer
	w, err := archive.NewWriter(&file, m)
	if err != nil {
		t.Fatal(err)
	}
	err = src.Walk(t.Context(), func(stream int, m ledger.Message) error {
		r := archive.Record{Subject: m.Subject, Data: m.Data}
		forge(stream, m.Sequence, &r)
		return w.Add(stream, m.Sequence, r)
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Close(archive.Summary{}); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// TestCutIsConsistent: while writers append, an archive holds all that was acknowledged before it began, and whatever a
// record refers to.
func TestCutIsConsistent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	site := embedded(t, dir)
	followed, follower := open(t, site, "catalogue"), open(t, site, "municipality")
	var group sync.WaitGroup
	var mu sync.Mutex
	acknowledged := ledger.Positions{}
	ctx, stop := context.WithCancel(t.Context())
	group.Go(func() { // the n-th record of the follower refers to the n-th of the followed stream
		for n := 0; ctx.Err() == nil; n++ {
			for _, log := range []*ledger.Log{followed, follower} {
				seq := mustAppend(t, log, draft(log, fmt.Sprint(n), "x", ledger.Head{}))
				mu.Lock()
				acknowledged[log.Name().Stream()] = seq
				mu.Unlock()
			}
		}
	})
	for range 20 {
		mu.Lock()
		before := ledger.Positions{}
		for stream, seq := range acknowledged {
			before[stream] = seq
		}
		mu.Unlock()
		cluster, err := ledger.OpenCluster(t.Context(), site.Conn)
		if err != nil {
			t.Fatal(err)
		}
		for kind, src := range map[string]ledger.Source{"files": openStore(t, dir), "server": cluster} {
			cut := ledger.Cut(src)
			for stream, seq := range before {
				if cut[stream] < seq {
					t.Errorf("%s: %s ends at %d, record %d was acknowledged before", kind, stream, cut[stream], seq)
				}
			}
			if cut[follower.Name().Stream()] > cut[followed.Name().Stream()] {
				t.Errorf("%s: a record refers to one that is not inside: %v", kind, cut)
			}
		}
	}
	verified(t, backup(t, openStore(t, dir)))
	stop()
	group.Wait()
}

// TestCurrent: the newest entries, without deleted ones and without writes that never counted, now and at any revision.
func TestCurrent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	site := embedded(t, dir)
	log := open(t, site, "catalogue")
	mustAppend(t, log, draft(log, "a", "1", ledger.Head{}), draft(log, "b", "1", ledger.Head{}), draft(log, "c", "1", ledger.Head{}))
	chain, _ := follow(t, log, 3)
	mustAppend(t, log, draft(log, "a", "2", chain.Head(log.Name().Subject("theme", "a"))))
	gone := draft(log, "b", "", chain.Head(log.Name().Subject("theme", "b")))
	gone.Entity = nil
	mustAppend(t, log, gone)
	stream := log.Name().Stream()
	tests := []struct {
		at   ledger.Positions
		want string
	}{
		{ledger.Positions{stream: 0}, ""},
		{ledger.Positions{stream: 2}, ""}, // staged, not committed
		{ledger.Positions{stream: 3}, "themes/a@1 themes/b@2 themes/c@3"},
		{ledger.Positions{stream: 4}, "themes/b@2 themes/c@3 themes/a@4"},
		{ledger.Positions{stream: 5}, "themes/c@3 themes/a@4"},
	}
	path := backup(t, openStore(t, dir))
	for _, tt := range tests {
		cluster, err := ledger.OpenCluster(t.Context(), site.Conn)
		if err != nil {
			t.Fatal(err)
		}
		a, _ := verified(t, path)
		for kind, src := range map[string]ledger.Source{"files": openStore(t, dir), "server": cluster, "archive": a} {
			if err := src.Narrow(tt.at); err != nil {
				t.Fatal(err)
			}
			var got []string
			err := ledger.Current(t.Context(), src, func(_ ledger.Name, e ledger.Entry) error {
				got = append(got, fmt.Sprintf("%s@%d", e.Record.Resource, e.Sequence))
				return nil
			})
			if strings.Join(got, " ") != tt.want || err != nil {
				t.Errorf("%s at %v: %v, %v, want %s", kind, tt.at, got, err, tt.want)
			}
		}
	}
	if err := openStore(t, dir).Narrow(ledger.Positions{stream: 6}); !errors.Is(err, ledger.ErrBeyond) {
		t.Errorf("at a record that is not there: %v, want ErrBeyond", err)
	}
}

func TestPositions(t *testing.T) {
	t.Parallel()
	p := ledger.Positions{"KOMPASS_KRZ_CATALOGUE": 12345, "KOMPASS_KRZ_MUNICIPALITY": 0}
	got, err := ledger.ParsePositions(p.Token())
	if err != nil || fmt.Sprint(got) != fmt.Sprint(p) {
		t.Errorf("%v, %v, want %v", got, err, p)
	}
	for _, token := range []string{"", "?", "S09NUEFTUw", "S09NUEFTUz0hIQ"} {
		if _, err := ledger.ParsePositions(token); !errors.Is(err, ledger.ErrRevision) {
			t.Errorf("%q: %v, want ErrRevision", token, err)
		}
	}
}
