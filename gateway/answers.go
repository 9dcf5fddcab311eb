package gateway

import (
	"bytes"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/maypok86/otter/v2"
	"github.com/prometheus/client_golang/prometheus"
)

// Bounds of what is kept, in bytes.
const (
	maxAnswers = 64 << 20 // all answers, keys and compressed forms included
	maxKept    = 1 << 20  // one answer: larger ones are rare and would push many others out
)

// answers keeps what services answered to reads, encoded once. Nothing is ever invalidated: a kept answer knows what it
// depends on, and counts for as long as that is as it was.
type answers struct {
	kept         *otter.Cache[string, *answer]
	admitted     *admissions
	hits, misses prometheus.Counter
	changes      atomic.Uint64 // requests that may have changed something, answered by this edge
}

// answer is one kept answer.
type answer struct {
	*finished
	mark     mark
	asked    time.Time // when the service was asked
	resource string    // that it is about
	revision []string  // that the service said, for the header
}

func newAnswers(registerer prometheus.Registerer) (*answers, error) {
	kept, err := otter.New(&otter.Options[string, *answer]{
		MaximumWeight: maxAnswers,
		Weigher: func(key string, a *answer) uint32 {
			return uint32(len(key)+len(a.body)*5/4) + 512 // bounded by maxKept
		},
	})
	if err != nil {
		return nil, fmt.Errorf("gateway: answers: %w", err)
	}
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "kompass_edge_answers_" + name, Help: help})
	}
	a := &answers{kept: kept, admitted: newAdmissions(),
		hits:   counter("hits_total", "Reads answered from bytes that were encoded before."),
		misses: counter("misses_total", "Reads that went to a service because no kept answer counted."),
	}
	if registerer == nil {
		return a, nil
	}
	size := prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "kompass_edge_answers_bytes", Help: "Bytes that kept answers take."},
		func() float64 { return float64(kept.WeightedSize()) })
	for _, c := range []prometheus.Collector{a.hits, a.misses, size} {
		if err := registerer.Register(c); err != nil {
			return nil, fmt.Errorf("gateway: answers: %w", err)
		}
	}
	return a, nil
}

// reuse answers a read from what was kept, and keeps what the rest of the work answers. Whoever asks must have been let in by the
// service a moment ago, which alone can judge keys; whom it lets in, it answers alike.
func (e *edge) reuse(next handler) handler {
	return func(x *exchange) {
		switch ep := x.endpoint; {
		case ep.page != nil:
			next(x)
		case ep.method != http.MethodGet:
			x.changing = true              // counts with the answer, before anybody can see it
			defer e.answers.changes.Add(1) // and when there is none
			next(x)
		case ep.source == nil || len(x.req.RequestURI) > maxHeader:
			next(x)
		case !e.answers.answer(x):
			e.answers.misses.Inc()
			e.answers.keep(x)
			next(x)
		}
	}
}

// answer sends what was kept, if it still counts.
func (a *answers) answer(x *exchange) bool {
	kept, ok := a.kept.GetIfPresent(x.req.RequestURI)
	if !ok || !a.admitted.holds(admissionOf(x), x.start) {
		return false
	}
	revision, ok := x.endpoint.source.stands(x, kept)
	if !ok {
		return false
	}
	a.hits.Inc()
	x.Header()[headerRevision] = revision
	x.sendFinished(http.StatusOK, kept.finished)
	return true
}

// keep takes the answer of the request for later. What it depends on is noted before the service is asked: when that changes
// meanwhile, what is kept never counts, because no mark comes back.
func (a *answers) keep(x *exchange) {
	key, source, resource := x.req.RequestURI, x.endpoint.source, ""
	if x.endpoint.bound != "" {
		resource = x.boundValue()
	}
	noted, who := source.mark(x, resource), admissionOf(x)
	x.keep = func(f *finished) {
		a.admitted.grant(who, x.start)
		revision := x.Header()[headerRevision]
		if len(f.body) > maxKept || len(revision) != 1 || noted.revision != "" && noted.revision != revision[0] {
			return
		}
		own := *f
		own.body = bytes.Clone(f.body) // the buffer goes on to the next answer
		own.zipOnce()
		a.kept.Set(key, &answer{finished: &own, mark: noted, asked: x.start, resource: resource, revision: revision})
	}
}
