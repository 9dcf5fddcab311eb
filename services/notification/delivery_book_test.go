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

// TestBookBegins forgets a webhook that had the name before, whether what is known of it was read before it is known that there is
// another one, as while both are there, or after, as at a start.
func TestBookBegins(t *testing.T) {
	t.Parallel()
	start := time.Unix(1_800_000_000, 0)
	at := func(minute int) time.Time { return start.Add(time.Duration(minute) * time.Minute) }
	failed := func(event uint64, at time.Time) *notificationv1.DeliveryNote {
		return &notificationv1.DeliveryNote{Owner: "me", Note: &notificationv1.DeliveryNote_Attempted{Attempted: &notificationv1.Attempted{
			Event: event, Number: 1, Time: timestamppb.New(at), Failure: "GONE",
		}}}
	}
	again := func(request string, at time.Time) *notificationv1.DeliveryNote {
		return &notificationv1.DeliveryNote{Note: &notificationv1.DeliveryNote_Again{Again: &notificationv1.Again{
			Since: timestamppb.New(start), Time: timestamppb.New(at), RequestId: request, RequestDigest: []byte{1},
		}}}
	}
	known := func(b *book) {
		b.match(1, at(1), 1)
		b.match(2, at(2), 3)
		b.note(1, at(3), failed(1, at(3)))
		b.note(2, at(3), again("before", at(3)))
		b.note(3, at(11), failed(2, at(9))) // was on its way
	}
	begun := func(b *book) { b.begin(at(10)); b.activate(at(12)) }
	for name, did := range map[string][]func(*book){"read after": {begun, known}, "read before": {known, begun}} {
		b := &book{}
		for _, do := range did {
			do(b)
		}
		if len(b.entries) != 0 || len(b.requests) != 0 || b.outage != 0 || b.alarm.note != 0 || !b.gone.IsZero() || b.breaker.Failures() != 0 {
			t.Errorf("%s: inherits %+v", name, b)
		}
		if b.last != 3 || b.owner != "me" {
			t.Errorf("%s: does not know the last note: %d of %q", name, b.last, b.owner)
		}
		b.match(3, at(13), 1)
		b.note(4, at(14), again("after", at(14)))
		if begun(b); len(b.entries) != 1 || b.queue.count != 1 || len(b.requests) != 1 {
			t.Errorf("%s: of its own it has %+v", name, b)
		}
	}
	late := &book{} // asked for again what this process did not know yet to be another's
	known(late)
	late.note(4, at(14), again("after", at(14)))
	if begun(late); len(late.entries) != 0 || len(late.requests) != 1 {
		t.Errorf("inherits what was asked for again: %+v", late)
	}
}

// TestBookShows says of each message how it stands and when its next attempt comes at the earliest.
func TestBookShows(t *testing.T) {
	t.Parallel()
	start := time.Unix(1_800_000_000, 0)
	at := func(minute int) time.Time { return start.Add(time.Duration(minute) * time.Minute) }
	b := &book{}
	b.match(1, at(0), 1) // nobody has verified it
	b.activate(at(10))
	for event, subject := range map[uint64]uint64{2: 1, 3: 1, 4: 3, 5: 5, 6: 5} {
		b.match(event, at(10+int(event)), subject)
	}
	attempt := func(sequence, event uint64, failure string, next time.Time) {
		a := &notificationv1.Attempted{Event: event, Number: 1, Time: timestamppb.New(at(20)), Failure: failure}
		if !next.IsZero() {
			a.NextTime = timestamppb.New(next)
		}
		b.note(sequence, at(20), &notificationv1.DeliveryNote{Owner: "me", Note: &notificationv1.DeliveryNote_Attempted{Attempted: a}})
	}
	attempt(1, 2, "TIMEOUT", at(60))
	attempt(2, 4, "REJECTED", time.Time{})
	attempt(3, 5, "", time.Time{})
	const waiting, delivered, failed, skipped = notificationv1.Delivery_STATE_WAITING, notificationv1.Delivery_STATE_DELIVERED, notificationv1.Delivery_STATE_FAILED, notificationv1.Delivery_STATE_SKIPPED
	check := func(when string, states []notificationv1.Delivery_State, next map[uint64]time.Time) {
		t.Helper()
		for i := range b.entries {
			e := &b.entries[i]
			d := b.shown("amt", e)
			if d.GetState() != states[i] {
				t.Errorf("%s: event %d is %v, want %v", when, e.event, d.GetState(), states[i])
			}
			if want, ok := next[e.event]; ok != (d.GetNextTime() != nil) || ok && !d.GetNextTime().AsTime().Equal(want) {
				t.Errorf("%s: event %d comes %v, want %v", when, e.event, d.GetNextTime().AsTime(), want)
			}
		}
	}
	check("active", []notificationv1.Delivery_State{skipped, waiting, waiting, failed, delivered, waiting}, map[uint64]time.Time{2: at(60), 3: at(60), 6: at(16)})
	b.activate(time.Time{})
	check("disabled", []notificationv1.Delivery_State{skipped, failed, skipped, failed, delivered, skipped}, nil)
}

// TestBookHastens: when a receiver that was down is back, what waits for its next attempt goes at once; a success of a receiver that was
// not down hastens nothing.
func TestBookHastens(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 7, 0, 0, 0, time.UTC)
	b := &book{}
	b.activate(now)
	fail := func(event uint64, probe bool) {
		b.note(b.last+1, now, &notificationv1.DeliveryNote{Note: &notificationv1.DeliveryNote_Attempted{Attempted: &notificationv1.Attempted{
			Event: event, Number: b.entries[event-1].attempts + 1, Time: timestamppb.New(now), Status: 500, Failure: "SERVER_ERROR", Probe: probe, NextTime: timestamppb.New(now.Add(time.Hour)),
		}}})
	}
	succeed := func(event uint64, probe bool) {
		b.note(b.last+1, now, &notificationv1.DeliveryNote{Note: &notificationv1.DeliveryNote_Attempted{Attempted: &notificationv1.Attempted{
			Event: event, Number: b.entries[event-1].attempts + 1, Time: timestamppb.New(now), Status: 204, Probe: probe,
		}}})
	}
	for event := range uint64(8) {
		b.match(event+1, now, event*2+1)
	}
	fail(1, false)
	succeed(2, false)
	if p, ok := b.queue.first(); !ok || p.event == 1 {
		t.Fatalf("one that fails alone is hastened: %+v", p)
	}
	for event := range uint64(5) {
		fail(event+3, false)
	}
	now = now.Add(10 * time.Minute)
	succeed(8, true)
	for gone := 0; gone < 6; gone++ {
		p, ok := b.queue.first()
		if !ok || time.Unix(0, p.next).After(now) {
			t.Fatalf("after %d of 6: %+v at %v", gone, p, now)
		}
		b.queue.take()
	}
}
