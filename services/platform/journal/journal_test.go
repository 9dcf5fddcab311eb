package journal_test

import (
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"kompass.krz.de/services/platform/broker"
	"kompass.krz.de/services/platform/journal"
	"kompass.krz.de/services/platform/ledger"
)

var quiet = slog.New(slog.DiscardHandler)

// TestEmbedded runs the conformance suite on the embedded server.
func TestEmbedded(t *testing.T) {
	t.Parallel()
	conformance(t, embedded(t, t.TempDir()), func() {})
}

func embedded(t *testing.T, dir string) ledger.Site {
	t.Helper()
	e, err := broker.Start(dir, quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Stop)
	return ledger.Site{Conn: e.Conn, Origin: "test", Replicas: 1, Failed: e.Failed}
}

// conformance is what a journal promises, on whatever server it stands. disturb is called in the middle of load.
func conformance(t *testing.T, site ledger.Site, disturb func()) {
	t.Run("calm", func(t *testing.T) { calm(t, site) })
	t.Run("each item once and in order", func(t *testing.T) { race(t, site, disturb) })
}

func calm(t *testing.T, site ledger.Site) {
	t.Run("promises", func(t *testing.T) {
		t.Parallel()
		open(t, site, journal.Config{Name: "promise", MaxAge: time.Hour})
		open(t, site, journal.Config{Name: "promise", MaxAge: time.Hour})
		_, err := journal.Open(t.Context(), site, journal.Config{Name: "promise", MaxAge: time.Minute})
		if !errors.Is(err, ledger.ErrConfig) || !strings.Contains(err.Error(), "max_age is 1h0m0s, must be 1m0s") {
			t.Errorf("other age: %v", err)
		}
		for _, bad := range []string{"", "Events", "a.b", "a*"} {
			if _, err := journal.Open(t.Context(), site, journal.Config{Name: bad}); err == nil {
				t.Errorf("a journal is called %q", bad)
			}
		}
	})
	t.Run("a message comes back as it was", func(t *testing.T) {
		t.Parallel()
		j := open(t, site, journal.Config{Name: "one"})
		if _, ok, err := j.Last(t.Context(), filter(t, j)); ok || err != nil {
			t.Errorf("the last of none: %t, %v", ok, err)
		}
		if first, last, err := j.Bounds(t.Context()); first != 1 || last != 0 || err != nil {
			t.Errorf("bounds of an empty journal: %d–%d, %v", first, last, err)
		}
		m := message(t, j, "a.b", 7)
		m.Header = map[string][]string{"Ce-Id": {"x"}}
		seq := mustAppend(t, j, m, journal.Guard{})
		var ways []journal.Message
		last, _, err := j.Last(t.Context(), filter(t, j, "a"))
		ways = append(ways, last)
		at, _, err2 := j.At(t.Context(), seq)
		read, err3 := j.Read(t.Context(), filter(t, j), 0, 10)
		ways = append(append(append(ways, at), read...), follow(t, j, 0, filter(t, j), 1)...)
		if err := errors.Join(err, err2, err3); err != nil || len(ways) != 4 {
			t.Fatalf("%d, %v", len(ways), err)
		}
		for i, got := range ways {
			if got.Sequence != seq || got.Subject != m.Subject || value(got) != 7 || len(got.Header) != 1 || got.Header["Ce-Id"][0] != "x" || time.Since(got.Time) > time.Minute {
				t.Errorf("way %d: %+v", i, got)
			}
		}
		if _, ok, err := j.At(t.Context(), seq+1); ok || err != nil {
			t.Errorf("a message to come: %t, %v", ok, err)
		}
	})
	t.Run("guards", func(t *testing.T) { t.Parallel(); guards(t, open(t, site, journal.Config{Name: "guards"})) })
	t.Run("many at once", func(t *testing.T) { t.Parallel(); many(t, open(t, site, journal.Config{Name: "many"})) })
	t.Run("reads", func(t *testing.T) { t.Parallel(); reads(t, open(t, site, journal.Config{Name: "reads"})) })
	t.Run("messages expire", func(t *testing.T) { t.Parallel(); expire(t, site) })
	t.Run("the last only", func(t *testing.T) { t.Parallel(); lastOnly(t, site) })
}

func guards(t *testing.T, j *journal.Journal) {
	all := filter(t, j, "src", "catalogue")
	one := mustAppend(t, j, message(t, j, "src.catalogue.theme", 1), journal.Guard{Filter: all})
	if _, err := j.Append(t.Context(), message(t, j, "src.catalogue.service", 2), journal.Guard{Filter: all}); !errors.Is(err, journal.ErrConflict) {
		t.Errorf("on nothing: %v", err)
	}
	mustAppend(t, j, message(t, j, "src.market.offer", 3), journal.Guard{Filter: filter(t, j, "src", "market")})
	two := mustAppend(t, j, message(t, j, "src.catalogue.service", 4), journal.Guard{Filter: all, Last: one})
	batch := []journal.Message{message(t, j, "src.catalogue.theme", 5), message(t, j, "src.catalogue.theme", 6)}
	if _, err := j.AppendAll(t.Context(), batch, journal.Guard{Filter: all, Last: one}); !errors.Is(err, journal.ErrConflict) {
		t.Errorf("several on an outdated one: %v", err)
	}
	if _, last, _ := j.Bounds(t.Context()); last != two {
		t.Errorf("what was refused left %d messages, want %d", last, two)
	}
	if last, err := j.AppendAll(t.Context(), batch, journal.Guard{Filter: all, Last: two}); err != nil || last != two+2 {
		t.Errorf("several: %d, %v", last, err)
	}
	for range 10 { // erased: as if it had never been there
		last, ok, err := j.Last(t.Context(), all)
		if err != nil || !ok {
			break
		}
		if err := j.Erase(t.Context(), last.Sequence); err != nil {
			t.Fatal(err)
		}
	}
	mustAppend(t, j, message(t, j, "src.catalogue.theme", 7), journal.Guard{Filter: all})
	guardsOfAll(t, j)
}

// guardsOfAll: a guard of the whole journal notices every message, and what was erased still counts.
func guardsOfAll(t *testing.T, j *journal.Journal) {
	all := filter(t, j)
	_, last, err := j.Bounds(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	elsewhere := mustAppend(t, j, message(t, j, "elsewhere", 8), journal.Guard{})
	batch := []journal.Message{message(t, j, "src.catalogue.theme", 9), message(t, j, "src.catalogue.theme", 10)}
	for range journal.Chain/2 + 2 { // one by one, and in a batch
		if _, err := j.AppendAll(t.Context(), batch, journal.Guard{Filter: all, Last: last}); !errors.Is(err, journal.ErrConflict) {
			t.Errorf("%d messages on an outdated one: %v", len(batch), err)
		}
		batch = append(batch, batch[:2]...)
	}
	if err := j.Erase(t.Context(), elsewhere); err != nil {
		t.Fatal(err)
	}
	if last, err = j.AppendAll(t.Context(), batch[:2], journal.Guard{Filter: all, Last: elsewhere}); err != nil || last != elsewhere+2 {
		t.Errorf("after one that was erased: %d, %v", last, err)
	}
	if end, err := j.AppendAll(t.Context(), batch, journal.Guard{Filter: all, Last: last}); err != nil || end != last+uint64(len(batch)) {
		t.Errorf("many: %d, %v", end, err)
	}
}

// many is more than one atomic batch, and one more.
func many(t *testing.T, j *journal.Journal) {
	var messages []journal.Message
	for i := range 2*ledger.BatchSize + 1 {
		messages = append(messages, message(t, j, "m.x"+strconv.Itoa(i%3), i))
	}
	begin := time.Now()
	last, err := j.AppendAll(t.Context(), messages, journal.Guard{Filter: filter(t, j, "m")})
	if err != nil || last != uint64(len(messages)) {
		t.Fatalf("%d, %v", last, err)
	}
	t.Logf("%.0f messages/s", float64(len(messages))/time.Since(begin).Seconds())
	for i, m := range follow(t, j, 0, filter(t, j), len(messages)) {
		if value(m) != i || m.Sequence != uint64(i+1) {
			t.Fatalf("message %d is %d with %d", i, m.Sequence, value(m))
		}
	}
	if _, err := j.AppendAll(t.Context(), nil, journal.Guard{}); err == nil {
		t.Error("nothing was appended, and no error")
	}
}

func reads(t *testing.T, j *journal.Journal) {
	var times []time.Time
	for i := range 10 {
		mustAppend(t, j, message(t, j, []string{"even.x", "odd.x"}[i%2], i), journal.Guard{})
		time.Sleep(2 * time.Millisecond)
		times = append(times, time.Now())
		time.Sleep(2 * time.Millisecond)
	}
	follow(t, j, 0, filter(t, j), 10)
	eventually(t, "the node that answers has them all", func() bool {
		m, err := j.Read(t.Context(), filter(t, j, "odd"), 3, 3)
		return err == nil && slices.Equal(values(m), []int{3, 5, 7})
	})
	if m, err := j.Read(t.Context(), filter(t, j), 11, 3); len(m) != 0 || err != nil {
		t.Errorf("beyond the end: %v, %v", m, err)
	}
	for i, want := range []uint64{2, 3} {
		if seq, err := j.From(t.Context(), times[i]); seq != want || err != nil {
			t.Errorf("from %d: %d, %v", i, seq, err)
		}
	}
	if seq, err := j.From(t.Context(), times[9]); seq != 11 || err != nil {
		t.Errorf("from now: %d, %v", seq, err)
	}
	if err := j.Erase(t.Context(), 4); err != nil {
		t.Error(err)
	}
	if err := j.Erase(t.Context(), 4); err != nil {
		t.Errorf("erased twice: %v", err)
	}
	if got := values(follow(t, j, 1, filter(t, j, "odd"), 4)); !slices.Equal(got, []int{1, 5, 7, 9}) {
		t.Errorf("followed %v", got)
	}
	broken := errors.New("broken")
	if err := j.Follow(t.Context(), 0, filter(t, j), func([]journal.Message) error { return broken }); !errors.Is(err, broken) {
		t.Errorf("an apply that fails: %v", err)
	}
	for _, bad := range []string{"", "*", ">", "a b", "a.b", "ü"} {
		if s, err := j.Subject(bad); err == nil {
			t.Errorf("subject %q", s)
		}
	}
	if s, err := j.Subject(); err == nil {
		t.Errorf("subject %q without tokens", s)
	}
}

func expire(t *testing.T, site ledger.Site) {
	j := open(t, site, journal.Config{Name: "short", MaxAge: time.Second})
	seq := mustAppend(t, j, message(t, j, "a.b", 1), journal.Guard{Filter: filter(t, j, "a")})
	eventually(t, "the message goes", func() bool {
		_, ok, err := j.At(t.Context(), seq)
		return !ok && err == nil
	})
	eventually(t, "a guard takes it for none", func() bool {
		next, err := j.Append(t.Context(), message(t, j, "a.b", 2), journal.Guard{Filter: filter(t, j, "a")})
		return err == nil && next == seq+1
	})
	eventually(t, "that goes as well", func() bool {
		_, ok, err := j.Last(t.Context(), filter(t, j))
		return !ok && err == nil
	})
	mustAppend(t, j, message(t, j, "a.b", 3), journal.Guard{Filter: filter(t, j), Last: seq + 1}) // the whole journal counts on
}

func lastOnly(t *testing.T, site ledger.Site) {
	config := journal.Config{Name: "vault", LastOnly: true}
	j := open(t, site, config)
	for i := range 3 {
		mustAppend(t, j, message(t, j, "a", i), journal.Guard{})
		mustAppend(t, j, message(t, j, "b", 10+i), journal.Guard{})
	}
	if m, err := j.Read(t.Context(), filter(t, j), 1, 10); err != nil || !slices.Equal(values(m), []int{2, 12}) {
		t.Errorf("kept %v, %v", values(m), err)
	}
	if _, err := j.AppendAll(t.Context(), []journal.Message{message(t, j, "a", 1)}, journal.Guard{}); err == nil {
		t.Error("several at once")
	}
	// A writer died after its append: the next Open does the rest.
	m := message(t, j, "a", 4)
	if err := site.Conn.Publish(m.Subject, m.Data); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the message is there", func() bool { got, _, err := j.Last(t.Context(), m.Subject); return err == nil && value(got) == 4 })
	j = open(t, site, config)
	if m, err := j.Read(t.Context(), filter(t, j), 1, 10); err != nil || !slices.Equal(values(m), []int{12, 4}) {
		t.Errorf("after a new open: %v, %v", values(m), err)
	}
}

// race lets writers that know nothing of each other append the same items.
func race(t *testing.T, site ledger.Site, disturb func()) {
	const writers, items = 4, 400
	j := open(t, site, journal.Config{Name: "race"})
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	all := filter(t, j, "src")
	var disturbing sync.Once
	var writing sync.WaitGroup
	for range writers {
		writing.Go(func() {
			err := produce(ctx, j, items, func(item int) {
				if item > items/3 {
					disturbing.Do(disturb)
				}
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	got := values(follow(t, j, 0, all, items))
	writing.Wait()
	for i, v := range got {
		if v != i {
			t.Fatalf("item %d is %d: %v", i, v, got[:i+1])
		}
	}
	if _, last, err := j.Bounds(ctx); last != items || err != nil {
		t.Errorf("%d messages, want %d, %v", last, items, err)
	}
}

// produce appends the numbers from 0 as the publisher of events does: it reads what the last one was, and goes on, some at a
// time. reached hears of every step.
func produce(ctx context.Context, j *journal.Journal, items int, reached func(item int)) error {
	all, err := j.Filter("src")
	for err == nil && ctx.Err() == nil {
		last, ok, unread := j.Last(ctx, all)
		if unread != nil {
			continue
		}
		from := 0
		if ok {
			from = value(last) + 1
		}
		if reached(from); from >= items {
			return nil
		}
		var messages []journal.Message
		for i := from; i < min(from+1+from%3, items); i++ {
			subject, _ := j.Subject("src", "s"+strconv.Itoa(i%5))
			messages = append(messages, journal.Message{Subject: subject, Data: binary.BigEndian.AppendUint64(nil, uint64(i))})
		}
		_, err = j.AppendAll(ctx, messages, journal.Guard{Filter: all, Last: last.Sequence})
		if errors.Is(err, journal.ErrConflict) || errors.Is(err, journal.ErrUnavailable) {
			err = nil
		}
	}
	return errors.Join(err, ctx.Err())
}

func open(t *testing.T, site ledger.Site, c journal.Config) *journal.Journal {
	t.Helper()
	j, err := journal.Open(t.Context(), site, c)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func filter(t *testing.T, j *journal.Journal, tokens ...string) string {
	t.Helper()
	f, err := j.Filter(tokens...)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func message(t *testing.T, j *journal.Journal, subject string, value int) journal.Message {
	t.Helper()
	s, err := j.Subject(strings.Split(subject, ".")...)
	if err != nil {
		t.Fatal(err)
	}
	return journal.Message{Subject: s, Data: binary.BigEndian.AppendUint64(nil, uint64(value))}
}

func value(m journal.Message) int { return int(binary.BigEndian.Uint64(m.Data)) }

func values(messages []journal.Message) (v []int) {
	for _, m := range messages {
		v = append(v, value(m))
	}
	return v
}

func mustAppend(t *testing.T, j *journal.Journal, m journal.Message, g journal.Guard) uint64 {
	t.Helper()
	seq, err := j.Append(t.Context(), m, g)
	if err != nil {
		t.Fatal(err)
	}
	return seq
}

var errEnough = errors.New("enough")

// follow collects n messages.
func follow(t *testing.T, j *journal.Journal, after uint64, filter string, n int) (got []journal.Message) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	err := j.Follow(ctx, after, filter, func(batch []journal.Message) error {
		if got = append(got, batch...); len(got) >= n {
			return errEnough
		}
		return nil
	})
	if !errors.Is(err, errEnough) || len(got) != n {
		t.Fatalf("followed %d messages, want %d: %v", len(got), n, err)
	}
	return got
}

func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); !is(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within 20 s: %s", what)
		}
	}
}

// TestSmallAppends lets two writers append few messages at once to subjects of their own, so that each takes sequences that the other
// counted on: each writer's messages are there once and in order, and it knows its last.
func TestSmallAppends(t *testing.T) {
	t.Parallel()
	j := open(t, embedded(t, t.TempDir()), journal.Config{Name: "small"})
	const rounds, each = 40, 9
	var writing sync.WaitGroup
	for w := range 2 {
		source := "s" + strconv.Itoa(w)
		writing.Go(func() {
			g := journal.Guard{Filter: filter(t, j, source)}
			for round := range rounds {
				var messages []journal.Message
				for i := range each {
					messages = append(messages, message(t, j, source+".x", round*each+i))
				}
				var err error
				if g.Last, err = j.AppendAll(t.Context(), messages, g); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	writing.Wait()
	for w := range 2 {
		got := values(follow(t, j, 0, filter(t, j, "s"+strconv.Itoa(w)), rounds*each))
		for i, v := range got {
			if v != i {
				t.Fatalf("writer %d: message %d is %d", w, i, v)
			}
		}
	}
}
