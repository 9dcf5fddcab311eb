package webhook

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"pgregory.net/rapid"

	"kompass.krz.de/services/notification/webhook/webhooktest"
)

// verify is a receiver's view: v1 by the reference library, v1a by hand from the public key as it is shown.
func verify(key Key, header http.Header, body []byte) error {
	if key.Public() == "" {
		reference, err := standardwebhooks.NewWebhook(key.Encode())
		if err != nil {
			return err
		}
		return reference.VerifyIgnoringTimestamp(body, header)
	}
	public, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(key.Public(), "whpk_"))
	if err != nil {
		return err
	}
	signed := header.Get("webhook-id") + "." + header.Get("webhook-timestamp") + "." + string(body)
	for _, s := range strings.Split(header.Get("webhook-signature"), " ") {
		encoded, ok := strings.CutPrefix(s, "v1a,")
		signature, err := base64.StdEncoding.DecodeString(encoded)
		if ok && err == nil && ed25519.Verify(public, []byte(signed), signature) {
			return nil
		}
	}
	return errors.New("no v1a signature fits")
}

// anyKey is a generator of its own for each test: rapid's are not made for several at once.
func anyKey() *rapid.Generator[Key] { return rapid.Custom(drawKey) }

func drawKey(t *rapid.T) Key {
	if rapid.Bool().Draw(t, "pair") {
		return Key{private: ed25519.NewKeyFromSeed(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "seed"))}
	}
	return Key{secret: rapid.SliceOfN(rapid.Byte(), minSecret, maxSecret).Draw(t, "secret")}
}

// TestEverySignatureVerifies: with any keys of any kind beside each other, each receiver finds its own, and none finds it
// when a byte of what is signed differs or the key is another one.
func TestEverySignatureVerifies(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		keys := rapid.SliceOfNDistinct(anyKey(), 1, 4, Key.Encode).Draw(t, "keys")
		id := rapid.StringMatching(`[A-Za-z0-9_-]{1,60}`).Draw(t, "id")
		at := time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "at"), 0)
		body := rapid.SliceOf(rapid.Byte()).Draw(t, "body")
		header := http.Header{}
		if err := Sign(header, id, at, body, keys...); err != nil {
			t.Fatal(err)
		}
		for _, k := range keys {
			if err := verify(k, header, body); err != nil {
				t.Fatalf("%s: %v", k, err)
			}
			if verify(k, header, append(bytes.Clone(body), ' ')) == nil {
				t.Fatalf("%s takes another body", k)
			}
			for name, other := range map[string]string{"webhook-id": id + "x", "webhook-timestamp": strconv.FormatInt(at.Unix()+1, 10)} {
				forged := header.Clone()
				forged.Set(name, other)
				if verify(k, forged, body) == nil {
					t.Fatalf("%s takes another %s", k, name)
				}
			}
		}
		stranger := anyKey().Draw(t, "stranger")
		alike := func(k Key) bool { return k.Encode() == stranger.Encode() || paddedAlike(k, stranger) }
		if !slices.ContainsFunc(keys, alike) && verify(stranger, header, body) == nil {
			t.Fatal("a stranger's key fits")
		}
	})
}

// paddedAlike tells whether HMAC cannot tell two keys apart: it fills keys with zeros up to 64 bytes.
func paddedAlike(a, b Key) bool {
	return a.private == nil && b.private == nil && bytes.Equal(bytes.TrimRight(a.secret, "\x00"), bytes.TrimRight(b.secret, "\x00"))
}

func TestKeysSurviveEncoding(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		k := anyKey().Draw(t, "key")
		again, err := ParseKey(k.Encode())
		if err != nil || again.Encode() != k.Encode() || again.Public() != k.Public() {
			t.Fatalf("%v", err)
		}
	})
	seed := base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{3}, 32))
	short, err := ParseKey("whsk_" + seed)
	if err != nil || len(short.private) != ed25519.PrivateKeySize {
		t.Errorf("seed alone: %v", err)
	}
}

func TestBadKeys(t *testing.T) {
	t.Parallel()
	b64 := func(n int) string { return base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{5}, n)) }
	for _, text := range []string{
		"", "whsec_", "whsk_", b64(32), "whsec_" + b64(23), "whsec_" + b64(65), "whsec_!" + b64(32), "whsk_" + b64(31), "whsk_" + b64(33),
		"whsk_" + b64(64), "whpk_" + b64(32), "WHSEC_" + b64(32),
	} {
		if k, err := ParseKey(text); !errors.Is(err, ErrKey) {
			t.Errorf("%q: %v %v", text, k, err)
		}
	}
}

func TestNewKeys(t *testing.T) {
	t.Parallel()
	random := bytes.NewReader(bytes.Repeat([]byte{1, 2, 3, 4}, 16))
	secret, err := NewSecret(random)
	if err != nil || len(secret.secret) != 32 || secret.Public() != "" {
		t.Errorf("%v %v", secret, err)
	}
	double, err := NewPair(random)
	if err != nil || !strings.HasPrefix(double.Public(), "whpk_") || !strings.HasPrefix(double.Encode(), "whsk_") {
		t.Errorf("%v %v", double, err)
	}
	if _, err := NewSecret(random); err == nil {
		t.Error("a key without randomness")
	}
	if _, err := NewPair(random); err == nil {
		t.Error("a pair without randomness")
	}
}

// TestKeysAreNotPrinted: whatever verb, logger or encoder somebody takes.
func TestKeysAreNotPrinted(t *testing.T) {
	t.Parallel()
	pair, err := NewPair(bytes.NewReader(bytes.Repeat([]byte{9}, 32)))
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []Key{testSecret, pair} {
		var out bytes.Buffer
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%d", "%q"} {
			fmt.Fprintf(&out, verb+" ", k)
			fmt.Fprintf(&out, verb+" ", []Key{k})
			fmt.Fprintf(&out, verb+" ", &k)
			fmt.Fprintf(&out, verb+" ", Message{Keys: []Key{k}})
		}
		slog.New(slog.NewJSONHandler(&out, nil)).Info("x", "key", k)
		slog.New(slog.NewTextHandler(&out, nil)).Info("x", "key", k, "all", []Key{k})
		if err := json.NewEncoder(&out).Encode(Message{Keys: []Key{k}}); err != nil {
			t.Error(err)
		}
		_, encoded, _ := strings.Cut(k.Encode(), "_")
		for _, secret := range []string{encoded[:8], "0707", "7 7", "0909", "9 9", `\a\a`} {
			if strings.Contains(out.String(), secret) {
				t.Errorf("shows %q: %s", secret, out.String())
			}
		}
	}
}

func TestUnsignable(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"", "a.b", "a b", "ä", "a\n", strings.Repeat("a", maxID+1)} {
		if err := Sign(http.Header{}, id, time.Unix(1, 0), nil, testSecret); !errors.Is(err, ErrID) {
			t.Errorf("%q: %v", id, err)
		}
	}
	for _, keys := range [][]Key{nil, {{}}, {testSecret, {}}} {
		header := http.Header{}
		if err := Sign(header, "a", time.Unix(1, 0), nil, keys...); !errors.Is(err, ErrNoKey) || len(header) > 0 {
			t.Errorf("%v: %v %v", keys, err, header)
		}
	}
}

// TestRotationOverTheWire: an old and a new key of both kinds sign one delivery; the reference checks the time as well.
func TestRotationOverTheWire(t *testing.T) {
	t.Parallel()
	receiver, sender := pair(t)
	var keys []Key
	for i := range byte(2) {
		secret, err := NewSecret(bytes.NewReader(bytes.Repeat([]byte{i}, 32)))
		if err != nil {
			t.Fatal(err)
		}
		double, err := NewPair(bytes.NewReader(bytes.Repeat([]byte{i}, 32)))
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, secret, double)
	}
	m := message(receiver.URL(webhooktest.Host))
	m.Keys = keys
	if got := sender.Post(t.Context(), m); !got.Delivered() {
		t.Fatalf("%+v", got)
	}
	sent := receiver.Requests()[0]
	for _, k := range keys {
		if err := verify(k, sent.Header, sent.Body); err != nil {
			t.Errorf("%s: %v", k, err)
		}
	}
	reference, err := standardwebhooks.NewWebhook(keys[2].Encode())
	if err != nil {
		t.Fatal(err)
	}
	if err := reference.Verify(sent.Body, sent.Header); err != nil {
		t.Error(err)
	}
}

func TestEventBody(t *testing.T) {
	t.Parallel()
	for _, e := range []Event{{}, {ID: "a", Source: "b"}, {ID: "a", Type: "c"}, {Source: "b", Type: "c"}, {ID: "a", Source: "b", Type: "c", Data: []byte("{")}} {
		if body, err := e.Body(); !errors.Is(err, ErrEvent) {
			t.Errorf("%+v: %s %v", e, body, err)
		}
	}
	body, err := Event{ID: "a", Source: "b", Type: "c"}.Body()
	if err != nil || string(body) != `{"specversion":"1.0","id":"a","source":"b","type":"c"}` {
		t.Errorf("%s %v", body, err)
	}
}

// BenchmarkSign signs 2 KiB as during a rotation: two secrets and two pairs.
func BenchmarkSign(b *testing.B) {
	double, err := NewPair(bytes.NewReader(make([]byte, 32)))
	if err != nil {
		b.Fatal(err)
	}
	body := bytes.Repeat([]byte("x"), 2048)
	for b.Loop() {
		if err := Sign(http.Header{}, "a", time.Unix(1, 0), body, testSecret, testSecret, double, double); err != nil {
			b.Fatal(err)
		}
	}
}
