// Package gateway is the REST edge of Kompass: it translates HTTP and JSON into the gRPC contract, and every refusal into
// application/problem+json in German and English.
// It talks to the services through client connections alone, so that one process and many behave alike.
// It must never decide anything about the domain, import a service, or show a client the text of a driver.
package gateway
