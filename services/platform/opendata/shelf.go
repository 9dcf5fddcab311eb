package opendata

import (
	"context"
	"sync"

	"google.golang.org/genproto/googleapis/api/httpbody"
)

// Shelf keeps the newest file of each format of one kind of data. However many ask at once, one file of a format is made at a
// time, and none twice. The zero value is empty; it is safe for use by several goroutines.
type Shelf struct{ json, csv, xlsx place }

// place is where the file of a format stands, with the state that it shows.
type place struct {
	mu    sync.Mutex
	state string
	file  *httpbody.HttpBody
}

// File answers the file of a format. read answers the present state, by a text that is another one for every other content,
// and what makes the data of it. Errors are those of ctx and read, fault.TooLarge, fault.Internal.
func (s *Shelf) File(ctx context.Context, format string, read func() (state string, data func() Data, err error)) (*httpbody.HttpBody, error) {
	at := &s.json
	switch format {
	case formatCSV:
		at = &s.csv
	case formatXLSX: // takes much longer than the others, which shall not wait for it
		at = &s.xlsx
	}
	at.mu.Lock()
	defer at.mu.Unlock()
	if err := ctx.Err(); err != nil { // it took too long until it was one's turn
		return nil, err
	}
	state, data, err := read()
	if err != nil {
		return nil, err
	}
	if at.file != nil && at.state == state {
		return at.file, nil
	}
	file, err := data().file(format)
	if err == nil {
		at.state, at.file = state, file
	}
	return file, err
}
