package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"kompass.krz.de/services/platform/ledger"
)

// listener records what a feed hands it; it refuses from position refuseAt on, 0 never.
type listener struct {
	name     string
	refuseAt uint64
	order    *callOrder

	mu       sync.Mutex
	entries  int
	position uint64
	failed   error
}

// callOrder records who was called for which position.
type callOrder struct {
	mu    sync.Mutex
	calls []string
}

func (l *listener) Name() string { return l.name }

func (l *listener) Begin(uint64) {}

func (l *listener) Receive(position uint64, entries []ledger.Entry) error {
	l.order.mu.Lock()
	l.order.calls = append(l.order.calls, l.name)
	l.order.mu.Unlock()
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.refuseAt > 0 && position >= l.refuseAt {
		return errors.New("refused")
	}
	l.entries += len(entries)
	l.position = position
	return nil
}

func (l *listener) Fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failed = err
}

func (l *listener) state() (entries int, position uint64, failed error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.entries, l.position, l.failed
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(15 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%s: not within 15 s", what)
		}
	}
}

// TestFeed: one reading for all subscribers, the owner first, and one that refuses leaves the others alone.
func TestFeed(t *testing.T) {
	t.Parallel()
	site := embedded(t, t.TempDir())
	site.Shared = &ledger.Shared{}
	log := open(t, site, "catalogue")
	if other := open(t, site, "catalogue"); other != log {
		t.Fatal("a shared site opened the same stream twice")
	}
	order := &callOrder{}
	follower := &listener{name: "follower", order: order}
	refusing := &listener{name: "refusing", order: order, refuseAt: 3}
	owner := &listener{name: "owner", order: order}
	for _, s := range []*listener{follower, refusing, owner} {
		if err := log.Feed().Subscribe(s, s == owner); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for range 3 {
		group.Go(func() { log.Feed().Run(ctx) })
	}
	for i := range 5 {
		seq := mustAppend(t, log, draft(log, fmt.Sprint("t", i), "x", ledger.Head{}))
		eventually(t, "owner", func() bool { _, p, _ := owner.state(); return p == seq })
	}
	eventually(t, "follower", func() bool { _, p, _ := follower.state(); return p == 5 })
	if n, _, failed := follower.state(); n != 5 || failed != nil {
		t.Errorf("follower: %d entries, %v", n, failed)
	}
	if n, _, failed := refusing.state(); n != 2 || failed == nil {
		t.Errorf("refusing: %d entries, %v", n, failed)
	}
	if err := log.Feed().Subscribe(&listener{order: order}, false); !errors.Is(err, ledger.ErrStarted) {
		t.Errorf("a late subscriber: %v", err)
	}
	cancel()
	group.Wait()
	for i, name := range order.calls {
		if name == "owner" && i > 0 && order.calls[i-1] == "owner" || i == 0 && name != "owner" {
			t.Errorf("call %d goes to %s: %v", i, name, order.calls)
		}
	}
}

func TestDamageReachesEverySubscriber(t *testing.T) {
	t.Parallel()
	site := embedded(t, t.TempDir())
	log := open(t, site, "catalogue")
	order := &callOrder{}
	all := []*listener{{name: "a", order: order}, {name: "b", order: order}}
	for _, s := range all {
		if err := log.Feed().Subscribe(s, false); err != nil {
			t.Fatal(err)
		}
	}
	if err := site.Conn.Publish(log.Name().Subject("theme", "x"), []byte("not a record")); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for range all {
		group.Go(func() { log.Feed().Run(ctx) })
	}
	for _, s := range all {
		eventually(t, s.name, func() bool { _, _, failed := s.state(); return errors.Is(failed, ledger.ErrDamaged) })
	}
	cancel()
	group.Wait()
}
