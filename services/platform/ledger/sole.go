package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"
)

// sole follows a stream of the embedded server, which takes no connections: all writers are in this process, and know of every
// record that was acknowledged its bytes and its place. They offer it, and the first one whose turn it is applies what is there, in
// the order of the stream; a consumer would send the same records back through six goroutines. What nobody offers, because its
// writer never got the answer, is fetched.
type sole struct {
	log   *Log
	apply func([]Message) error

	mu    sync.Mutex
	next  uint64             // sequence that is ready next
	early map[uint64]Message // offered before their turn
	ready []Message

	applying sync.Mutex // held by who applies what is ready
	failed   chan error // why nothing is applied any more; buffered
	ended    bool       // guarded by applying
}

// soleWatch is how often somebody looks for records that nobody offered.
const soleWatch = 100 * time.Millisecond

// followSole is [Log.Follow] where this process writes alone.
func (l *Log) followSole(ctx context.Context, after uint64, apply func([]Message) error) error {
	s := &sole{log: l, apply: apply, next: after + 1, early: map[uint64]Message{}, failed: make(chan error, 1)}
	l.sole.Store(s)
	defer s.end()
	for {
		if err := s.fetch(ctx); err != nil {
			return fmt.Errorf("follow %s: %w", l.name.Stream(), err)
		}
		select {
		case <-ctx.Done():
			return nil
		case err := <-s.failed:
			return err
		case <-time.After(soleWatch):
		}
	}
}

// end waits for whoever applies, and lets nobody apply after that.
func (s *sole) end() {
	s.log.sole.Store(nil)
	s.applying.Lock()
	defer s.applying.Unlock()
	s.ended = true
}

// offer tells of records that the stream has acknowledged, the last of them at a sequence.
func (l *Log) offer(last uint64, records []*nats.Msg) {
	s := l.sole.Load()
	if s == nil {
		return
	}
	messages := make([]Message, len(records))
	for i, m := range records {
		messages[i] = Message{Subject: m.Subject, Sequence: last - uint64(len(records)-1-i), Data: m.Data, Header: l.traced(m.Header)}
	}
	s.take(messages)
	if len(messages) > 1 { // a large write goes on while its records are checked
		go s.applyReady()
		return
	}
	s.applyReady()
}

// take puts messages into the order of the stream.
func (s *sole) take(messages []Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range messages {
		if m.Sequence >= s.next {
			s.early[m.Sequence] = m
		}
	}
	for m, ok := s.early[s.next]; ok; m, ok = s.early[s.next] {
		delete(s.early, s.next)
		s.ready = append(s.ready, m)
		s.next++
	}
}

// applyReady applies what is ready, unless somebody else does: who applies looks again after that.
func (s *sole) applyReady() {
	for s.some() && s.applying.TryLock() {
		s.applyAll()
	}
}

func (s *sole) some() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.ready) > 0
}

// applyAll gives the lock back that its caller took. Whoever dies of a record must not leave the state half changed and
// everybody else at work.
func (s *sole) applyAll() {
	err := errors.New("panicked while applying a record")
	defer func() {
		if err != nil && !s.ended {
			s.ended = true
			s.failed <- err
		}
		s.applying.Unlock()
	}()
	s.mu.Lock()
	batch := s.ready
	s.ready = nil
	s.mu.Unlock()
	if s.ended || len(batch) == 0 {
		err = nil
		return
	}
	err = s.apply(batch)
}

// fetch brings what the stream has and nobody offered. A hole in it is passed on as it is: the chain finds it.
func (s *sole) fetch(ctx context.Context) error {
	stream, err := s.log.js.Stream(ctx, s.log.name.Stream())
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return err
	}
	for err == nil && ctx.Err() == nil {
		s.mu.Lock()
		next := s.next
		s.mu.Unlock()
		if stream.CachedInfo().State.LastSeq < next {
			return nil
		}
		err = s.fetchFrom(ctx, next)
	}
	return nil // asked again in a moment
}

func (s *sole) fetchFrom(ctx context.Context, next uint64) error {
	ctx, cancel := context.WithTimeout(ctx, deliveryCreate)
	defer cancel()
	batch, err := jetstreamext.GetBatch(ctx, s.log.js, s.log.name.Stream(), BatchSize, jetstreamext.GetBatchSeq(next))
	if err != nil {
		return err
	}
	var messages []Message
	for m, err := range batch {
		if err != nil {
			break
		}
		messages = append(messages, Message{Subject: m.Subject, Sequence: m.Sequence, Data: m.Data, Header: s.log.traced(m.Header)})
	}
	if len(messages) == 0 {
		return errors.New("nothing came")
	}
	s.mu.Lock()
	if first := messages[0].Sequence; first > s.next {
		s.next = first
	}
	s.mu.Unlock()
	s.take(messages)
	s.applyReady()
	return nil
}
