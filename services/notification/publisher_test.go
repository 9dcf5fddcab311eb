package notification

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/platform/broker"
	"kompass.krz.de/services/platform/journal"
	"kompass.krz.de/services/platform/ledger"
)

var quiet = slog.New(slog.DiscardHandler)

// stage is a broker with the three ledgers that others own, written by the test.
type stage struct {
	tb     testing.TB
	site   ledger.Site
	events *journal.Journal
	logs   map[string]*ledger.Log // with feeds that run
	last   map[string]uint64      // written, by service
	now    time.Time
}

func newStage(tb testing.TB) *stage {
	tb.Helper()
	e, err := broker.Start(tb.TempDir(), quiet)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(e.Stop)
	return stageAt(tb, ledger.Site{Conn: e.Conn, Origin: "test", Replicas: 1})
}

func stageAt(tb testing.TB, site ledger.Site) *stage {
	tb.Helper()
	st := &stage{tb: tb, site: site, logs: map[string]*ledger.Log{}, last: map[string]uint64{}, now: time.Now()}
	for _, name := range []string{catalogueStream, municipalityStream, marketplaceStream} {
		log := st.open(name)
		last, err := log.LastSequence(tb.Context())
		if err != nil {
			tb.Fatal(err)
		}
		st.logs[name], st.last[name] = log, last
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan struct{})
		go func() { defer close(done); log.Feed().Run(ctx) }()
		tb.Cleanup(func() { cancel(); <-done })
	}
	var err error
	if st.events, err = journal.Open(tb.Context(), st.site, journal.Config{Name: "events", MaxAge: eventsKept}); err != nil {
		tb.Fatal(err)
	}
	return st
}

func (st *stage) open(name string) *ledger.Log {
	st.tb.Helper()
	l, err := st.site.Open(st.tb.Context(), name)
	if err != nil {
		st.tb.Fatal(err)
	}
	return l
}

// change is one record to be written: an entity, or a tombstone.
type change struct {
	entity  string   // token of its subject
	id      []string // the rest of the subject
	name    string   // resource name
	value   proto.Message
	changed []string
}

func serviceOfEntity(entity string) string {
	switch entity {
	case "theme", "situation", "ozgService", "publicService", "procedure", "revision", "succession", "relevance":
		return catalogueStream
	case "municipality", "dataCentre", "implementation", "plan", "portal", "adoptionEffect", "finding":
		return municipalityStream
	}
	return marketplaceStream
}

// write appends changes as one commit and returns its last sequence.
func (st *stage) write(changes ...change) uint64 {
	st.tb.Helper()
	log := st.logs[serviceOfEntity(changes[0].entity)]
	var drafts []ledger.Draft
	for _, c := range changes {
		subject := log.Name().Subject(c.entity, c.id...)
		drafts = append(drafts, ledger.Draft{Subject: subject, Resource: c.name, Entity: c.value, Changed: c.changed, Head: st.head(log, subject)})
	}
	last, err := log.Append(st.tb.Context(), ledger.Cause{Actor: "apikeys/test", Time: st.now}, drafts)
	if err != nil {
		st.tb.Fatal(err)
	}
	st.last[log.Name().Service] = last
	return last
}

// head is the newest record of a subject, as soon as what was written has come back.
func (st *stage) head(log *ledger.Log, subject string) ledger.Head {
	for log.Feed().Chain().End().Sequence < st.last[log.Name().Service] {
		time.Sleep(100 * time.Microsecond)
	}
	return log.Feed().Chain().Head(subject)
}

// implementationChange changes an implementation; step makes it differ.
func implementationChange(ags, key string, step int) change {
	name := "municipalities/" + ags + "/implementations/" + key
	return change{"implementation", []string{ags, key}, name, &municipalityv1.Implementation{
		Name: name, PublicService: "publicServices/" + key, Phase: municipalityv1.Implementation_PHASE_PLANNED, Note: strconv.Itoa(step),
	}, []string{"note"}}
}

func solutionChange(id string, step int) change {
	return change{"solution", []string{id}, "solutions/" + id, &marketplacev1.Solution{
		Name: "solutions/" + id, DisplayName: "Lösung " + id, Description: strconv.Itoa(step),
	}, []string{"description"}}
}

func themeChange(id string, step int) change {
	return change{"theme", []string{id}, "themes/" + id, &cataloguev1.Theme{Name: "themes/" + id, DisplayName: "Thema " + strconv.Itoa(step)}, []string{"display_name"}}
}

// working is a publisher with feeds of its own.
type working struct {
	stop func()
	done chan struct{}
}

// publish starts a publisher whose way to the journal is via; it ends with stop.
func (st *stage) publish(via eventJournal) *working {
	st.tb.Helper()
	var logs []*ledger.Log
	for _, name := range []string{catalogueStream, municipalityStream, marketplaceStream} {
		logs = append(logs, st.open(name))
	}
	p, err := openPublisher(st.tb.Context(), st.events, via, logs, quiet, st.now)
	if errors.Is(err, errLost) {
		return st.publish(via)
	}
	if err != nil {
		st.tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(st.tb.Context())
	w := &working{stop: cancel, done: make(chan struct{})}
	var all sync.WaitGroup
	for _, l := range logs {
		all.Go(func() { l.Feed().Run(ctx) })
	}
	all.Go(func() { p.run(ctx) })
	go func() { all.Wait(); close(w.done) }()
	st.tb.Cleanup(w.end)
	return w
}

func (w *working) end() {
	w.stop()
	<-w.done
}

// published reads events of the journal until there are n, waits whether more come, and returns them.
func (st *stage) published(n int) (events []*notificationv1.Event) {
	st.tb.Helper()
	filter, err := st.events.Filter()
	if err != nil {
		st.tb.Fatal(err)
	}
	limit := time.Now().Add(20 * time.Second)
	for next, settled := uint64(1), 0; settled < 3; {
		messages, err := st.events.Read(st.tb.Context(), filter, next, 1000)
		if err != nil {
			st.tb.Fatal(err)
		}
		for _, m := range messages {
			event, err := eventFrom(m)
			if err != nil {
				st.tb.Fatal(err)
			}
			if event != nil {
				events = append(events, event)
			}
			next = m.Sequence + 1
		}
		if len(messages) == 0 {
			if len(events) >= n {
				settled++
			} else if time.Now().After(limit) {
				st.tb.Fatalf("%d events, want %d", len(events), n)
			}
			time.Sleep(20 * time.Millisecond)
		}
	}
	return events
}

// faulty is a journal whose acknowledgements get lost, that writes only a part, and that answers late.
type faulty struct {
	*journal.Journal
	mu  sync.Mutex
	rng *rand.Rand
}

var errLost = fmt.Errorf("%w: lost", journal.ErrUnavailable)

func (f *faulty) chance(percent int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.rng.IntN(100) < percent
}

func (f *faulty) AppendAll(ctx context.Context, messages []journal.Message, g journal.Guard) (uint64, error) {
	switch {
	case f.chance(10):
		return 0, errLost // nothing was written
	case f.chance(10):
		_, _ = f.Journal.AppendAll(ctx, messages, g)
		return 0, errLost // it was, or was refused
	case f.chance(20) && len(messages) > 1:
		_, _ = f.Journal.AppendAll(ctx, messages[:1+len(messages)/2], g)
		return 0, errLost // the server died in the middle
	}
	return f.Journal.AppendAll(ctx, messages, g)
}

func (f *faulty) Last(ctx context.Context, filter string) (journal.Message, bool, error) {
	if f.chance(10) {
		return journal.Message{}, false, errLost
	}
	return f.Journal.Last(ctx, filter)
}

// TestEachOnce lets two publishers that are killed again and again, with a journal that fails, publish what is written
// meanwhile: each event is there once, and in the order of its ledger.
func TestEachOnce(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.publish(st.events).end() // begins the journal
	rng := rand.New(rand.NewPCG(1, uint64(time.Now().UnixNano())))
	var killing sync.WaitGroup
	stop := make(chan struct{})
	for i := range 2 {
		f := &faulty{Journal: st.events, rng: rand.New(rand.NewPCG(uint64(i), rng.Uint64()))}
		killing.Go(func() {
			for {
				w := st.publish(f)
				select {
				case <-time.After(time.Duration(rand.IntN(80)) * time.Millisecond):
					w.end()
				case <-stop:
					w.end()
					return
				}
			}
		})
	}
	want := map[string][]string{} // the ids of events, by service
	expect := func(service string, first uint64) {
		want[service] = append(want[service], "test."+service+"."+strconv.FormatUint(first, 10))
	}
	for step := range 150 {
		switch rng.IntN(4) {
		case 0:
			expect(catalogueStream, st.write(themeChange("bauen", step)))
		case 1:
			expect(marketplaceStream, st.write(solutionChange("s"+strconv.Itoa(step%5), step)))
		case 2: // one commit, one municipality: one event
			last := st.write(implementationChange("05758004", "1", step), implementationChange("05758004", "2", step))
			expect(municipalityStream, last-1)
		default: // one commit, three municipalities: three events
			last := st.write(implementationChange("05758004", "1", step), implementationChange("05758008", "1", step), implementationChange("05758012", "1", step))
			for i := range uint64(3) {
				expect(municipalityStream, last-2+i)
			}
		}
	}
	close(stop)
	killing.Wait()
	st.publish(st.events)
	got := map[string][]string{}
	for _, e := range st.published(len(want[catalogueStream]) + len(want[municipalityStream]) + len(want[marketplaceStream])) {
		service := e.GetId()[len("test."):]
		service = service[:slices.Index([]byte(service), '.')]
		got[service] = append(got[service], e.GetId())
	}
	for service, ids := range want {
		if !slices.Equal(got[service], ids) {
			t.Errorf("%s: %d events, want %d:\n%v\n%v", service, len(got[service]), len(ids), got[service], ids)
		}
	}
}

// TestHistoryIsNoNews begins with ledgers that hold something, and publishes what happens from then on, also while nobody runs.
func TestHistoryIsNoNews(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.write(themeChange("bauen", 1))
	st.write(implementationChange("05758004", "1", 1))
	st.publish(st.events).end() // comes and goes before anything happens
	st.write(themeChange("bauen", 2))
	st.write(solutionChange("s", 1))
	w := st.publish(st.events)
	if got := idsOf(st.published(2)); !slices.Equal(slices.Sorted(slices.Values(got)), []string{"test.catalogue.2", "test.marketplace.1"}) {
		t.Errorf("published %v", got)
	}
	w.end()
	st.write(themeChange("bauen", 3))
	st.publish(st.events)
	st.write(themeChange("bauen", 4))
	if got := idsOf(st.published(4)); !slices.Equal(got[2:], []string{"test.catalogue.3", "test.catalogue.4"}) {
		t.Errorf("published %v", got)
	}
}

func idsOf(events []*notificationv1.Event) (ids []string) {
	for _, e := range events {
		ids = append(ids, e.GetId())
	}
	return ids
}

// forgotten is a journal that was begun so long ago that nothing of it is left.
type forgotten struct{ *journal.Journal }

func (forgotten) Bounds(context.Context) (first, last uint64, err error) { return 18, 0, nil }

// TestForgottenJournal goes on with the first record that is younger than what the journal remembers.
func TestForgottenJournal(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	now := st.now
	st.now = now.Add(-eventsKept)
	st.write(themeChange("bauen", 1))
	st.now = now.Add(-time.Hour)
	st.write(themeChange("bauen", 2))
	st.now = now
	st.publish(forgotten{st.events})
	if got := idsOf(st.published(1)); !slices.Equal(got, []string{"test.catalogue.2"}) {
		t.Errorf("published %v", got)
	}
}

// TestRestoredLedger goes on at the end of a ledger that is shorter than what was published of it.
func TestRestoredLedger(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.write(themeChange("bauen", 1))
	st.publish(st.events).end()
	filter, _ := st.events.Filter(catalogueStream)
	event := &notificationv1.Event{Id: "test.catalogue.99"}
	m, err := eventMessage(st.events.Subject, "kompass.test.catalogue.theme.bauen", event, position{99, 1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := st.events.Append(t.Context(), m, journal.Guard{Filter: filter}); err != nil {
		t.Fatal(err)
	}
	st.publish(st.events)
	time.Sleep(50 * time.Millisecond)
	st.write(themeChange("bauen", 2))
	if got := idsOf(st.published(2)); !slices.Equal(got, []string{"test.catalogue.99", "test.catalogue.2"}) {
		t.Errorf("published %v", got)
	}
}

// TestEventMessage is what a partner finds in the stream.
func TestEventMessage(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.publish(st.events)
	time.Sleep(20 * time.Millisecond)
	st.write(themeChange("bauen", 1))
	st.published(1)
	filter, _ := st.events.Filter(catalogueStream)
	m, _, err := st.events.Last(t.Context(), filter)
	if err != nil {
		t.Fatal(err)
	}
	if m.Subject != "kompass.test.events.catalogue.theme.bauen" {
		t.Errorf("subject %s", m.Subject)
	}
	for name, want := range map[string]string{
		"ce-specversion": "1.0", "ce-id": "test.catalogue.1", "ce-type": "de.kompass.catalogue.revision.created.v1", "ce-source": "/kompass/test/catalogue",
		"ce-subject": "themes/bauen", "ce-time": st.now.UTC().Format(time.RFC3339Nano), "ce-datacontenttype": "application/json", "Kompass-Position": "1.1",
	} {
		if got := m.Header[name]; !slices.Equal(got, []string{want}) {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	e, err := eventFrom(m)
	if err != nil || e.GetSequence() != m.Sequence || e.GetSummaryDe() != "Katalog: „Thema 1“ hat sich geändert" || e.GetActor() != "apikeys/test" {
		t.Errorf("%v, %v", e, err)
	}
}

// BenchmarkPublish is the way of records, each a commit of its own, from the ledger to the journal.
func BenchmarkPublish(b *testing.B) {
	st := newStage(b)
	st.publish(st.events).end()
	for i := range b.N {
		id := "s" + strconv.Itoa(i)
		c := solutionChange(id, i)
		if _, err := st.logs[marketplaceStream].Append(b.Context(), ledger.Cause{Time: st.now}, []ledger.Draft{{
			Subject: st.logs[marketplaceStream].Name().Subject("solution", id), Resource: c.name, Entity: c.value, Changed: c.changed,
		}}); err != nil {
			b.Fatal(err)
		}
	}
	filter, _ := st.events.Filter(marketplaceStream)
	b.ResetTimer()
	st.publish(st.events)
	want := position{uint64(b.N), 1}
	for {
		m, ok, err := st.events.Last(b.Context(), filter)
		if err != nil {
			b.Fatal(err)
		}
		if at, _ := positionOf(m); ok && at == want {
			break
		}
		time.Sleep(time.Millisecond)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
