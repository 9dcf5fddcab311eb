// Package openapi holds the OpenAPI description of the REST interface, generated from the protos.
// It is served by the gateway at /openapi.json. It must never be edited by hand.
package openapi

import _ "embed"

// JSON is the description in OpenAPI 2.0.
//
//go:embed openapi.json
var JSON []byte
