package broker

import (
	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Measure registers the numbers of a connection; a process has one. Errors of registration are defects and panic.
func Measure(registry prometheus.Registerer, conn *nats.Conn) {
	metrics := promauto.With(registry)
	metrics.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "kompass_nats_connected", Help: "1 while there is a connection to NATS.",
	}, func() float64 {
		if conn.IsConnected() {
			return 1
		}
		return 0
	})
	counter := func(name, help, direction string, value func(nats.Statistics) uint64) {
		o := prometheus.CounterOpts{Name: name, Help: help}
		if direction != "" {
			o.ConstLabels = prometheus.Labels{"direction": direction}
		}
		metrics.NewCounterFunc(o, func() float64 { return float64(value(conn.Stats())) })
	}
	const messages, bytes = "Messages over the connection to NATS.", "Bytes over the connection to NATS."
	counter("kompass_nats_reconnects_total", "Connections to NATS that replaced a lost one.", "", func(s nats.Statistics) uint64 { return s.Reconnects })
	counter("kompass_nats_messages_total", messages, "in", func(s nats.Statistics) uint64 { return s.InMsgs })
	counter("kompass_nats_messages_total", messages, "out", func(s nats.Statistics) uint64 { return s.OutMsgs })
	counter("kompass_nats_bytes_total", bytes, "in", func(s nats.Statistics) uint64 { return s.InBytes })
	counter("kompass_nats_bytes_total", bytes, "out", func(s nats.Statistics) uint64 { return s.OutBytes })
}
