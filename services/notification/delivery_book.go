package notification

import (
	"cmp"
	"slices"
	"time"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/notification/webhook"
)

// alarmAfter is after how many failures in a row the owner of a webhook hears of it.
const alarmAfter = 5

// book is what is known of the deliveries to one webhook: what the journals "matches" and "deliveries" say, read in their order. Every
// process keeps the same book; one of them calls the webhook. It has no clock.
type book struct {
	entries []entry // by event
	last    uint64  // sequence of the last note

	created time.Time // when the webhook was added: what is older was about another one of that name
	active  time.Time // since when it is called; zero while it is not
	queue   queue     // what waits, while it is called

	owner      string    // the process that calls it
	ownedUntil time.Time // unless it says so again

	breaker webhook.Breaker
	pace    webhook.Pace
	outage  uint64    // the note of the first failure in the row; 0 after a success
	failing time.Time // when that was
	alarm   alarm     // the last reason to tell the owner of the webhook
	gone    time.Time // when the receiver said that it wants no more

	requests map[string]*notificationv1.Again // those that can be repeated
}

// alarm is why the owner of a webhook has to hear of it: once for each row of failures.
type alarm struct {
	note   uint64 // 0 when there is none
	outage uint64 // the first note of the row
	class  webhook.Class
}

type entryState uint8

const (
	entryWaiting entryState = iota
	entryDelivered
	entryFailed
)

// entry is one message to the webhook. Times are in nanoseconds since 1970.
type entry struct {
	event    uint64 // its sequence
	subject  uint64 // stands for the resource that it is about; 0 while that is unknown
	matched  int64  // when it found the webhook
	due      int64  // since when it waits: matched, or when somebody asked for it again
	first    int64  // attempt since then; 0 before it
	next     int64  // attempt at the earliest
	note     uint64 // of the last attempt: its sequence
	attempts int32  // in all
	earlier  int32  // of them, before it was asked for again
	state    entryState
}

// find is the place of an event among the entries, and whether it is there.
func (b *book) find(event uint64) (int, bool) {
	return slices.BinarySearchFunc(b.entries, event, func(e entry, event uint64) int { return cmp.Compare(e.event, event) })
}

// enter finds an event's entry, or makes one.
func (b *book) enter(event uint64, at time.Time) *entry {
	i, ok := b.find(event)
	if !ok {
		ns := at.UnixNano()
		b.entries = slices.Insert(b.entries, i, entry{event: event, matched: ns, due: ns, next: ns})
	}
	return &b.entries[i]
}

// begin says when the webhook was added. What is known of one that had its name before counts no more.
func (b *book) begin(created time.Time) {
	if created.Equal(b.created) {
		return
	}
	before := *b
	*b = book{created: created, last: before.last, owner: before.owner, ownedUntil: before.ownedUntil, entries: before.entries, requests: before.requests}
	b.drop(created, func(e *entry) bool { return e.matched < created.UnixNano() })
}

// match notes that an event found the webhook. subject stands for the resource that it is about.
func (b *book) match(event uint64, at time.Time, subject uint64) {
	if at.Before(b.created) {
		return
	}
	e := b.enter(event, at)
	if e.subject == subject && b.queue.has(e) {
		return
	}
	b.queue.remove(e) // it was asked for before anybody knew what it is about
	e.subject = subject
	b.wait(e)
}

// wait queues an entry, if it is to be delivered.
func (b *book) wait(e *entry) {
	if b.waiting(e) {
		b.queue.add(e)
	}
}

// waiting tells whether an entry is to be delivered: it is not what happened while nobody was called.
func (b *book) waiting(e *entry) bool {
	return e.state == entryWaiting && e.subject != 0 && !b.active.IsZero() && e.due >= b.active.UnixNano()
}

// activate says since when the webhook is called; zero while it is not. What the receiver did before counts no more.
func (b *book) activate(since time.Time) {
	if since.Equal(b.active) {
		return
	}
	b.active = since
	b.breaker, b.outage, b.gone = webhook.Breaker{}, 0, time.Time{}
	b.requeue()
}

func (b *book) requeue() {
	b.queue = queue{}
	for i := range b.entries {
		b.wait(&b.entries[i])
	}
}

// note reads a note. at is when it was stored.
func (b *book) note(sequence uint64, at time.Time, n *notificationv1.DeliveryNote) {
	if sequence <= b.last {
		return
	}
	b.last = sequence
	if n.GetAgain() == nil {
		b.owner, b.ownedUntil = n.GetOwner(), at.Add(foreignLease)
	}
	if a := n.GetAttempted(); a != nil && !a.GetTime().AsTime().Before(b.created) {
		b.attempted(sequence, a)
	}
	if a := n.GetAgain(); a != nil && !a.GetTime().AsTime().Before(b.created) {
		b.again(a)
	}
}

// attempted notes what became of a request.
func (b *book) attempted(sequence uint64, a *notificationv1.Attempted) {
	e := b.enter(a.GetEvent(), a.GetTime().AsTime())
	if a.GetNumber() <= e.attempts { // a note whose acknowledgement was lost comes twice
		return
	}
	b.pace.Began(a.GetTime().AsTime())
	b.queue.remove(e)
	e.attempts, e.note = a.GetNumber(), sequence
	if e.first == 0 {
		e.first = a.GetTime().AsTime().UnixNano()
	}
	switch {
	case a.GetFailure() == "":
		e.state = entryDelivered
	case a.GetNextTime() == nil:
		e.state = entryFailed
	default:
		e.next = a.GetNextTime().AsTime().UnixNano()
	}
	b.wait(e)
	if at := a.GetTime().AsTime(); !at.Before(b.active) {
		b.judge(sequence, at, a)
	}
}

// judge notes what a result says about the receiver.
func (b *book) judge(sequence uint64, at time.Time, a *notificationv1.Attempted) {
	result := webhook.Result{Class: webhook.Class(a.GetFailure()), RetryAfter: time.Duration(a.GetRetryAfterS()) * time.Second}
	if a.GetProbe() {
		b.breaker, _ = b.breaker.Allow(at)
	}
	closed := b.breaker.RetryTime().IsZero()
	b.breaker = b.breaker.After(result, at)
	if result.Delivered() {
		b.outage, b.gone = 0, time.Time{}
		if !closed {
			b.hasten(at)
		}
		return
	}
	if b.outage == 0 {
		b.outage, b.failing = sequence, at
	}
	late := b.breaker.Failures() > 0 && at.Sub(b.failing) >= webhook.Persistence
	if late {
		b.giveUp(at.Add(-webhook.Persistence))
	}
	if result.Disables() {
		b.gone = at
	}
	if b.alarm.outage != b.outage && (result.Disables() || late || a.GetNextTime() == nil || b.breaker.Failures() >= alarmAfter) {
		b.alarm = alarm{sequence, b.outage, result.Class}
	}
}

// hasten lets everything go that waits for its next attempt: the receiver is back.
func (b *book) hasten(at time.Time) {
	for i := range b.entries {
		if e := &b.entries[i]; e.attempts > e.earlier && b.waiting(e) {
			e.next = min(e.next, at.UnixNano())
		}
	}
	b.requeue()
}

// giveUp ends what waits since a time or longer: nothing has got through to the receiver in all that time.
func (b *book) giveUp(since time.Time) {
	for i := range b.entries {
		if e := &b.entries[i]; b.waiting(e) && e.due <= since.UnixNano() {
			b.queue.remove(e)
			e.state = entryFailed
		}
	}
}

// again queues messages once more.
func (b *book) again(a *notificationv1.Again) {
	if len(a.GetRequestDigest()) > 0 {
		if b.requests == nil {
			b.requests = map[string]*notificationv1.Again{}
		}
		b.requests[a.GetRequestId()] = a
	}
	due := a.GetTime().AsTime().UnixNano()
	for i := range b.asked(a) {
		e := &b.entries[i]
		b.queue.remove(e)
		e.state, e.due, e.next, e.first, e.earlier = entryWaiting, due, due, 0, e.attempts
		b.wait(e)
	}
}

// asked yields the places of the entries that somebody asks for again and that do not wait already.
func (b *book) asked(a *notificationv1.Again) func(yield func(int) bool) {
	first, after := 0, len(b.entries)
	if event := a.GetEvent(); event > 0 {
		var ok bool
		if first, ok = b.find(event); !ok {
			return func(func(int) bool) {}
		}
		after = first + 1
	}
	since := a.GetSince().AsTime().UnixNano()
	return func(yield func(int) bool) {
		for i := first; i < after; i++ {
			if e := &b.entries[i]; (a.GetEvent() > 0 || e.matched >= since) && !b.waiting(e) && !yield(i) {
				return
			}
		}
	}
}

// forget drops what is older than a time: the journal has forgotten it as well.
func (b *book) forget(before time.Time) {
	if b.drop(before, func(e *entry) bool { return e.due < before.UnixNano() }) {
		b.requeue()
	}
}

// drop removes entries, and the requests before a time. It tells whether there were such entries; their queue is the caller's affair.
func (b *book) drop(before time.Time, gone func(*entry) bool) bool {
	kept := slices.DeleteFunc(b.entries, func(e entry) bool { return gone(&e) })
	dropped := len(kept) < len(b.entries)
	if dropped {
		b.entries = slices.Clip(kept)
	}
	for id, a := range b.requests {
		if a.GetTime().AsTime().Before(before) {
			delete(b.requests, id)
		}
	}
	return dropped
}
