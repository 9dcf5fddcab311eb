package notification

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/platform/journal"
	"kompass.krz.de/services/platform/state"
)

// inboxes is who was told what, and what of it was read: an index over the journal "matches", which alone decides. It holds
// eight bytes a notification; what they say is read from the journals.
type inboxes struct {
	mu       sync.Mutex
	reached  uint64        // sequence of the journal
	matched  uint64        // events up to here have found their addressees
	advanced chan struct{} // closed when reached grows
	complete chan struct{} // closed when the index holds all that was in the journal at the start
	matches  []told        // by sequence, and so by event
	floor    uint64        // matches below are forgotten
	swept    int64         // when the oldest event was stored when all boxes were last trimmed
	boxes    map[string]*inbox
	requests map[string][]byte // digests of marks by their request ids
	recent   []request         // the same, oldest first
}

// told is a match.
type told struct {
	sequence, event uint64
	stored          int64 // when the event was, in nanoseconds since 1970
}

// request is a mark that can come again.
type request struct {
	id     string
	stored time.Time
}

// inbox is what one recipient was told, oldest first.
type inbox struct {
	notes  []note
	unread int
}

// note is the sequence of a match, and whether it was read.
type note uint64

const readBit note = 1 << 63

func (n note) match() uint64 { return uint64(n &^ readBit) }
func (n note) read() bool    { return n&readBit != 0 }

func newInboxes() *inboxes {
	return &inboxes{advanced: make(chan struct{}), complete: make(chan struct{}), boxes: map[string]*inbox{}, requests: map[string][]byte{}}
}

// apply takes over messages of the journal, in its order. The error names the first that cannot be read; the others count.
func (x *inboxes) apply(messages []journal.Message) (failed error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, m := range messages {
		var err error
		switch kind, recipient := kindOfMatch(m); kind {
		case "match":
			x.pass(m)
			err = x.match(m)
		case "position":
			x.pass(m)
		case "read":
			err = x.mark(m, recipient)
		}
		if failed == nil {
			failed = err
		}
		x.reached = m.Sequence
	}
	close(x.advanced)
	x.advanced = make(chan struct{})
	return failed
}

// pass notes up to where the events are matched.
func (x *inboxes) pass(m journal.Message) {
	if next, err := reachedBy(m); err == nil {
		x.matched = next.event
	}
}

func (x *inboxes) match(m journal.Message) error {
	match, err := matchFrom(m)
	if err != nil {
		return err
	}
	x.forget(m.Time)
	x.matches = append(x.matches, told{m.Sequence, match.GetEvent(), match.GetStored().AsTime().UnixNano()})
	for _, hit := range match.GetHits() {
		if hit.GetRecipient() == "" {
			continue
		}
		box := x.boxes[hit.GetRecipient()]
		if box == nil {
			box = &inbox{}
			x.boxes[hit.GetRecipient()] = box
		}
		box.notes = append(box.notes, note(m.Sequence))
		box.unread++
	}
	return nil
}

func (x *inboxes) mark(m journal.Message, recipient string) error {
	mark := &notificationv1.Mark{}
	if err := proto.Unmarshal(m.Data, mark); err != nil {
		return err
	}
	x.remember(mark, m.Time)
	box := x.boxes[recipient]
	if box == nil {
		return nil
	}
	switch {
	case mark.GetForget():
		delete(x.boxes, recipient)
	case len(mark.GetEvents()) > 0:
		for _, event := range mark.GetEvents() {
			if i := x.find(box, event); i >= 0 {
				box.set(i, !mark.GetUnread())
			}
		}
	default:
		for i := range box.notes[:x.upTo(box, mark.GetUpToSequence())] {
			box.set(i, !mark.GetUnread())
		}
	}
	return nil
}

func (b *inbox) set(i int, read bool) {
	switch n := &b.notes[i]; {
	case read && !n.read():
		*n |= readBit
		b.unread--
	case !read && n.read():
		*n &^= readBit
		b.unread++
	}
}

// remember notes the request of a mark for as long as a ledger does.
func (x *inboxes) remember(mark *notificationv1.Mark, stored time.Time) {
	if len(mark.GetRequestDigest()) == 0 {
		return
	}
	x.requests[mark.GetRequestId()] = mark.GetRequestDigest()
	x.recent = append(x.recent, request{mark.GetRequestId(), stored})
	for stored.Sub(x.recent[0].stored) > state.RequestMemory {
		delete(x.requests, x.recent[0].id)
		x.recent = x.recent[1:]
	}
}

// upTo is how many of a box's notes are of events up to a sequence.
func (x *inboxes) upTo(b *inbox, event uint64) int {
	after, _ := slices.BinarySearchFunc(x.matches, event, func(t told, event uint64) int {
		if t.event <= event {
			return -1
		}
		return 1
	})
	if after == 0 {
		return 0
	}
	return b.before(x.matches[after-1].sequence + 1)
}

// before is how many notes have a lower match than that one.
func (b *inbox) before(match uint64) int {
	i, _ := slices.BinarySearchFunc(b.notes, match, func(n note, match uint64) int { return cmp.Compare(n.match(), match) })
	return i
}

// find is the index of the note of an event; -1 when the box has none.
func (x *inboxes) find(b *inbox, event uint64) int {
	i := x.upTo(b, event) - 1
	if i < 0 || x.eventOf(b.notes[i]) != event {
		return -1
	}
	return i
}

// eventOf is the sequence of a note's event.
func (x *inboxes) eventOf(n note) uint64 {
	i, _ := slices.BinarySearchFunc(x.matches, n.match(), func(t told, match uint64) int { return cmp.Compare(t.sequence, match) })
	return x.matches[i].event
}

// view calls look with the inbox of a recipient as it is at a time: without what is too old, and perhaps empty. look keeps
// nothing of it.
func (x *inboxes) view(recipient string, now time.Time, look func(*inbox)) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.forget(now)
	box := x.boxes[recipient]
	if box == nil {
		box = &inbox{}
	}
	box.trim(x.floor)
	look(box)
}

// forget drops what is too old at a time. Boxes are trimmed when somebody looks at them, and once in a day's events.
func (x *inboxes) forget(now time.Time) {
	before := now.Add(-matchesKept).UnixNano()
	gone := 0
	for gone < len(x.matches) && x.matches[gone].stored < before {
		gone++
	}
	if gone == 0 {
		return
	}
	oldest := x.matches[gone-1]
	x.floor, x.matches = oldest.sequence+1, x.matches[gone:]
	if oldest.stored-x.swept < int64(24*time.Hour) {
		return
	}
	x.swept = oldest.stored
	for recipient, box := range x.boxes {
		if box.trim(x.floor); len(box.notes) == 0 {
			delete(x.boxes, recipient)
		}
	}
}

// trim drops the notes of lower matches.
func (b *inbox) trim(floor uint64) {
	old := b.before(floor)
	for _, n := range b.notes[:old] {
		if !n.read() {
			b.unread--
		}
	}
	b.notes = b.notes[old:]
}

// isComplete tells whether the index holds all that was in the journal at the start.
func (x *inboxes) isComplete() bool {
	select {
	case <-x.complete:
		return true
	default:
		return false
	}
}

// await waits until the index holds the journal up to a sequence. The error is that of ctx.
func (x *inboxes) await(ctx context.Context, sequence uint64) error {
	for {
		x.mu.Lock()
		reached, advanced := x.reached, x.advanced
		x.mu.Unlock()
		if reached >= sequence {
			return nil
		}
		select {
		case <-advanced:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
