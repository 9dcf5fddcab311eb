package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"kompass.krz.de/services/platform/broker"
	"kompass.krz.de/services/platform/ledger"
)

// TestFeedOfTheOnlyWriter: what this process writes is there as soon as it is acknowledged; what it never heard of is
// fetched; and a record that cannot be read ends the feed.
func TestFeedOfTheOnlyWriter(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	site := embedded(t, dir)
	unheard := open(t, site, "catalogue") // writes past the log that the feed belongs to
	site.Store, site.Shared = broker.StoreDir(dir), &ledger.Shared{}
	log := open(t, site, "catalogue")
	l := &listener{name: "only", order: &callOrder{}}
	if err := log.Feed().Subscribe(l, true); err != nil {
		t.Fatal(err)
	}
	mustAppend(t, unheard, draft(unheard, "before", "x", ledger.Head{}))
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { log.Feed().Run(ctx) })
	defer running.Wait()
	defer cancel()
	eventually(t, "the replay", func() bool { _, at, _ := l.state(); return at == 1 })

	var group sync.WaitGroup
	for w := range 4 {
		group.Go(func() {
			for i := range 25 {
				last, err := log.Append(t.Context(), cause(fmt.Sprint(w, "-", i)), []ledger.Draft{
					draft(log, fmt.Sprint(w, "-", i), "a", ledger.Head{}), draft(log, fmt.Sprint(w, "+", i), "b", ledger.Head{})})
				if err != nil {
					t.Error(err)
					return
				}
				eventually(t, "an own write", func() bool { _, at, _ := l.state(); return at >= last })
			}
		})
	}
	group.Wait()
	if n, at, err := l.state(); n != 201 || at != 201 || err != nil {
		t.Fatalf("%d entries up to %d, %v", n, at, err)
	}
	mustAppend(t, unheard, draft(unheard, "unheard", "x", ledger.Head{}))
	eventually(t, "a write that nobody offered", func() bool { _, at, _ := l.state(); return at == 202 })
	mustAppend(t, log, draft(log, "after", "x", ledger.Head{}))
	if _, at, _ := l.state(); at != 203 {
		t.Errorf("a write that is acknowledged is not there: %d", at)
	}
	js, err := jetstream.New(site.Conn)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), log.Name().Subject("theme", "x"), []byte("no record")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the damage", func() bool { _, _, err := l.state(); return errors.Is(err, ledger.ErrDamaged) })
}
