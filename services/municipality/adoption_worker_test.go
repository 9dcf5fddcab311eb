package municipality

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/proto"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/broker"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/state"
)

// ground is an embedded ledger on which services start and stop, and somebody who writes the streams of others.
type ground struct {
	tb      testing.TB
	site    ledger.Site
	foreign map[string]*state.Replica[struct{}]
}

func newGround(tb testing.TB) *ground {
	tb.Helper()
	nats, err := broker.Start(tb.TempDir(), slog.New(slog.DiscardHandler))
	must(tb, err)
	tb.Cleanup(nats.Stop)
	g := &ground{tb: tb, site: ledger.Site{Conn: nats.Conn, Origin: "test", Replicas: 1}, foreign: map[string]*state.Replica[struct{}]{}}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	tb.Cleanup(func() { cancel(); running.Wait() })
	for _, name := range []string{"catalogue", marketplaceStream} {
		log, err := g.site.Open(ctx, name)
		must(tb, err)
		r := state.New(slog.New(slog.DiscardHandler), struct{}{}, func(struct{}, ledger.Name, []ledger.Entry, bool) (struct{}, error) { return struct{}{}, nil }, log)
		running.Go(func() { _ = r.Run(ctx) })
		must(tb, r.Ready(ctx))
		g.foreign[name] = r
	}
	g.publish("catalogue", smallCatalogue()...)
	return g
}

// publish writes entities of another service in one write, as a request "r-1" would.
func (g *ground) publish(service string, entities ...proto.Message) {
	g.tb.Helper()
	r := g.foreign[service]
	_, err := r.Write(context.Background(), ledger.Cause{Actor: "test", RequestID: "r-1", Time: testDay}, func(struct{}) ([]ledger.Draft, error) {
		drafts := make([]ledger.Draft, len(entities))
		for i, e := range entities {
			name := e.(interface{ GetName() string }).GetName()
			drafts[i] = ledger.Draft{Subject: r.Own().Subject(subjectToken(name)[0], subjectToken(name)[1]), Resource: name, Entity: e}
		}
		return drafts, nil
	})
	must(g.tb, err)
}

// start runs one more replica of the service.
func (g *ground) start() (s *Service, stop func()) {
	g.tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	s, err := New(ctx, g.site, slog.New(slog.DiscardHandler), func() time.Time { return testDay })
	must(g.tb, err)
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stop = sync.OnceFunc(func() { cancel(); must(g.tb, <-done) })
	g.tb.Cleanup(stop)
	must(g.tb, s.Ready(ctx))
	return s, stop
}

// settled waits until the service has seen all streams and nothing is due, and answers its state.
func (g *ground) settled(s *Service) records {
	g.tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	must(g.tb, s.replica.CatchUp(ctx))
	for ctx.Err() == nil {
		if r, err := s.replica.Read(); err == nil && r.adoptions.first() == nil {
			return r
		}
		time.Sleep(time.Millisecond)
	}
	g.tb.Fatal("something stays due")
	return records{}
}

func (s *Service) write(tb testing.TB, entities ...proto.Message) {
	tb.Helper()
	_, err := s.replica.Write(context.Background(), ledger.Cause{Actor: "mensch", RequestID: "p-1", Time: testDay}, func(records) ([]ledger.Draft, error) {
		var drafts []ledger.Draft
		for _, e := range entities {
			switch e := e.(type) {
			case *municipalityv1.Municipality:
				drafts = append(drafts, s.municipalityDraft(e, nil))
			case *municipalityv1.Implementation:
				d := s.removal(e.GetName())
				d.Entity = e
				drafts = append(drafts, d)
			}
		}
		return drafts, nil
	})
	must(tb, err)
}

// histories are all records of a subject that counts, oldest first.
func (s *Service) histories(tb testing.TB, subject string) []ledger.Entry {
	tb.Helper()
	entries, err := s.replica.History(context.Background(), subject)
	must(tb, err)
	slices.Reverse(entries)
	return entries
}

func (s *Service) historyOf(tb testing.TB, ags, key string) []ledger.Entry {
	tb.Helper()
	return s.histories(tb, s.replica.Own().Subject("implementation", ags, key))
}

// effectsOf writes the effects of an adoption: "changed+skipped" each.
func (s *Service) effectsOf(tb testing.TB, id string) string {
	tb.Helper()
	var all []string
	for _, e := range s.histories(tb, s.replica.Own().Subject("adoptionEffect", id)) {
		m := e.Entity.(*municipalityv1.AdoptionEffect)
		all = append(all, fmt.Sprintf("%d+%d", m.GetChanged(), m.GetSkipped()))
	}
	return strings.Join(all, " ")
}

// town is a municipality that owes what mittlere kreisangehörige Städte owe.
func town(ags string) *municipalityv1.Municipality {
	return &municipalityv1.Municipality{Name: municipalityName(ags), Ags: ags, DisplayName: ags, SizeClass: 4, Kind: municipalityv1.Municipality_KIND_MUNICIPALITY}
}

const lemgoAGS = "05766044"

// TestAdoptionGoesLiveAndEnds walks the whole way while the service runs.
func TestAdoptionGoesLiveAndEnds(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	s, _ := g.start()
	s.write(t, town(lemgoAGS), &municipalityv1.Implementation{Name: implementationName(lemgoAGS, marriage), Phase: municipalityv1.Implementation_PHASE_NOT_APPLICABLE, NotApplicableReason: "macht der Kreis"})
	keys := []string{dogTax, waste, marriage, old, "99999999999999"}
	g.publish(marketplaceStream, adopting("lemgo-hund", marketplacev1.Adoption_STATE_CONNECTING, keys...))
	r := g.settled(s)
	for _, gap := range r.gapsOf(r.place(lemgoAGS), dayAt(testDay)).gaps {
		if wanted := gap.id == dogTax || gap.id == waste; slices.Contains(gap.adoptions, "adoptions/lemgo-hund") != wanted {
			t.Errorf("gap %s: adoptions %v", gap.id, gap.adoptions)
		}
	}
	g.publish(marketplaceStream, adopting("lemgo-hund", adoptionLive, keys...))
	r = g.settled(s)
	if got := gist(r.place(lemgoAGS).find(dogTax).stored(lemgoAGS)); got != "ONLINE 2026-11-20 lemgo.example/lemgo-hund hundesteuer-online lemgo-hund" {
		t.Errorf("dog tax: %s", got)
	}
	for _, gap := range r.gapsOf(r.place(lemgoAGS), dayAt(testDay)).gaps {
		if gap.id == dogTax || gap.adoptions != nil {
			t.Errorf("still a gap: %s, adoptions %v", gap.id, gap.adoptions)
		}
	}
	written := s.historyOf(t, lemgoAGS, dogTax)
	if len(written) != 1 || written[0].Record.GetActor() != "it-lemgo" || written[0].Record.GetRequestId() != "adoption:r-1" || !written[0].Record.GetTime().AsTime().Equal(testDay) ||
		!slices.Equal(written[0].Record.GetChangedFields(), []string{"phase", "url", "solution", "phase_date", "adoption"}) {
		t.Errorf("history %v", written)
	}
	edited := adopting("lemgo-hund", adoptionLive, keys...)
	edited.Url, edited.Note = "https://anders.example", "später berichtigt"
	g.publish(marketplaceStream, edited)
	g.settled(s)
	if got := s.effectsOf(t, "lemgo-hund"); got != "2+3" {
		t.Errorf("effects %s", got)
	}
	s.write(t, &municipalityv1.Implementation{Name: implementationName(lemgoAGS, waste), Phase: online, Solution: "solutions/eigen"})
	g.publish(marketplaceStream, adopting("lemgo-hund", adoptionEnded, keys...))
	r = g.settled(s)
	if got := s.effectsOf(t, "lemgo-hund"); got != "2+3 1+4" {
		t.Errorf("effects %s", got)
	}
	i := r.place(lemgoAGS).find(dogTax)
	if !i.adoptionEnded() || r.market.gapKind(i) != municipalityv1.Gap_KIND_ADOPTION_ENDED || i.standing != standsFulfilled {
		t.Errorf("after the end: %v", i.stored(lemgoAGS))
	}
	if n := len(s.historyOf(t, lemgoAGS, waste)); n != 2 {
		t.Errorf("%d records of what was taken away from the adoption, want 2", n)
	}
}

// TestEffectWhileDown: what went live, and ended, while no service ran has its effect at the next start, once.
func TestEffectWhileDown(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	s, stop := g.start()
	s.write(t, town(lemgoAGS))
	stop()
	g.publish(marketplaceStream, adopting("down", adoptionLive, dogTax))
	for range 2 {
		s, stop = g.start()
		r := g.settled(s)
		if n := len(s.historyOf(t, lemgoAGS, dogTax)); n != 1 || r.place(lemgoAGS).find(dogTax).rest.GetAdoption() != "adoptions/down" {
			t.Fatalf("%d records, want 1", n)
		}
		stop()
	}
	g.publish(marketplaceStream, adopting("both", adoptionLive, waste))
	g.publish(marketplaceStream, adopting("both", adoptionEnded, waste))
	for range 2 {
		s, stop = g.start()
		r := g.settled(s)
		if n := len(s.historyOf(t, lemgoAGS, waste)); n != 2 || !r.place(lemgoAGS).find(waste).adoptionEnded() || s.effectsOf(t, "both") != "1+0 1+0" {
			t.Fatalf("%d records, effects %s", n, s.effectsOf(t, "both"))
		}
		stop()
	}
}

// TestPoisonDoesNotBlock: an adoption of nobody is noted as skipped, and the ones behind it have their effect.
func TestPoisonDoesNotBlock(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	s, _ := g.start()
	s.write(t, town(lemgoAGS))
	nobody, nowhere := adopting("nobody", adoptionLive, dogTax, waste), adopting("nowhere", adoptionLive, dogTax)
	nobody.Municipality, nowhere.Municipality = "municipalities/16999999", ""
	g.publish(marketplaceStream, nobody, nowhere, adopting("empty", adoptionLive), adopting("twice", adoptionLive, dogTax, dogTax),
		adopting("good", adoptionLive, waste), adopting("never", adoptionEnded, waste))
	g.settled(s)
	for id, want := range map[string]string{"nobody": "0+2", "nowhere": "0+1", "empty": "0+0", "twice": "1+1", "good": "1+0", "never": "0+1"} {
		if got := s.effectsOf(t, id); got != want {
			t.Errorf("%s: effects %s, want %s", id, got, want)
		}
	}
}

// TestEffectIsTriedAgain: while the stream takes nothing, what is due stays due; as soon as it does, it has its effect.
func TestEffectIsTriedAgain(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	s, _ := g.start()
	s.write(t, town(lemgoAGS))
	js, err := jetstream.New(g.site.Conn)
	must(t, err)
	stream, err := js.Stream(t.Context(), s.replica.Own().Stream())
	must(t, err)
	closed := stream.CachedInfo().Config
	closed.MaxMsgSize = 1
	_, err = js.UpdateStream(t.Context(), closed)
	must(t, err)
	g.publish(marketplaceStream, adopting("late", adoptionLive, dogTax))
	g.publish(marketplaceStream, adopting("late", adoptionEnded, dogTax))
	time.Sleep(500 * time.Millisecond)
	if r, err := s.replica.Read(); err != nil || r.adoptions.due.Len() != 2 {
		t.Fatalf("%d due, want 2 (%v)", r.adoptions.due.Len(), err)
	}
	_, err = js.UpdateStream(t.Context(), stream.CachedInfo().Config)
	must(t, err)
	g.settled(s)
	if got := s.effectsOf(t, "late"); got != "1+0 1+0" || len(s.historyOf(t, lemgoAGS, dogTax)) != 2 {
		t.Errorf("effects %s", got)
	}
}

// TestReplicasTakeEffectOnce: two replicas work on the same group, whose adoptions touch the same services here and there.
func TestReplicasTakeEffectOnce(t *testing.T) {
	t.Parallel()
	g := newGround(t)
	first, _ := g.start()
	second, _ := g.start()
	const towns, rounds = 12, 4
	var places []proto.Message
	for n := range towns {
		places = append(places, town(nrwAGS(n)))
	}
	first.write(t, places...)
	for round := range rounds {
		var group []proto.Message
		for n := range towns {
			for _, turn := range []string{"a", "b"} { // of one place twice: the second one takes over
				a := adopting(fmt.Sprintf("%s-%d-%d", turn, round, n), adoptionLive, dogTax, waste, building)
				a.Municipality = municipalityName(nrwAGS(n))
				group = append(group, a)
			}
		}
		g.publish(marketplaceStream, group...)
	}
	r := g.settled(first)
	g.settled(second)
	for n := range towns {
		written := first.historyOf(t, nrwAGS(n), waste)
		if len(written) != 2*rounds {
			t.Errorf("town %d: %d records, want %d", n, len(written), 2*rounds)
		}
		if got, want := r.place(nrwAGS(n)).find(waste).rest.GetAdoption(), fmt.Sprintf("adoptions/b-%d-%d", rounds-1, n); got != want {
			t.Errorf("town %d is online by %s, want %s", n, got, want)
		}
		for round := range rounds {
			if got := first.effectsOf(t, fmt.Sprintf("a-%d-%d", round, n)); got != "3+0" {
				t.Errorf("town %d, round %d: effects %s", n, round, got)
			}
		}
	}
}
