package notification

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"kompass.krz.de/services/platform/journal"
	"kompass.krz.de/services/platform/ledger"
)

// What lies in the vault: the first part of an id.
const webhookKeysKind = "webhook"

// vault keeps what may stand in no ledger, because it has to be erased at once and for good: addresses of people and secrets. The
// ledger knows it by an opaque id. What is erased is overwritten on disk (docs/decisions/0023-journals.md). Values
// belong in no log, error or metric.
type vault struct {
	journal *journal.Journal
	random  io.Reader // for ids
}

// errNoSecret says that the vault has nothing (any more) under an id.
var errNoSecret = errors.New("the vault has nothing under this id")

// openVault opens the vault of a site; random makes ids.
func openVault(ctx context.Context, site ledger.Site, random io.Reader) (*vault, error) {
	j, err := journal.Open(ctx, site, journal.Config{Name: "vault", LastOnly: true})
	return &vault{j, random}, err
}

// put keeps a value under a new id ("webhook.3fd1…"), which says nothing but its kind (letters, digits and hyphens). When it fails,
// nothing is kept that could be reached; what may be there all the same, sweep erases. Errors: journal.ErrUnavailable.
func (v *vault) put(ctx context.Context, kind string, value []byte) (id string, err error) {
	var raw [16]byte
	if _, err := io.ReadFull(v.random, raw[:]); err != nil {
		return "", fmt.Errorf("no randomness for an id: %w", err)
	}
	id = kind + "." + hex.EncodeToString(raw[:])
	subject, err := v.subject(id)
	if err != nil {
		return "", err
	}
	_, err = v.journal.Append(ctx, journal.Message{Subject: subject, Data: value}, journal.Guard{Filter: subject})
	return id, err
}

// get is the value under an id. Errors: errNoSecret, journal.ErrUnavailable.
func (v *vault) get(ctx context.Context, id string) ([]byte, error) {
	m, err := v.last(ctx, id)
	return m.Data, err
}

// erase overwrites what is kept under an id; nothing there is no error. Errors: journal.ErrUnavailable.
func (v *vault) erase(ctx context.Context, id string) error {
	for {
		m, err := v.last(ctx, id)
		if errors.Is(err, errNoSecret) {
			return nil
		}
		if err == nil {
			err = v.journal.Erase(ctx, m.Sequence)
		}
		if err != nil {
			return err
		}
	}
}

// sweep erases the values of a kind that were kept before a time and that nobody refers to: the process died between the vault and
// the ledger. Whoever puts a value has to write its id into the ledger within the time.
func (v *vault) sweep(ctx context.Context, kind string, before time.Time, referred func(id string) bool) error {
	filter, err := v.journal.Filter(kind)
	if err != nil {
		return err
	}
	for from := uint64(1); ; {
		kept, err := v.journal.Read(ctx, filter, from, 100)
		if err != nil || len(kept) == 0 {
			return err
		}
		for _, m := range kept {
			from = m.Sequence + 1
			if id := v.idOf(m.Subject); m.Time.Before(before) && !referred(id) {
				if err := v.erase(ctx, id); err != nil {
					return err
				}
			}
		}
	}
}

func (v *vault) last(ctx context.Context, id string) (journal.Message, error) {
	subject, err := v.subject(id)
	if err != nil {
		return journal.Message{}, err
	}
	m, ok, err := v.journal.Last(ctx, subject)
	if err == nil && !ok {
		err = errNoSecret
	}
	return m, err
}

func (v *vault) subject(id string) (string, error) {
	return v.journal.Subject(strings.Split(id, ".")...)
}

// idOf is what a subject ends with: kind and random part.
func (v *vault) idOf(subject string) string {
	tokens := strings.Split(subject, ".")
	return strings.Join(tokens[max(0, len(tokens)-2):], ".")
}
