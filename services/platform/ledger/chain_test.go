package ledger

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"
	"time"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	ledgerv1 "kompass.krz.de/proto/kompass/ledger/v1"
)

// TestStagedRecordsExpire: what a dead writer staged is forgotten after an hour of the stream's own time; a commit that
// comes later than that commits nothing and is damage.
func TestStagedRecordsExpire(t *testing.T) {
	t.Parallel()
	name := Name{Origin: "test", Service: "catalogue"}
	start := time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)
	for wait, fits := range map[time.Duration]bool{0: true, StagingExpiry: true, StagingExpiry + time.Second: false} {
		c := NewChain(name)
		sequence := uint64(0)
		add := func(id string, at time.Time, staging string, commit *ledgerv1.Commit) ([]Entry, Hash, error) {
			t.Helper()
			d := Draft{Subject: name.Subject("theme", id), Resource: "themes/" + id, Entity: &cataloguev1.Theme{Name: "themes/" + id}}
			data, err := encode(d, Cause{Actor: "test", Time: at}, staging, commit)
			if err != nil {
				t.Fatal(err)
			}
			sequence++
			entries, err := c.Add([]Message{{Subject: d.Subject, Sequence: sequence, Data: data}})
			return entries, sha256.Sum256(data), err
		}
		if entries, _, err := add("a", start, "dead", nil); err != nil || len(entries) != 0 {
			t.Fatalf("staged: %v, %v", entries, err)
		}
		_, sum, err := add("b", start, "slow", nil)
		if err != nil {
			t.Fatal(err)
		}
		digest := sha256.Sum256(sum[:])
		entries, _, err := add("c", start.Add(wait), "", &ledgerv1.Commit{Staging: "slow", Records: 1, Digest: digest[:]})
		if fits != (err == nil && len(entries) == 2) || !fits && !errors.Is(err, ErrDamaged) {
			t.Errorf("a commit after %v: %d entries, %v", wait, len(entries), err)
		}
	}
}

func TestHeadsAreKnownBySubject(t *testing.T) {
	t.Parallel()
	h := newHeads()
	for i := range 10_000 {
		h.set(fmt.Sprint("kompass.test.", i), Head{Sequence: uint64(i + 1)})
	}
	h.remove("kompass.test.77")
	for i := range 10_000 {
		want := Head{Sequence: uint64(i + 1)}
		if i == 77 {
			want = Head{}
		}
		if got := h.get(fmt.Sprint("kompass.test.", i)); got != want {
			t.Fatalf("head %d is %v", i, got)
		}
	}
}
