package ledger

import (
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
)

// TestOffersAreAppliedInTheOrderOfTheStream: whoever comes first, and however many offer at once.
func TestOffersAreAppliedInTheOrderOfTheStream(t *testing.T) {
	t.Parallel()
	const records, writers = 5000, 8
	var applied []uint64 // guarded by sole.applying
	s := &sole{next: 1, early: map[uint64]Message{}, failed: make(chan error, 1), apply: func(batch []Message) error {
		for _, m := range batch {
			applied = append(applied, m.Sequence)
		}
		return nil
	}}
	order := rand.Perm(records)
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := w; i < records; i += writers {
				s.take([]Message{{Sequence: uint64(order[i] + 1)}})
				s.applyReady()
				s.take([]Message{{Sequence: uint64(order[i] + 1)}}) // fetched as well
				s.applyReady()
			}
		})
	}
	group.Wait()
	if len(applied) != records || !slices.IsSorted(applied) || applied[0] != 1 || len(s.early) != 0 {
		t.Errorf("%d of %d applied, in order: %v, %d left", len(applied), records, slices.IsSorted(applied), len(s.early))
	}
}

// TestNothingIsAppliedAfterAFailure: not after an error, and not after a panic, which leaves a state half changed.
func TestNothingIsAppliedAfterAFailure(t *testing.T) {
	t.Parallel()
	for name, fail := range map[string]func() error{"error": func() error { return errors.New("no") }, "panic": func() error { panic("no") }} {
		calls := 0
		s := &sole{next: 1, early: map[uint64]Message{}, failed: make(chan error, 1), apply: func([]Message) error { calls++; return fail() }}
		func() {
			defer func() { _ = recover() }()
			s.take([]Message{{Sequence: 1}})
			s.applyReady()
		}()
		s.take([]Message{{Sequence: 2}})
		s.applyReady()
		if calls != 1 || len(s.failed) != 1 {
			t.Errorf("%s: applied %d times, %d failures told", name, calls, len(s.failed))
		}
	}
}
