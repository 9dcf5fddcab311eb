package notification

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/platform/journal"
)

// matching is a matcher at work.
type matching struct {
	stop context.CancelFunc
	done chan struct{}
}

func (m *matching) end() { m.stop(); <-m.done }

// opened opens the journal "matches" of a stage.
func (st *stage) opened() *journal.Journal {
	st.tb.Helper()
	matches, err := journal.Open(st.tb.Context(), st.site, journal.Config{Name: "matches", MaxAge: matchesKept})
	if err != nil {
		st.tb.Fatal(err)
	}
	return matches
}

// matchWith starts a matcher that asks for the state and writes by a way of the test's.
func (st *stage) matchWith(matches *journal.Journal, via scribeJournal, current func(context.Context) (world, error)) *matching {
	st.tb.Helper()
	m, err := newMatcher(matches, via, current, quiet)
	if err != nil {
		st.tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(st.tb.Context())
	running := &matching{stop: cancel, done: make(chan struct{})}
	go func() { m.run(ctx, st.events); close(running.done) }()
	st.tb.Cleanup(running.end)
	return running
}

// happens appends events of a source that no publisher guards, and returns the sequence of the last.
func (st *stage) happens(events ...*notificationv1.Event) (last uint64) {
	st.tb.Helper()
	for _, e := range events {
		m, err := eventMessage(st.events.Subject, "kompass.test.elsewhere.thing.x", e, position{})
		if err == nil {
			last, err = st.events.Append(st.tb.Context(), m, journal.Guard{})
		}
		if err != nil {
			st.tb.Fatal(err)
		}
	}
	return last
}

// matched reads the matches of all events up to one, once they are there.
func (st *stage) matched(matches *journal.Journal, event uint64) (all []*notificationv1.Match) {
	st.tb.Helper()
	filter, _ := matches.Filter(tokenMatcher)
	limit := time.Now().Add(30 * time.Second)
	for next, at := uint64(1), (reached{}); at.before(reached{event: event}); {
		messages, err := matches.Read(st.tb.Context(), filter, next, 100)
		if err != nil {
			st.tb.Fatal(err)
		}
		for _, m := range messages {
			after, err := reachedBy(m)
			if err != nil || !at.before(after) {
				st.tb.Fatalf("%s follows %s: %v", after, at, err)
			}
			match, err := matchFrom(m)
			if err != nil {
				st.tb.Fatal(err)
			}
			if next, at = m.Sequence+1, after; match != nil {
				all = append(all, match)
			}
		}
		if len(messages) == 0 {
			if time.Now().After(limit) {
				st.tb.Fatalf("matched up to %s, want %d", at, event)
			}
			time.Sleep(10 * time.Millisecond)
		}
	}
	return all
}

// always answers one state.
func always(w world) func(context.Context) (world, error) {
	return func(context.Context) (world, error) { return w, nil }
}

// crowd is a state with so many who hear of everything; more than one message holds. Of those that come and go there are some more.
func crowd(n, passing int) world {
	w := emptyWorld()
	var recipients []*notificationv1.Recipient
	var subscriptions []*notificationv1.Subscription
	add := func(name string) {
		recipients = append(recipients, &notificationv1.Recipient{Name: "recipients/" + name})
		subscriptions = append(subscriptions, &notificationv1.Subscription{Name: "subscriptions/" + name, Recipient: "recipients/" + name, Topics: []string{"themes/all"}})
	}
	for i := range n {
		add(fmt.Sprintf("ozg-fachbereich-%05d", i))
	}
	for range passing {
		add(fmt.Sprintf("ozg-fachbereich-%05d-passing", rand.IntN(n)))
	}
	add("one")
	subscriptions[len(subscriptions)-1].Topics = []string{"themes/one", "themes/all"}
	w.recipients, w.subscriptions = tableOf(recipients...), tableOf(subscriptions...)
	w.derive()
	return w
}

// TestEachEventIsMatchedOnce lets two matchers that are killed again and again, with a journal that fails and writes parts, match
// events while subscriptions come and go: who was subscribed all the time hears of each event once, in order.
func TestEachEventIsMatchedOnce(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	matches := st.opened()
	const many = 5000
	worlds := []world{crowd(many, 0), crowd(many, 3), crowd(many, 5)}
	var asked atomic.Int32
	current := func(context.Context) (world, error) { // another one every time
		n := asked.Add(1)
		if n%7 == 0 {
			return world{}, errors.New("behind")
		}
		return worlds[int(n)%len(worlds)], nil
	}
	stop := make(chan struct{})
	var killing sync.WaitGroup
	for i := range 2 {
		f := &faulty{Journal: matches, rng: rand.New(rand.NewPCG(uint64(i), uint64(time.Now().UnixNano())))}
		killing.Go(func() {
			for {
				m := st.matchWith(matches, f, current)
				select {
				case <-time.After(time.Duration(rand.IntN(80)) * time.Millisecond):
					m.end()
				case <-stop:
					m.end()
					return
				}
			}
		})
	}
	var all, one []uint64 // sequences of events that concern all, or one
	for i := range 400 {
		time.Sleep(time.Duration(rand.IntN(3000)) * time.Microsecond)
		switch i % 20 {
		case 3: // so many that it takes several messages
			all = append(all, st.happens(&notificationv1.Event{Id: strconv.Itoa(i), Topics: []string{"themes/all"}}))
		case 5, 6, 7, 8:
			one = append(one, st.happens(&notificationv1.Event{Id: strconv.Itoa(i), Topics: []string{"themes/one"}}))
		default:
			st.happens(&notificationv1.Event{Id: strconv.Itoa(i), Topics: []string{"themes/none"}})
		}
	}
	close(stop)
	killing.Wait()
	st.matchWith(matches, matches, always(worlds[0]))
	last := st.happens(&notificationv1.Event{Id: "last"})
	got, parts := map[string][]uint64{}, map[uint64]int{}
	for _, match := range st.matched(matches, last) {
		parts[match.GetEvent()]++
		for _, hit := range match.GetHits() {
			got[hit.GetRecipient()] = append(got[hit.GetRecipient()], match.GetEvent())
		}
	}
	if parts[all[0]] < 2 {
		t.Errorf("what concerns all takes %d messages", parts[all[0]])
	}
	for i := range many {
		if name := fmt.Sprintf("recipients/ozg-fachbereich-%05d", i); !slices.Equal(got[name], all) {
			t.Fatalf("%s heard of %v, want %v", name, got[name], all)
		}
	}
	both := slices.Sorted(slices.Values(slices.Concat(all, one)))
	if !slices.Equal(got["recipients/one"], both) {
		t.Errorf("one heard of %v, want %v", got["recipients/one"], both)
	}
}

// dying is a journal whose writer dies when a part of an append is written.
type dying struct {
	*journal.Journal
	part int
	dead chan struct{}
}

func (d *dying) AppendAll(ctx context.Context, messages []journal.Message, g journal.Guard) (uint64, error) {
	if len(messages) > d.part {
		_, _ = d.Journal.AppendAll(ctx, messages[:d.part], g)
		close(d.dead)
		<-ctx.Done()
		return 0, errLost
	}
	return d.Journal.AppendAll(ctx, messages, g)
}

// TestKilledWithinAnEvent: who starts again goes on within the event, after those who are told already.
func TestKilledWithinAnEvent(t *testing.T) {
	t.Parallel()
	const many = 10_000
	for part := 1; part <= 2; part++ {
		st := newStage(t)
		matches := st.opened()
		d := &dying{matches, part, make(chan struct{})}
		m := st.matchWith(matches, d, always(crowd(many, 0)))
		event := st.happens(&notificationv1.Event{Id: "1", Topics: []string{"themes/all"}})
		<-d.dead
		m.end()
		st.matchWith(matches, matches, always(crowd(many, 4)))
		heard := map[string]int{}
		for _, match := range st.matched(matches, event) {
			for _, hit := range match.GetHits() {
				heard[hit.GetRecipient()]++
			}
		}
		for i := range many {
			if name := fmt.Sprintf("recipients/ozg-fachbereich-%05d", i); heard[name] != 1 {
				t.Fatalf("killed after %d messages: %s heard %d times", part, name, heard[name])
			}
		}
	}
}

// TestNobodyIsConcerned: an event that concerned nobody is not matched again after a restart, with a subscription that came later.
func TestNobodyIsConcerned(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	matches := st.opened()
	m := st.matchWith(matches, matches, always(emptyWorld()))
	last := st.happens(&notificationv1.Event{Id: "1", Topics: []string{"themes/all"}}, &notificationv1.Event{Id: "2", Topics: []string{"themes/one"}})
	if got := st.matched(matches, last); len(got) != 0 {
		t.Errorf("without a subscription: %v", got)
	}
	m.end()
	st.matchWith(matches, matches, always(crowd(1, 0)))
	last = st.happens(&notificationv1.Event{Id: "3", Resource: "themes/one", Topics: []string{"themes/one"}})
	got := st.matched(matches, last)
	if len(got) != 1 || got[0].GetEvent() != last || got[0].GetResource() != "themes/one" || got[0].GetHits()[0].GetRecipient() != "recipients/one" {
		t.Errorf("matched %v, want %d alone", got, last)
	}
}

// TestFewerEventsThanMatched goes on when the journal of events was lost.
func TestFewerEventsThanMatched(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	matches := st.opened()
	subject, _ := matches.Subject(tokenMatcher, "position")
	if _, err := matches.Append(t.Context(), journal.Message{Subject: subject, Header: positionHeader(reached{event: 99})}, journal.Guard{}); err != nil {
		t.Fatal(err)
	}
	st.happens(&notificationv1.Event{Id: "1", Topics: []string{"themes/one"}})
	m, err := newMatcher(matches, matches, always(crowd(1, 0)), quiet)
	if err != nil {
		t.Fatal(err)
	}
	started := make(chan struct{})
	m.journal = &firstLast{Journal: matches, asked: started}
	go m.run(t.Context(), st.events)
	<-started
	time.Sleep(50 * time.Millisecond)
	second := st.happens(&notificationv1.Event{Id: "2", Topics: []string{"themes/one"}})
	limit := time.Now().Add(10 * time.Second)
	filter, _ := matches.Filter(tokenMatcher)
	for {
		last, _, err := matches.Last(t.Context(), filter)
		if err != nil || time.Now().After(limit) {
			t.Fatal("not matched", err)
		}
		if match, _ := matchFrom(last); match.GetEvent() == second {
			break
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// firstLast tells when it was first asked.
type firstLast struct {
	*journal.Journal
	once  sync.Once
	asked chan struct{}
}

func (f *firstLast) Last(ctx context.Context, filter string) (journal.Message, bool, error) {
	m, ok, err := f.Journal.Last(ctx, filter)
	f.once.Do(func() { close(f.asked) })
	return m, ok, err
}

func TestReached(t *testing.T) {
	t.Parallel()
	order := []reached{{}, {4, "recipients/a"}, {4, "recipients/b"}, {4, "webhooks/a"}, {4, ""}, {5, "recipients/a"}, {5, ""}}
	for i, a := range order {
		for j, b := range order {
			if a.before(b) != (i < j) {
				t.Errorf("%q before %q: %v", a, b, a.before(b))
			}
		}
		if got, err := reachedBy(journal.Message{Header: positionHeader(a)}); err != nil || got != a {
			t.Errorf("%q became %q, %v", a, got, err)
		}
	}
	if _, err := reachedBy(journal.Message{}); err == nil {
		t.Error("a message without position is one")
	}
}

// TestMessagesGoOnWithinAnEvent: whoever comes after the last addressee that is in the journal is left, whatever the subscriptions are now.
func TestMessagesGoOnWithinAnEvent(t *testing.T) {
	t.Parallel()
	f := found{event: 7, hits: []*notificationv1.Hit{{Recipient: "recipients/a"}, {Recipient: "recipients/c"}, {Webhook: "webhooks/a"}}}
	for from, want := range map[reached]int{{6, ""}: 3, {7, "recipients/a"}: 2, {7, "recipients/b"}: 2, {7, "recipients/c"}: 1, {7, "webhooks/a"}: 0} {
		messages, err := f.messages("s", from)
		if err != nil {
			t.Fatal(err)
		}
		hits := 0
		for _, m := range messages {
			m.Subject = "kompass.test.matches.matcher.match"
			match, err := matchFrom(m)
			if err != nil {
				t.Fatal(err)
			}
			hits += len(match.GetHits())
		}
		if hits != want {
			t.Errorf("after %q: %d hits, want %d", from, hits, want)
		}
	}
}

// BenchmarkMatch is the way of events from one journal to the other, with 10,000 subscriptions: all of them waiting.
func BenchmarkMatch(b *testing.B) {
	st := newStage(b)
	matches := st.opened()
	w := countryWorld(10_000)
	w.audience()
	var messages []journal.Message
	for i := range b.N {
		m, err := eventMessage(st.events.Subject, "kompass.test.elsewhere.thing.x", &notificationv1.Event{
			Id: strconv.Itoa(i), Kind: notificationv1.Event_KIND_SOLUTION, Topics: []string{fmt.Sprintf("municipalities/%08d", i%10_000), "themes/x"},
		}, position{})
		if err != nil {
			b.Fatal(err)
		}
		messages = append(messages, m)
	}
	last, err := st.events.AppendAll(b.Context(), messages, journal.Guard{})
	if err != nil {
		b.Fatal(err)
	}
	filter, _ := matches.Filter(tokenMatcher)
	b.ResetTimer()
	st.matchWith(matches, matches, always(w))
	for {
		m, _, err := matches.Last(b.Context(), filter)
		if err != nil {
			b.Fatal(err)
		}
		if at, _ := reachedBy(m); at.event >= last {
			break
		}
		time.Sleep(time.Millisecond)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
