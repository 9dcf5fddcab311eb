package notification

import (
	"context"
	"errors"
	"strings"
	"time"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/platform/journal"
)

const (
	// atOnce is how many requests to one receiver run at the same time; one while it fails.
	atOnce = 8
	// lease is how long a process calls a webhook after it said so; foreignLease is what the others believe, since clocks differ. A
	// request, with what is read for it, has to end within leaseRest.
	lease, leaseRest, foreignLease = 45 * time.Second, 25 * time.Second, time.Minute
	// idle is when a worker looks again although nobody told it to.
	idle = time.Minute
	// troublePause is the wait before something that should not fail is tried again.
	troublePause = time.Second
	// leaveTime is how long a process that stops waits for its last notes.
	leaveTime = 2 * time.Second
)

// worker calls one webhook, as long as the webhook is active and no other process does. Only sequences wait: what is sent is read
// when it is sent.
type worker struct {
	*webhooks
	id      string
	name    string // resource name
	subject string // of all notes about the webhook
	book    *book
	keys    usedKeys

	poked    chan struct{}
	outcomes chan called
	flying   map[uint64]uint64 // events that are on their way; their notes' sequences once they are written

	// As far as this process has written or read:
	written uint64    // sequence of the last note
	until   time.Time // the webhook is ours
	alarmed uint64    // the last row of failures that its owner knows of
}

// called is what became of a task.
type called struct {
	place place
	note  *notificationv1.Attempted // nil when nothing was sent
	pause time.Duration             // then: before the next try
}

func newWorker(h *webhooks, id string, b *book) *worker {
	w := &worker{webhooks: h, id: id, name: "webhooks/" + id, book: b, poked: make(chan struct{}, 1), outcomes: make(chan called, atOnce), flying: map[uint64]uint64{}}
	return w
}

func (w *worker) poke() {
	select {
	case w.poked <- struct{}{}:
	default:
	}
}

// run works until ctx ends.
func (w *worker) run(ctx context.Context) {
	var err error
	if w.subject, err = deliverySubject(w.deliveries, w.id); err != nil {
		w.service.log.Error("a webhook gets nothing", "webhook", w.name, "error", err)
		return
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		timer.Reset(w.step(ctx))
		select {
		case o := <-w.outcomes:
			w.settle(ctx, w.drained(o))
		case <-w.poked:
		case <-timer.C:
		case <-ctx.Done():
		}
	}
	w.leave(ctx)
}

// drained is an outcome with all others that wait.
func (w *worker) drained(o called) []called {
	all := []called{o}
	for {
		select {
		case o := <-w.outcomes:
			all = append(all, o)
		default:
			return all
		}
	}
}

// step starts what may go now, and says when to look again.
func (w *worker) step(ctx context.Context) time.Duration {
	state, err := w.service.replica.Read()
	hook, ok := state.webhooks.Get(w.name)
	if err != nil || !ok || hook.GetState() != webhookActive {
		w.keys.forget()
		return idle
	}
	if wait := w.report(ctx, hook); wait > 0 {
		return wait
	}
	w.land()
	for len(w.flying) < atOnce {
		p, probe, wait := w.next()
		if wait > 0 {
			return wait
		}
		if wait := w.claim(ctx); wait > 0 {
			w.giveBack(p)
			return wait
		}
		w.flying[p.event] = 0
		go func() { w.outcomes <- w.attempt(ctx, task{p, hook, probe}) }()
	}
	return idle
}

// land forgets what was on its way once the book knows what became of it.
func (w *worker) land() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for event, sequence := range w.flying {
		if sequence > 0 && sequence <= w.book.last {
			delete(w.flying, event)
		}
	}
}

// next takes what may go now; else it says when to look again. While the breaker is open, one request at a time may go.
func (w *worker) next() (p place, probe bool, wait time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.service.clock()
	opens := w.book.breaker.RetryTime()
	probe = !opens.IsZero()
	if (probe || w.book.breaker.Failures() > 0) && len(w.flying) > 0 {
		return place{}, false, idle // what is on its way tells
	}
	if now.Before(opens) {
		return place{}, false, opens.Sub(now)
	}
	if wait := w.book.pace.Wait(now, len(w.flying)); wait > 0 {
		return place{}, false, wait
	}
	for {
		var ok bool
		if p, ok = w.book.queue.first(); !ok {
			return place{}, false, idle
		}
		if at := time.Unix(0, p.next); now.Before(at) {
			return place{}, false, at.Sub(now)
		}
		w.book.queue.take()
		if _, flies := w.flying[p.event]; !flies {
			return p, probe, 0
		}
	}
}

func (w *worker) giveBack(p place) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.book.queue.back(p)
}

// claim makes sure that no other process calls the webhook; else it says when to look again.
func (w *worker) claim(ctx context.Context) time.Duration {
	now := w.service.clock()
	if w.alone || w.until.Sub(now) > leaseRest {
		return 0
	}
	w.mu.Lock()
	last, owner, until := w.book.last, w.book.owner, w.book.ownedUntil
	w.mu.Unlock()
	switch {
	case last < w.written: // what is there is not read yet
		return troublePause
	case owner != "" && owner != w.owner && now.Before(until):
		return until.Sub(now)
	}
	m, err := deliveryMessage(w.deliveries, w.id, &notificationv1.DeliveryNote{Owner: w.owner})
	if err == nil {
		w.written, err = w.deliveries.Append(ctx, m, journal.Guard{Filter: w.subject, Last: last})
	}
	if err == nil {
		w.until = now.Add(lease)
		return 0
	}
	w.written, w.until = last, time.Time{}
	if !errors.Is(err, journal.ErrConflict) {
		w.trouble(ctx, "claim", err)
	}
	return troublePause
}

// leave writes what became of the last requests, and that the webhook is not ours any more, so that another process need not wait.
func (w *worker) leave(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), leaveTime)
	defer cancel()
	for range w.aloft() {
		select {
		case o := <-w.outcomes:
			w.settle(ctx, []called{o})
		case <-ctx.Done():
		}
	}
	if w.alone {
		return
	}
	last, ok, err := w.deliveries.Last(ctx, w.subject)
	if err != nil || !ok {
		return
	}
	if _, note, err := deliveryNote(last); err != nil || note.GetOwner() != w.owner {
		return
	}
	if m, err := deliveryMessage(w.deliveries, w.id, &notificationv1.DeliveryNote{}); err == nil {
		_, _ = w.deliveries.Append(ctx, m, journal.Guard{Filter: w.subject, Last: last.Sequence}) // the lease ends anyway
	}
}

// aloft counts the requests whose outcome is not known.
func (w *worker) aloft() (n int) {
	for _, sequence := range w.flying {
		if sequence == 0 {
			n++
		}
	}
	return n
}

// settle writes what became of requests, and returns when that stands in the journal or ctx ends.
func (w *worker) settle(ctx context.Context, outcomes []called) {
	var messages []journal.Message
	for _, o := range outcomes {
		if o.note == nil {
			delete(w.flying, o.place.event)
			time.AfterFunc(o.pause, func() { w.giveBack(o.place); w.poke() })
			continue
		}
		m, err := deliveryMessage(w.deliveries, w.id, &notificationv1.DeliveryNote{
			Note: &notificationv1.DeliveryNote_Attempted{Attempted: o.note}, Owner: w.owner,
		})
		if err != nil {
			w.trouble(ctx, "note", err)
			continue
		}
		messages = append(messages, m)
	}
	if len(messages) == 0 {
		return
	}
	last := w.write(ctx, messages)
	for _, o := range outcomes {
		if o.note != nil {
			w.flying[o.place.event] = last
		}
	}
}

// write appends notes of what happened, whoever calls the webhook now, and answers the sequence of the last one.
func (w *worker) write(ctx context.Context, messages []journal.Message) uint64 {
	stopping := ctx
	ctx, cancel := context.WithCancel(context.WithoutCancel(ctx)) // what is known is written, also while the process stops
	defer cancel()
	defer context.AfterFunc(stopping, func() { time.AfterFunc(leaveTime, cancel) })()
	w.mu.Lock()
	w.written = max(w.written, w.book.last)
	w.mu.Unlock()
	for ctx.Err() == nil {
		now := w.service.clock()
		last, err := w.deliveries.AppendAll(ctx, messages, journal.Guard{Filter: w.subject, Last: w.written})
		if err == nil {
			if !w.until.IsZero() {
				w.until = now.Add(lease)
			}
			w.written = last
			return last
		}
		if !errors.Is(err, journal.ErrConflict) {
			w.trouble(ctx, "note", err)
			pause(ctx, troublePause)
		}
		w.until = time.Time{} // somebody else wrote; perhaps it is not ours any more
		if m, _, err := w.deliveries.Last(ctx, w.subject); err == nil {
			w.written = m.Sequence
		}
	}
	return 0
}

// trouble logs what should not fail.
func (w *worker) trouble(ctx context.Context, doing string, err error) {
	if ctx.Err() == nil {
		w.service.log.Warn("a webhook waits", "webhook", strings.TrimPrefix(w.name, "webhooks/"), "doing", doing, "error", err)
	}
}
