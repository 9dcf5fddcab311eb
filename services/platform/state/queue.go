package state

import (
	"cmp"
	"slices"
	"sync"
)

// queue holds those who wait until a stream is applied up to a sequence. Each has a channel of its own, so that a record
// wakes whom it concerns: with one for all, every writer woke at every record. The zero queue is at the beginning.
type queue struct {
	mu      sync.Mutex
	reached uint64
	waiters []waiter // by sequence
}

type waiter struct {
	sequence uint64
	turn     chan struct{}
}

// reached is the turn of all who need not wait.
var reached = func() chan struct{} { c := make(chan struct{}); close(c); return c }()

// join returns what is closed when the sequence is reached.
func (q *queue) join(sequence uint64) <-chan struct{} {
	q.mu.Lock()
	defer q.mu.Unlock()
	if sequence <= q.reached {
		return reached
	}
	w := waiter{sequence, make(chan struct{})}
	at, _ := slices.BinarySearchFunc(q.waiters, w, func(a, b waiter) int { return cmp.Compare(a.sequence, b.sequence) })
	q.waiters = slices.Insert(q.waiters, at, w)
	return w.turn
}

// leave is for those who give up.
func (q *queue) leave(turn <-chan struct{}) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiters = slices.DeleteFunc(q.waiters, func(w waiter) bool { return w.turn == turn })
}

// advance wakes all who wait for a position up to this one; what they wait for must be visible already.
func (q *queue) advance(position uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.reached = max(q.reached, position)
	n := 0
	for n < len(q.waiters) && q.waiters[n].sequence <= position {
		close(q.waiters[n].turn)
		n++
	}
	q.waiters = slices.Delete(q.waiters, 0, n)
}
