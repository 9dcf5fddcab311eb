package notification

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// BenchmarkWebhook measures the time from a change until a webhook's receiver has the request, at 50 changes a second of
// 100 solutions, and reports its median and 99th percentile in milliseconds.
func BenchmarkWebhook(b *testing.B) {
	st := newStage(b)
	s := st.serveWith(time.Minute, local, quiet, time.Now)
	h := newHearer(b)
	hook := s.hook("amt", h.url, "")
	h.set(nil, hook.GetKeys())
	begun := make([]time.Time, 0, b.N)
	pace := time.NewTicker(20 * time.Millisecond)
	defer pace.Stop()
	for n := 0; b.Loop(); n++ {
		<-pace.C
		begun = append(begun, time.Now())
		st.write(solutionChange(strconv.Itoa(n%100), n))
	}
	var took []time.Duration
	for _, a := range h.heard(len(begun)) {
		n, err := strconv.Atoi(a.id[strings.LastIndexByte(a.id, '.')+1:]) // of the record, from 1
		if err != nil {
			b.Fatal(err)
		}
		took = append(took, a.at.Sub(begun[n-1]))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2])/1e6, "p50-ms")
	b.ReportMetric(float64(took[len(took)*99/100])/1e6, "p99-ms")
}
