package gateway

import (
	"context"
	"mime"
	"net/http"
	"strings"
	"sync"

	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/protobuf/proto"
)

// reply is the ResponseWriter of grpc-gateway, which marshals a message whole and writes it at once: so the tag of the
// body, its compression and its length follow without a second buffer.
type reply struct {
	*exchange
	etag string             // of the resource; empty when it has none
	file *httpbody.HttpBody // nil when the answer is JSON
}

// WriteHeader implements [http.ResponseWriter]; the status follows from the body.
func (r *reply) WriteHeader(int) {}

// Write implements [http.ResponseWriter].
func (r *reply) Write(body []byte) (int, error) {
	if r.status != 0 {
		return 0, http.ErrContentLength
	}
	if r.file != nil {
		kind := r.file.GetContentType()
		r.send(http.StatusOK, content{contentType: kind, disposition: r.downloadAs(kind), body: body}, "")
		return len(body), nil
	}
	r.send(http.StatusOK, content{contentType: contentJSON, body: body}, r.etag)
	returnBuffer(body) // of [codec.Marshal]
	return len(body), nil
}

// noteMessage keeps what the answer's headers need of the message.
func noteMessage(_ context.Context, w http.ResponseWriter, message proto.Message) error {
	r, ok := w.(*reply)
	if !ok {
		return nil
	}
	switch m := message.(type) {
	case *httpbody.HttpBody:
		r.file = m
	case interface{ GetEtag() string }:
		r.etag = m.GetEtag()
	}
	return nil
}

// extensions are those of the files that services answer with.
var extensions = map[string]string{
	"text/csv": ".csv",
	"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ".xlsx",
}

// downloadAs names the file that a browser saves, after the path: "implementations-05758004.csv". It is empty for JSON, which
// browsers show.
func (x *exchange) downloadAs(contentType string) string {
	kind, _, _ := strings.Cut(contentType, ";")
	if kind == contentJSON {
		return ""
	}
	name := x.segments[len(x.segments)-1]
	if id := x.segments[len(x.segments)-2]; x.endpoint.bound != "" && id != "-" { // all of them
		name += "-" + id
	}
	return mime.FormatMediaType("attachment", map[string]string{"filename": name + extensions[kind]})
}

// maxBuffer bounds the buffers that wait for the next answer, in bytes each.
const maxBuffer = 1 << 20

var buffers = sync.Pool{New: func() any { return new([]byte) }}

// takeBuffer answers an empty buffer that other answers have used before.
func takeBuffer() []byte {
	b, _ := buffers.Get().(*[]byte)
	return (*b)[:0]
}

// returnBuffer gives one back; nobody may read it after that.
func returnBuffer(b []byte) {
	if cap(b) <= maxBuffer {
		buffers.Put(&b)
	}
}
