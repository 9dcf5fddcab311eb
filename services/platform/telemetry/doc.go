// Package telemetry makes traces and sends them to a collector over OTLP: it starts and stops the exporter, carries the
// place in a trace through NATS headers and puts it into log lines. Nothing of it exists until an endpoint is set, and
// then a collector that is slow, full or gone costs spans, never a request. It knows no service and no ledger; what is
// traced decides who holds the [trace.Tracer].
package telemetry
