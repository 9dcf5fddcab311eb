package notification

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/notification/webhook"
)

const (
	// keysOverlap is how long the keys before a rotation still sign.
	keysOverlap = 24 * time.Hour
	// maxOldKeys bounds how many pairs of them do: each makes the header longer.
	maxOldKeys = 4
)

// webhookKeys are the keys of one webhook: a shared secret and a pair.
type webhookKeys struct{ secret, pair webhook.Key }

// keyring is what lies in the vault for a webhook.
type keyring struct {
	now    webhookKeys
	before []oldKeys // those before the last rotations, newest first
}

// oldKeys are keys that sign for a while.
type oldKeys struct {
	webhookKeys
	until time.Time
}

// storedKeys is a keyring as text.
type storedKeys struct {
	Secret string       `json:"secret"`
	Pair   string       `json:"pair"`
	Until  time.Time    `json:"until,omitzero"`
	Before []storedKeys `json:"before,omitempty"`
}

func newWebhookKeys(random io.Reader) (k webhookKeys, err error) {
	if k.secret, err = webhook.NewSecret(random); err != nil {
		return k, err
	}
	k.pair, err = webhook.NewPair(random)
	return k, err
}

// shown is what a receiver gets to know.
func (k webhookKeys) shown() *notificationv1.WebhookKeys {
	return &notificationv1.WebhookKeys{Secret: k.secret.Encode(), PublicKey: k.pair.Public()}
}

// rotated is the ring with new keys; the present ones sign for another day.
func (r keyring) rotated(fresh webhookKeys, now time.Time) keyring {
	next := keyring{now: fresh, before: []oldKeys{{r.now, now.Add(keysOverlap)}}}
	for _, old := range r.before {
		if now.Before(old.until) && len(next.before) < maxOldKeys {
			next.before = append(next.before, old)
		}
	}
	return next
}

// usable tells whether there are keys at all.
func (r keyring) usable() bool { return r.now.pair.Public() != "" }

// signing lists the keys that sign at a time, newest first.
func (r keyring) signing(now time.Time) []webhook.Key {
	keys := []webhook.Key{r.now.secret, r.now.pair}
	for _, old := range r.before {
		if now.Before(old.until) {
			keys = append(keys, old.secret, old.pair)
		}
	}
	return keys
}

func (k webhookKeys) stored() storedKeys {
	return storedKeys{Secret: k.secret.Encode(), Pair: k.pair.Encode()}
}

func (s storedKeys) keys() (k webhookKeys, err error) {
	if k.secret, err = webhook.ParseKey(s.Secret); err == nil {
		k.pair, err = webhook.ParseKey(s.Pair)
	}
	return k, err
}

func (r keyring) encode() ([]byte, error) {
	stored := r.now.stored()
	for _, old := range r.before {
		before := old.stored()
		before.Until = old.until
		stored.Before = append(stored.Before, before)
	}
	return json.Marshal(stored) //nolint:gosec // for the vault, which is there for secrets
}

func decodeKeyring(data []byte) (r keyring, err error) {
	var stored storedKeys
	if json.Unmarshal(data, &stored) != nil { // its error would repeat a part of the text
		return r, webhook.ErrKey
	}
	if r.now, err = stored.keys(); err != nil {
		return keyring{}, err
	}
	for _, before := range stored.Before {
		old := oldKeys{until: before.Until}
		if old.webhookKeys, err = before.keys(); err != nil {
			return keyring{}, err
		}
		r.before = append(r.before, old)
	}
	return r, nil
}

// keepKeys puts a ring into the vault.
func (v *vault) keepKeys(ctx context.Context, ring keyring) (id string, err error) {
	data, err := ring.encode()
	if err != nil {
		return "", err
	}
	return v.put(ctx, webhookKeysKind, data)
}

// keys are the ring under an id; without keys when the vault has nothing there. Errors: journal.ErrUnavailable, webhook.ErrKey.
func (v *vault) keys(ctx context.Context, id string) (keyring, error) {
	data, err := v.get(ctx, id)
	if err != nil {
		return keyring{}, err
	}
	ring, err := decodeKeyring(data)
	if err != nil {
		return keyring{}, fmt.Errorf("keys %s: %w", id, err)
	}
	return ring, nil
}

// forget erases a ring that nobody refers to (any more). If it cannot be done now, the next sweep does it.
func (v *vault) forget(ctx context.Context, id string) error {
	if id == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), eraseTime)
	defer cancel()
	return v.erase(ctx, id)
}

// eraseTime bounds an erasure that nobody waits for.
const eraseTime = 10 * time.Second
