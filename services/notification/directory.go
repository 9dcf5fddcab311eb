package notification

import "kompass.krz.de/services/platform/ledger"

// directory is what the service keeps of the other streams: enough to tell whom a record concerns. It is immutable.
type directory struct{}

func emptyDirectory() directory { return directory{} }

// applied is the directory after a batch of one of the streams.
func (d directory) applied(_ ledger.Name, _ []ledger.Entry) (directory, error) { return d, nil }
