package gateway

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// metrics are rate, errors and duration by route: at most one series for each path of the contract, method and status.
type metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
}

func newMetrics(registerer prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kompass_http_requests_total", Help: "Answered requests.",
		}, []string{"route", "method", "status"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "kompass_http_request_duration_seconds", Help: "Time from the request's headers to the answer's last byte.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 120},
		}, []string{"route", "method"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "kompass_http_requests_in_flight", Help: "Requests that are being answered.",
		}),
	}
	if registerer == nil {
		return m, nil
	}
	for _, c := range []prometheus.Collector{m.requests, m.duration, m.inFlight} {
		if err := registerer.Register(c); err != nil {
			return nil, fmt.Errorf("gateway: metrics: %w", err)
		}
	}
	return m, nil
}

// series are the metrics of an endpoint's ordinary answers, found once: to look them up by label costs more than to count.
type series struct {
	took     func() prometheus.Observer
	answered map[int]func() prometheus.Counter // by status
}

// seriesOf makes the series of an endpoint; they show when they are first used.
func (m *metrics) seriesOf(pattern, method string) *series {
	s := &series{answered: map[int]func() prometheus.Counter{},
		took: sync.OnceValue(func() prometheus.Observer { return m.duration.WithLabelValues(pattern, method) })}
	for _, status := range []int{http.StatusOK, http.StatusNotModified} {
		s.answered[status] = sync.OnceValue(func() prometheus.Counter {
			return m.requests.WithLabelValues(pattern, method, strconv.Itoa(status))
		})
	}
	return s
}

// count notes one answer.
func (m *metrics) count(x *exchange, pattern, method string, took time.Duration) {
	if ep := x.endpoint; ep != nil && ep.metrics != nil && ep.method == method {
		if answered := ep.metrics.answered[x.status]; answered != nil {
			answered().Inc()
			if ep.stream { // how long somebody listened says nothing of the edge
				return
			}
			ep.metrics.took().Observe(took.Seconds())
			return
		}
	}
	m.requests.WithLabelValues(pattern, method, strconv.Itoa(x.status)).Inc()
	m.duration.WithLabelValues(pattern, method).Observe(took.Seconds())
}

// observe counts, times and logs what the rest does, and runs what it left to be done at the end.
func (e *edge) observe(next handler) handler {
	return func(x *exchange) {
		e.metrics.inFlight.Inc()
		defer func() {
			for _, f := range x.finish {
				f()
			}
			e.metrics.inFlight.Dec()
			e.record(x, time.Since(x.start))
		}()
		next(x)
	}
}

// record writes metrics and log line. Labels are bounded: unknown paths share one, so do unknown methods.
func (e *edge) record(x *exchange, took time.Duration) {
	pattern, method := "unknown", "other"
	if x.route != nil {
		pattern = x.route.pattern
		if _, known := x.route.endpoints[x.req.Method]; known || x.req.Method == http.MethodOptions {
			method = x.req.Method
		}
	}
	e.metrics.count(x, pattern, method, took)
	level := slog.LevelInfo
	switch {
	case x.status >= http.StatusInternalServerError:
		level = slog.LevelError
	case x.endpoint != nil && x.endpoint.page != nil:
		level = slog.LevelDebug
	}
	ctx := x.req.Context()
	if !e.logger.Enabled(ctx, level) {
		return
	}
	attributes := []slog.Attr{
		slog.String("method", x.req.Method), slog.String("path", x.req.URL.Path), slog.String("route", pattern),
		slog.Int("status", x.status), slog.Int("bytes", x.size), slog.Duration("took", took), slog.String("request_id", x.id),
	}
	if x.cause != "" {
		attributes = append(attributes, slog.String("cause", x.cause))
	}
	e.logger.LogAttrs(ctx, level, "request", attributes...)
}

// recoverPanic turns a panic into a 500, or breaks the connection when the answer has begun.
func (e *edge) recoverPanic(next handler) handler {
	return func(x *exchange) {
		defer func() {
			caught := recover()
			if caught == nil {
				return
			}
			if err, ok := caught.(error); ok && errors.Is(err, http.ErrAbortHandler) {
				panic(caught)
			}
			x.cause = fmt.Sprint(caught)
			e.logger.LogAttrs(x.req.Context(), slog.LevelError, "panic",
				slog.String("request_id", x.id), slog.String("cause", x.cause), slog.String("stack", string(debug.Stack())))
			if x.status != 0 {
				panic(http.ErrAbortHandler)
			}
			x.refuse(reasonInternal)
		}()
		next(x)
	}
}
