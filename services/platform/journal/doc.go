// Package journal keeps ordered JetStream streams of small messages that may be forgotten: they expire after a time, or are
// erased at once. A message is written exactly once by any number of writers through a guard on what was there before.
//
// It holds nothing that has to last: what counts stands in the ledger, with its chain of hashes. Beside package ledger it is
// the only one that knows JetStream, and it never decides what a message means.
package journal
