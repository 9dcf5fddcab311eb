package notification

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/platform/journal"
)

// tokenKey is where the vault keeps the key of all tokens of mails.
const tokenKey = "key.mail"

const tokenKeyBytes = 32

// What a token of a mail allows.
const (
	mayConfirm     = "confirm"
	mayUnsubscribe = "unsubscribe"
)

// token is what allows somebody who has a mail to do something with its recipient: it fits this address of this recipient alone.
func token(key []byte, may string, r *notificationv1.Recipient) string {
	mac := hmac.New(sha256.New, key)
	fmt.Fprintf(mac, "%s\n%s\n%s", may, r.GetName(), r.GetMailId())
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// allows tells whether a token fits, in a time that does not depend on what is wrong.
func allows(key []byte, may string, r *notificationv1.Recipient, given string) bool {
	return r.GetMailId() != "" && hmac.Equal([]byte(token(key, may, r)), []byte(given))
}

// key is the value under a fixed id: made by whoever asks first, of all processes. Errors: journal.ErrUnavailable.
func (v *vault) key(ctx context.Context, id string) ([]byte, error) {
	subject, err := v.subject(id)
	if err != nil {
		return nil, err
	}
	for {
		key, err := v.get(ctx, id)
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
