package webhook

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// The prefixes by which Standard Webhooks tells keys apart.
const (
	secretPrefix  = "whsec_" // shared secret, for v1
	privatePrefix = "whsk_"  // private half of a pair, for v1a
	publicPrefix  = "whpk_"  // public half of a pair
)

// A shared secret has 24 to 64 bytes; new ones have 32.
const minSecret, newSecret, maxSecret = 24, 32, 64

// ErrKey says that a text is not a key to sign with; it never repeats the text.
var ErrKey = errors.New("not a signing key: whsec_ with 24 to 64 bytes, or whsk_ with an ed25519 key, in base64")

// Key signs messages: a shared secret (v1, HMAC-SHA256) or the private half of a pair (v1a, ed25519). It prints as its kind
// alone; only Encode shows it. The zero value signs nothing.
type Key struct {
	secret  []byte
	private ed25519.PrivateKey
}

// NewSecret makes a shared secret from 32 bytes of a source of randomness.
func NewSecret(random io.Reader) (Key, error) {
	secret := make([]byte, newSecret)
	if _, err := io.ReadFull(random, secret); err != nil {
		return Key{}, fmt.Errorf("no randomness for a key: %w", err)
	}
	return Key{secret: secret}, nil
}

// NewPair makes an ed25519 pair from 32 bytes of a source of randomness.
func NewPair(random io.Reader) (Key, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return Key{}, fmt.Errorf("no randomness for a key: %w", err)
	}
	return Key{private: ed25519.NewKeyFromSeed(seed)}, nil
}

// ParseKey reads what Encode wrote, and keys of others: "whsec_…" or "whsk_…" (64 bytes, or the 32 of the seed). It fails with ErrKey.
func ParseKey(text string) (Key, error) {
	if encoded, ok := strings.CutPrefix(text, secretPrefix); ok {
		secret, err := base64.StdEncoding.Strict().DecodeString(encoded)
		if err != nil || len(secret) < minSecret || len(secret) > maxSecret {
			return Key{}, ErrKey
		}
		return Key{secret: secret}, nil
	}
	encoded, ok := strings.CutPrefix(text, privatePrefix)
	bytes, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if !ok || err != nil || len(bytes) != ed25519.SeedSize && len(bytes) != ed25519.PrivateKeySize {
		return Key{}, ErrKey
	}
	private := ed25519.NewKeyFromSeed(bytes[:ed25519.SeedSize])
	if len(bytes) == ed25519.PrivateKeySize && !private.Equal(ed25519.PrivateKey(bytes)) {
		return Key{}, ErrKey // its two halves do not belong together
	}
	return Key{private: private}, nil
}

// Encode is the key itself ("whsec_…", "whsk_…"): for the vault, and a shared secret once for its receiver.
func (k Key) Encode() string {
	if k.private != nil {
		return privatePrefix + base64.StdEncoding.EncodeToString(k.private)
	}
	return secretPrefix + base64.StdEncoding.EncodeToString(k.secret)
}

// Public is the public half of a pair ("whpk_…"), for the receiver; empty for a shared secret.
func (k Key) Public() string {
	if k.private == nil {
		return ""
	}
	return publicPrefix + base64.StdEncoding.EncodeToString(k.private[ed25519.SeedSize:])
}

// sign is the signature as it stands in the header, with its version.
func (k Key) sign(content []byte) string {
	if k.private != nil {
		return "v1a," + base64.StdEncoding.EncodeToString(ed25519.Sign(k.private, content))
	}
	mac := hmac.New(sha256.New, k.secret)
	mac.Write(content)
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}

func (k Key) isZero() bool { return k.private == nil && k.secret == nil }

// String is the kind of the key, never the key.
func (k Key) String() string {
	if k.private != nil {
		return privatePrefix + "…"
	}
	return secretPrefix + "…"
}

// Format prints the kind of the key whatever the verb: "%x" and "%#v" would show its bytes.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, k.String()) }

// LogValue keeps keys out of logs.
func (k Key) LogValue() slog.Value { return slog.StringValue(k.String()) }
