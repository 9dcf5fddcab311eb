// Package webhook is the outgoing half of webhooks: which addresses may be called (Guard), how a message is signed after
// Standard Webhooks 1.0 (Key, Sign), how one request is made and what its answer means (Sender, Result), when the next
// attempt comes (Next) and when a receiver is left alone (Breaker). It keeps nothing: what is waiting, and the keys, belong to
// the caller. It must never call an address that the guard refuses, follow a redirect, go through a proxy of the environment,
// skip the check of a certificate, or show a secret key.
//
// Before a receiver gets its first message it has to agree, by the handshake of the CloudEvents webhook specification (Ask): an
// OPTIONS request with WebHook-Request-Origin, answered with WebHook-Allowed-Origin. It was chosen over a signed POST with a
// challenge to echo because it is one line in the configuration of a web server, changes nothing at a victim that somebody
// registered out of malice (OPTIONS is safe, a POST is not), and cannot be passed by a page that echoes what it is sent.
package webhook
