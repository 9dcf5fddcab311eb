package gateway

import (
	"net/http"
	"slices"
)

// Headers that scripts of other origins may send and read.
const (
	corsSend   = "Accept-Language, Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Kompass-Revision, Last-Event-ID, X-Request-Id"
	corsRead   = "ETag, Kompass-Revision, Link, Retry-After, X-Request-Id"
	corsMaxAge = "600" // seconds
)

// cors says which other origins may use the API in a browser. There are no cookies, so credentials are never allowed.
type cors struct {
	origins     []string
	any         bool
	publicReads bool
}

func newCORS(origins []string, publicReads bool) cors {
	return cors{origins: origins, any: slices.Contains(origins, "*"), publicReads: publicReads}
}

// active tells whether answers depend on the Origin header.
func (c cors) active() bool { return len(c.origins) > 0 || c.publicReads }

// permit returns the value of Access-Control-Allow-Origin for a method, or "". Whatever the operator says, any origin may
// read open data.
func (c cors) permit(origin, method string, openData bool) string {
	switch reading := method == http.MethodGet || method == http.MethodHead; {
	case c.any, (c.publicReads || openData) && reading:
		return "*"
	case slices.Contains(c.origins, origin):
		return origin
	}
	return ""
}

// shareOrigins answers preflights and marks what a browser may hand to a page of another origin. Open data is marked whoever
// asks: what caches keep of it serves every page.
func (e *edge) shareOrigins(next handler) handler {
	return func(x *exchange) {
		openData, origin, method := x.route.public, x.req.Header.Get("Origin"), x.req.Method
		if !openData && e.cors.active() {
			x.Header().Add("Vary", "Origin")
		}
		if !openData && (origin == "" || !e.cors.active()) {
			next(x)
			return
		}
		wanted := x.req.Header.Get("Access-Control-Request-Method")
		preflight := method == http.MethodOptions && wanted != ""
		if preflight {
			method = wanted
		}
		header := x.Header()
		if permitted := e.cors.permit(origin, method, openData); permitted != "" {
			header.Set("Access-Control-Allow-Origin", permitted)
			header.Set("Access-Control-Expose-Headers", corsRead)
			if preflight {
				header.Set("Access-Control-Allow-Methods", x.route.allow)
				header.Set("Access-Control-Allow-Headers", corsSend)
				header.Set("Access-Control-Max-Age", corsMaxAge)
			}
		}
		if preflight {
			header.Add("Vary", "Access-Control-Request-Method")
			x.WriteHeader(http.StatusNoContent)
			return
		}
		next(x)
	}
}
