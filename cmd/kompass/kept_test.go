package main

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestKeptAnswersAreNeverStale: while readers keep every answer kept, whoever changes something sees it in the very next read of
// whatever depends on it: of the place itself, and of a municipality in a Kreis that offers something new.
func TestKeptAnswersAreNeverStale(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir())
	p.do(http.StatusOK, http.MethodPost, "/v1/catalogue:import", "leika_key;name;ozg_id\n99102013002000;Hundesteuer Festsetzung;10160\n99001001001000;Abfall;10161\n")
	p.do(http.StatusOK, http.MethodPost, "/v1/municipalities:import",
		"ags;name;einwohner;groessenklasse\n05766000;Kreis Lippe;350000;kreis\n05766044;Lemgo;40000;mittlere_kreisangehoerige_stadt\n05766020;Detmold;74000;grosse_kreisangehoerige_stadt\n")
	const own, kreis = "05766044", "05766000"
	reads := []string{"/v1/municipalities/05766044/onlineServices", "/v1/municipalities/05766020/onlineServices?pageSize=50",
		"/v1/municipalities/05766044/implementations", "/v1/municipalities/05766000/implementations/99001001001000", "/v1/municipalities/05766044/gaps", "/v1/publicServices/99102013002000"}
	ctx, stop := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	for n := range 4 {
		readers.Go(func() {
			for i := n; ctx.Err() == nil; i++ {
				if _, err := p.try(http.MethodGet, reads[i%len(reads)], nil); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	var turns atomic.Int64
	var writers sync.WaitGroup
	for _, w := range []struct {
		ags, key string
		seen     []string
	}{
		{own, "99102013002000", []string{reads[0], reads[2]}},
		{kreis, "99001001001000", []string{reads[0], reads[1], reads[3]}},
	} {
		writers.Go(func() {
			for end := time.Now().Add(3 * time.Second); time.Now().Before(end); {
				url := fmt.Sprintf("https://www.example.org/%s/%d", w.ags, turns.Add(1))
				p.do(http.StatusOK, http.MethodPatch, "/v1/municipalities/"+w.ags+"/implementations/"+w.key, `{"phase":"PHASE_ONLINE","url":"`+url+`"}`)
				for _, path := range w.seen {
					if a, err := p.try(http.MethodGet, path, nil); err != nil || !strings.Contains(string(a.body), `"`+url+`"`) {
						t.Errorf("%s after %s: %v %s", path, url, err, a.body)
						return
					}
				}
			}
		})
	}
	writers.Wait()
	stop()
	readers.Wait()
	metrics := string(p.do(http.StatusOK, http.MethodGet, "/metrics", nil).body)
	if hits := value(metrics, "kompass_edge_answers_hits_total"); hits < float64(turns.Load()) {
		t.Errorf("%v answers were kept ones, of reads around %d changes", hits, turns.Load())
	}
	t.Logf("%d changes, %v kept answers, %v others", turns.Load(), value(metrics, "kompass_edge_answers_hits_total"), value(metrics, "kompass_edge_answers_misses_total"))
}

// value reads a metric without labels.
func value(metrics, name string) (v float64) {
	for line := range strings.Lines(metrics) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			_, _ = fmt.Sscan(rest, &v)
		}
	}
	return v
}
