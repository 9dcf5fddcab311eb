// Package identity says who calls: for now the administrator, by a key that the first start writes to the data directory.
// Changes need the key; reads are open only where the operator says so, those that the contract calls public always; what is not
// known to be a read needs the key.
// It must never log or return a key, keep one in clear text after the start, or accept a key file that others can read.
package identity

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"google.golang.org/grpc/metadata"

	"kompass.krz.de/services/platform/fault"
)

const (
	// TokenFile is the name of the file with the administrator's key inside the data directory.
	TokenFile = "admin.token"
	// Administrator is the actor of calls with the administrator's key.
	Administrator = "administrator"
	// Anonymous is the actor of open reads and of public ones.
	Anonymous = "anonymous"

	prefix   = "kompass_"
	keyBytes = 32
	maxFile  = 1024
)

// Keys checks calls against the administrator's key. It is immutable and safe for use by several goroutines.
type Keys struct {
	digest    [sha256.Size]byte
	openReads bool
}

// LoadOrCreate reads the administrator's key from DIR/admin.token, or makes one (32 random bytes, base64url, after
// "kompass_") and writes it there with mode 0600. A file that is empty, damaged, or accessible to group or others is refused.
func LoadOrCreate(dir string) (*Keys, error) {
	path := filepath.Join(dir, TokenFile)
	key, err := load(path)
	if errors.Is(err, fs.ErrNotExist) {
		key, err = create(path)
	}
	if errors.Is(err, fs.ErrExist) { // another process was faster
		key, err = load(path)
	}
	if err != nil {
		return nil, fmt.Errorf("administrator's key: %w", err)
	}
	return New(key), nil
}

// New accepts exactly this key.
func New(key string) *Keys { return &Keys{digest: sha256.Sum256([]byte(key))} }

// OpenReads returns the same keys with reads open (or not) to callers without a key; for listeners on loopback.
func (k *Keys) OpenReads(open bool) *Keys { return &Keys{digest: k.digest, openReads: open} }

func load(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if mode := info.Mode().Perm(); !info.Mode().IsRegular() || mode&0o077 != 0 {
		return "", fmt.Errorf("%s must be a file that only its owner can access (mode 0600), it has mode %04o; run: chmod 600 %s", path, mode, path)
	}
	buf := make([]byte, maxFile+1)
	n, _ := f.Read(buf)
	key := strings.TrimSpace(string(buf[:n]))
	if n > maxFile || !wellFormed(key) {
		return "", fmt.Errorf("%s holds no key; remove it to have a new one written", path)
	}
	return key, nil
}

func wellFormed(key string) bool {
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(key, prefix))
	return strings.HasPrefix(key, prefix) && err == nil && len(raw) == keyBytes
}

// create writes a new key under another name first, so that a crash never leaves half a key.
func create(path string) (key string, err error) {
	raw := make([]byte, keyBytes)
	if _, err := rand.Read(raw); err != nil {
		return "", err
	}
	key = prefix + base64.RawURLEncoding.EncodeToString(raw)
	f, err := os.CreateTemp(filepath.Dir(path), TokenFile+".*") // mode 0600
	if err != nil {
		return "", err
	}
	defer os.Remove(f.Name()) // a name that Link has doubled
	_, err = f.WriteString(key + "\n")
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return "", err
	}
	// Link, unlike Rename, fails when a second process has written its key meanwhile.
	return key, os.Link(f.Name(), path)
}

// Authenticate returns who calls the method ("/package.Service/Method"), from the authorization metadata of ctx.
// Errors: [fault.Unauthenticated] without a key where one is needed, [fault.KeyInvalid] for a wrong one, even where none is needed.
func (k *Keys) Authenticate(ctx context.Context, fullMethod string) (actor string, err error) {
	access := accessOf(fullMethod)
	if access == open || access == change && len(metadata.ValueFromIncomingContext(ctx, "authorization")) == 0 && byToken(fullMethod) {
		return Anonymous, nil
	}
	switch values := metadata.ValueFromIncomingContext(ctx, "authorization"); {
	case len(values) == 0 && (access == public || access == read && k.openReads):
		return Anonymous, nil
	case len(values) == 0:
		return "", fault.New(fault.Unauthenticated)
	case len(values) > 1 || !k.accepts(values[0]):
		return "", fault.New(fault.KeyInvalid)
	}
	return Administrator, nil
}

// accepts compares digests, in a time that does not depend on what is wrong.
func (k *Keys) accepts(authorization string) bool {
	scheme, key, _ := strings.Cut(authorization, " ")
	sum := sha256.Sum256([]byte(strings.TrimSpace(key)))
	return subtle.ConstantTimeCompare(sum[:], k.digest[:]) == 1 && strings.EqualFold(scheme, "bearer")
}
