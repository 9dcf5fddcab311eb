// Package mailtest is a mail server for tests: real SMTP with TLS and logins on loopback, that refuses what it is told to and
// remembers what it took.
package mailtest

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"math/big"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// Mail is a message that the server took.
type Mail struct {
	From, To  string
	Data      []byte // as it came
	User      string // who was logged in
	Return    string // what was asked for should it come back (RFC 3461): "HDRS FAILURE"
	Encrypted bool
}

// Server is one mail server. Set its fields before the first connection; Set does so at any time.
type Server struct {
	Address  string      // "127.0.0.1:40001"
	Trust    *tls.Config // for clients: trusts the server's certificate
	User     string      // who may log in; nobody has to when empty
	Password string
	Judge    func(to string) error // of RCPT: nil accepts, *smtp.SMTPError refuses
	Accept   func(m Mail) error    // of DATA, before the message is taken
	Answer   func(m Mail) error    // of DATA, after it was taken: the client may be told otherwise

	mu    sync.Mutex
	mails []Mail
}

// Start starts a server that ends with the test. direct means TLS from the start instead of STARTTLS.
func Start(tb testing.TB, direct bool) *Server {
	tb.Helper()
	certificate, pool := newCertificate(tb)
	s := &Server{Trust: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	config := &tls.Config{Certificates: []tls.Certificate{certificate}, MinVersion: tls.VersionTLS12}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	s.Address = listener.Addr().String()
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return s.session(c), nil }))
	server.Domain, server.TLSConfig = "localhost", config
	server.ReadTimeout, server.WriteTimeout = 10*time.Second, 10*time.Second
	server.AllowInsecureAuth, server.EnableDSN = false, true
	if direct {
		listener = tls.NewListener(listener, config)
	}
	done := make(chan struct{})
	go func() { _ = server.Serve(listener); close(done) }()
	tb.Cleanup(func() { _ = server.Close(); <-done })
	return s
}

// Set changes the server's fields for the connections to come.
func (s *Server) Set(change func(*Server)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change(s)
}

func (s *Server) session(c *smtp.Conn) *session {
	s.mu.Lock()
	defer s.mu.Unlock()
	return &session{server: s, conn: c, judge: s.Judge, accept: s.Accept, answer: s.Answer}
}

// Mails are the messages taken so far.
func (s *Server) Mails() []Mail {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.mails)
}

type session struct {
	server   *Server
	conn     *smtp.Conn
	from, to string
	back     string
	user     string

	judge          func(to string) error
	accept, answer func(m Mail) error
}

// AuthMechanisms implements [smtp.AuthSession].
func (*session) AuthMechanisms() []string { return []string{sasl.Plain} }

// Auth implements [smtp.AuthSession].
func (c *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != c.server.User || password != c.server.Password {
			return smtp.ErrAuthFailed
		}
		c.user = user
		return nil
	}), nil
}

// Mail implements [smtp.Session].
func (c *session) Mail(from string, o *smtp.MailOptions) error {
	if c.server.User != "" && c.user == "" {
		return smtp.ErrAuthRequired
	}
	c.from, c.back = from, string(o.Return)
	return nil
}

// Rcpt implements [smtp.Session].
func (c *session) Rcpt(to string, o *smtp.RcptOptions) error {
	c.to = to
	for _, notify := range o.Notify {
		c.back += " " + string(notify)
	}
	if c.judge != nil {
		return c.judge(to)
	}
	return nil
}

// Data implements [smtp.Session].
func (c *session) Data(r io.Reader) error {
	data, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	_, encrypted := c.conn.TLSConnectionState()
	m := Mail{From: c.from, To: c.to, Data: bytes.Clone(data), User: c.user, Return: c.back, Encrypted: encrypted}
	if c.accept != nil {
		if err := c.accept(m); err != nil {
			return err
		}
	}
	c.server.mu.Lock()
	c.server.mails = append(c.server.mails, m)
	c.server.mu.Unlock()
	if c.answer != nil {
		return c.answer(m)
	}
	return nil
}

// Reset implements [smtp.Session].
func (c *session) Reset() { c.from, c.to, c.back = "", "", "" }

// Logout implements [smtp.Session].
func (*session) Logout() error { return nil }

func newCertificate(tb testing.TB) (tls.Certificate, *x509.CertPool) {
	tb.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader) //nolint:forbidigo // a key for one test
	if err != nil {
		tb.Fatal(err)
	}
	now := time.Now() //nolint:forbidigo // the clock that the client checks the certificate by
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key) //nolint:forbidigo // the same
	if err != nil {
		tb.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		tb.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}
