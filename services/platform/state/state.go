// Package state turns streams of the ledger into a service's state in memory and carries its writes to the ledger.
//
// A Replica follows the service's own stream and those of other services, applies their records in order, and hands out
// immutable snapshots. It must never skip a record, and apply functions must never read a clock, a random source or the
// outside world: every replica has to arrive at the same state.
package state

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"kompass.krz.de/services/platform/ledger"
)

// Apply returns the state after a batch of entries of one stream. It must leave the state it was given as it is: what it
// returns may share with it all that did not change. While replaying nobody has seen any state yet, so apply may change
// what it was given and put work off; the first call that is not replaying comes without entries and ends that.
type Apply[S any] func(before S, stream ledger.Name, batch []ledger.Entry, replaying bool) (S, error)

// Snapshot is a state and the position of every followed stream that led to it.
type Snapshot[S any] struct {
	State     S
	positions []uint64 // last applied sequence, in the order of the replica's sources
}

// Replica is one service's state. Create it with New, then Run it.
type Replica[S any] struct {
	apply   Apply[S]
	sources []*source // the first is the service's own stream
	log     *slog.Logger

	current  atomic.Pointer[Snapshot[S]]
	requests *requestMemory
	turns    *turns

	live  atomic.Bool   // everything that was in the streams at the start is applied
	ready chan struct{} // closed when live

	reason atomic.Pointer[error] // why the replica is broken
	broken chan struct{}         // closed when it is

	measures measures

	mu sync.Mutex // of what changes the above: one batch at a time; readers never take it
}

type source struct {
	log    *ledger.Log
	chain  *ledger.Chain
	queue  queue         // of those who wait for a position
	target atomic.Uint64 // the stream's end when the replica started; readiness waits for it
	ready  atomic.Bool   // target is known
	news   chan struct{} // closed by the next records; nil while nobody waits; guarded by Replica.mu
}

// New makes a replica of own and the streams of other services, starting from an empty state. When logs are shared, all
// replicas of the process must be made before the first one runs; one made later is broken.
func New[S any](logger *slog.Logger, empty S, apply Apply[S], own *ledger.Log, others ...*ledger.Log) *Replica[S] {
	r := &Replica[S]{apply: apply, log: logger, requests: newRequestMemory(), turns: newTurns(), ready: make(chan struct{}), broken: make(chan struct{})}
	logs := append([]*ledger.Log{own}, others...)
	r.current.Store(&Snapshot[S]{State: empty, positions: make([]uint64, len(logs))})
	for i, l := range logs {
		src := &source{log: l, chain: l.Feed().Chain()}
		r.sources = append(r.sources, src)
		if i == 0 {
			r.measure()
		}
		if err := l.Feed().Subscribe(&subscription[S]{r, src, i}, i == 0); err != nil {
			r.fail(err)
		}
	}
	return r
}

// subscription is how one followed stream reaches a replica.
type subscription[S any] struct {
	replica *Replica[S]
	source  *source
	index   int
}

func (s *subscription[S]) Name() string { return s.replica.Own().Service }

func (s *subscription[S]) Begin(last uint64) {
	s.replica.mu.Lock()
	defer s.replica.mu.Unlock()
	s.source.target.Store(last)
	s.source.ready.Store(true)
	s.replica.goLive()
}

func (s *subscription[S]) Receive(position uint64, entries []ledger.Entry) error {
	return s.replica.publish(s.index, s.source, position, entries)
}

func (s *subscription[S]) Fail(err error) { s.replica.fail(err) }

// Own is the name of the service's own stream.
func (r *Replica[S]) Own() ledger.Name { return r.sources[0].log.Name() }

// Run follows the streams until ctx ends. A replica that met a record it cannot apply is broken: it answers nothing any
// more (IsReady says why), and Run returns the reason in the end.
func (r *Replica[S]) Run(ctx context.Context) error {
	var group sync.WaitGroup
	for _, src := range r.sources {
		group.Go(func() { src.log.Feed().Run(ctx) })
	}
	group.Wait()
	errs := []error{r.failure()}
	for _, src := range r.sources {
		errs = append(errs, src.log.Close())
	}
	return errors.Join(errs...)
}

// publish applies entries and makes the result the current snapshot.
func (r *Replica[S]) publish(i int, src *source, position uint64, entries []ledger.Entry) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.failure(); err != nil {
		return err
	}
	before := r.current.Load()
	after := &Snapshot[S]{State: before.State, positions: append([]uint64(nil), before.positions...)}
	if len(entries) > 0 {
		state, err := r.apply(before.State, src.log.Name(), entries, !r.live.Load())
		if err != nil {
			return fmt.Errorf("apply records %d to %d of %s: %w", entries[0].Sequence, position, src.log.Name().Stream(), err)
		}
		after.State = state
	}
	if i == 0 {
		r.requests.add(entries)
	}
	after.positions[i] = position
	r.current.Store(after)
	src.queue.advance(position)
	if len(entries) > 0 {
		src.tell()
	}
	r.goLive()
	return nil
}

func (r *Replica[S]) fail(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.breakWith(err)
}

// breakWith ends the replica's work; the caller holds mu.
func (r *Replica[S]) breakWith(err error) {
	if !r.reason.CompareAndSwap(nil, &err) {
		return
	}
	r.log.Error("replica is broken", "stream", r.Own().Stream(), "error", err)
	close(r.broken)
}

// failure is why the replica is broken; nil while it is not. It wraps ErrBroken.
func (r *Replica[S]) failure() error {
	if reason := r.reason.Load(); reason != nil {
		return fmt.Errorf("%w: %w", ErrBroken, *reason)
	}
	return nil
}

// goLive ends the replay when everything is applied that was there at the start, and lets apply finish what it put off;
// the caller holds mu.
func (r *Replica[S]) goLive() {
	last := r.current.Load()
	if r.live.Load() || !r.caughtUp(last) {
		return
	}
	state, err := r.apply(last.State, r.Own(), nil, false)
	if err != nil {
		r.breakWith(fmt.Errorf("end of the replay: %w", err))
		return
	}
	r.current.Store(&Snapshot[S]{State: state, positions: last.positions})
	r.live.Store(true)
	close(r.ready)
}

// ErrBroken is wrapped by the error of every read and write of a replica that met a record it cannot apply.
var ErrBroken = errors.New("replica is broken")

// ErrBehind says that a replica did not catch up in time.
var ErrBehind = errors.New("replica has not caught up")

// Read returns the current state. Errors are the faults NotCaughtUp, until the replica is ready, and StreamBroken.
func (r *Replica[S]) Read() (S, error) {
	snapshot, err := r.snapshot()
	if err != nil {
		var none S
		return none, asFault(err)
	}
	return snapshot.State, nil
}

// ReadAt is [Replica.Read] with the last applied sequence of every followed stream, in the order of [New]. Nobody may change
// the list.
func (r *Replica[S]) ReadAt() (S, []uint64, error) {
	snapshot, err := r.snapshot()
	if err != nil {
		var none S
		return none, nil, asFault(err)
	}
	return snapshot.State, snapshot.positions, nil
}

func (r *Replica[S]) snapshot() (*Snapshot[S], error) {
	if err := r.failure(); err != nil {
		return nil, err
	}
	if !r.live.Load() {
		return nil, fmt.Errorf("%w: replay is under way", ErrBehind)
	}
	return r.current.Load(), nil
}

// await returns the current snapshot as soon as it holds a stream up to a sequence. Errors: ErrBroken, ErrBehind when ctx
// ends first.
func (r *Replica[S]) await(ctx context.Context, src *source, sequence uint64) (*Snapshot[S], error) {
	turn := src.queue.join(sequence)
	if err := r.until(ctx, turn); err != nil {
		src.queue.leave(turn)
		return nil, err
	}
	return r.current.Load(), nil
}

// until waits for an event. Errors: ErrBroken, ErrBehind when ctx ends first.
func (r *Replica[S]) until(ctx context.Context, event <-chan struct{}) error {
	select {
	case <-event:
	case <-r.broken:
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", ErrBehind, ctx.Err())
	}
	return r.failure()
}

// Ready waits until everything that was in the streams at the start is applied.
func (r *Replica[S]) Ready(ctx context.Context) error { return r.until(ctx, r.ready) }

// IsReady tells whether everything that was in the streams at the start is applied; the error says why it never will be.
func (r *Replica[S]) IsReady() (ready bool, broken error) {
	broken = r.failure()
	return r.live.Load() && broken == nil, broken
}

func (r *Replica[S]) caughtUp(s *Snapshot[S]) bool {
	for i, src := range r.sources {
		if !src.ready.Load() || s.positions[i] < src.target.Load() {
			return false
		}
	}
	return true
}

// History returns the entries of one subject of the own stream that count, newest first.
func (r *Replica[S]) History(ctx context.Context, subject string) ([]ledger.Entry, error) {
	own := r.sources[0]
	all, err := own.log.History(ctx, subject)
	if err != nil {
		return nil, asFault(err)
	}
	counting := make([]ledger.Entry, 0, len(all))
	for i := len(all) - 1; i >= 0; i-- {
		if own.chain.Counts(all[i]) {
			counting = append(counting, all[i])
		}
	}
	return counting, nil
}

// Histories returns the entries of all subjects of the own stream that a pattern matches and that count, in the order of
// the stream. newest is the sequence of one of them that the reader knows.
func (r *Replica[S]) Histories(ctx context.Context, pattern string, newest uint64) ([]ledger.Entry, error) {
	own := r.sources[0]
	all, err := own.log.Histories(ctx, pattern, newest)
	if err != nil {
		return nil, asFault(err)
	}
	return slices.DeleteFunc(all, func(e ledger.Entry) bool { return !own.chain.Counts(e) }), nil
}

// waitLimit bounds how long a reader waits for a revision that another replica gave out.
const waitLimit = 5 * time.Second
