package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"syscall"
	"time"
)

// Bounds of one request, whatever the receiver does.
const (
	connectLimit = 5 * time.Second  // look-up, connection and TLS
	requestLimit = 15 * time.Second // until the header of the answer
	answerLimit  = 2 * time.Second  // for the body of the answer, within the request's time
	answerBytes  = 16 << 10         // of the body that are read
	headerBytes  = 16 << 10         // of the header that are taken
)

// userAgent is how requests introduce themselves.
const userAgent = "Kompass-Webhook/1.0"

// Config is what a Sender needs.
type Config struct {
	Guard          Guard
	Origin         string           // who asks and sends, as a DNS name ("kompass.example.de")
	Clock          func() time.Time // for timestamps and latencies
	Resolver       *net.Resolver    // nil is the machine's
	Roots          *x509.CertPool   // nil are the machine's
	ConnectTimeout time.Duration    // 0 is 5 s
	RequestTimeout time.Duration    // the connection included; 0 is 15 s
}

// Sender makes requests to receivers. It is safe for many goroutines; how many run at once is theirs to bound: a request to a
// receiver that hangs holds a connection and less than 100 KiB until its time is over.
type Sender struct {
	guard     Guard
	origin    string
	clock     func() time.Time
	limit     time.Duration
	transport *http.Transport
}

// NewSender makes a sender; Close it.
func NewSender(c Config) *Sender {
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = connectLimit
	}
	if c.RequestTimeout == 0 {
		c.RequestTimeout = requestLimit
	}
	if c.Resolver == nil {
		c.Resolver = net.DefaultResolver
	}
	d := &dialer{guard: c.Guard, resolver: c.Resolver, limit: c.ConnectTimeout, tls: &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: c.Roots}}
	var one http.Protocols
	one.SetHTTP1(true)
	return &Sender{guard: c.Guard, origin: c.Origin, clock: c.Clock, limit: c.RequestTimeout, transport: &http.Transport{
		Proxy:                  nil, // never the environment's: it would look names up and connect unchecked
		DialContext:            d.plain,
		DialTLSContext:         d.secure,
		DisableCompression:     true, // what is packed small may unpack large
		MaxResponseHeaderBytes: headerBytes,
		MaxIdleConns:           256,
		MaxIdleConnsPerHost:    2,
		IdleConnTimeout:        time.Minute,
		Protocols:              &one,
	}}
}

// Close gives up connections that wait for further use.
func (s *Sender) Close() { s.transport.CloseIdleConnections() }

// Message is what is sent to one receiver.
type Message struct {
	URL  string
	ID   string // the same for every attempt, see Sign
	Body []byte // a CloudEvent in structured mode, see Event
	Keys []Key  // newest first
}

// Post makes one attempt to deliver a message. It returns after 15 seconds at the latest, or when ctx ends.
func (s *Sender) Post(ctx context.Context, m Message) Result {
	header := http.Header{
		"Content-Type":           {contentType},
		"Webhook-Request-Origin": {s.origin},
		"Idempotency-Key":        nil, // not sent; lets the transport repeat what met a connection that was just being closed
	}
	if err := Sign(header, m.ID, s.clock(), m.Body, m.Keys...); err != nil {
		return Result{Class: Unsigned, Excerpt: err.Error()}
	}
	result, _ := s.do(ctx, http.MethodPost, m.URL, header, m.Body)
	return result
}

// do makes one request and reads its answer; the header is nil when none came.
func (s *Sender) do(ctx context.Context, method, address string, header http.Header, body []byte) (Result, http.Header) {
	target, wrong := s.guard.target(address)
	if wrong != nil {
		return Result{Class: Refused}, nil
	}
	limited, cancel := context.WithTimeout(ctx, s.limit)
	defer cancel()
	header.Set("User-Agent", userAgent)
	request := (&http.Request{
		Method: method, URL: target, Host: target.Host, Header: header,
		Body: io.NopCloser(bytes.NewReader(body)), ContentLength: int64(len(body)),
		GetBody: func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(body)), nil },
	}).WithContext(limited)
	if len(body) == 0 {
		request.Body, request.GetBody = http.NoBody, nil
	}
	start := s.clock()
	answer, err := s.transport.RoundTrip(request) // not a Client: that one follows redirects
	latency := s.clock().Sub(start)
	if err == nil && limited.Err() != nil { // many a server says 200 by itself when a handler gives up because we hang up
		answer.Body.Close()
		err = limited.Err()
	}
	if err != nil {
		return Result{Class: classify(ctx, err), Latency: latency}, nil
	}
	defer answer.Body.Close()
	result := Result{Class: classOf(answer.StatusCode), Status: answer.StatusCode, Latency: latency}
	if result.Status >= 200 { // the body of a 101 is the bare connection: nobody would end reading it
		// The status has decided: what is wrong with the rest costs the receiver its connection and nothing else.
		timer := time.AfterFunc(answerLimit, cancel)
		defer timer.Stop()
		read, _ := io.ReadAll(io.LimitReader(answer.Body, answerBytes))
		result.Excerpt = excerpt(read)
	}
	if result.Class == Throttled {
		result.RetryAfter = retryAfter(answer.Header.Get("Retry-After"), s.clock())
	}
	return result, answer.Header
}

// classify reads the error of a request that got no answer. ctx is the caller's.
func classify(ctx context.Context, err error) Class {
	var lookup *net.DNSError
	var network net.Error
	var operation *net.OpError
	switch {
	case errors.Is(err, ErrRefused):
		return Refused
	case ctx.Err() != nil:
		return Cancelled
	case errors.As(err, &lookup):
		return Unresolved
	case errors.As(err, &network) && network.Timeout():
		return Timeout
	case errors.Is(err, errTLS):
		return BadCertificate
	case errors.As(err, &operation) && operation.Op == "dial":
		return Unreachable
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET), errors.Is(err, syscall.EPIPE):
		return Lost
	default:
		return BadAnswer
	}
}
