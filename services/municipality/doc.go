// Package municipality keeps what each municipality and Kreis has online, and answers from it: what it still owes, what
// closes the gaps, how far everybody is, and what a portal shows. It owns the stream "municipality" and follows the
// streams of catalogue and marketplace, so that no question waits for another service.
// It must never import another service, let an import overwrite what a person set, or take "not assessed" for "not owed".
package municipality
