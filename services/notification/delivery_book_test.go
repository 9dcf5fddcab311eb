package notification

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
)

// bookRun is a book with what happened to it.
type bookRun struct {
	t       *testing.T
	rng     *rand.Rand
	book    *book
	now     time.Time
	event   uint64
	note    uint64
	flying  map[uint64]place
	matches []func(*book)
	notes   []func(*book)
}

func (r *bookRun) match() {
	r.event++
	event, at, subject := r.event, r.now, uint64(r.rng.IntN(5))*2+1
	do := func(b *book) { b.match(event, at, subject) }
	r.matches = append(r.matches, do)
	do(r.book)
}

func (r *bookRun) write(note *notificationv1.DeliveryNote) {
	r.note++
	sequence, at := r.note, r.now
	do := func(b *book) { b.note(sequence, at, note) }
	r.notes = append(r.notes, do)
	do(r.book)
	if r.rng.IntN(10) == 0 { // its acknowledgement was lost: it comes twice
		r.note++
		twice := r.note
		do := func(b *book) { b.note(twice, at, note) }
		r.notes = append(r.notes, do)
		do(r.book)
	}
}

// take sends what may go, and checks that nothing earlier about the same resource waits.
func (r *bookRun) take() {
	p, ok := r.book.queue.first()
	if !ok || time.Unix(0, p.next).After(r.now) {
		return
	}
	r.book.queue.take()
	if _, flies := r.flying[p.event]; flies {
		return
	}
	for i := range r.book.entries {
		if e := &r.book.entries[i]; e.event < p.event && e.subject == p.subject && r.book.waiting(e) {
			r.t.Fatalf("event %d goes although %d waits before it", p.event, e.event)
		}
	}
	r.flying[p.event] = p
}

// land ends one request.
func (r *bookRun) land(percent int) {
	for event, p := range r.flying {
		delete(r.flying, event)
		i, _ := r.book.find(event)
		a := &notificationv1.Attempted{Event: event, Number: r.book.entries[i].attempts + 1, Time: timestamppb.New(r.now), Status: 204}
		switch chance := r.rng.IntN(100); {
		case chance < percent/4: // we gave up ourselves
			r.book.queue.back(p)
			return
		case chance < percent/2:
			a.Failure, a.Status = "REJECTED", 400
		case chance < percent:
			a.Failure, a.Status, a.NextTime = "SERVER_ERROR", 500, timestamppb.New(r.now.Add(time.Duration(r.rng.IntN(60))*time.Second))
		}
		r.write(&notificationv1.DeliveryNote{Owner: "me", Note: &notificationv1.DeliveryNote_Attempted{Attempted: a}})
		return
	}
}

func (r *bookRun) again() {
	a := &notificationv1.Again{Time: timestamppb.New(r.now), Since: timestamppb.New(r.now.Add(-time.Duration(r.rng.IntN(100)) * time.Second))}
	if r.rng.IntN(2) == 0 && r.event > 0 {
		a.Event = 1 + r.rng.Uint64N(r.event)
	}
	r.write(&notificationv1.DeliveryNote{Note: &notificationv1.DeliveryNote_Again{Again: a}})
}

// check counts what waits in the other way.
func (r *bookRun) check() {
	n := 0
	for i := range r.book.entries {
		if r.book.waiting(&r.book.entries[i]) {
			n++
		}
	}
	if n != r.book.queue.count {
		r.t.Fatalf("%d wait, the queue has %d", n, r.book.queue.count)
	}
}

// TestBook goes through random histories: about one resource nothing overtakes, all is delivered in the end, and a process that reads
// the same history later, matches first, comes to the same result.
func TestBook(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		r := &bookRun{t: t, rng: rand.New(rand.NewPCG(seed, 1)), book: &book{}, now: time.Unix(1_800_000_000, 0), flying: map[uint64]place{}}
		since := r.now
		r.book.activate(since)
		for range 300 {
			r.now = r.now.Add(time.Duration(r.rng.IntN(5)) * time.Second)
			switch r.rng.IntN(12) {
			case 0, 1, 2:
				r.match()
			case 3:
				if r.rng.IntN(20) == 0 {
					r.again()
				}
			case 4, 5, 6, 7:
				r.take()
			default:
				r.land(50)
			}
			r.check()
		}
		for r.now = r.now.Add(time.Hour); r.book.queue.count > 0; {
			r.take()
			r.land(0)
		}
		for _, e := range r.book.entries {
			if e.state == entryWaiting {
				t.Fatalf("seed %d: event %d still waits", seed, e.event)
			}
		}
		later := &book{}
		later.activate(since)
		for _, do := range slices.Concat(r.matches, r.notes) {
			do(later)
		}
		if !slices.Equal(later.entries, r.book.entries) || later.outage != r.book.outage || later.alarm != r.book.alarm || later.queue.count != 0 {
			t.Fatalf("seed %d: read later\n%v\n%v", seed, later.entries, r.book.entries)
		}
	}
}

// TestBookForgets drops what the journal has forgotten, and what was failing for three days.
func TestBookForgets(t *testing.T) {
	t.Parallel()
	start := time.Unix(1_800_000_000, 0)
	b := &book{}
	b.activate(start)
	for event := range uint64(10) {
		b.match(event+1, start.Add(time.Duration(event)*time.Hour), 1)
	}
	failed := func(sequence uint64, number int32, at time.Time) {
		b.note(sequence, at, &notificationv1.DeliveryNote{Owner: "me", Note: &notificationv1.DeliveryNote_Attempted{Attempted: &notificationv1.Attempted{
			Event: 1, Number: number, Time: timestamppb.New(at), Failure: "TIMEOUT", NextTime: timestamppb.New(at.Add(time.Hour)),
		}}})
	}
	for n := range uint64(6) {
		failed(n+1, int32(n+1), start.Add(time.Duration(n)*time.Minute))
	}
	if b.alarm.note != alarmAfter || b.alarm.outage != 1 || b.queue.count != 10 || b.breaker.RetryTime().IsZero() {
		t.Fatalf("alarm %+v, %d wait", b.alarm, b.queue.count)
	}
	failed(7, 7, start.Add(75*time.Hour+30*time.Minute))
	if b.queue.count != 6 { // events 1 to 4 have waited for three days
		t.Errorf("after three days %d wait", b.queue.count)
	}
	if b.alarm.note != alarmAfter {
		t.Errorf("told twice: %+v", b.alarm)
	}
	b.forget(start.Add(7 * time.Hour))
	if len(b.entries) != 3 || b.queue.count != 3 {
		t.Errorf("%d entries, %d wait", len(b.entries), b.queue.count)
	}
	b.activate(time.Time{})
	if b.queue.count != 0 || b.breaker.Failures() != 0 {
		t.Errorf("%d wait, %d failures while it is not called", b.queue.count, b.breaker.Failures())
	}
}

// TestBookRepetitions counts an attempt that is noted twice once, and begins the pauses anew when somebody asks again.
func TestBookRepetitions(t *testing.T) {
	t.Parallel()
	at := time.Unix(1_800_000_000, 0)
	b := &book{}
	b.activate(at)
	b.match(1, at, 1)
	note := &notificationv1.DeliveryNote{Owner: "me", Note: &notificationv1.DeliveryNote_Attempted{Attempted: &notificationv1.Attempted{
		Event: 1, Number: 1, Time: timestamppb.New(at), Failure: "TIMEOUT", NextTime: timestamppb.New(at.Add(time.Hour)),
	}}}
	b.note(1, at, note)
	b.note(2, at, note)
	if b.breaker.Failures() != 1 || b.entries[0].attempts != 1 {
		t.Errorf("%d failures, %+v", b.breaker.Failures(), b.entries[0])
	}
	b.entries[0].state = entryFailed
	b.queue.remove(&b.entries[0])
	later := at.Add(time.Hour)
	b.note(3, later, &notificationv1.DeliveryNote{Note: &notificationv1.DeliveryNote_Again{Again: &notificationv1.Again{Event: 1, Time: timestamppb.New(later)}}})
	if e := b.entries[0]; e.state != entryWaiting || e.earlier != 1 || e.first != 0 || e.due != later.UnixNano() || b.queue.count != 1 {
		t.Errorf("asked for again: %+v", e)
	}
	if b.owner != "me" {
		t.Errorf("who asks for messages does not call the webhook: %q", b.owner)
	}
}
