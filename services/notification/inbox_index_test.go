package notification

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/platform/journal"
)

// plainInbox is what an inbox is, without an index: all notifications, oldest first.
type plainInbox []plainNote

type plainNote struct {
	match, event uint64
	stored       time.Time
	read         bool
}

// madeUp is a journal that a test makes up, with its messages at times of their own.
type madeUp struct {
	now      time.Time
	sequence uint64
	event    uint64
	messages []journal.Message
	plain    map[string]plainInbox
}

func (l *madeUp) append(subject string, m proto.Message) {
	data, err := proto.Marshal(m)
	if err != nil {
		panic(err)
	}
	l.sequence += 1 + uint64(rand.IntN(3)) // positions are in between
	l.messages = append(l.messages, journal.Message{Sequence: l.sequence, Subject: "kompass.test.matches." + subject, Data: data, Time: l.now})
}

func (l *madeUp) forget() {
	for name, box := range l.plain {
		l.plain[name] = slices.DeleteFunc(box, func(n plainNote) bool { return n.stored.Before(l.now.Add(-matchesKept)) })
	}
}

// tell adds a match, of a new event or as the next part of the last one.
func (l *madeUp) tell(rng *rand.Rand, names []string) {
	l.event += uint64(1 + rng.IntN(4))
	rest := some(rng, names, len(names))
	slices.Sort(rest)
	for first := true; first || len(rest) > 0; first = false {
		n := rng.IntN(len(rest) + 1)
		match := &notificationv1.Match{Event: l.event, Stored: timestamppb.New(l.now)}
		for _, name := range rest[:n] {
			match.Hits = append(match.Hits, &notificationv1.Hit{Recipient: "recipients/" + name})
		}
		match.Hits = append(match.Hits, &notificationv1.Hit{Webhook: "webhooks/w"})
		l.append("matcher.match", match)
		for _, name := range rest[:n] {
			l.plain[name] = append(l.plain[name], plainNote{l.sequence, l.event, l.now, false})
		}
		rest = rest[n:]
	}
}

// mark marks events that there are, and some that there are not.
func (l *madeUp) mark(rng *rand.Rand, name string) {
	mark := &notificationv1.Mark{Unread: rng.IntN(3) == 0}
	switch rng.IntN(12) {
	case 0:
		mark.Forget = true
		l.plain[name] = nil
	case 1, 2, 3:
		mark.UpToSequence = uint64(rng.IntN(int(l.event) + 5))
	default:
		for range 1 + rng.IntN(5) {
			mark.Events = append(mark.Events, max(1, l.event-min(l.event, uint64(rng.IntN(60)))))
		}
	}
	for i, n := range l.plain[name] {
		if slices.Contains(mark.GetEvents(), n.event) || len(mark.GetEvents()) == 0 && n.event <= mark.GetUpToSequence() {
			l.plain[name][i].read = !mark.GetUnread()
		}
	}
	l.append("mark."+name+".read", mark)
}

// TestInboxesAreLikeTheirJournal compares the index with a plain list after random histories of years, also for who reads only the
// end of the journal, as after a restart: what is older has expired there.
func TestInboxesAreLikeTheirJournal(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	rng := rand.New(rand.NewPCG(2, seed))
	names := []string{"a", "b", "c", "d"}
	for range 60 {
		l := &madeUp{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), plain: map[string]plainInbox{}}
		x, applied := newInboxes(), 0
		for range 20 + rng.IntN(300) {
			if rng.IntN(3) == 0 {
				l.now = l.now.Add(time.Duration(rng.IntN(10*24)) * time.Hour)
			}
			l.forget()
			if rng.IntN(2) == 0 {
				l.tell(rng, names)
			} else {
				l.mark(rng, names[rng.IntN(len(names))])
			}
			if rng.IntN(4) > 0 {
				continue
			}
			if err := x.apply(l.messages[applied:]); err != nil {
				t.Fatal(err)
			}
			applied = len(l.messages)
			restarted := newInboxes()
			kept := slices.IndexFunc(l.messages, func(m journal.Message) bool { return !m.Time.Before(l.now.Add(-matchesKept)) })
			if err := restarted.apply(l.messages[kept:]); err != nil {
				t.Fatal(err)
			}
			for _, name := range names {
				l.compare(t, seed, name, x)
				l.compare(t, seed, name, restarted)
			}
		}
	}
}

func (l *madeUp) compare(t *testing.T, seed uint64, name string, x *inboxes) {
	t.Helper()
	var want, got []string
	unread := 0
	for _, n := range l.plain[name] {
		if !n.read {
			unread++
		}
		want = append(want, strconv.FormatUint(n.event, 10)+strconv.FormatBool(n.read))
	}
	x.view("recipients/"+name, l.now, func(b *inbox) {
		for _, n := range b.notes {
			got = append(got, strconv.FormatUint(x.eventOf(n), 10)+strconv.FormatBool(n.read()))
		}
		if !slices.Equal(got, want) || b.unread != unread {
			t.Fatalf("seed %d: %s has %d unread of %v, want %d of %v", seed, name, b.unread, got, unread, want)
		}
		for _, n := range l.plain[name] {
			if i := x.find(b, n.event); i < 0 || b.notes[i].match() != n.match {
				t.Fatalf("seed %d: event %d of %s is at %d", seed, n.event, name, i)
			}
		}
		if i := x.find(b, l.event+1); i >= 0 {
			t.Fatalf("seed %d: an event to come is at %d", seed, i)
		}
	})
}

// TestForgottenBoxesAreSwept: who never looks into an inbox takes no memory for ever.
func TestForgottenBoxesAreSwept(t *testing.T) {
	t.Parallel()
	l := &madeUp{now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), plain: map[string]plainInbox{}}
	x := newInboxes()
	for i := range 400 { // a day each
		match := &notificationv1.Match{Event: uint64(i + 1), Stored: timestamppb.New(l.now), Hits: []*notificationv1.Hit{{Recipient: "recipients/r" + strconv.Itoa(i)}, {Recipient: "recipients/all"}}}
		l.append("matcher.match", match)
		l.append("mark.all.read", &notificationv1.Mark{UpToSequence: 1, RequestId: strconv.Itoa(i), RequestDigest: []byte{1}})
		l.now = l.now.AddDate(0, 0, 1)
	}
	if err := x.apply(l.messages); err != nil {
		t.Fatal(err)
	}
	if len(x.boxes) > 183 || len(x.matches) > 182 || len(x.boxes["recipients/all"].notes) > 183 || len(x.requests) > 2 || len(x.recent) > 2 {
		t.Errorf("%d boxes, %d matches, %d notes, %d requests", len(x.boxes), len(x.matches), len(x.boxes["recipients/all"].notes), len(x.requests))
	}
}

// TestUnreadableMessages: what cannot be read is named, and hinders nothing else.
func TestUnreadableMessages(t *testing.T) {
	t.Parallel()
	x := newInboxes()
	good, err := proto.Marshal(&notificationv1.Match{Event: 1, Stored: timestamppb.Now(), Hits: []*notificationv1.Hit{{Recipient: "recipients/a"}}})
	if err != nil {
		t.Fatal(err)
	}
	err = x.apply([]journal.Message{
		{Sequence: 1, Subject: "kompass.test.matches.matcher.match", Data: []byte{255}},
		{Sequence: 2, Subject: "kompass.test.matches.mark.a.read", Data: []byte{255}},
		{Sequence: 3, Subject: "kompass.test.matches.matcher.match", Data: good, Time: time.Now()},
	})
	if err == nil {
		t.Error("no error")
	}
	x.view("recipients/a", time.Now(), func(b *inbox) {
		if b.unread != 1 {
			t.Errorf("%d unread", b.unread)
		}
	})
	ended, end := context.WithCancel(t.Context())
	end()
	if err := errors.Join(x.await(t.Context(), 3), x.await(t.Context(), 0)); err != nil {
		t.Error(err)
	}
	if err := x.await(ended, 4); !errors.Is(err, context.Canceled) {
		t.Errorf("what is not there: %v", err)
	}
}

// BenchmarkInboxes fills the index, with ten recipients a match.
func BenchmarkInboxes(b *testing.B) {
	l := &madeUp{now: time.Now()}
	for i := range 1000 {
		match := &notificationv1.Match{Event: uint64(i + 1), Stored: timestamppb.New(l.now)}
		for j := range 10 {
			match.Hits = append(match.Hits, &notificationv1.Hit{Recipient: "recipients/ozg-fachbereich-" + strconv.Itoa((i*7+j)%1000), Subscriptions: []string{"subscriptions/my-municipality-" + strconv.Itoa(j)}})
		}
		l.append("matcher.match", match)
	}
	for b.Loop() {
		if err := newInboxes().apply(l.messages); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(1000*float64(b.N)/b.Elapsed().Seconds(), "matches/s")
}
