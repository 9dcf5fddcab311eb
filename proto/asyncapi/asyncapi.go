// Package asyncapi holds the AsyncAPI description of the public events, written by hand. It is served by the gateway at
// /asyncapi.yaml and /asyncapi.json; a test compares it with the contract.
package asyncapi

import _ "embed"

// YAML is the description in AsyncAPI 3.0.
//
//go:embed asyncapi.yaml
var YAML []byte
