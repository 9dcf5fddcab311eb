package server

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"regexp"
	"strings"

	"google.golang.org/grpc/metadata"

	"kompass.krz.de/services/platform/fault"
)

// The metadata keys that the chain reads and writes; the edge maps them to HTTP headers of the same names.
const (
	// HeaderRevision carries an opaque revision token, both ways.
	HeaderRevision = "kompass-revision"
	// HeaderRequestID carries the trace id of the call, both ways.
	HeaderRequestID = "x-request-id"
	// HeaderIdempotencyKey names a request whose repetition shall have one effect.
	HeaderIdempotencyKey = "idempotency-key"
	// HeaderIfMatch carries the etag that a change builds on.
	HeaderIfMatch = "if-match"
	// HeaderIfNoneMatch with "*" asks for creation only.
	HeaderIfNoneMatch = "if-none-match"
)

// safeID is what request ids look like, as in the contract.
var safeID = regexp.MustCompile(`^[A-Za-z0-9._:-]{1,128}$`)

// Call is one call on its way through the steps. Steps before the handler fill it; it must not be kept after the call.
type Call struct {
	// Method is the full method, "/package.Service/Method".
	Method string
	// Service is the full name of the service, "package.Service".
	Service string
	// Stream is true for everything but unary calls.
	Stream bool
	// TraceID names the call in logs and answers; set by the step "request id".
	TraceID string
	// Actor is who calls; empty until the step "identity".
	Actor string

	checks    []func(request any) error
	setHeader func(metadata.MD) error
}

// Check adds a check that every request message of the call has to pass before the handler sees it.
func (c *Call) Check(check func(request any) error) { c.checks = append(c.checks, check) }

// SetHeader adds headers to the answer. After the first message of a stream it fails, which steps may ignore.
func (c *Call) SetHeader(pairs ...string) error { return c.setHeader(metadata.Pairs(pairs...)) }

func (c *Call) check(request any) error {
	for _, check := range c.checks {
		if err := check(request); err != nil {
			return err
		}
	}
	return nil
}

type callKey struct{}

func callOf(ctx context.Context) *Call {
	if c, ok := ctx.Value(callKey{}).(*Call); ok {
		return c
	}
	return &Call{}
}

// Actor is who calls: "administrator", "anonymous" for open reads, empty outside of a call.
func Actor(ctx context.Context) string { return callOf(ctx).Actor }

// TraceID is the id under which logs know the call; empty outside of a call.
func TraceID(ctx context.Context) string { return callOf(ctx).TraceID }

// RequestID is the id under which the call's effect happens once: the request's own request_id, else the idempotency-key,
// else the trace id, which is new for every call unless the client sent one.
func RequestID(ctx context.Context, fromRequest string) string {
	if fromRequest != "" {
		return fromRequest
	}
	if key := idempotencyKey(ctx); key != "" {
		return key
	}
	return TraceID(ctx)
}

// HasIdempotencyKey tells whether the client named the call by an idempotency-key.
func HasIdempotencyKey(ctx context.Context) bool { return idempotencyKey(ctx) != "" }

// idempotencyKey reads the key; the header's standard writes it in quotes.
func idempotencyKey(ctx context.Context) string {
	return strings.Trim(incoming(ctx, HeaderIdempotencyKey), `"`)
}

// Versions are the etags that a change may build on, separated by commas; empty when any version will do.
type Versions string

// Exclude tells whether a change must not build on the current etag, which is empty for what does not exist.
func (v Versions) Exclude(current string) bool {
	if v == "" {
		return false
	}
	for version := range strings.SplitSeq(string(v), ",") {
		if version == current && current != "" {
			return false
		}
	}
	return true
}

// Etag tells which versions a change may build on: the etag of the resource in the request, else those of if-match
// (RFC 9110, 13.1.1: any of them) without quotes and weakness mark. "*" is any version as well (see [ExistingOnly]).
func Etag(ctx context.Context, fromResource string) Versions {
	if fromResource != "" {
		return Versions(fromResource)
	}
	tags := strings.Split(incoming(ctx, HeaderIfMatch), ",")
	for i, tag := range tags {
		tags[i] = strings.Trim(strings.TrimPrefix(strings.TrimSpace(tag), "W/"), `"`)
		if tags[i] == "*" {
			return ""
		}
	}
	return Versions(strings.Join(tags, ","))
}

// CreateOnly tells whether the client wants the resource created, never changed (if-none-match: *).
func CreateOnly(ctx context.Context) bool {
	return strings.TrimSpace(incoming(ctx, HeaderIfNoneMatch)) == "*"
}

// ExistingOnly tells whether the client wants the resource changed, never created (if-match: *, RFC 9110).
func ExistingOnly(ctx context.Context) bool {
	return strings.TrimSpace(incoming(ctx, HeaderIfMatch)) == "*"
}

// incoming is the first value of a header, empty when absent.
func incoming(ctx context.Context, key string) string {
	if values := metadata.ValueFromIncomingContext(ctx, key); len(values) > 0 {
		return values[0]
	}
	return ""
}

// requestID names the call, by the client's own id when it is harmless, and tells the client.
func requestID(ctx context.Context, c *Call, next Next) error {
	if c.TraceID = incoming(ctx, HeaderRequestID); !safeID.MatchString(c.TraceID) {
		var raw [16]byte
		_, _ = rand.Read(raw[:]) // never fails, see crypto/rand
		c.TraceID = hex.EncodeToString(raw[:])
	}
	_ = c.SetHeader(HeaderRequestID, c.TraceID) // fails only for calls that are over
	return next(ctx)
}

// idempotency refuses a key that could not be kept as a request id.
func idempotency(ctx context.Context, _ *Call, next Next) error {
	if key := idempotencyKey(ctx); key != "" && !safeID.MatchString(key) {
		return fault.New(fault.InvalidField).Field(HeaderIdempotencyKey,
			"besteht aus höchstens 128 Buchstaben, Ziffern und den Zeichen . _ : -",
			"consists of at most 128 letters, digits and the characters . _ : -")
	}
	return next(ctx)
}
