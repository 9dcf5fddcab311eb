package ledger

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
)

// Subscriber is what follows a stream: a replica. Its methods are called from one goroutine, in order.
type Subscriber interface {
	// Name says which service follows; in one process all followers of a stream have different names.
	Name() string
	// Begin says where the stream ended when the feed started.
	Begin(last uint64)
	// Receive hands over the entries that became visible up to a position; there may be none. All subscribers of a stream
	// get the same entries: only the stream's owner, which gets them first, may fill in fields that live in memory. An
	// error ends this subscriber, not the others.
	Receive(position uint64, entries []Entry) error
	// Fail says that nothing will follow any more, and why.
	Fail(err error)
}

// Feed follows one stream for all subscribers of the process: delivery, decoding and checking the chain, which are most
// of the cost of a replay, happen once.
type Feed struct {
	log   *Log
	chain *Chain

	mu          sync.Mutex
	subscribers []Subscriber
	running     int // subscribers inside Run
	stop        context.CancelFunc
	stopped     chan struct{}
}

func newFeed(l *Log) *Feed { return &Feed{log: l, chain: NewChain(l.name)} }

// Chain is the chain of the stream as far as the feed has read it.
func (f *Feed) Chain() *Chain { return f.chain }

// ErrStarted says that a subscriber came after the first record was handed out.
var ErrStarted = errors.New("feed has started already")

// Subscribe adds a subscriber before the feed starts; the owner of the stream goes before all others.
func (f *Feed) Subscribe(s Subscriber, owner bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stop != nil {
		return fmt.Errorf("%s: %w", f.log.name.Stream(), ErrStarted)
	}
	at := len(f.subscribers)
	if owner {
		at = 0
	}
	f.subscribers = slices.Insert(f.subscribers, at, Subscriber(f.log.measured(s)))
	return nil
}

// Run is called once for every subscriber. The first call starts the feed, the last one to end stops it.
func (f *Feed) Run(ctx context.Context) {
	f.mu.Lock()
	f.running++
	if f.stop == nil {
		following, stop := context.WithCancel(context.WithoutCancel(ctx))
		f.stop, f.stopped = stop, make(chan struct{})
		go func() {
			defer close(f.stopped)
			f.follow(following)
		}()
	}
	f.mu.Unlock()
	<-ctx.Done()
	f.mu.Lock()
	f.running--
	last := f.running == 0
	f.mu.Unlock()
	if last {
		f.stop()
		<-f.stopped
	}
}

// received is a batch between reading and handing over, which work side by side.
type received struct {
	position uint64
	entries  []Entry
}

func (f *Feed) follow(ctx context.Context) {
	last, err := f.log.LastSequence(ctx)
	if err != nil {
		f.fail(ctx, err)
		return
	}
	for _, s := range f.subscribers {
		s.Begin(last)
	}
	group, ctx := errgroup.WithContext(ctx)
	batches, handed := make(chan received, 4), make(chan struct{})
	group.Go(func() error { return f.read(ctx, last, batches, handed) })
	group.Go(func() error { return f.watchStart(ctx, last) })
	group.Go(func() error { f.log.watchEnd(ctx); return nil })
	group.Go(func() error {
		defer close(handed)
		for b := range batches {
			f.hand(b)
		}
		return nil
	})
	f.fail(ctx, group.Wait())
}

// read checks what the stream holds and will hold: from the files first, where there are any. What becomes visible is handed over
// beside that, while there is much of it; closing batches ends that, and is answered with handed.
func (f *Feed) read(ctx context.Context, last uint64, batches chan<- received, handed <-chan struct{}) error {
	send := func(b received) {
		select {
		case batches <- b:
		case <-ctx.Done():
		}
	}
	after, err := f.log.replay(ctx, last, func(read []Entry) error { return f.add(read, send) })
	if err == nil && !f.log.writesAlone {
		err = f.log.Follow(ctx, after, func(batch []Message) error { return f.check(batch, send) })
	}
	close(batches)
	if err != nil || !f.log.writesAlone {
		return err
	}
	<-handed
	return f.log.followSole(ctx, after, func(batch []Message) error { return f.check(batch, f.hand) })
}

// check adds the next messages to the chain and passes on what becomes visible.
func (f *Feed) check(batch []Message, pass func(received)) error {
	read, damage := f.chain.decode(batch)
	return cmp.Or(f.add(read, pass), damage)
}

// add is check for messages that were read already.
func (f *Feed) add(read []Entry, pass func(received)) error {
	if len(read) == 0 {
		return nil
	}
	entries, err := f.chain.addAll(read)
	if err == nil {
		err = f.log.note(f.chain.End())
	}
	if err != nil {
		return err
	}
	pass(received{read[len(read)-1].Sequence, entries})
	return nil
}

// stallCheck is how often a replay that does not move is looked into.
const stallCheck = 2 * time.Second

// watchStart ends a replay that cannot finish: the stream says it has records up to last, but the next one is not there.
func (f *Feed) watchStart(ctx context.Context, last uint64) error {
	tick := time.NewTicker(stallCheck)
	defer tick.Stop()
	for before := uint64(0); ; {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		at := f.chain.End().Sequence
		if at >= last {
			return nil
		}
		if at == before {
			if err := f.log.present(ctx, at+1); errors.Is(err, ErrDamaged) {
				return err
			}
		}
		before = at
	}
}

// hand gives a batch to every subscriber that still takes any.
func (f *Feed) hand(b received) {
	f.subscribers = slices.DeleteFunc(f.subscribers, func(s Subscriber) bool {
		err := s.Receive(b.position, b.entries)
		if err != nil {
			s.Fail(err)
		}
		return err != nil
	})
}

func (f *Feed) fail(ctx context.Context, err error) {
	if err == nil || errors.Is(err, context.Canceled) && ctx.Err() != nil {
		return
	}
	for _, s := range f.subscribers {
		s.Fail(err)
	}
}
