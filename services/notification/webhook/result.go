package webhook

import (
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
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
