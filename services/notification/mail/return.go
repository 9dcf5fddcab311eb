package mail

import (
	"errors"
	netmail "net/mail"
	"regexp"
	"strings"
)

const (
	// MarkLength is the length of a mark in the address that a message comes back to.
	MarkLength = 45
	maxLocal   = 64 // of a local part (RFC 5321)
	maxAddress = 254
)

var plainLocal = regexp.MustCompile(`^[A-Za-z0-9._-]+$`)

// CheckReturn says what is wrong with the address that mail comes back to: its local part gets "+" and a mark.
func CheckReturn(address string) error {
	_, _, err := splitReturn(address)
	return err
}

func splitReturn(address string) (local, domain string, err error) {
	parsed, err := netmail.ParseAddress(address)
	if err != nil || parsed.Address != address {
		return "", "", errors.New("no address such as bounces@kompass.example.org")
	}
	at := strings.LastIndexByte(address, '@')
	local, domain = address[:at], address[at+1:]
	switch {
	case !plainLocal.MatchString(local):
		return "", "", errors.New("letters, digits, \".\", \"_\" and \"-\" alone may stand before the \"@\"")
	case len(local)+1+MarkLength > maxLocal:
		return "", "", errors.New("at most 18 characters may stand before the \"@\"")
	case len(address)+1+MarkLength > maxAddress:
		return "", "", errors.New("too long")
	}
	return local, domain, nil
}

// returnAddress is where a message with a mark comes back to; empty when that is the sender.
func (r *Relay) returnAddress(mark string) string {
	if r.returnLocal == "" || mark == "" {
		return ""
	}
	return r.returnLocal + "+" + mark + "@" + r.returnDomain
}
