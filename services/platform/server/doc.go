// Package server is the gRPC side of every Kompass process: one named, ordered list of steps around each call, health,
// reflection, limits, and the few things that handlers ask about the call they serve.
// It must never decide anything of the domain, nor log what a request carries: bodies and keys stay out of logs and metrics.
package server
