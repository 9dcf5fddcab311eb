package gateway

import (
	"bytes"
	"context"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
)

// maxImports is how many files may be in memory at the same time.
const maxImports = 4

// limit bounds time and size of a request.
func (e *edge) limit(next handler) handler {
	return func(x *exchange) {
		x.limit, x.timeout = e.options.MaxBody, e.options.Timeout
		if x.endpoint.upload {
			x.limit, x.timeout = e.options.MaxImport, e.options.ImportTimeout
		}
		if x.req.ContentLength > x.limit {
			x.Header().Set("Connection", "close") // the rest is not read
			x.refuse(reasonTooLarge)
			return
		}
		if !x.endpoint.stream {
			ctx, cancel := context.WithTimeout(x.req.Context(), x.timeout)
			defer cancel()
			x.req = x.req.WithContext(ctx)
		}
		if x.endpoint.upload && !e.admitImport(x) {
			x.refuse(reasonBusy)
			return
		}
		next(x)
	}
}

// admitImport waits for a place among the imports, and gives it back at the end of the exchange.
func (e *edge) admitImport(x *exchange) bool {
	select {
	case e.imports <- struct{}{}:
		x.finish = append(x.finish, func() { <-e.imports })
		return true
	case <-x.req.Context().Done():
		return false
	}
}

// errTooLarge: more bytes than the limit, before or after decompression.
var errTooLarge = errors.New("body too large")

// readAll reads the body within its limit, and within the time of the request even when the client is silent.
func (x *exchange) readAll() ([]byte, error) {
	if x.req.Body == nil || x.req.Body == http.NoBody {
		return nil, nil
	}
	control := http.NewResponseController(x.ResponseWriter)
	_ = control.SetReadDeadline(x.start.Add(x.timeout)) // not every ResponseWriter can
	var source io.Reader = http.MaxBytesReader(x.ResponseWriter, x.req.Body, x.limit)
	if coding := x.req.Header.Get("Content-Encoding"); strings.EqualFold(coding, "gzip") {
		unzipped, err := gzip.NewReader(source)
		if err != nil {
			return nil, tooLarge(err)
		}
		source = unzipped
	}
	buffer := bytes.NewBuffer(make([]byte, 0, min(max(x.req.ContentLength, 0), x.limit)+bytes.MinRead))
	n, err := buffer.ReadFrom(io.LimitReader(source, x.limit+1))
	if err == nil && n > x.limit {
		err = errTooLarge
	}
	if err == nil { // else the server must not wait for the rest either
		_ = control.SetReadDeadline(time.Time{})
	}
	return buffer.Bytes(), tooLarge(err)
}

// tooLarge unifies the ways in which a limit shows.
func tooLarge(err error) error {
	var limit *http.MaxBytesError
	if errors.As(err, &limit) {
		return errTooLarge
	}
	return err
}

// refuseBody answers a body that could not be read.
func (x *exchange) refuseBody(err error) {
	x.cause = err.Error()
	switch {
	case errors.Is(err, errTooLarge):
		x.refuse(reasonTooLarge)
	case x.req.Context().Err() != nil, errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		x.refuse(reasonTimeout)
	default:
		x.refuse(reasonUploadBroken)
	}
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}

// supportedCoding tells whether the body's Content-Encoding can be read.
func supportedCoding(r *http.Request) bool {
	switch strings.ToLower(r.Header.Get("Content-Encoding")) {
	case "", "identity", "gzip":
		return true
	}
	return false
}

// mediaType is the type of the body without its parameters; empty when there is none or it cannot be read.
func mediaType(r *http.Request) (name string, parameters map[string]string) {
	name, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil {
		return "", nil
	}
	return name, parameters
}
