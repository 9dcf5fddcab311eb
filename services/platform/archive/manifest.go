package archive

import "time"

// Format is the number of the form that this package writes and reads.
const Format = 1

// Manifest stands at the beginning of an archive and says what follows.
type Manifest struct {
	Format   int       `json:"format"`
	Created  time.Time `json:"created"`
	Revision string    `json:"revision"` // token of the cut, as servers give it out and take it
	Streams  []Stream  `json:"streams"`  // in the order of their records
}

// Stream is a stream of an archive, which holds its records 1 to Last.
type Stream struct {
	Name    string `json:"name"`    // of the JetStream stream
	Origin  string `json:"origin"`  // the data centre that owns it
	Service string `json:"service"` // the service that owns it
	Last    uint64 `json:"last"`    // sequence of its last record; 0 when it is empty
}

// Summary stands at the end of an archive: what the writer found while it checked every record.
type Summary struct {
	Streams []Total `json:"streams"`
	Digest  string  `json:"digest"` // of the state of all streams, hexadecimal
}

// Total is what the writer found in one stream.
type Total struct {
	Name     string `json:"name"`
	Records  uint64 `json:"records"`
	Entities int    `json:"entities"`
	Digest   string `json:"digest"` // of the stream's state, hexadecimal
}
