package mail

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	netmail "net/mail"
	"net/url"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"
)

const (
	dialTime = 15 * time.Second // for the connection and each answer
	sendTime = time.Minute      // for a whole message
)

// Relay is the mail server that takes messages from us. It is immutable.
type Relay struct {
	host    string
	port    int
	options []gomail.Option
	from    *netmail.Address

	returnLocal, returnDomain string // of the address that mail comes back to; empty: the sender's
}

// Config says where a mail server is, and in whose name we write.
type Config struct {
	// URL is smtp://USER@HOST:587 (STARTTLS, never without) or smtps://USER@HOST:465 (TLS from the start); smtp+plain://HOST:PORT
	// goes without TLS, to loopback alone.
	URL string
	// Password of the user; a user without one is refused.
	Password string
	// From is the sender of all messages: "Kompass <kompass@example.org>".
	From string
	// Return is the address that mail comes back to, "bounces@example.org": each message gets one of its own,
	// "bounces+MARK@example.org". Empty: all of it comes back to From.
	Return string
	// TLS is for tests with a certificate authority of their own; nil trusts the system's.
	TLS *tls.Config
}

// NewRelay checks a configuration; nothing is connected yet. The error says what is wrong with it.
func NewRelay(c Config) (*Relay, error) {
	u, err := url.Parse(c.URL)
	if err != nil || u.Hostname() == "" || u.Path != "" || u.RawQuery != "" {
		return nil, errors.New("mail server: no URL such as smtp://mail.example.org:587")
	}
	if _, has := u.User.Password(); has {
		return nil, errors.New("mail server: the password belongs into a file, not into the URL")
	}
	r := &Relay{host: u.Hostname()}
	if err := CheckSender(c.From); err != nil {
		return nil, err
	}
	r.from, _ = netmail.ParseAddress(c.From)
	if err := r.askReturns(c.Return); err != nil {
		return nil, err
	}
	if err := r.secure(u.Scheme, c.TLS); err != nil {
		return nil, err
	}
	if u.Port() != "" {
		if r.port, err = strconv.Atoi(u.Port()); err != nil {
			return nil, fmt.Errorf("mail server: port: %w", err)
		}
	}
	r.options = append(r.options, gomail.WithPort(r.port), gomail.WithTimeout(dialTime), gomail.WithHELO(r.domain()), gomail.WithoutNoop())
	user := u.User.Username()
	if (user == "") != (c.Password == "") {
		return nil, errors.New("mail server: user and password belong together")
	}
	if user != "" {
		r.options = append(r.options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(user), gomail.WithPassword(c.Password))
	}
	return r, nil
}

// CheckSender says what is wrong with the sender of all messages.
func CheckSender(from string) error {
	if _, err := netmail.ParseAddress(from); err != nil {
		return errors.New("mail needs a sender such as \"Kompass <kompass@example.org>\"")
	}
	return nil
}

// secure chooses how the connection is protected.
func (r *Relay) secure(scheme string, trust *tls.Config) error {
	config := &tls.Config{MinVersion: tls.VersionTLS12}
	if trust != nil {
		config = trust.Clone()
	}
	config.ServerName = r.host
	r.options = append(r.options, gomail.WithTLSConfig(config))
	switch scheme {
	case "smtp":
		r.port = 587
		r.options = append(r.options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	case "smtps":
		r.port = 465
		r.options = append(r.options, gomail.WithSSL())
	case "smtp+plain":
		if ip := net.ParseIP(r.host); r.host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return errors.New("mail server: without TLS only on this machine")
		}
		r.port = 25
		r.options = append(r.options, gomail.WithTLSPolicy(gomail.NoTLS))
	default:
		return errors.New("mail server: neither smtp:// nor smtps://")
	}
	return nil
}

// askReturns lets mail come back to an address of its own. Servers that can (RFC 3461) are asked for no more than the header of what
// failed.
func (r *Relay) askReturns(address string) (err error) {
	if address == "" {
		return nil
	}
	if r.returnLocal, r.returnDomain, err = splitReturn(address); err != nil {
		return fmt.Errorf("address that mail comes back to: %w", err)
	}
	r.options = append(r.options, gomail.WithDSNMailReturnType(gomail.DSNMailReturnHeadersOnly), gomail.WithDSNRcptNotifyType(gomail.DSNRcptNotifyFailure))
	return nil
}

// domain is that of the sender: what follows the "@" of Message-IDs.
func (r *Relay) domain() string { return r.from.Address[strings.LastIndexByte(r.from.Address, '@')+1:] }

// Send hands one message over, with a connection of its own. It never fails without a Result that says what to do.
func (r *Relay) Send(ctx context.Context, m *Message) Result {
	ctx, cancel := context.WithTimeout(ctx, sendTime)
	defer cancel()
	message, err := r.compose(m)
	if err != nil {
		return Result{Outcome: Refused, Class: ClassMessage}
	}
	client, err := gomail.NewClient(r.host, r.options...)
	if err != nil {
		return Result{Outcome: Later, Class: ClassConnection}
	}
	conn, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return judge(err)
	}
	err = client.SendWithSMTPClient(conn, message)
	go func() { _ = client.CloseWithSMTPClient(conn) }() // what was taken is to be noted at once: until then a crash sends it again
	if err == nil || message.IsDelivered() {             // whoever has taken a message may forget to say goodbye
		return Result{Outcome: Delivered}
	}
	return judge(err)
}
