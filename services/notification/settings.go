package notification

import (
	"cmp"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"time"

	"kompass.krz.de/services/notification/mail"
	"kompass.krz.de/services/notification/webhook"
)

// Settings are what an operator decides. The zero value is a service that calls public addresses only.
type Settings struct {
	// WebhookNetworks are private networks, in CIDR spelling, whose addresses webhooks may call.
	WebhookNetworks []string
	// PublicURL is where people and programs reach the platform. Webhooks introduce themselves by its host; by the name of
	// the data centre when it is empty.
	PublicURL string
	// Mail takes messages to people; nil sends none. It needs the public URL.
	Mail *mail.Relay
	// lookPause is the time between two looks for mail that nobody asks for, such as digests; 0 is the usual one.
	lookPause time.Duration
	// patience bounds a request to a webhook; 0 is what is right outside of tests.
	patience time.Duration
	// Random makes keys and ids; nil is crypto/rand.
	Random io.Reader
}

// Check says what is wrong with the settings.
func (s Settings) Check() error {
	if _, err := webhook.NewGuard(s.WebhookNetworks...); err != nil {
		return err
	}
	if _, err := s.host(""); err != nil {
		return err
	}
	if s.Mail == nil {
		return nil
	}
	switch u, err := url.Parse(s.PublicURL); {
	case err != nil || s.PublicURL == "":
		return errors.New("mail needs the public URL: its links lead there")
	case u.Scheme != "https" && !loopback(u.Hostname()):
		return fmt.Errorf("%q is no https address, which mail needs for its links (RFC 8058)", s.PublicURL)
	}
	return nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// host is the name under which the platform is known outside.
func (s Settings) host(otherwise string) (string, error) {
	if s.PublicURL == "" {
		return otherwise, nil
	}
	u, err := url.Parse(s.PublicURL)
	if err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http" || u.User != nil || u.RawQuery != "" || u.Fragment != "" {
		return "", fmt.Errorf("%q is no address such as https://kompass.example.de", s.PublicURL)
	}
	return u.Hostname(), nil
}

func (s Settings) random() io.Reader {
	return cmp.Or[io.Reader](s.Random, rand.Reader) //nolint:forbidigo // for keys and ids that handlers make, never for rules
}
