package notification

import (
	"cmp"
	"container/heap"
	"slices"
)

// queue is what waits for one webhook. Messages about one resource form a line, in the order of their events: only the first
// of a line may go, so one that fails holds up its own line alone. The zero value is empty.
type queue struct {
	lines map[uint64][]place // by subject, each in the order of events
	due   dueHeap            // firsts of lines; those that are none any more are passed over
	count int
}

// place is an entry in a line: its event, and when it may go (nanoseconds since 1970).
type place struct {
	event   uint64
	next    int64
	subject uint64
}

func (q *queue) at(subject, event uint64) (int, bool) {
	return slices.BinarySearchFunc(q.lines[subject], event, func(p place, event uint64) int { return cmp.Compare(p.event, event) })
}

// has tells whether an entry waits.
func (q *queue) has(e *entry) bool {
	_, ok := q.at(e.subject, e.event)
	return ok
}

// ahead is the first of an entry's line: nothing behind it goes before it is done.
func (q *queue) ahead(e *entry) place {
	if line := q.lines[e.subject]; len(line) > 0 {
		return line[0]
	}
	return place{}
}

// add puts an entry into its line; it must not wait yet.
func (q *queue) add(e *entry) {
	if q.lines == nil {
		q.lines = map[uint64][]place{}
	}
	i, _ := q.at(e.subject, e.event)
	p := place{e.event, e.next, e.subject}
	q.lines[e.subject] = slices.Insert(q.lines[e.subject], i, p)
	q.count++
	if i == 0 {
		q.offer(p)
	}
}

// remove takes an entry out of its line; one that does not wait is no error.
func (q *queue) remove(e *entry) {
	i, ok := q.at(e.subject, e.event)
	if !ok {
		return
	}
	line := slices.Delete(q.lines[e.subject], i, i+1)
	q.count--
	if len(line) == 0 {
		delete(q.lines, e.subject)
		return
	}
	q.lines[e.subject] = line
	if i == 0 {
		q.offer(line[0])
	}
}

// offer says that an entry may go when its time comes.
func (q *queue) offer(p place) {
	if len(q.due) > 2*len(q.lines)+64 { // mostly passed over
		q.due = q.due[:0]
		for _, line := range q.lines {
			q.due = append(q.due, line[0])
		}
		heap.Init(&q.due)
	}
	heap.Push(&q.due, p)
}

// first is the entry whose time comes first among those that may go; false when none waits.
func (q *queue) first() (place, bool) {
	for len(q.due) > 0 {
		p := q.due[0]
		if line := q.lines[p.subject]; len(line) > 0 && line[0] == p {
			return p, true
		}
		heap.Pop(&q.due)
	}
	return place{}, false
}

// take removes what first answered from those that may go; it stays in its line, and nothing behind it goes. offer gives it back.
func (q *queue) take() { heap.Pop(&q.due) }

// back gives an entry back that was taken and not delivered, if it still is the first of its line.
func (q *queue) back(p place) {
	if line := q.lines[p.subject]; len(line) > 0 && line[0].event == p.event {
		q.offer(line[0])
	}
}

type dueHeap []place

func (h dueHeap) Len() int { return len(h) }
func (h dueHeap) Less(i, j int) bool {
	return cmp.Or(cmp.Compare(h[i].next, h[j].next), cmp.Compare(h[i].event, h[j].event)) < 0
}
func (h dueHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *dueHeap) Push(x any)   { *h = append(*h, x.(place)) }
func (h *dueHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	*h = old[:len(old)-1]
	return last
}
