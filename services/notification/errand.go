package notification

import (
	"container/heap"
	"context"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/notification/mail"
	"kompass.krz.de/services/notification/webhook"
)

// errand is one message that is to be brought to one recipient.
type errand struct {
	subject   string // of its notes in the journal "deliveries"
	recipient string // resource name
	period    string // of a digest: of the notes of one subject only the newest period counts
	due       time.Time

	// wanted tells whether the recipient still wants it.
	wanted func(world, *notificationv1.Recipient) bool
	// begin completes the note of a first attempt, of what is not known before; nil for nothing.
	begin func(ctx context.Context, w world, last, claim *notificationv1.MailNote) error
	// write says what is in it; nil when there is nothing to say. The note is that of this attempt.
	write func(context.Context, world, *notificationv1.Recipient, *notificationv1.MailNote) (*mail.Message, error)
}

// claimTime is how long whoever claimed a message is believed to be sending it; it is longer than the sending may take.
const claimTime = 2 * time.Minute

// claim is the note with which a process takes the next attempt on, after the last note (nil: none). Who claimed before begun is dead.
// Without a claim the errand is to be looked at again at a time, or never when that is zero.
func (e *errand) claim(last *notificationv1.MailNote, now, begun time.Time) (claim *notificationv1.MailNote, again time.Time) {
	claimed := last.GetTime().AsTime()
	if !claimed.Before(begun) {
		claimed = claimed.Add(claimTime)
	}
	switch state := last.GetState(); {
	case last.GetPeriod() > e.period:
		return nil, time.Time{}
	case state == notificationv1.MailNote_STATE_SENDING && claimed.After(now):
		return nil, claimed
	case last == nil || last.GetPeriod() < e.period:
		return &notificationv1.MailNote{State: notificationv1.MailNote_STATE_SENDING, Attempt: 1, Time: timestamppb.New(now), FirstTime: timestamppb.New(now), Period: e.period}, now
	case state == notificationv1.MailNote_STATE_WAITING && last.GetNextTime().AsTime().After(now):
		return nil, last.GetNextTime().AsTime()
	case state != notificationv1.MailNote_STATE_SENDING && state != notificationv1.MailNote_STATE_WAITING:
		return nil, time.Time{}
	}
	claim = proto.CloneOf(last)
	claim.State, claim.Time, claim.NextTime = notificationv1.MailNote_STATE_SENDING, timestamppb.New(now), nil
	if last.GetState() == notificationv1.MailNote_STATE_WAITING { // that a process died is no failure of the message
		claim.Attempt++
	}
	return claim, now
}

// outcome is the note of what an attempt came to.
func outcome(claim *notificationv1.MailNote, result mail.Result, now time.Time) *notificationv1.MailNote {
	note := proto.CloneOf(claim)
	note.State, note.Time = notificationv1.MailNote_STATE_FAILED, timestamppb.New(now)
	note.Failure, note.Code, note.Detail = result.Class, int32(result.Code), result.Detail
	switch result.Outcome {
	case mail.Delivered:
		note.State = notificationv1.MailNote_STATE_DELIVERED
	case mail.Later:
		wait, again := webhook.Next(int(claim.GetAttempt()), now.Sub(claim.GetFirstTime().AsTime()), 0, evenly)
		if again {
			note.State, note.NextTime = notificationv1.MailNote_STATE_WAITING, timestamppb.New(now.Add(wait))
		}
	}
	return note
}

// evenly leaves nothing to chance: mail servers spread by themselves what comes together.
const evenly = 0.5

// errands are what is to be brought, the most urgent first, each subject once.
type errands struct {
	clock func() time.Time
	pause time.Duration // the longest time without a look at the clock

	mu      sync.Mutex
	known   map[string]string // subjects of what waits or is being brought, with their periods
	waiting agenda
	changed chan struct{} // closed when something was added
}

func newErrands(clock func() time.Time, pause time.Duration) *errands {
	return &errands{clock: clock, pause: pause, known: map[string]string{}, changed: make(chan struct{})}
}

// add takes an errand on, unless it is known.
func (q *errands) add(e *errand) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if period, ok := q.known[e.subject]; ok && period == e.period {
		return
	}
	q.known[e.subject] = e.period
	q.push(e)
}

func (q *errands) push(e *errand) {
	heap.Push(&q.waiting, e)
	close(q.changed)
	q.changed = make(chan struct{})
}

// len is how many there are.
func (q *errands) len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.known)
}

// take waits for the next errand that is due; false once ctx has ended.
func (q *errands) take(ctx context.Context) (*errand, bool) {
	for ctx.Err() == nil {
		q.mu.Lock()
		wait := q.pause
		if len(q.waiting) > 0 {
			wait = min(wait, q.waiting[0].due.Sub(q.clock()))
		}
		if wait <= 0 {
			defer q.mu.Unlock()
			return heap.Pop(&q.waiting).(*errand), true
		}
		changed := q.changed
		q.mu.Unlock()
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-changed:
		case <-ctx.Done():
		}
		timer.Stop()
	}
	return nil, false
}

// done puts an errand back until a time, or forgets it when that is zero.
func (q *errands) done(e *errand, again time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case q.known[e.subject] != e.period: // a later one took its place
	case again.IsZero():
		delete(q.known, e.subject)
	default:
		e.due = again
		q.push(e)
	}
}

// agenda implements [heap.Interface].
type agenda []*errand

// Len implements [heap.Interface].
func (q agenda) Len() int { return len(q) }

// Less implements [heap.Interface].
func (q agenda) Less(i, j int) bool { return q[i].due.Before(q[j].due) }

// Swap implements [heap.Interface].
func (q agenda) Swap(i, j int) { q[i], q[j] = q[j], q[i] }

// Push implements [heap.Interface].
func (q *agenda) Push(e any) { *q = append(*q, e.(*errand)) }

// Pop implements [heap.Interface].
func (q *agenda) Pop() any {
	last := len(*q) - 1
	e := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return e
}
