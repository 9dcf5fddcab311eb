package state

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"kompass.krz.de/services/platform/ledger"
)

// measures are the numbers of a replica that its streams cannot know.
type measures struct {
	conflicts prometheus.Counter
	waiting   prometheus.Gauge
}

// measure registers the numbers of a replica; a process has one of each service.
func (r *Replica[S]) measure() {
	registry := r.sources[0].log.Registerer()
	metrics := promauto.With(prometheus.WrapRegistererWith(prometheus.Labels{"replica": r.Own().Service}, registry))
	r.measures.conflicts = metrics.NewCounter(prometheus.CounterOpts{
		Name: "kompass_state_write_conflicts_total", Help: "Decisions made again because somebody else changed the same resource.",
	})
	r.measures.waiting = metrics.NewGauge(prometheus.GaugeOpts{
		Name: "kompass_state_waiting_readers", Help: "Requests that wait for a revision.",
	})
	metrics.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "kompass_state_ready", Help: "1 when everything that was in the streams at the start is applied.",
	}, func() float64 { ready, _ := r.IsReady(); return number(ready) })
	metrics.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "kompass_state_broken", Help: "1 when a record could not be applied: the replica answers nothing any more.",
	}, func() float64 { _, broken := r.IsReady(); return number(broken != nil) })
}

// counted counts a try that somebody else was faster than.
func (r *Replica[S]) counted(result Result[S], err error) (Result[S], error) {
	if errors.Is(err, ledger.ErrConflict) {
		r.measures.conflicts.Inc()
	}
	return result, err
}

func number(yes bool) float64 {
	if yes {
		return 1
	}
	return 0
}
