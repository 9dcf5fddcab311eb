package ledger

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"
)

// followBatch bounds how many messages are handed over at once; a replay is faster in large pieces.
const followBatch = 4096

// Follow hands every message after the given sequence to apply, in order and in batches as large as are waiting, until
// ctx ends (nil) or apply fails (its error). A lost connection or a new stream leader is ridden out.
func (l *Log) Follow(ctx context.Context, after uint64, apply func([]Message) error) error {
	return l.followStream(ctx, l.name.Stream(), after, apply)
}

func (l *Log) followStream(ctx context.Context, stream string, after uint64, apply func([]Message) error) error {
	ctx, cancel := context.WithCancel(ctx)
	queue := make(chan Message, followBatch)
	failed := make(chan error, 1)
	var reading sync.WaitGroup
	reading.Go(func() {
		d := &delivery{js: l.js, stream: stream, tracing: l.tracer != nil, next: after + 1, queue: queue}
		if err := d.run(ctx); err != nil {
			failed <- fmt.Errorf("follow %s: %w", stream, err)
		}
	})
	defer reading.Wait()
	defer cancel()
	return drain(ctx, queue, failed, apply)
}

func drain(ctx context.Context, queue <-chan Message, failed <-chan error, apply func([]Message) error) error {
	batch := make([]Message, 0, followBatch)
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-failed:
			return err
		case m := <-queue:
			batch = append(batch[:0], m)
		}
		for more := true; more && len(batch) < followBatch; {
			select {
			case m := <-queue:
				batch = append(batch, m)
			default:
				more = false
			}
		}
		if err := apply(batch); err != nil {
			return err
		}
	}
}

// present tells by a *Damage that a record is not there although later ones are. In a cluster any node may answer, also
// one that is still catching up: that one has nothing later either, and proves nothing.
func (l *Log) present(ctx context.Context, sequence uint64) error {
	m, err := l.stream.GetMsg(ctx, sequence, jetstream.WithGetMsgSubject(">"))
	absent := errors.Is(err, jetstream.ErrMsgNotFound) && l.stream.CachedInfo().Config.Replicas == 1
	if absent || err == nil && m.Sequence > sequence {
		return &Damage{Stream: l.name.Stream(), Sequence: sequence, Problem: "is missing, although the stream counts it"}
	}
	return err
}

// historyLimit bounds how long a reader of the past waits.
const historyLimit = 30 * time.Second

// History reads the records of one subject, oldest first, and checks their chain. It asks the stream, so it is for
// reading now and then, not for the hot path. Records that never counted (Chain.Counts) are included.
func (l *Log) History(ctx context.Context, subject string) ([]Entry, error) {
	ctx, cancel := context.WithTimeout(ctx, historyLimit)
	defer cancel()
	known := l.feed.chain.Head(subject).Sequence
	var entries []Entry
	var head Head
	for seq := uint64(1); ; seq = head.Sequence + 1 {
		m, err := l.stream.GetMsg(ctx, seq, jetstream.WithGetMsgSubject(subject))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			if head.Sequence >= known {
				return entries, nil
			}
			pause(ctx, deliveryRetry/10) // the node that answered is behind this replica
			continue
		}
		if err != nil {
			return nil, unavailable(err)
		}
		e, err := decode(l.name.Stream(), m.Subject, m.Sequence, m.Data)
		if err != nil {
			return nil, err
		}
		if err := follows(l.name.Stream(), e, head); err != nil {
			return nil, err
		}
		head = Head{Sequence: e.Sequence, Hash: e.Hash}
		entries = append(entries, e)
	}
}

// Histories reads the records of all subjects that a pattern matches ("kompass.krz.municipality.implementation.05758004.>"),
// in the order of the stream, and checks their chains, like History. newest is the sequence of a record of theirs that
// the reader knows: a node of a cluster that does not have it yet is asked again.
func (l *Log) Histories(ctx context.Context, pattern string, newest uint64) ([]Entry, error) {
	ctx, cancel := context.WithTimeout(ctx, historyLimit)
	defer cancel()
	var entries []Entry
	heads := map[string]Head{}
	for next := uint64(1); ; {
		messages, err := l.some(ctx, pattern, next)
		if err != nil {
			return nil, unavailable(err)
		}
		for _, m := range messages {
			e, err := decode(l.name.Stream(), m.Subject, m.Sequence, m.Data)
			if err == nil {
				err = follows(l.name.Stream(), e, heads[e.Subject])
			}
			if err != nil {
				return nil, err
			}
			heads[e.Subject] = Head{Sequence: e.Sequence, Hash: e.Hash}
			entries, next = append(entries, e), e.Sequence+1
		}
		if len(messages) > 0 {
			continue
		}
		if next > newest && l.isWhole(heads) {
			return entries, nil
		}
		pause(ctx, deliveryRetry/10)
	}
}

// some are messages that a pattern matches, from a sequence on, as many as a node gives at once; none at the end.
func (l *Log) some(ctx context.Context, pattern string, from uint64) ([]Message, error) {
	ctx, cancel := context.WithTimeout(ctx, deliveryCreate)
	defer cancel()
	batch, err := jetstreamext.GetBatch(ctx, l.js, l.name.Stream(), BatchSize, jetstreamext.GetBatchSubject(pattern), jetstreamext.GetBatchSeq(from))
	if err != nil {
		return nil, err
	}
	var messages []Message
	for m, err := range batch {
		if errors.Is(err, jetstreamext.ErrNoMessages) {
			break
		}
		if err != nil {
			return nil, err
		}
		messages = append(messages, Message{Subject: m.Subject, Sequence: m.Sequence, Data: m.Data})
	}
	return messages, ctx.Err() // a batch that is cut short by the time says so in no other way
}

// isWhole tells whether everything is there that the chain of the feed has of these subjects.
func (l *Log) isWhole(heads map[string]Head) bool {
	for subject, head := range heads {
		if head.Sequence < l.feed.chain.Head(subject).Sequence {
			return false
		}
	}
	return true
}
