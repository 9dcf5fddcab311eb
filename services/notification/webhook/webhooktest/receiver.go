package webhooktest

import (
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
)

// Host is a name that the certificate of every Receiver is for; so are all names below "example.com".
const Host = "hook.example.com"

// Behaviour is how a receiver answers. It may hang until the request's context ends; that is when the sender or the test does.
type Behaviour func(w http.ResponseWriter, r *http.Request)

// Request is what a receiver was sent.
type Request struct {
	Method, Host, Path string
	Header             http.Header
	Body               []byte
}

// Receiver is an HTTPS server on loopback that behaves as it is told; at first it answers 204.
type Receiver struct {
	server *httptest.Server
	done   chan struct{}

	mutex    sync.Mutex
	behave   Behaviour
	requests []Request
}

// Start starts a receiver, which ends with the test.
func Start(t testing.TB) *Receiver {
	t.Helper()
	return start(t, (*httptest.Server).StartTLS)
}

// StartPlain starts a receiver that speaks HTTP without TLS, which ends with the test.
func StartPlain(t testing.TB) *Receiver {
	t.Helper()
	return start(t, (*httptest.Server).Start)
}

func start(t testing.TB, begin func(*httptest.Server)) *Receiver {
	r := &Receiver{done: make(chan struct{}), behave: Status(http.StatusNoContent)}
	r.server = httptest.NewUnstartedServer(r)
	r.server.Config.ErrorLog = quiet
	begin(r.server)
	t.Cleanup(func() {
		close(r.done)
		r.server.CloseClientConnections()
		r.server.Close()
	})
	return r
}

// ServeHTTP notes the request and answers as told.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, _ := io.ReadAll(request.Body)
	r.mutex.Lock()
	r.requests = append(r.requests, Request{request.Method, request.Host, request.URL.Path, request.Header.Clone(), body})
	behave := r.behave
	r.mutex.Unlock()
	behave(w, request.WithContext(until(request.Context(), r.done)))
}

// Behave changes how the receiver answers from now on.
func (r *Receiver) Behave(b Behaviour) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.behave = b
}

// Requests are those that arrived whole, in order.
func (r *Receiver) Requests() []Request {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	return slices.Clone(r.requests)
}

// URL is the receiver's address under a name, which a resolver (see Names) has to lead to loopback.
func (r *Receiver) URL(host string) string {
	scheme := "https://"
	if r.server.TLS == nil {
		scheme = "http://"
	}
	return scheme + net.JoinHostPort(host, r.Port())
}

// Port is where the receiver listens.
func (r *Receiver) Port() string {
	_, port, _ := net.SplitHostPort(r.server.Listener.Addr().String())
	return port
}

// Roots are the certificates that vouch for a TLS receiver.
func (r *Receiver) Roots() *x509.CertPool {
	pool := x509.NewCertPool()
	pool.AddCert(r.server.Certificate())
	return pool
}
