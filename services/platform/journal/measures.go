package journal

import (
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// outcomes are how an append can end; every journal shows all of them from the start.
var outcomes = []string{"ok", "conflict", "unavailable"}

func outcomeOf(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, ErrConflict):
		return "conflict"
	}
	return "unavailable"
}

// measures is what a process shows of one journal.
type measures map[string]prometheus.Observer

// newMeasures registers the numbers of a journal, or takes those that who opened it before has registered; a nil registry keeps
// them private.
func newMeasures(registry prometheus.Registerer, name string) (measures, error) {
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "kompass_journal_append_seconds", Help: "Duration of appends until they are on disk, in seconds.",
		ConstLabels: prometheus.Labels{"journal": name},
		Buckets:     []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
	}, []string{"outcome"})
	if registry != nil {
		err := registry.Register(seconds)
		var taken prometheus.AlreadyRegisteredError
		if errors.As(err, &taken) {
			seconds, err = taken.ExistingCollector.(*prometheus.HistogramVec), nil
		}
		if err != nil {
			return nil, err
		}
	}
	m := measures{}
	for _, outcome := range outcomes {
		m[outcome] = seconds.WithLabelValues(outcome)
	}
	return m, nil
}

// appended counts an append that began at start.
func (m measures) appended(start time.Time, err error) {
	m[outcomeOf(err)].Observe(time.Since(start).Seconds())
}
