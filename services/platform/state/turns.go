package state

import (
	"context"
	"hash/maphash"
)

// turns lets those who lost against another writer of the same entity try again one after the other: each of them then only
// has to be faster than writers that are new, not than all who wait.
type turns struct {
	seed maphash.Seed
	of   [64]chan struct{} // by hash of the resource name; entities that share one wait needlessly, no more
}

func newTurns() *turns {
	t := &turns{seed: maphash.MakeSeed()}
	for i := range t.of {
		t.of[i] = make(chan struct{}, 1)
	}
	return t
}

// take waits for the turn of an entity and returns what gives it back; nothing is taken when ctx ends first.
func (t *turns) take(ctx context.Context, resource string) (leave func()) {
	turn := t.of[maphash.String(t.seed, resource)%uint64(len(t.of))]
	select {
	case turn <- struct{}{}:
		return func() { <-turn }
	case <-ctx.Done():
		return func() {}
	}
}
