package gateway

import (
	"crypto/rand"
	"encoding/hex"
	"net/http"
	"strings"

	"google.golang.org/grpc/metadata"
)

// Headers of the platform, and how the metadata spells them.
const (
	headerRevision  = "Kompass-Revision"
	headerRequestID = "X-Request-Id"

	mdRevision  = "kompass-revision"
	mdRequestID = "x-request-id"

	mdIdempotency = "idempotency-key"
)

// maxHeader is the most bytes that a header which services see may have.
const maxHeader = 4 << 10

// forwarded are the headers that services get to see, as they are.
var forwarded = []struct{ header, key string }{
	{"Authorization", "authorization"},
	{headerRevision, mdRevision},
	{"Idempotency-Key", mdIdempotency},
}

// identify gives every request an id that log, metadata, answer and problem share.
func (e *edge) identify(next handler) handler {
	return func(x *exchange) {
		if x.id = x.req.Header.Get(headerRequestID); !validID(x.id) {
			x.id = newID()
		}
		x.Header().Set(headerRequestID, x.id)
		next(x)
	}
}

// validID is what the contract allows for a request_id, without the empty one.
func validID(id string) bool {
	if id == "" || len(id) > 128 {
		return false
	}
	for i := range len(id) {
		switch c := id[i]; {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '.', c == '_', c == ':', c == '-':
		default:
			return false
		}
	}
	return true
}

// newID makes an id in the form of a trace id: 32 hexadecimal digits.
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails, see crypto/rand
	return hex.EncodeToString(b[:])
}

// Values of headers that every answer has; shared, so never appended to.
var (
	noSniff    = []string{"nosniff"}
	noContent  = []string{"default-src 'none'; frame-ancestors 'none'"}
	noReferrer = []string{"no-referrer"}
)

// harden sets the headers that keep browsers from guessing and framing; pages widen the policy for their own style.
func (e *edge) harden(next handler) handler {
	return func(x *exchange) {
		header := x.Header()
		header["X-Content-Type-Options"] = noSniff
		header["Content-Security-Policy"] = noContent
		header["Referrer-Policy"] = noReferrer
		next(x)
	}
}

// checkHeaders picks what services get to see, and refuses what metadata cannot carry instead of dropping it silently.
func (e *edge) checkHeaders(next handler) handler {
	return func(x *exchange) {
		if x.endpoint.page != nil {
			next(x)
			return
		}
		x.forward = metadata.MD{mdRequestID: {x.id}}
		for _, f := range forwarded {
			value := x.req.Header.Get(f.header)
			if value == "" {
				continue
			}
			if !headerText(value) || f.key == mdIdempotency && !validID(strings.Trim(value, `"`)) { // the standard has quotes
				x.refuse(reasonInvalidHeader, violate(f.header, reasonInvalidHeader,
					"enthält Zeichen, die dort nicht erlaubt sind, oder ist zu lang", "has characters that are not allowed there, or is too long"))
				return
			}
			x.forward[f.key] = []string{value}
		}
		if x.reading() || x.forwardConditions() {
			next(x)
		}
	}
}

// forwardConditions hands If-Match and If-None-Match of a change to the service, which alone can decide them. One that
// cannot be read is refused: dropping it would let the change through unconditionally.
func (x *exchange) forwardConditions() bool {
	for _, header := range []string{"If-Match", "If-None-Match"} {
		sent := x.req.Header.Get(header)
		if sent == "" {
			continue
		}
		value := versionsOf(sent)
		if value == "" || !headerText(value) || strings.Contains(value, `""`) {
			x.refuse(reasonInvalidHeader, violate(header, reasonInvalidHeader,
				"nennt keine lesbare Fassung", "names no readable version"))
			return false
		}
		x.forward[strings.ToLower(header)] = []string{value}
	}
	return true
}

// headerText tells whether gRPC metadata can carry the value: printable ASCII of bounded length.
func headerText(value string) bool {
	if len(value) > maxHeader {
		return false
	}
	for i := range len(value) {
		if value[i] < ' ' || value[i] > '~' {
			return false
		}
	}
	return true
}

// setAll sets several headers at once.
func setAll(header http.Header, pairs ...string) {
	for i := 0; i+1 < len(pairs); i += 2 {
		header.Set(pairs[i], pairs[i+1])
	}
}
