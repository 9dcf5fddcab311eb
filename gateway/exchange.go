package gateway

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"google.golang.org/grpc/metadata"
)

// handler is one step of the work on an exchange.
type handler func(x *exchange)

// exchange is one request with its answer. As a ResponseWriter it counts what passes.
type exchange struct {
	http.ResponseWriter
	edge  *edge
	req   *http.Request
	start time.Time

	id       string            // X-Request-Id
	route    *route            // nil while, or because, the path is unknown
	endpoint *endpoint         // nil until the method is known, too
	segments []string          // of the path
	form     url.Values        // checked query, as grpc-gateway reads it
	body     []byte            // of the request: JSON, or the imported file
	forward  metadata.MD       // what the service gets to see of the headers
	finish   []func()          // run when the exchange ends
	keep     func(f *finished) // takes a good answer for later; nil when it must not be kept
	changing bool              // the request may change something
	limit    int64             // bytes that the body may have
	timeout  time.Duration     // that the request may take

	status int    // of the answer, 0 before it
	size   int    // bytes of the answer's body
	cause  string // what lies behind a refusal: for the log alone
}

// WriteHeader implements [http.ResponseWriter].
func (x *exchange) WriteHeader(status int) {
	if x.changing { // before the client knows: what was kept until now does not count any more
		x.edge.answers.changes.Add(1)
	}
	if x.status == 0 {
		x.status = status
	}
	x.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (x *exchange) Write(p []byte) (int, error) {
	if x.status == 0 {
		x.status = http.StatusOK
	}
	n, err := x.ResponseWriter.Write(p)
	x.size += n
	return n, err
}

// Unwrap lets [http.ResponseController] reach the connection.
func (x *exchange) Unwrap() http.ResponseWriter { return x.ResponseWriter }

// reading tells whether the request only reads.
func (x *exchange) reading() bool {
	return x.req.Method == http.MethodGet || x.req.Method == http.MethodHead
}

type exchangeKey struct{}

// exchangeOf finds the exchange in a context that [edge.dispatch] made.
func exchangeOf(ctx context.Context) *exchange {
	x, _ := ctx.Value(exchangeKey{}).(*exchange)
	return x
}

// noHeader is what grpc-gateway sees of a request's headers: nothing leaks into the metadata that is not meant to.
var noHeader = http.Header{}

// dispatch hands the request to its page or, stripped to what was checked, to grpc-gateway.
func (e *edge) dispatch(x *exchange) {
	if x.endpoint.page != nil {
		x.endpoint.page(x)
		return
	}
	if x.endpoint.stream {
		e.streamEvents(x)
		return
	}
	inner := x.req.WithContext(context.WithValue(x.req.Context(), exchangeKey{}, x))
	inner.Method = x.endpoint.method
	inner.Header = noHeader
	inner.Host, inner.RemoteAddr = "", ""
	inner.Form, inner.PostForm = x.form, url.Values{}
	inner.Body = newRequestBody(x)
	var bound map[string]string
	if x.endpoint.bound != "" {
		bound = map[string]string{x.endpoint.bound: x.boundValue()}
	}
	x.endpoint.serve(&reply{exchange: x}, inner, bound)
}

// outgoingMetadata is all that a service gets to see of the request's headers.
func outgoingMetadata(ctx context.Context, _ *http.Request) metadata.MD {
	if x := exchangeOf(ctx); x != nil {
		return x.forward
	}
	return nil
}

// outgoingHeader lets the revision through and nothing else.
func outgoingHeader(key string) (string, bool) {
	return headerRevision, key == mdRevision
}
