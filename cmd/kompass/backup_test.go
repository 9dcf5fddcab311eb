package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	natsserver "github.com/nats-io/nats-server/v2/server"
)

// loadWriter counts up in the note of one implementation and remembers what it was answered.
type loadWriter struct {
	path         string
	acknowledged atomic.Int64
	sent         atomic.Int64
	answers      sync.Map // note to the whole answer
}

func (w *loadWriter) run(t *testing.T, p *process, stop <-chan struct{}) {
	for n := int64(1); ; n++ {
		select {
		case <-stop:
			return
		default:
		}
		w.sent.Store(n)
		a, err := p.try(http.MethodPatch, w.path, fmt.Sprintf(`{"note":"%d"}`, n))
		if err != nil || a.status != http.StatusOK {
			t.Errorf("%s: %v, status %d: %s", w.path, err, a.status, a.body)
			return
		}
		w.answers.Store(fmt.Sprint(n), string(a.body))
		w.acknowledged.Store(n)
	}
}

const importedServices = 40

// importGenerations lets imports of several records follow each other; each writes its number into all of its services.
func importGenerations(t *testing.T, p *process, acknowledged *atomic.Int64, stop <-chan struct{}) {
	for n := int64(1); ; n++ {
		select {
		case <-stop:
			return
		default:
		}
		file := []byte("leika_key,name\n")
		for i := range importedServices {
			file = fmt.Appendf(file, "99%03d001001000,Stand %d der Leistung %d\n", 900+i, n, i)
		}
		if a, err := p.try(http.MethodPost, "/v1/catalogue:import?scope=partial", file); err != nil || a.status != http.StatusOK {
			t.Errorf("import: %v, status %d: %s", err, a.status, a.body)
			return
		}
		acknowledged.Store(n)
	}
}

// TestBackupUnderLoad: a backup taken in the middle of load restores into a server that has all that was acknowledged
// before, answers what was answered then, and has the state that the original had at the backup's revision.
func TestBackupUnderLoad(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir(), "--demo")
	still := []string{"/v1/themes", "/v1/solutions?pageSize=1000", "/v1/municipalities?pageSize=1000", "/v1/providers", "/v1/dataCentres", buende + "/onlineServices?pageSize=1000"}
	before := map[string]string{}
	for _, path := range still {
		before[path] = string(p.do(http.StatusOK, http.MethodGet, path, nil).body)
	}
	var writers []*loadWriter
	for _, name := range names(p.get(buende + "/implementations?pageSize=6")["implementations"], "name") {
		writers = append(writers, &loadWriter{path: "/v1/" + name})
	}
	var imported atomic.Int64
	stop := make(chan struct{})
	var group sync.WaitGroup
	for _, w := range writers {
		group.Go(func() { w.run(t, p, stop) })
	}
	group.Go(func() { importGenerations(t, p, &imported, stop) })
	moveOn := func() { // until everybody has written several times more
		for _, w := range writers {
			for n := w.acknowledged.Load(); w.acknowledged.Load() < n+5 && !t.Failed(); {
				time.Sleep(5 * time.Millisecond)
			}
		}
	}
	moveOn()
	acknowledged := map[*loadWriter]int64{}
	for _, w := range writers {
		acknowledged[w] = w.acknowledged.Load()
	}
	importedBefore := imported.Load()
	archive := filepath.Join(t.TempDir(), "kompass.archive")
	out, code := kompass(t, "backup", "--data", p.dir, archive)
	sent := map[*loadWriter]int64{}
	for _, w := range writers {
		sent[w] = w.sent.Load()
	}
	moveOn()
	close(stop)
	group.Wait()
	if code != 0 {
		t.Fatalf("backup: %d\n%s", code, out)
	}
	restored := restoreArchive(t, p, archive)
	token := verifyJSON(t, archive)["revision"].(string)
	for path, want := range before {
		if got := string(restored.do(http.StatusOK, http.MethodGet, path, nil, "Kompass-Revision", token).body); got != want {
			t.Errorf("%s answers\n%.300s, want\n%.300s", path, got, want)
		}
	}
	for _, w := range writers {
		a := restored.do(http.StatusOK, http.MethodGet, w.path, nil)
		note, _ := a.json(t)["note"].(string)
		if want, _ := w.answers.Load(note); string(a.body) != want {
			t.Errorf("%s answers %s, want what was answered before: %s", w.path, a.body, want)
		}
		var n int64
		if _, err := fmt.Sscan(note, &n); err != nil || n < acknowledged[w] || n > sent[w] {
			t.Errorf("%s: note %q; %d was acknowledged before the backup, %d sent when it was done", w.path, note, acknowledged[w], sent[w])
		}
	}
	if n := importedState(t, restored); n < importedBefore {
		t.Errorf("import %d is there, %d was acknowledged before the backup", n, importedBefore)
	}
	restored.do(http.StatusOK, http.MethodPatch, writers[0].path, `{"note":"danach"}`)
	restored.stop()
	p.stop()
}

// restoreArchive restores into a new directory, compares it with the original and serves it.
func restoreArchive(t *testing.T, p *process, archive string) *process {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "restored")
	if out, code := kompass(t, "restore", "--data", dir, archive); code != 0 {
		t.Fatalf("restore: %d\n%s", code, out)
	}
	inside, there := verifyJSON(t, archive), verifyJSON(t, "--data", dir)
	if inside["digest"] != there["digest"] || inside["revision"] != there["revision"] || there["clean"] != true {
		t.Errorf("restored %v, want %v", there, inside)
	}
	want := export(t, "--archive", archive)
	if len(want) < 1000 || want != export(t, "--data", dir) {
		t.Error("the restored ledger has not the entities of the archive")
	}
	if want != export(t, "--data", p.dir, "--at", inside["revision"].(string)) {
		t.Error("the original had other entities at the backup's revision")
	}
	if want == export(t, "--data", p.dir) {
		t.Error("the original did not move on: the test compares nothing")
	}
	return start(t, dir)
}

// importedState finds the generation that is visible, which must be the same in all services of the import.
func importedState(t *testing.T, p *process) int64 {
	t.Helper()
	found := map[int64]int{}
	for i := range importedServices {
		var n int64
		var service int
		name := p.get(fmt.Sprintf("/v1/publicServices/99%03d001001000", 900+i))["displayName"].(string)
		if _, err := fmt.Sscanf(name, "Stand %d der Leistung %d", &n, &service); err != nil || service != i {
			t.Fatalf("service %d is called %q", i, name)
		}
		found[n]++
	}
	for n, count := range found {
		if count != importedServices {
			t.Errorf("import %d is visible in %d of %d services", n, count, importedServices)
		}
		return n
	}
	return 0
}

func verifyJSON(t *testing.T, args ...string) map[string]any {
	t.Helper()
	out, code := kompass(t, append([]string{"verify", "--json"}, args...)...)
	var result map[string]any
	if err := json.Unmarshal([]byte(out), &result); err != nil || code != 0 {
		t.Fatalf("verify %v: %d, %v\n%s", args, code, err, out)
	}
	return result
}

func export(t *testing.T, args ...string) string {
	t.Helper()
	out, code := kompass(t, append([]string{"export", "-"}, args...)...)
	if code != 0 {
		t.Fatalf("export %v: %d\n%.600s", args, code, out)
	}
	return out
}

// demoArchive is a stopped server's directory with starter data and its archive.
func demoArchive(t *testing.T) (dir, archive string) {
	t.Helper()
	dir, archive = t.TempDir(), filepath.Join(t.TempDir(), "kompass.archive")
	start(t, dir, "--demo").stop()
	if out, code := kompass(t, "backup", "--data", dir, archive); code != 0 {
		t.Fatalf("backup: %d\n%s", code, out)
	}
	return dir, archive
}

// TestArchiveVerbs goes through what operators do with archives and what they do wrong.
func TestArchiveVerbs(t *testing.T) {
	t.Parallel()
	dir, archive := demoArchive(t)
	t.Run("the archive is for its owner alone and is not overwritten", func(t *testing.T) {
		if info, err := os.Stat(archive); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v, %v", info.Mode(), err)
		}
		if out, code := kompass(t, "backup", "--data", dir, archive); code != exitFailed || !strings.Contains(out, "--force") {
			t.Errorf("backup over an archive: %d\n%s", code, out)
		}
		if out, code := kompass(t, "backup", "--force", "--data", dir, archive); code != 0 {
			t.Errorf("forced: %d\n%s", code, out)
		}
	})
	t.Run("restore refuses what is not empty and names it", func(t *testing.T) {
		used := t.TempDir()
		writeKey(t, used, "x")
		if out, code := kompass(t, "restore", "--data", used, archive); code != exitFailed || !strings.Contains(out, "admin.token") {
			t.Errorf("%d\n%s", code, out)
		}
		if out, code := kompass(t, "restore", "--data", dir, archive); code != exitFailed || !strings.Contains(out, "nats") {
			t.Errorf("%d\n%s", code, out)
		}
	})
	t.Run("flipped bits are found", func(t *testing.T) { flippedArchive(t, archive) })
	t.Run("an external NATS", func(t *testing.T) { archiveAndNATS(t, dir, archive) })
	t.Run("a revision is a token or positions", func(t *testing.T) {
		if out := export(t, "--data", dir, "--service", "municipality", "--at", "municipality=2"); strings.Count(out, "\n") != 0 {
			t.Errorf("in the middle of the first write: %s", out)
		}
		if out := export(t, "--data", dir, "--service", "marketplace"); !strings.Contains(out, `{"resource":"providers/`) || strings.Contains(out, "municipalities/05758004\"") {
			t.Errorf("of the marketplace: %.300s", out)
		}
		for _, at := range []string{"municipality=99999999", "kitchen=1", "municipality=x", "%", "catalogue=1"} {
			if out, code := kompass(t, "export", "--data", dir, "--service", "municipality", "--at", at, "-"); code != exitFailed {
				t.Errorf("--at %s: %d\n%s", at, code, out)
			}
		}
	})
	t.Run("damage leaves no archive", func(t *testing.T) {
		blocks, err := filepath.Glob(filepath.Join(dir, "nats", "jetstream", "*", "streams", "*MUNICIPALITY", "msgs", "*.blk"))
		if err != nil || len(blocks) == 0 {
			t.Fatalf("no blocks: %v", err)
		}
		flipBit(t, blocks[0], blocks[0], 8*1000)
		target := filepath.Join(t.TempDir(), "archive")
		out, code := kompass(t, "backup", "--data", dir, target)
		if left, _ := filepath.Glob(target + "*"); code != exitDamaged || !strings.Contains(out, "KOMPASS_KRZ_MUNICIPALITY, record ") || len(left) > 0 {
			t.Errorf("%d, left %v\n%s", code, left, out)
		}
	})
}

func flippedArchive(t *testing.T, archive string) {
	info, err := os.Stat(archive)
	if err != nil {
		t.Fatal(err)
	}
	flipped := filepath.Join(t.TempDir(), "flipped")
	for _, byteAt := range []int64{3, 40, 600, info.Size() / 2, info.Size() - 200, info.Size() - 1} {
		flipBit(t, archive, flipped, byteAt*8+byteAt%8)
		if out, code := kompass(t, "verify", flipped); code != exitDamaged {
			t.Errorf("bit in byte %d: %d\n%s", byteAt, code, out)
		}
		into := filepath.Join(t.TempDir(), "into")
		if out, code := kompass(t, "restore", "--data", into, flipped); code != exitDamaged {
			t.Errorf("restore, bit in byte %d: %d\n%s", byteAt, code, out)
		}
		if _, err := os.Stat(into); err == nil {
			t.Error("something was written although the archive is damaged")
		}
	}
}

func flipBit(t *testing.T, from, to string, bit int64) {
	t.Helper()
	data, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	data[bit/8] ^= 1 << (bit % 8)
	if err := os.WriteFile(to, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// archiveAndNATS restores into an external server, and takes a backup of it.
func archiveAndNATS(t *testing.T, dir, archive string) {
	nats, err := natsserver.NewServer(&natsserver.Options{Host: "127.0.0.1", Port: natsserver.RANDOM_PORT, JetStream: true, StoreDir: t.TempDir(), SyncAlways: true, NoSigs: true, NoLog: true, MaxPayload: 8 << 20})
	if err != nil {
		t.Fatal(err)
	}
	nats.Start()
	t.Cleanup(func() { nats.Shutdown(); nats.WaitForShutdown() })
	if !nats.ReadyForConnections(20 * time.Second) {
		t.Fatal("NATS is not ready")
	}
	url := nats.ClientURL()
	if out, code := kompass(t, "restore", "--nats-url", url, "--replicas", "1", archive); code != 0 {
		t.Fatalf("restore: %d\n%s", code, out)
	}
	if out, code := kompass(t, "restore", "--nats-url", url, "--replicas", "1", archive); code != exitFailed || !strings.Contains(out, "not empty") {
		t.Errorf("restore a second time: %d\n%s", code, out)
	}
	again := filepath.Join(t.TempDir(), "again")
	if out, code := kompass(t, "backup", "--nats-url", url, again); code != 0 {
		t.Fatalf("backup: %d\n%s", code, out)
	}
	if a, b := verifyJSON(t, archive), verifyJSON(t, again); a["digest"] != b["digest"] || a["revision"] != b["revision"] {
		t.Errorf("the backup of the restored ledger is %v, want %v", b, a)
	}
	if export(t, "--nats-url", url) != export(t, "--data", dir) {
		t.Error("the export of the restored ledger differs")
	}
}

// TestWriteWhole: a file that could not be written to its end does not exist, and what it would replace stays.
func TestWriteWhole(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	text := func(s string) func(io.Writer) error {
		return func(w io.Writer) error { _, err := io.WriteString(w, s); return err }
	}
	failed := errors.New("failed")
	half := func(w io.Writer) error { return errors.Join(text("half")(w), failed) }
	content := func() string {
		files, _ := filepath.Glob(path + "*")
		data, _ := os.ReadFile(path)
		return fmt.Sprintf("%d %s", len(files), data)
	}
	if err := writeWhole(path, false, half); !errors.Is(err, failed) || content() != "0 " {
		t.Errorf("half: %v, left %s", err, content())
	}
	if err := writeWhole(path, false, text("one")); err != nil || content() != "1 one" {
		t.Errorf("one: %v, left %s", err, content())
	}
	if err := writeWhole(path, false, text("two")); err == nil || content() != "1 one" {
		t.Errorf("over a file: %v, left %s", err, content())
	}
	if err := writeWhole(path, true, half); !errors.Is(err, failed) || content() != "1 one" {
		t.Errorf("half over a file: %v, left %s", err, content())
	}
	err := writeWhole(path, true, func(w io.Writer) error {
		if err := writeWhole(path, true, text("meanwhile")); err == nil {
			t.Error("two write the same file at once")
		}
		return text("two")(w)
	})
	if err != nil || content() != "1 two" {
		t.Errorf("replaced: %v, left %s", err, content())
	}
}

// TestKilledRestore: whenever a restore is killed, what it leaves is refused, or whole; and the restore can be repeated.
func TestKilledRestore(t *testing.T) {
	t.Parallel()
	_, archive := demoArchive(t)
	want := verifyJSON(t, archive)["digest"]
	begin := time.Now()
	if out, code := kompass(t, "restore", "--data", filepath.Join(t.TempDir(), "whole"), archive); code != 0 {
		t.Fatalf("restore: %d\n%s", code, out)
	}
	took := time.Since(begin)
	const kills = 4
	half := 0
	for range kills {
		dir := filepath.Join(t.TempDir(), "restored")
		cmd := exec.Command(binary, "restore", "--data", dir, archive)
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Duration(rand.Int64N(int64(took))))
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		out, code := kompass(t, "verify", "--data", dir)
		if code == 0 { // the whole of it was there
			continue
		}
		if strings.Contains(out, "is not complete") {
			half++
			if out, code := kompass(t, "serve", "--data", dir, "--http", "127.0.0.1:0", "--grpc", freeAddress(t)); code != exitFailed || !strings.Contains(out, "is not complete") {
				t.Errorf("serve on half a restore: %d\n%s", code, out)
			}
		}
		if out, code := kompass(t, "restore", "--data", dir, archive); code != 0 {
			t.Fatalf("restore again: %d\n%s", code, out)
		}
		if got := verifyJSON(t, "--data", dir)["digest"]; got != want {
			t.Errorf("restored after all: %v, want %v", got, want)
		}
	}
	t.Logf("%d of %d kills met half a restore", half, kills)
}
