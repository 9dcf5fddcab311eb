package state

import (
	"context"
	"testing"
)

// TestQueue: a position wakes those who wait for it or for less, nobody else, whatever the order in which they came.
func TestQueue(t *testing.T) {
	t.Parallel()
	var q queue
	turns := map[uint64]<-chan struct{}{}
	for _, sequence := range []uint64{5, 2, 9, 3} {
		turns[sequence] = q.join(sequence)
	}
	gone := q.join(4)
	q.leave(gone)
	for _, position := range []uint64{1, 3, 2, 5, 8, 9} { // one comes late
		q.advance(position)
		for sequence, turn := range turns {
			select {
			case <-turn:
				if sequence > q.reached {
					t.Errorf("at %d the waiter for %d was woken", position, sequence)
				}
			default:
				if sequence <= q.reached {
					t.Errorf("at %d the waiter for %d still waits", position, sequence)
				}
			}
		}
	}
	select {
	case <-gone:
		t.Error("who left was woken")
	case <-q.join(9):
	}
	if len(q.waiters) > 0 {
		t.Errorf("%d waiters are left", len(q.waiters))
	}
}

// TestTurns: one after the other an entity, and nobody waits longer than its context.
func TestTurns(t *testing.T) {
	t.Parallel()
	all := newTurns()
	leave := all.take(t.Context(), "a")
	ended, end := context.WithCancel(t.Context())
	end()
	all.take(ended, "a")() // gives up, and gives nothing back that it has not
	taken := make(chan struct{})
	go func() { defer close(taken); all.take(t.Context(), "a")() }()
	select {
	case <-taken:
		t.Error("two have the turn")
	default:
	}
	leave()
	<-taken
}
