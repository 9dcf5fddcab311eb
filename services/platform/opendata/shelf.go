package opendata

import (
	"context"
	"sync"

	"google.golang.org/genproto/googleapis/api/httpbody"
)

// Shelf keeps the newest file of each format of one kind of data. However many ask at once, one file is made at a time, and
// none twice. The zero value is empty; it is safe for use by several goroutines.
type Shelf struct {
	mu   sync.Mutex
	kept map[string]kept // by format
}

// kept is a file and the state that it shows.
type kept struct {
	state string
	file  *httpbody.HttpBody
}

// File answers the file of a format. read answers the present state, by a text that is another one for every other content,
// and what makes the data of it. Errors are those of ctx and read, fault.TooLarge, fault.Internal.
func (s *Shelf) File(ctx context.Context, format string, read func() (state string, data func() Data, err error)) (*httpbody.HttpBody, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := ctx.Err(); err != nil { // it took too long until it was one's turn
		return nil, err
	}
	state, data, err := read()
	if err != nil {
		return nil, err
	}
	if have, ok := s.kept[format]; ok && have.state == state {
		return have.file, nil
	}
	file, err := data().file(format)
	if err != nil {
		return nil, err
	}
	if s.kept == nil {
		s.kept = map[string]kept{}
	}
	s.kept[format] = kept{state, file}
	return file, nil
}
