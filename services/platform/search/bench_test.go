package search

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"
)

// fullCatalogue is the number of entries the project promises its speed for.
const fullCatalogue = 8557

var benchQueries = []string{
	"steuer", "hunde anmelden", "muell", "personalausweis beantragen", "kfz-zulassung", "gewerbeanmeldung",
	"führerschein verlängern", "personalausweiss", "99102", "a", "erlaubnis", "genehmigung für den betrieb einer anlage",
}

// slips are looked for in the whole vocabulary, so they have a line each and no part in the mix.
var slips = []string{"hundestuer", "gewebeanmeldung", "eheschlisung", "xylophonorchester"}

func BenchmarkBuild8557(b *testing.B) { benchBuild(b, catalogue(b, fullCatalogue)) }

func BenchmarkBuildMunicipality600(b *testing.B) { benchBuild(b, leika(b)[:600]) }

func benchBuild(b *testing.B, docs []Document) {
	b.ReportAllocs()
	for b.Loop() {
		Build(docs)
	}
}

// BenchmarkSearch reports the 50th and 99th percentile of single searches for a first page.
func BenchmarkSearch(b *testing.B) {
	x := Build(catalogue(b, fullCatalogue))
	search := func(q string) int { return x.Search(q, Options{Limit: 25}).Total }
	for _, q := range slices.Concat(benchQueries, slips) {
		b.Run(q, func(b *testing.B) { measure(b, func(int) int { return search(q) }) })
	}
	b.Run("mix", func(b *testing.B) {
		measure(b, func(i int) int { return search(benchQueries[i%len(benchQueries)]) })
	})
	b.Run("mix-parallel", func(b *testing.B) {
		measureParallel(b, func(i int) int { return search(benchQueries[i%len(benchQueries)]) })
	})
	b.Run("all-hits", func(b *testing.B) {
		measure(b, func(int) int { return len(x.Search("erlaubnis", Options{}).Hits) })
	})
}

func measure(b *testing.B, run func(int) int) {
	b.ReportAllocs()
	var took []time.Duration
	for i := 0; b.Loop(); i++ {
		start := time.Now()
		run(i)
		took = append(took, time.Since(start))
	}
	report(b, took)
}

// measureParallel runs 32 clients, as the promise has it.
func measureParallel(b *testing.B, run func(int) int) {
	b.ReportAllocs()
	b.SetParallelism(32 / runtime.GOMAXPROCS(0))
	var mu sync.Mutex
	var all []time.Duration
	b.RunParallel(func(pb *testing.PB) {
		var took []time.Duration
		for i := 0; pb.Next(); i++ {
			start := time.Now()
			run(i)
			took = append(took, time.Since(start))
		}
		mu.Lock()
		all = append(all, took...)
		mu.Unlock()
	})
	report(b, all)
}

func report(b *testing.B, took []time.Duration) {
	if len(took) == 0 {
		return
	}
	slices.Sort(took)
	for _, p := range []int{50, 99} {
		at := took[min(len(took)-1, len(took)*p/100)]
		b.ReportMetric(float64(at.Nanoseconds())/1000, fmt.Sprintf("p%d-µs", p))
	}
}
