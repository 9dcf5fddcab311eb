package main

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"testing"
	"time"
)

var kills = flag.Int("kills", 4, "how often TestKill kills the process")

// ledgerOfWriter is one writer's memory: what it was told is saved, and what it may have saved beyond that.
type ledgerOfWriter struct {
	path         string
	acknowledged int
	sent         int
}

// TestKill kills the process in the middle of load, again and again. Whatever was acknowledged must be there after the
// next start, the chains must be whole, and imports must have landed as a whole or not at all.
func TestKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := start(t, dir, "--demo")
	keys := names(p.get(buende + "/implementations?pageSize=8")["implementations"], "name")
	writers := make([]*ledgerOfWriter, len(keys))
	for i, name := range keys {
		writers[i] = &ledgerOfWriter{path: "/v1/" + name}
	}
	random := rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), 1))
	imports := 0
	for round := range *kills {
		var group sync.WaitGroup
		for _, w := range writers {
			group.Go(func() { w.write(p) })
		}
		group.Go(func() { imports = importUntilKilled(p, imports) })
		time.Sleep(time.Duration(random.IntN(1200)) * time.Millisecond)
		p.kill()
		group.Wait()
		if out, code := kompass(t, "verify", "--data", dir); code != 0 {
			t.Fatalf("round %d: verify says %d\n%s", round, code, out)
		}
		p = start(t, dir, "--demo")
		for _, w := range writers {
			w.check(t, p)
		}
		checkImports(t, p)
	}
	for _, w := range writers {
		if w.acknowledged == 0 {
			t.Errorf("%s: nothing was ever acknowledged", w.path)
		}
	}
	p.stop()
}

// write counts up in a note until the process is gone.
func (w *ledgerOfWriter) write(p *process) {
	for {
		w.sent = w.acknowledged + 1
		a, err := p.try(http.MethodPatch, w.path, fmt.Sprintf(`{"note":"%d"}`, w.sent))
		if err != nil || a.status != http.StatusOK {
			return
		}
		w.acknowledged = w.sent
	}
}

func (w *ledgerOfWriter) check(t *testing.T, p *process) {
	t.Helper()
	note, _ := p.get(w.path)["note"].(string)
	n, _ := strconv.Atoi(note)
	if n != w.acknowledged && n != w.sent {
		t.Errorf("%s: note %q after %d was acknowledged and %d sent", w.path, note, w.acknowledged, w.sent)
	}
	w.acknowledged = n
}

// importSize is large enough for several atomic batches.
const importSize = 2500

// importUntilKilled imports a set of extra services under a new name again and again, as parts of the catalogue.
func importUntilKilled(p *process, generation int) int {
	for {
		generation++
		file := []byte("leika_key,name\n")
		for i := range importSize {
			file = fmt.Appendf(file, "88%012d,Stand %d der Leistung %d\n", i, generation, i)
		}
		a, err := p.try(http.MethodPost, "/v1/catalogue:import?scope=partial", file)
		if err != nil || a.status != http.StatusOK {
			return generation
		}
	}
}

// checkImports finds all extra services in the same generation.
func checkImports(t *testing.T, p *process) {
	t.Helper()
	counts := map[string]int{}
	token := ""
	for {
		page := p.get("/v1/publicServices?pageSize=1000&filter=" + "leika_key%3E%3D%2288%22%20AND%20leika_key%3C%2289%22" + "&pageToken=" + token)
		for _, s := range page["publicServices"].([]any) {
			var generation, n int
			if _, err := fmt.Sscanf(at(s, "displayName").(string), "Stand %d der Leistung %d", &generation, &n); err == nil {
				counts[fmt.Sprint(generation)]++
			}
		}
		if token, _ = page["nextPageToken"].(string); token == "" {
			break
		}
	}
	if len(counts) > 1 {
		t.Errorf("parts of several imports are visible: %v", counts)
	}
	for g, n := range counts {
		if n != importSize {
			t.Errorf("import %s is visible with %d of %d services", g, n, importSize)
		}
	}
}
