package webhook

import (
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Class says in one machine-readable word what became of a request.
type Class string

// The classes. An empty one is a success.
const (
	Delivered      Class = ""                // 2xx
	Refused        Class = "REFUSED_ADDRESS" // the guard said no: nothing was sent
	Unresolved     Class = "UNRESOLVED"      // the name has no address
	Unreachable    Class = "UNREACHABLE"     // nobody takes connections there
	BadCertificate Class = "TLS"             // no secure channel: certificate, version, no TLS at all
	Timeout        Class = "TIMEOUT"         // no answer in time
	Lost           Class = "CONNECTION_LOST" // the connection broke before an answer
	BadAnswer      Class = "BAD_ANSWER"      // what came is not HTTP, or its header is too large
	Redirect       Class = "REDIRECT"        // 3xx: not followed
	Gone           Class = "GONE"            // 410: the receiver wants no more
	Throttled      Class = "THROTTLED"       // 429 and 503: later
	Rejected       Class = "REJECTED"        // another 4xx
	ServerError    Class = "SERVER_ERROR"    // another 5xx
	NoConsent      Class = "NO_CONSENT"      // the receiver did not agree to be called (handshake only)
	Cancelled      Class = "CANCELLED"       // we gave up ourselves; says nothing about the receiver
	Unsigned       Class = "UNSIGNED"        // the message has no valid id or no key: nothing was sent
)

const (
	maxExcerpt    = 1000           // bytes of an answer that are kept
	maxRetryAfter = 24 * time.Hour // a receiver cannot put us off longer
)

// Result is what became of one request.
type Result struct {
	Class      Class
	Status     int           // HTTP status; 0 when no answer came
	Latency    time.Duration // until the header of the answer, or the failure
	Excerpt    string        // beginning of the answer: one line of printable text, at most 1,000 bytes
	RetryAfter time.Duration // how long the receiver asks to be left alone, at most a day; 0 when it does not
}

// Delivered tells whether the receiver took the message.
func (r Result) Delivered() bool { return r.Class == Delivered }

// Disables tells whether the receiver wants no more messages, ever.
func (r Result) Disables() bool { return r.Class == Gone }

// Counts tells whether the result says something about the receiver: what we broke off or could not sign does not.
func (r Result) Counts() bool { return r.Class != Cancelled && r.Class != Unsigned }

func classOf(status int) Class {
	switch {
	case status >= 200 && status < 300:
		return Delivered
	case status >= 300 && status < 400:
		return Redirect
	case status == http.StatusGone:
		return Gone
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable:
		return Throttled
	case status >= 400 && status < 500:
		return Rejected
	case status >= 500 && status < 600:
		return ServerError
	default:
		return BadAnswer
	}
}

// retryAfter reads seconds or an HTTP date; what cannot be read or lies in the past is 0.
func retryAfter(value string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(value, 10, 64); err == nil {
		return time.Duration(min(seconds, uint64(maxRetryAfter/time.Second))) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return max(0, min(at.Sub(now), maxRetryAfter))
}

// excerpt makes what a stranger sent fit to be shown: one line, no control or direction characters, bounded.
func excerpt(answer []byte) string {
	var b strings.Builder
	gap := false
	for _, r := range strings.ToValidUTF8(string(answer), "\uFFFD") {
		switch {
		case unicode.IsSpace(r) || unicode.IsControl(r):
			gap = b.Len() > 0
			continue
		case !unicode.IsPrint(r): // formats and directions
			continue
		}
		if b.Len()+utf8.RuneLen(r)+1 > maxExcerpt {
			break
		}
		if gap {
			b.WriteByte(' ')
			gap = false
		}
		b.WriteRune(r)
	}
	return b.String()
}
