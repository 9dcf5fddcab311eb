package mail

import (
	"crypto/tls"
	"errors"
	"net"
	"net/textproto"
	"strings"

	gomail "github.com/wneessen/go-mail"
)

// Outcome is what becomes of a message after an attempt.
type Outcome int

// The outcomes.
const (
	Delivered Outcome = iota // the server took it
	Later                    // try again: a temporary failure, or one of our own set-up
	Refused                  // the server will never take this message
	Unwanted                 // the server knows no such address: write there no more
)

// The classes of failures.
const (
	ClassConnection = "CONNECTION" // no connection, no TLS, no login, or lost on the way
	ClassSender     = "SENDER"     // the server does not take mail from us
	ClassRecipient  = "RECIPIENT"  // it does not take it for the recipient
	ClassMessage    = "MESSAGE"    // it does not take what we say
	ClassBounce     = "BOUNCE"     // it took the message, which came back later
)

// Result is what one attempt came to.
type Result struct {
	Outcome Outcome
	Class   string // of a failure
	Code    int    // that the server gave: 550; 0 when none
	Detail  string // its enhanced status (RFC 3463): "5.1.1"; of a connection that failed, where
}

// judge reads an error. Its text stays here: it quotes addresses.
func judge(err error) Result {
	var refused *gomail.SendError
	if !errors.As(err, &refused) {
		return Result{Outcome: Later, Class: ClassConnection, Code: codeOf(err), Detail: placeOf(err)}
	}
	r := Result{Outcome: Later, Code: refused.ErrorCode(), Detail: refused.EnhancedStatusCode()}
	permanent := r.Code >= 500 && !lost(err)
	switch refused.Reason {
	case gomail.ErrSMTPMailFrom, gomail.ErrGetSender:
		r.Class = ClassSender
	case gomail.ErrSMTPRcptTo, gomail.ErrGetRcpts:
		r.Class = ClassRecipient
		if permanent && gone(r.Code, r.Detail) {
			r.Outcome = Unwanted
		}
	case gomail.ErrSMTPData, gomail.ErrSMTPDataClose, gomail.ErrWriteContent, gomail.ErrNoUnencoded:
		r.Class = ClassMessage
		if permanent {
			r.Outcome = Refused
		}
		if permanent && r.Detail != "" && gone(r.Code, r.Detail) { // some servers look only then
			r.Class, r.Outcome = ClassRecipient, Unwanted
		}
	default:
		r.Class = ClassConnection
	}
	return r
}

// What is wrong with the sender has a status among those of addresses, too.
const (
	badSender     = "5.1.7"
	badSenderHost = "5.1.8"
)

// gone tells whether a permanent refusal is the address's own: no such mailbox (5.1.x), or it is closed (5.2.1). A full mailbox, a
// policy, or what is wrong with the sender is not its fault. A server that gives no details means the address when
// its code is one of mailboxes.
func gone(code int, detail string) bool {
	switch detail {
	case "", "5.0.0":
		return code == 550 || code == 551 || code == 553 || code == 0 && detail != ""
	case badSender, badSenderHost:
		return false
	}
	return strings.HasPrefix(detail, "5.1.") || detail == "5.2.1"
}

// lost tells whether the connection failed, whatever else is said of it.
func lost(err error) bool {
	var network net.Error
	return errors.As(err, &network)
}

// placeOf says where a connection failed, for whoever set it up; empty when that is unknown.
func placeOf(err error) string {
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	var lookup *net.DNSError
	var operation *net.OpError
	switch {
	case errors.As(err, &certificate):
		return "certificate"
	case errors.As(err, &record):
		return "no TLS"
	case errors.As(err, &lookup):
		return "name"
	case errors.As(err, &operation) && operation.Op == "dial":
		return "unreachable"
	case strings.Contains(err.Error(), "does not support STARTTLS"): // the library has no error of its own for it
		return "no STARTTLS"
	case codeOf(err) == authenticationFailed:
		return "login"
	}
	return ""
}

const authenticationFailed = 535

// codeOf is the code that a server gave, such as 535 to a login; 0 when none.
func codeOf(err error) int {
	var answer *textproto.Error
	if errors.As(err, &answer) {
		return answer.Code
	}
	return 0
}
