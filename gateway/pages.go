package gateway

import (
	"net/http"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"kompass.krz.de/proto/openapi"
)

// problemPath precedes the reason in the type of a problem.
const problemPath = "/problems/"

// servePages adds the paths that are not part of the contract.
func (e *edge) servePages() error {
	e.addPage("/healthz", alive)
	e.addPage("/readyz", e.ready)
	e.addPage("/openapi.json", func(x *exchange) { x.send(http.StatusOK, contentJSON, openapi.JSON, "") })
	if e.options.Gatherer != nil {
		metrics := promhttp.HandlerFor(e.options.Gatherer, promhttp.HandlerOpts{})
		e.addPage("/metrics", func(x *exchange) { metrics.ServeHTTP(x, x.req) })
	}
	return nil
}

func (e *edge) addPage(pattern string, page handler) {
	e.routes.add(pattern, &endpoint{method: http.MethodGet, page: page})
}
