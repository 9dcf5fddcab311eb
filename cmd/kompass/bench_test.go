package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/broker"
	"kompass.krz.de/services/platform/ledger"
)

var benchTable = flag.Bool("bench-table", false, "measure and print the table of make bench")

// row is one line of the table: what was measured, beside what, and the target.
type row struct {
	what   string
	value  time.Duration
	beside string // what the ratio is to; empty when the target is absolute
	base   time.Duration
	target string
	met    bool
}

// TestBench measures the whole binary from outside, on generated data of the sizes that matter.
func TestBench(t *testing.T) {
	if !*benchTable {
		t.Skip("only in make bench")
	}
	dir := t.TempDir()
	p := start(t, dir)
	b := &bench{t: t, p: p, dir: dir}
	b.importCatalogue()
	b.search()
	b.writes()
	b.reads()
	b.events()
	b.webhooks()
	b.restart()
	b.adoption()
	b.print()
}

type bench struct {
	t    *testing.T
	p    *process
	dir  string
	rows []row
}

const catalogueSize = 8557

// catalogueFile generates public services with names of German compounds; a generation changes every third name.
func catalogueFile(generation int) []byte {
	heads := []string{"steuer", "genehmigung", "erlaubnis", "anmeldung", "abmeldung", "ausweis", "zulassung", "beratung", "förderung", "bescheinigung", "anzeige", "prüfung"}
	objects := []string{"Hunde", "Bau", "Gewerbe", "Kraftfahrzeug", "Wohnraum", "Gaststätten", "Waffen", "Fischerei", "Jagd", "Personal", "Reise", "Abfall", "Wasser", "Straßen", "Schul", "Kita", "Pflege", "Ehe"}
	verbs := []string{"Erteilung", "Festsetzung", "Ausstellung", "Änderung", "Verlängerung", "Befreiung", "Entgegennahme", "Beratung"}
	file := []byte("leika_key,name,typisierung,ozg_id\n")
	for i := range catalogueSize {
		name := fmt.Sprintf("%s%s %s %d", objects[i%len(objects)], heads[i/7%len(heads)], verbs[i/3%len(verbs)], i/50)
		if i%3 == 0 {
			name = fmt.Sprintf("%s Fassung %d", name, generation)
		}
		file = fmt.Appendf(file, "99%03d%03d%03d%03d,%s,2/3,%d\n", i/1000, i%1000, i%120, 0, name, 10000+i%575)
	}
	return file
}

func (b *bench) importCatalogue() {
	var took []time.Duration
	for generation := range 4 {
		file := catalogueFile(generation)
		start := time.Now()
		report := b.p.do(http.StatusOK, http.MethodPost, "/v1/catalogue:import", file).json(b.t)
		if generation > 0 { // the first has nothing to compare with
			took = append(took, time.Since(start))
			if report["changed"] != float64((catalogueSize+2)/3) {
				b.t.Fatalf("changed %v", report["changed"])
			}
		}
	}
	base := rawBatches(b.t, (catalogueSize+2)/3)
	value := median(took)
	b.add(row{"import of 8,557 public services, 2,853 changed, over REST", value, "raw atomic batches of as many records", base, "≤ 2 s", value <= 2*time.Second})
}

// rawBatches is how long JetStream alone takes for records of the same size.
func rawBatches(tb testing.TB, n int) time.Duration {
	tb.Helper()
	nats, err := broker.Start(tb.TempDir(), slog.New(slog.DiscardHandler))
	if err != nil {
		tb.Fatal(err)
	}
	defer nats.Stop()
	log, err := ledger.Open(tb.Context(), nats.Conn, ledger.Name{Origin: "bench", Service: "raw"}, 1)
	if err != nil {
		tb.Fatal(err)
	}
	var drafts []ledger.Draft
	for i := range n {
		id := fmt.Sprintf("t%d", i)
		drafts = append(drafts, ledger.Draft{Subject: log.Name().Subject("publicService", id), Resource: "publicServices/" + id,
			Entity: &cataloguev1.PublicService{Name: "publicServices/" + id, DisplayName: strings.Repeat("x", 60), OzgService: "ozgServices/10000"}})
	}
	start := time.Now()
	if _, err := log.Append(tb.Context(), ledger.Cause{Actor: "bench", Time: start}, drafts); err != nil {
		tb.Fatal(err)
	}
	return time.Since(start)
}

// search asks from 32 clients at once: what people type again and again, and queries of which no two are the same, so
// that the edge has nothing kept for them.
func (b *bench) search() {
	typed := []string{"hunde anmelden", "steuer", "baugenehmigung", "muell", "personalausweis beantragen", "kfz zulassung", "fuehrerschein", "kita", "gewerbe ummelden", "erlaubnis"}
	same := func(i int) string { return typed[i%len(typed)] }
	var turn atomic.Int64
	fresh := func(i int) string { return fmt.Sprintf("%s %d", typed[i%len(typed)], turn.Add(1)) }
	conn, err := dial(b.p.grpc)
	if err != nil {
		b.t.Fatal(err)
	}
	defer conn.Close()
	catalogue := cataloguev1.NewCatalogueServiceClient(conn)
	overGRPC := func(query func(int) string) func(int) error {
		return func(i int) error {
			_, err := catalogue.ListPublicServices(context.Background(), &cataloguev1.ListPublicServicesRequest{Q: query(i), PageSize: 10})
			return err
		}
	}
	overREST := func(query func(int) string) func(int) error {
		return func(i int) error {
			a, err := b.p.try(http.MethodGet, "/v1/publicServices?pageSize=10&q="+strings.ReplaceAll(query(i), " ", "+"), nil)
			if err == nil && a.status != http.StatusOK {
				err = fmt.Errorf("status %d", a.status)
			}
			return err
		}
	}
	health := func(int) error { _, err := b.p.try(http.MethodGet, "/healthz", nil); return err }
	const n, each, period = 32, 40, 50 * time.Millisecond
	idle := percentile(pacedClients(b.t, n, each, period, health), 99)
	busy := percentile(clients(b.t, n, 4000, health), 99)
	for _, way := range []struct {
		name string
		call func(int) error
	}{{"gRPC", overGRPC(fresh)}, {"REST, no query twice", overREST(fresh)}, {"REST, queries repeat", overREST(same)}} {
		paced := percentile(pacedClients(b.t, n, each, period, way.call), 99)
		b.add(row{"search, 32 clients, 640 searches/s in all, p99, " + way.name, paced, "p99 of /healthz, same load", idle, "< 5 ms", paced < 5*time.Millisecond})
		latencies := clients(b.t, n, 6000, way.call)
		p99 := percentile(latencies, 99)
		b.add(row{fmt.Sprintf("search, 32 clients without pause (both cores full, p50 %v), p99, %s", percentile(latencies, 50).Round(10*time.Microsecond), way.name),
			p99, "p99 of /healthz, same load", busy, "< 5 ms", p99 < 5*time.Millisecond})
	}
}

// restart fills NRW, 427 places with 575 implementations each, stops and measures the way back to ready.
func (b *bench) restart() {
	const places, services = 427, 575
	b.fill(places, services)
	b.p.stop()
	base := bareReplay(b.t, b.dir)
	begin := time.Now()
	p := start(b.t, b.dir)
	value := time.Since(begin)
	b.add(row{"NRW ready after a restart (245,525 implementations)", value, "bare replay of the streams, one consumer each", base, "≤ 3 s", value <= 3*time.Second})
	gaps := func(i int) error {
		a, err := p.try(http.MethodGet, fmt.Sprintf("/v1/municipalities/%08d/gaps?pageSize=50", 5100000+i%places), nil)
		if err == nil && a.status != http.StatusOK {
			err = errors.New(string(a.body))
		}
		return err
	}
	b.add(row{"gaps of one municipality, one client, p99, over REST", percentile(clients(b.t, 1, 2*places, gaps), 99), "", 0, "", true})
	progress := func(int) error { _, err := p.try(http.MethodGet, "/v1/progress?groupBy=theme", nil); return err }
	b.add(row{"progress of NRW by theme, one client, p99, over REST", percentile(clients(b.t, 1, 100, progress), 99), "", 0, "", true})
	b.add(row{"resident memory: " + resident(p.cmd.Process.Pid), 0, "", 0, "", true})
	p.stop()
}

func (b *bench) fill(places, services int) {
	b.t.Helper()
	file := []byte("ags,name,einwohner,groessenklasse\n")
	for i := range places {
		file = fmt.Appendf(file, "%08d,Ort %d,%d,kreisfreie_stadt\n", 5100000+i, i, 1000+i)
	}
	b.p.do(http.StatusOK, http.MethodPost, "/v1/municipalities:import", file)
	rules := []byte("target,kreisfreie_stadt\n")
	for i := range services {
		rules = fmt.Appendf(rules, "99%03d%03d%03d%03d,ja\n", i/1000, i%1000, i%120, 0)
	}
	revision := b.p.do(http.StatusOK, http.MethodPost, "/v1/catalogue:import", rules).header.Get("Kompass-Revision")
	conn, err := dial(b.p.grpc)
	if err != nil {
		b.t.Fatal(err)
	}
	defer conn.Close()
	ctx := metadata.AppendToOutgoingContext(context.Background(), "authorization", "Bearer "+b.p.key(), "kompass-revision", revision)
	client := municipalityv1.NewMunicipalityServiceClient(conn)
	phases := []municipalityv1.Implementation_Phase{municipalityv1.Implementation_PHASE_ONLINE, municipalityv1.Implementation_PHASE_OPEN, municipalityv1.Implementation_PHASE_PLANNED, municipalityv1.Implementation_PHASE_IN_PROGRESS}
	for place := range places {
		parent := fmt.Sprintf("municipalities/%08d", 5100000+place)
		request := &municipalityv1.BatchUpdateImplementationsRequest{Parent: parent}
		for i := range services {
			cases := int64(i * 7)
			request.Requests = append(request.Requests, &municipalityv1.UpdateImplementationRequest{Implementation: &municipalityv1.Implementation{
				Name: fmt.Sprintf("%s/implementations/99%03d%03d%03d%03d", parent, i/1000, i%1000, i%120, 0), Phase: phases[(i+place)%4],
				Maturity: &municipalityv1.Maturity{Model: "1.1", Level: 3}, Url: "https://www.ort.example/dienste/antrag", Department: "Bürgerbüro", AnnualCases: &cases,
			}})
		}
		if _, err := client.BatchUpdateImplementations(ctx, request, grpc.WaitForReady(true)); err != nil {
			b.t.Fatal(err)
		}
	}
}

// bareReplay reads the same streams with nothing but the server and one consumer each, without decoding.
func bareReplay(tb testing.TB, dir string) time.Duration {
	tb.Helper()
	begin := time.Now()
	nats, err := broker.Start(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		tb.Fatal(err)
	}
	defer nats.Stop()
	var group sync.WaitGroup
	for _, service := range []string{"catalogue", "municipality", "marketplace"} {
		log, err := ledger.Open(tb.Context(), nats.Conn, ledger.Name{Origin: "krz", Service: service}, 1)
		if err != nil {
			tb.Fatal(err)
		}
		last, err := log.LastSequence(tb.Context())
		if err != nil {
			tb.Fatal(err)
		}
		if last == 0 {
			continue
		}
		group.Go(func() {
			done := errors.New("done")
			if err := log.Follow(tb.Context(), 0, func(batch []ledger.Message) error {
				if batch[len(batch)-1].Sequence >= last {
					return done
				}
				return nil
			}); !errors.Is(err, done) {
				tb.Error(err)
			}
		})
	}
	group.Wait()
	return time.Since(begin)
}

// clients lets n clients share calls, each asking again as soon as it is answered, after a warm-up.
func clients(tb testing.TB, n, calls int, call func(int) error) []time.Duration {
	tb.Helper()
	for i := range min(calls, 200) {
		if err := call(i); err != nil {
			tb.Fatal(err)
		}
	}
	return pacedClients(tb, n, calls/n, 0, call)
}

// pacedClients lets n clients make some calls each, one every period.
func pacedClients(tb testing.TB, n, each int, period time.Duration, call func(int) error) []time.Duration {
	tb.Helper()
	latencies := make([][]time.Duration, n)
	var group sync.WaitGroup
	for c := range n {
		group.Go(func() {
			time.Sleep(period * time.Duration(c) / time.Duration(n))
			for i := range each {
				begin := time.Now()
				if err := call(c*each + i); err != nil {
					tb.Error(err)
					return
				}
				took := time.Since(begin)
				latencies[c] = append(latencies[c], took)
				time.Sleep(max(0, period-took))
			}
		})
	}
	group.Wait()
	return slices.Concat(latencies...)
}

func percentile(d []time.Duration, p int) time.Duration {
	if len(d) == 0 {
		return 0
	}
	slices.Sort(d)
	return d[min(len(d)-1, len(d)*p/100)]
}

func median(d []time.Duration) time.Duration { return percentile(d, 50) }

// resident reads the resident memory of a process from the kernel: "123456 kB".
func resident(pid int) string { return procStatus(pid, "VmRSS:") }

func procStatus(pid int, field string) string {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return "unknown"
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, field); ok {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

func (b *bench) add(r row) {
	b.rows = append(b.rows, r)
	b.t.Logf("%s: %v", r.what, r.value)
}

func (b *bench) print() {
	fmt.Printf("\nMachine: %d cores, %s, %s/%s; clients and server share it.\n\n", runtime.NumCPU(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	fmt.Println("| what | measured | target | beside it in the same run | ratio |")
	fmt.Println("|---|---|---|---|---|")
	for _, r := range b.rows {
		value, beside, ratio, verdict := r.value.Round(10*time.Microsecond).String(), "", "", r.target
		if r.value == 0 {
			value = ""
		}
		if r.base > 0 {
			beside = fmt.Sprintf("%s: %v", r.beside, r.base.Round(10*time.Microsecond))
			ratio = fmt.Sprintf("%.2f", float64(r.value)/float64(r.base))
		}
		if r.target != "" {
			verdict += map[bool]string{true: " met", false: " **missed**"}[r.met]
		}
		fmt.Printf("| %s | %s | %s | %s | %s |\n", r.what, value, verdict, beside, ratio)
	}
}
