package gateway

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// readBody reads and checks what the request carries: a file, or JSON of the resource.
func (e *edge) readBody(next handler) handler {
	return func(x *exchange) {
		ep := x.endpoint
		if ep.page != nil || ep.bodyField == nil && !ep.bodyAll {
			next(x)
			return
		}
		if !supportedCoding(x.req) || !ep.upload && !jsonType(x.req) {
			x.refuse(reasonUnsupportedMedia)
			return
		}
		var err error
		if x.body, err = x.readAll(); err != nil {
			x.refuseBody(err)
			return
		}
		check := x.checkJSON
		if ep.upload {
			check = x.unpackUpload
		}
		if check() {
			next(x)
		}
	}
}

// jsonType tells whether the body says it is JSON, or says nothing.
func jsonType(r *http.Request) bool {
	if r.Header.Get("Content-Type") == "" {
		return true
	}
	name, _ := mediaType(r)
	return name == contentJSON || strings.HasSuffix(name, "+json")
}

// checkJSON compares the body with the contract, so that a refusal names the field, and derives the update mask.
func (x *exchange) checkJSON() bool {
	message := x.endpoint.input
	if x.endpoint.bodyField != nil {
		message = x.endpoint.bodyField.Message()
	}
	if len(bytes.TrimSpace(x.body)) == 0 {
		x.body = []byte("{}")
	}
	w := walk(x.body, message)
	switch {
	case w.syntax != nil:
		x.cause = w.syntax.Error()
		x.refuse(reasonInvalidJSON, violate("", reasonInvalidJSON, w.where("Fehler in"), w.where("error at")))
		return false
	case len(w.violations) > 0:
		reason := reasonInvalidField
		if slices.ContainsFunc(w.violations, func(v violation) bool { return v.Reason == reasonUnknownField.Name }) {
			reason = reasonUnknownField
		}
		x.refuse(reason, w.violations...)
		return false
	}
	return x.checkName(w) && x.deriveMask(w)
}

// checkName refuses a body whose name is not that of the path.
func (x *exchange) checkName(w *walker) bool {
	if w.name == "" || x.endpoint.bound == "" || w.name == x.boundValue() {
		return true
	}
	x.refuse(reasonNameMismatch, violate("name", reasonNameMismatch,
		"muss „"+cut(x.boundValue())+"“ sein oder fehlen", "has to be \""+cut(x.boundValue())+"\" or absent"))
	return false
}

// deriveMask makes the mask of a PATCH out of the fields that its body names, so that nested objects are replaced whole
// and null clears. Fields that clients cannot set are left out: what was read can be sent back.
func (x *exchange) deriveMask(w *walker) bool {
	if x.endpoint.params[updateMask] == nil || len(x.form[updateMask]) > 0 {
		return true
	}
	var paths []string
	for _, field := range w.fields {
		if name := string(field.Name()); name != "name" && name != "etag" && !outputOnly(field) {
			paths = append(paths, name)
		}
	}
	if len(paths) == 0 {
		x.refuse(reasonNothingToChange)
		return false
	}
	form := make(url.Values, len(x.form)+1)
	for name, values := range x.form {
		form[name] = values
	}
	form[updateMask] = []string{strings.Join(paths, ",")}
	x.form = form
	return true
}

// requestBody is the body as grpc-gateway reads it. Where the body is the request itself, [codec] recognises it and
// fills the request without a detour over JSON.
type requestBody struct {
	bytes.Reader
	exchange *exchange
}

// newRequestBody wraps what was read.
func newRequestBody(x *exchange) io.ReadCloser {
	if x.body == nil && !x.endpoint.bodyAll {
		return http.NoBody
	}
	b := &requestBody{exchange: x}
	b.Reset(x.body)
	return b
}

// Close implements [io.Closer].
func (b *requestBody) Close() error { return nil }

// errNoMessage: grpc-gateway asked for something that is no message; the contract has nothing like that.
var errNoMessage = errors.New("not a message of the contract")

// fieldOf finds a field by either spelling, as protojson does.
func fieldOf(message protoreflect.MessageDescriptor, name string) protoreflect.FieldDescriptor {
	if field := message.Fields().ByJSONName(name); field != nil {
		return field
	}
	return message.Fields().ByName(protoreflect.Name(name))
}
