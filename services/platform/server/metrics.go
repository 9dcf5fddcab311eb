package server

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// metrics counts calls by rate, errors and duration.
type metrics struct {
	calls    *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	inFlight prometheus.Gauge
	methods  sync.Map // method → *methodMetrics; registered methods only, so bounded
}

type methodMetrics struct {
	seconds prometheus.Observer
	codes   [codes.Unauthenticated + 1]func() prometheus.Counter
}

// newMetrics registers the collectors, or takes those that another server of the process has registered.
func newMetrics(reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		calls: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "kompass_grpc_calls_total", Help: "Finished gRPC calls by method and code.",
		}, []string{"method", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "kompass_grpc_call_seconds", Help: "Duration of gRPC calls by method, in seconds.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"method"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "kompass_grpc_calls_in_flight", Help: "gRPC calls that are being served.",
		}),
	}
	if reg == nil {
		return m, nil
	}
	return m, errors.Join(register(reg, &m.calls), register(reg, &m.seconds), register(reg, &m.inFlight))
}

func register[C prometheus.Collector](reg prometheus.Registerer, c *C) error {
	err := reg.Register(*c)
	var taken prometheus.AlreadyRegisteredError
	if errors.As(err, &taken) {
		if existing, ok := taken.ExistingCollector.(C); ok {
			*c = existing
			return nil
		}
	}
	return err
}

func (m *metrics) around(ctx context.Context, c *Call, next Next) error {
	method := m.of(c.Method)
	start := time.Now()
	m.inFlight.Inc()
	err := next(ctx)
	m.inFlight.Dec()
	method.seconds.Observe(time.Since(start).Seconds())
	code := status.Code(err)
	if int(code) >= len(method.codes) {
		code = codes.Unknown
	}
	method.codes[code]().Inc()
	return err
}

// of finds the series of a method once, because looking them up by label costs more than counting.
func (m *metrics) of(method string) *methodMetrics {
	if found, ok := m.methods.Load(method); ok {
		return found.(*methodMetrics)
	}
	made := &methodMetrics{seconds: m.seconds.WithLabelValues(method)}
	for code := range made.codes {
		made.codes[code] = sync.OnceValue(func() prometheus.Counter {
			return m.calls.WithLabelValues(method, codes.Code(code).String()) // 0 to 16
		})
	}
	found, _ := m.methods.LoadOrStore(method, made)
	return found.(*methodMetrics)
}
