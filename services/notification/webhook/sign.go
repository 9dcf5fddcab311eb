package webhook

import (
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The headers of Standard Webhooks, as they travel.
const (
	headerID        = "webhook-id"
	headerTimestamp = "webhook-timestamp"
	headerSignature = "webhook-signature"
)

// maxID bounds the id of a message, in bytes.
const maxID = 200

// Errors of Sign: faults of the caller, not of a receiver.
var (
	ErrID    = errors.New("the id of a message is 1 to 200 of A-Z, a-z, 0-9, - and _")
	ErrNoKey = errors.New("a message needs a key to be signed with")
)

// Sign sets the three headers of Standard Webhooks: id (the same for every attempt; no dots, so that what is signed reads one
// way only), time of this attempt, and one signature a key, newest key first. Two keys of a kind stand beside each other during a rotation.
func Sign(h http.Header, id string, at time.Time, body []byte, keys ...Key) error {
	if id == "" || len(id) > maxID || strings.ContainsFunc(id, outsideID) {
		return ErrID
	}
	stamp := strconv.FormatInt(at.Unix(), 10)
	content := fmt.Appendf(make([]byte, 0, len(id)+len(stamp)+len(body)+2), "%s.%s.%s", id, stamp, body)
	signatures := make([]string, len(keys))
	for i, k := range keys {
		if k.isZero() {
			return ErrNoKey
		}
		signatures[i] = k.sign(content)
	}
	if len(keys) == 0 {
		return ErrNoKey
	}
	h.Set(headerID, id)
	h.Set(headerTimestamp, stamp)
	h.Set(headerSignature, strings.Join(signatures, " "))
	return nil
}

func outsideID(r rune) bool {
	return (r < 'A' || r > 'Z') && (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_'
}
