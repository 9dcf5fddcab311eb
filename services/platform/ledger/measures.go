package ledger

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// outcomes are how an append can end; every stream shows all of them from the start.
var outcomes = []string{"ok", "conflict", "duplicate", "unavailable"}

func outcomeOf(err error) string {
	switch {
	case err == nil:
		return "ok"
	case errors.Is(err, errDuplicate):
		return "duplicate"
	case errors.Is(err, ErrConflict):
		return "conflict"
	}
	return "unavailable"
}

// measures is what the process shows of one stream.
type measures struct {
	registry prometheus.Registerer // as the site gave it; nil keeps the numbers private
	appends  map[string]prometheus.Observer
	appended prometheus.Counter

	end       atomic.Uint64 // last sequence, as the leader said last or this process has seen
	reachable atomic.Bool   // the leader answered the last question
	bytes     atomic.Uint64
	subjects  atomic.Uint64
}

// newMeasures registers the numbers of a stream; a process opens each once.
func newMeasures(registry prometheus.Registerer, n Name) *measures {
	m := &measures{registry: registry, appends: map[string]prometheus.Observer{}}
	metrics := promauto.With(prometheus.WrapRegistererWith(prometheus.Labels{"stream": n.Stream()}, registry))
	seconds := metrics.NewHistogramVec(prometheus.HistogramOpts{
		Name: "kompass_ledger_append_seconds", Help: "Duration of appends until they are on disk, in seconds.",
		Buckets: []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 30, 120},
	}, []string{"outcome"})
	for _, outcome := range outcomes {
		m.appends[outcome] = seconds.WithLabelValues(outcome)
	}
	m.appended = metrics.NewCounter(prometheus.CounterOpts{
		Name: "kompass_ledger_appended_records_total", Help: "Records written by this process.",
	})
	m.reachable.Store(true)
	gauge(metrics, "kompass_ledger_last_sequence", "Sequence of the newest record, asked every few seconds.", m.end.Load)
	gauge(metrics, "kompass_ledger_bytes", "Size of the stream.", m.bytes.Load)
	gauge(metrics, "kompass_ledger_subjects", "Resources that have records, deleted ones included.", m.subjects.Load)
	gauge(metrics, "kompass_ledger_reachable", "1 while the stream's leader answers.", func() uint64 {
		if m.reachable.Load() {
			return 1
		}
		return 0
	})
	return m
}

// observed shows a log as the site wants it shown.
func (s Site) observed(l *Log, err error) (*Log, error) {
	if err == nil {
		l.measures, l.tracer = newMeasures(s.Registerer, l.name), s.Tracer
	}
	return l, err
}

func gauge(metrics promauto.Factory, name, help string, value func() uint64) {
	metrics.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 { return float64(value()) })
}

// appendedSince counts an append that began at start.
func (m *measures) appendedSince(start time.Time, records int, err error) {
	m.appends[outcomeOf(err)].Observe(time.Since(start).Seconds())
	if err == nil {
		m.appended.Add(float64(records))
	}
}

// Registerer is where those who read or write this log may register numbers of their own; it is never nil.
func (l *Log) Registerer() prometheus.Registerer {
	return prometheus.WrapRegistererWith(nil, l.measures.registry)
}

const (
	endPeriod = 5 * time.Second // how often the stream's leader is asked for its end
	endTime   = 2 * time.Second // for its answer
)

// watchEnd keeps what the lag is measured against, until ctx ends.
func (l *Log) watchEnd(ctx context.Context) {
	tick := time.NewTicker(endPeriod)
	defer tick.Stop()
	for l.askEnd(ctx); ; l.askEnd(ctx) {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (l *Log) askEnd(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, endTime)
	defer cancel()
	info, err := l.stream.Info(ctx)
	l.measures.reachable.Store(err == nil)
	if err == nil {
		l.measures.end.Store(info.State.LastSeq)
		l.measures.bytes.Store(info.State.Bytes)
		l.measures.subjects.Store(info.State.NumSubjects)
	}
}

// follower is a subscriber with its numbers and its spans.
type follower struct {
	Subscriber
	log     *Log
	records prometheus.Counter
	seconds prometheus.Observer

	began   time.Time
	target  atomic.Uint64 // where the stream ended when the feed started
	applied atomic.Uint64 // position
	replay  atomic.Int64  // time.Duration until target was reached; 0 before
}

// measured wraps a subscriber; the names of all are different.
func (l *Log) measured(s Subscriber) *follower {
	f := &follower{Subscriber: s, log: l}
	labels := prometheus.Labels{"stream": l.name.Stream(), "replica": s.Name()}
	metrics := promauto.With(prometheus.WrapRegistererWith(labels, l.measures.registry))
	f.records = metrics.NewCounter(prometheus.CounterOpts{
		Name: "kompass_ledger_applied_records_total", Help: "Records that a replica has applied, replay included.",
	})
	f.seconds = metrics.NewHistogram(prometheus.HistogramOpts{
		Name: "kompass_ledger_apply_seconds", Help: "Duration of applying what arrived together, in seconds.",
		Buckets: []float64{.00001, .000025, .00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5},
	})
	gauge(metrics, "kompass_ledger_applied_sequence", "Sequence up to which a replica has applied a stream.", f.applied.Load)
	gauge(metrics, "kompass_ledger_replay_target_sequence", "Where the stream ended when the replica started.", f.target.Load)
	gauge(metrics, "kompass_ledger_lag_records", "Records of a stream that a replica has not applied.", f.lag)
	metrics.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "kompass_ledger_replay_seconds", Help: "Time from the start until the replay was done, in seconds; 0 before.",
	}, func() float64 { return time.Duration(f.replay.Load()).Seconds() })
	return f
}

func (f *follower) lag() uint64 {
	if end, applied := f.log.measures.end.Load(), f.applied.Load(); end > applied {
		return end - applied
	}
	return 0
}

// Begin implements [Subscriber].
func (f *follower) Begin(last uint64) {
	f.began = time.Now()
	f.target.Store(last)
	f.Subscriber.Begin(last)
	f.reached(0)
}

// Receive implements [Subscriber].
func (f *follower) Receive(position uint64, entries []Entry) error {
	start := time.Now()
	err := f.Subscriber.Receive(position, entries)
	f.trace(start, entries, err)
	if err != nil {
		return err
	}
	f.seconds.Observe(time.Since(start).Seconds())
	f.records.Add(float64(len(entries)))
	f.reached(position)
	return nil
}

// reached notes the position, and the end of the replay.
func (f *follower) reached(position uint64) {
	f.applied.Store(position)
	if position >= f.target.Load() && f.replay.Load() == 0 {
		f.replay.Store(int64(time.Since(f.began)))
	}
}
