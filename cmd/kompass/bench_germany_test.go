package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"golang.org/x/sync/errgroup"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/broker"
	"kompass.krz.de/services/platform/ledger"
)

var (
	germany    = flag.Bool("germany", false, "measure a state of the size of Germany (make bench-germany)")
	germanyDir = flag.String("germany-dir", "", "data directory for -germany: filled when it is empty, and kept")
)

// Germany: every municipality, and what each of them owes at most.
const (
	germanPlaces    = 10_981
	germanServices  = 575
	germanDistricts = 400
	germanSolutions = 200
)

// TestGermany fills a data directory with 6.3 million implementations and measures the way back to ready, memory and the
// two reads that have to look at most.
func TestGermany(t *testing.T) {
	if !*germany {
		t.Skip("only in make bench-germany")
	}
	dir := *germanyDir
	if dir == "" {
		dir = t.TempDir()
	}
	if _, err := os.Stat(filepath.Join(dir, "filled")); err != nil {
		fillGermany(t, dir)
	}
	b := &bench{t: t, dir: dir}
	b.germany()
	b.print()
}

func (b *bench) germany() {
	begin := time.Now()
	p, ready := launch(b.t, b.dir)
	select {
	case p.url = <-ready:
	case <-p.done:
		b.t.Fatalf("ended before it was ready: %v\n%s", p.err, p.log)
	case <-time.After(10 * time.Minute):
		p.kill()
		b.t.Fatalf("not ready\n%s", p.log)
	}
	value := time.Since(begin)
	b.add(row{what: "Germany ready after a clean stop (6,314,075 implementations)", value: value, target: "≤ 60 s", met: value <= time.Minute})
	b.p = p
	first := b.ask(1, 1, func(int) string { return "/v1/progress?groupBy=theme" })
	b.add(row{what: "progress of Germany, the first time", value: percentile(first, 99)})
	gaps := func(i int) string {
		return fmt.Sprintf("/v1/municipalities/%s/gaps?pageSize=50", germanAGS(i*37%germanPlaces))
	}
	p99 := percentile(b.ask(1, 3000, gaps), 99)
	b.add(row{what: "gaps of one municipality of Germany, never asked before, p99", value: p99, target: "< 5 ms", met: p99 < 5*time.Millisecond})
	stop := b.writing()
	p99 = percentile(b.ask(1, 3000, gaps), 99)
	b.add(row{what: "gaps of one municipality of Germany, while others write, p99", value: p99, target: "< 5 ms", met: p99 < 5*time.Millisecond})
	for _, by := range []string{"theme", "district", "sizeClass"} {
		p99 = percentile(b.ask(1, 300, func(int) string { return "/v1/progress?groupBy=" + by }), 99)
		b.add(row{what: "progress of Germany by " + by + ", while others write, p99", value: p99, target: "< 50 ms", met: p99 < 50*time.Millisecond})
	}
	b.add(row{what: fmt.Sprintf("changes written meanwhile: %d", stop())})
	b.add(row{what: "resident memory: " + resident(p.cmd.Process.Pid) + ", at its peak " + peak(p.cmd.Process.Pid), target: "≤ 4 GiB", met: residentBytes(p.cmd.Process.Pid) <= 4<<30})
	p.stop()
}

// ask lets n clients ask for paths.
func (b *bench) ask(n, each int, path func(int) string) []time.Duration {
	b.t.Helper()
	return pacedClients(b.t, n, each, 0, func(i int) error {
		a, err := b.p.try(http.MethodGet, path(i), nil)
		if err == nil && a.status != http.StatusOK {
			err = errors.New(string(a.body))
		}
		return err
	})
}

// writing changes implementations all over the country, 100 a second, until stop, which answers how many.
func (b *bench) writing() (stop func() int64) {
	ctx, cancel := context.WithCancel(context.Background())
	var n atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		for tick := time.NewTicker(10 * time.Millisecond); ctx.Err() == nil; <-tick.C {
			i := int(n.Add(1))
			path := fmt.Sprintf("/v1/municipalities/%s/implementations/%s", germanAGS(i*91%germanPlaces), benchKey(i%germanServices))
			a, err := b.p.try(http.MethodPatch, path, fmt.Appendf(nil, `{"annualCases": "%d", "solution": "", "phase": "PHASE_PLANNED"}`, i))
			if err != nil || a.status != http.StatusOK {
				b.t.Errorf("PATCH %s: %v, %s", path, err, a.body)
				return
			}
		}
	}()
	return func() int64 { cancel(); <-done; return n.Load() }
}

func germanAGS(i int) string {
	district := i % germanDistricts
	return fmt.Sprintf("%02d%03d%03d", 1+district/25, 1+district%25, 1+i/germanDistricts)
}

func germanDistrict(i int) string { return fmt.Sprintf("%02d%03d000", 1+i/25, 1+i%25) }

func benchKey(i int) string { return fmt.Sprintf("99%03d%03d%03d%03d", i/1000, i%1000, i%120, 0) }

// fillGermany imports catalogue and places as an operator would, and appends the implementations to the ledger with a
// server that does not sync: what is measured is reading.
func fillGermany(tb testing.TB, dir string) {
	tb.Helper()
	p := start(tb, dir)
	p.do(http.StatusOK, http.MethodPost, "/v1/catalogue:import", catalogueFile(0))
	file := []byte("ags,name,einwohner,groessenklasse,kreis_schluessel\n")
	for i := range germanDistricts {
		file = fmt.Appendf(file, "%s,Kreis %d,300000,kreis,\n", germanDistrict(i), i)
	}
	for i := range germanPlaces {
		file = fmt.Appendf(file, "%s,Ort %d,%d,kleine_kreisangehoerige_gemeinde,%s\n", germanAGS(i), i, 1000+i, germanDistrict(i%germanDistricts))
	}
	p.do(http.StatusOK, http.MethodPost, "/v1/municipalities:import", file)
	rules := []byte("target,kleine_kreisangehoerige_gemeinde\n")
	for i := range germanServices {
		rules = fmt.Appendf(rules, "%s,ja\n", benchKey(i))
	}
	p.do(http.StatusOK, http.MethodPost, "/v1/catalogue:import", rules)
	p.stop()

	nats, stop := unsyncedServer(tb, dir)
	defer stop()
	log, err := ledger.Open(tb.Context(), nats, ledger.Name{Origin: "krz", Service: "municipality"}, 1)
	if err != nil {
		tb.Fatal(err)
	}
	group, ctx := errgroup.WithContext(tb.Context())
	group.SetLimit(4)
	for i := range germanPlaces {
		group.Go(func() error {
			cause := ledger.Cause{Actor: "bench", RequestID: strconv.Itoa(i), Time: time.Date(2026, 1, 1, 0, 0, i, 0, time.UTC)}
			_, err := log.Append(ctx, cause, germanDrafts(log.Name(), i))
			return err
		})
	}
	if err := group.Wait(); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "filled"), nil, 0o600); err != nil {
		tb.Fatal(err)
	}
}

// germanDrafts are the implementations of one place: a quarter online with an address of its own, the rest on the way.
func germanDrafts(n ledger.Name, place int) []ledger.Draft {
	departments := []string{"Bürgerbüro", "Ordnungsamt", "Bauamt", "Steueramt", "Sozialamt", "Jugendamt", "Standesamt", "Straßenverkehrsamt"}
	phases := []municipalityv1.Implementation_Phase{municipalityv1.Implementation_PHASE_ONLINE, municipalityv1.Implementation_PHASE_OPEN,
		municipalityv1.Implementation_PHASE_PLANNED, municipalityv1.Implementation_PHASE_IN_PROGRESS}
	drafts := make([]ledger.Draft, germanServices)
	ags := germanAGS(place)
	for i := range drafts {
		key, cases := benchKey(i), int64(i*7)
		m := &municipalityv1.Implementation{
			Name:  "municipalities/" + ags + "/implementations/" + key,
			Phase: phases[(i+place)%len(phases)], Department: departments[i%len(departments)], AnnualCases: &cases,
			PhaseDate: time.Date(2024, 1, 1+(i*13+place)%730, 0, 0, 0, 0, time.UTC).Format(time.DateOnly),
		}
		switch m.GetPhase() {
		case municipalityv1.Implementation_PHASE_ONLINE:
			m.Url = "https://www.ort-" + strconv.Itoa(place) + ".example/dienste/antrag/" + key
			m.Maturity = &municipalityv1.Maturity{Model: "1.1", Level: 3}
			m.Solution = "solutions/loesung-" + strconv.Itoa((i+place/50)%germanSolutions)
		case municipalityv1.Implementation_PHASE_PLANNED:
			m.TargetDate = "2027-06-30"
		}
		drafts[i] = ledger.Draft{Subject: n.Subject("implementation", ags, key), Resource: m.GetName(), Entity: m, Changed: []string{"phase"}}
	}
	return drafts
}

// unsyncedServer runs an embedded server on a data directory that leaves syncing to the system.
func unsyncedServer(tb testing.TB, dir string) (*nats.Conn, func()) {
	tb.Helper()
	srv, err := server.NewServer(&server.Options{ServerName: "kompass", DontListen: true, NoSigs: true, JetStream: true,
		StoreDir: broker.StoreDir(dir), JetStreamMaxStore: 1 << 50, JetStreamMaxMemory: 64 << 20, MaxPayload: 8 << 20})
	if err != nil {
		tb.Fatal(err)
	}
	srv.Start()
	if !srv.ReadyForConnections(time.Minute) {
		tb.Fatal("the server does not start")
	}
	conn, err := nats.Connect("", nats.InProcessServer(srv))
	if err != nil {
		tb.Fatal(err)
	}
	return conn, func() { conn.Close(); srv.Shutdown(); srv.WaitForShutdown() }
}

// TestBareGermany measures what NATS alone needs on the same directory: its start, and one consumer that decodes nothing.
func TestBareGermany(t *testing.T) {
	if !*germany || *germanyDir == "" {
		t.Skip("only with -germany and -germany-dir")
	}
	begin := time.Now()
	nats, err := broker.Start(*germanyDir, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	started := time.Since(begin)
	nats.Stop()
	took := bareReplay(t, *germanyDir)
	runtime.GC()
	t.Logf("start %v, start and replay %v, resident %s, at its peak %s", started, took, resident(os.Getpid()), peak(os.Getpid()))
}

// peak reads the largest resident memory that a process ever had.
func peak(pid int) string { return procStatus(pid, "VmHWM:") }

// residentBytes is the resident memory of a process.
func residentBytes(pid int) int64 {
	kB, err := strconv.ParseInt(strings.TrimSuffix(resident(pid), " kB"), 10, 64)
	if err != nil {
		return 1 << 62
	}
	return kB << 10
}
