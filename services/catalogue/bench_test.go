package catalogue

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
)

// full is the size of the whole LeiKa.
const full = 8557

var (
	things  = []string{"Hunde", "Gewerbe", "Wohnsitz", "Kraftfahrzeug", "Gaststätten", "Bau", "Sperrmüll", "Personalausweis", "Parkplatz", "Schul", "Grund", "Jagd", "Ehe", "Baum", "Abfall"}
	matters = []string{"steuer", "anmeldung", "genehmigung", "bescheid", "ausweis", "gebühr", "erlaubnis", "zulassung", "prüfung", "förderung"}
	deeds   = []string{"Erteilung", "Ausstellung", "Änderung", "Verlängerung", "Widerruf", "Festsetzung", "Anzeige"}
)

// generated is a table of n public services with names like real ones; edition makes every tenth differ.
func generated(n, edition int) string {
	var b strings.Builder
	b.WriteString("leika_key,name,typisierung,ozg_id,legal_basis,laws,law_shortcuts,relevance1,relevance2\n")
	for i := range n {
		basis := fmt.Sprintf("§ %d Kommunalabgabengesetz für das Land Nordrhein-Westfalen (KAG NRW) [https://recht.nrw.example/kag/%d]", i%40, i)
		if i%10 == 0 {
			basis += fmt.Sprintf(" Fassung %d", edition)
		}
		fmt.Fprintf(&b, "99%03d%03d%03d000,%s%s %s %s %d,2/3,%05d,%s,Kommunalabgabengesetz,KAG,%d,0\n",
			i/700, i%700, i%120, things[i%15], matters[i/15%10], deeds[i/150%7], things[i/7%15], i, 10000+i%575, basis, i%2)
	}
	return b.String()
}

// BenchmarkImport8557 imports a whole LeiKa against the revision before, in which every tenth entry was different, and
// searches in the result. "import-ms" ends with the answer, "search-ms" is the first search, which builds the index.
func BenchmarkImport8557(b *testing.B) {
	c := start(b)
	c.load(generated(full, 0))
	var imported, searched time.Duration
	n := 0
	for b.Loop() {
		n++
		file := generated(full, n)
		began := time.Now()
		r := c.load(file)
		imported += time.Since(began)
		if r.GetChanged() != (full+9)/10 {
			b.Fatal(counts(r))
		}
		began = time.Now()
		if _, err := c.ListPublicServices(b.Context(), &cataloguev1.ListPublicServicesRequest{Q: "hundesteuer"}); err != nil {
			b.Fatal(err)
		}
		searched += time.Since(began)
	}
	b.ReportMetric(float64(imported.Milliseconds())/float64(n), "import-ms")
	b.ReportMetric(float64(searched.Milliseconds())/float64(n), "search-ms")
}

// BenchmarkFirstImport8557 fills an empty catalogue: every entry is written.
func BenchmarkFirstImport8557(b *testing.B) {
	file := generated(full, 0)
	for b.Loop() {
		b.StopTimer()
		c := start(b)
		b.StartTimer()
		c.load(file)
	}
}

// BenchmarkSearch32Clients is what portals do all day: 32 clients search over gRPC, each waiting for its answer.
func BenchmarkSearch32Clients(b *testing.B) {
	c := start(b)
	c.load(generated(full, 0))
	queries := []string{"hundesteuer", "steuer", "muell", "hunde anmelden", "gewerbe", "perso", "parkplatz genehmigung", "kraftfahrzeugzulasung", "99001", "baum fällen erlaubnis"}
	const clients = 32
	var mu sync.Mutex
	var times []time.Duration
	each := max(b.N/clients, 1)
	b.ResetTimer()
	var group sync.WaitGroup
	for k := range clients {
		group.Go(func() {
			own := make([]time.Duration, 0, each)
			for i := range each {
				began := time.Now()
				r, err := c.ListPublicServices(b.Context(), &cataloguev1.ListPublicServicesRequest{Q: queries[(i+k)%len(queries)], PageSize: 20})
				if err != nil || r.GetTotalSize() == 0 && queries[(i+k)%len(queries)] != "kraftfahrzeugzulasung" {
					b.Errorf("%v %v", r, err)
					return
				}
				own = append(own, time.Since(began))
			}
			mu.Lock()
			defer mu.Unlock()
			times = append(times, own...)
		})
	}
	group.Wait()
	b.StopTimer()
	slices.Sort(times)
	b.ReportMetric(float64(times[len(times)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(times[len(times)*99/100].Microseconds())/1000, "p99-ms")
	b.ReportMetric(float64(len(times))/b.Elapsed().Seconds(), "searches/s")
}
