// Package fault holds the errors that clients see: each owns a reason from one table, a gRPC status, German and English
// text, and the fields that are to blame. Handlers return faults; the server chain turns everything else into one.
// It must never let the text of a driver, a path of the machine or a secret reach a client: causes are for logs alone.
package fault
