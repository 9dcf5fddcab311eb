package notification

import (
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/platform/journal"
)

// tokenKey is where the vault keeps the key of all tokens and marks of mails.
const tokenKey = "key.mail"

const tokenKeyBytes = 32

// What a token of a mail allows.
const (
	mayConfirm     = "confirm"
	mayUnsubscribe = "unsubscribe"
)

// judge makes and knows the tokens that allow somebody who has a mail to do one thing with its recipient. One to confirm fits the entry
// of the address that it was sent after; one to unsubscribe fits the address itself, so that no is said as well with an older mail.
type judge struct {
	key     []byte
	may     string
	mailID  string // of the address
	address []byte // what the vault has under it, for a token to unsubscribe
}

// judge is that of a recipient, which may be nil; it takes as long for one without an address. Errors: journal.ErrUnavailable.
func (s *Service) judge(ctx context.Context, may string, r *notificationv1.Recipient) (*judge, error) {
	key, err := s.vault.key(ctx)
	if err != nil {
		return nil, err
	}
	j := &judge{key: key, may: may, mailID: r.GetMailId()}
	if may != mayUnsubscribe {
		return j, nil
	}
	if j.address, err = s.vault.get(ctx, cmp.Or(j.mailID, addressKind+".none")); errors.Is(err, errNoSecret) {
		return &judge{}, nil
	}
	return j, err
}

func (j *judge) token(r *notificationv1.Recipient) string {
	mac := hmac.New(sha256.New, j.key)
	about := []byte(j.mailID)
	if j.may == mayUnsubscribe {
		about = j.address
	}
	fmt.Fprintf(mac, "%s\n%s\n%s", j.may, r.GetName(), about)
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// allows tells whether a token fits, in a time that does not depend on what is wrong; none does after another address was entered.
func (j *judge) allows(r *notificationv1.Recipient, given string) bool {
	fits := hmac.Equal([]byte(j.token(r)), []byte(given))
	return fits && j.mailID != "" && j.mailID == r.GetMailId()
}

// A mark says in the return address of a message which one it is: to which address, by the random part of its id in the vault, and
// which of its messages, by a hash that only has to differ within days. It survives mail servers that change the case.
const (
	markIDBytes      = 16
	markMessageBytes = 4
	markMACBytes     = 8
)

var markCoding = base32.StdEncoding.WithPadding(base32.NoPadding)

// mark is that of a message to the address that the vault has under an id. Error: the id is none of an address.
func mark(key []byte, mailID, message string) (string, error) {
	id, err := hex.DecodeString(strings.TrimPrefix(mailID, addressKind+"."))
	if err != nil || len(id) != markIDBytes {
		return "", errors.New("an id of the vault that is none of an address")
	}
	sum := sha256.Sum256([]byte(message))
	plain := append(id, sum[:markMessageBytes]...)
	return strings.ToLower(markCoding.EncodeToString(append(plain, markMAC(key, plain)...))), nil
}

// readMark reads a mark, in either case; ok is false for one that is not ours. message stands for one message.
func readMark(key []byte, mark string) (mailID, message string, ok bool) {
	raw, err := markCoding.DecodeString(strings.ToUpper(mark))
	if err != nil || len(raw) != markIDBytes+markMessageBytes+markMACBytes {
		return "", "", false
	}
	plain, mac := raw[:markIDBytes+markMessageBytes], raw[markIDBytes+markMessageBytes:]
	if !hmac.Equal(markMAC(key, plain), mac) {
		return "", "", false
	}
	return addressKind + "." + hex.EncodeToString(plain[:markIDBytes]), hex.EncodeToString(plain[markIDBytes:]), true
}

func markMAC(key, plain []byte) []byte {
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "return\n%s", plain)
	return mac.Sum(nil)[:markMACBytes]
}

// key is that of all tokens and marks of mails: made by whoever asks first, of all processes. Errors: journal.ErrUnavailable.
func (v *vault) key(ctx context.Context) ([]byte, error) {
	subject, err := v.subject(tokenKey)
	if err != nil {
		return nil, err
	}
	for {
		key, err := v.get(ctx, tokenKey)
		if !errors.Is(err, errNoSecret) {
			return key, err
		}
		made := make([]byte, tokenKeyBytes)
		if _, err := io.ReadFull(v.random, made); err != nil {
			return nil, fmt.Errorf("no randomness for a key: %w", err)
		}
		_, err = v.journal.Append(ctx, journal.Message{Subject: subject, Data: made}, journal.Guard{Filter: subject})
		if err == nil || !errors.Is(err, journal.ErrConflict) {
			return made, err
		}
	}
}
