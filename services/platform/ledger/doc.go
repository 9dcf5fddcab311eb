// Package ledger keeps every change of Kompass as a record on a JetStream stream: one stream a service, one subject an entity,
// the records of a subject chained by SHA-256.
//
// Beside package journal it is the only one that knows JetStream. It never decides what a record means, never skips one that it cannot
// read, and never answers from a stream: reading is what package state is for.
package ledger
