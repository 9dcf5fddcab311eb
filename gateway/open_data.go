package gateway

import "net/http"

// Licence is the address of the licence of all open data: Datenlizenz Deutschland – Zero – Version 2.0.
const Licence = "https://www.govdata.de/dl-de/zero-2-0"

// Values of headers of open data, shared by all answers.
var (
	cachePublic = []string{"public, max-age=300"} // seconds: everybody may have it, and nobody needs the last five minutes of it
	licenceLink = []string{"<" + Licence + `>; rel="license"`}
)

// publish adds what sets open data apart from other answers: any cache may share it, and its licence goes with it. Refusals
// stay what they are.
func (x *exchange) publish(status int) {
	if status != http.StatusOK || x.endpoint == nil || !x.endpoint.public {
		return
	}
	x.Header()["Cache-Control"] = cachePublic
	x.Header()["Link"] = licenceLink
}
