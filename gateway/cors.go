package gateway

import (
	"net/http"
	"slices"
)

// Headers that scripts of other origins may send and read.
const (
	corsSend   = "Accept-Language, Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Kompass-Revision, Last-Event-ID, X-Request-Id"
	corsRead   = "ETag, Kompass-Revision, Retry-After, X-Request-Id"
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

// permit returns the value of Access-Control-Allow-Origin for a method, or "".
func (c cors) permit(origin, method string) string {
	switch reading := method == http.MethodGet || method == http.MethodHead; {
	case c.any, c.publicReads && reading:
		return "*"
	case slices.Contains(c.origins, origin):
		return origin
	}
	return ""
}

// shareOrigins answers preflights and marks what a browser may hand to a page of another origin.
func (e *edge) shareOrigins(next handler) handler {
	if !e.cors.active() {
		return next
	}
	return func(x *exchange) {
		x.Header().Add("Vary", "Origin")
		origin, method := x.req.Header.Get("Origin"), x.req.Method
		if origin == "" {
			next(x)
			return
		}
		wanted := x.req.Header.Get("Access-Control-Request-Method")
		preflight := method == http.MethodOptions && wanted != ""
		if preflight {
			method = wanted
		}
		header := x.Header()
		if permitted := e.cors.permit(origin, method); permitted != "" {
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
