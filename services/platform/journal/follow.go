package journal

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"kompass.krz.de/services/platform/ledger"
)

const (
	// followBatch bounds how many messages are handed over at once, and how many wait.
	followBatch = 1024
	// deliveryHeartbeat is how often a consumer says that it lives; after two silent ones it is replaced.
	deliveryHeartbeat = time.Second
	// deliveryCreate bounds one try to get a consumer: a cluster without a leader answers nothing.
	deliveryCreate = 5 * time.Second
	// deliveryIdle is when the server forgets a consumer that nobody asks any more.
	deliveryIdle = time.Minute
)

// Follow hands every message after a sequence whose subject filter matches to apply, in order, each once, in batches as large
// as are waiting, until ctx ends (nil) or apply fails (its error). Lost connections and new leaders are ridden out. apply must
// not keep the slice. The sequences have holes: other subjects, what expired, what was erased.
func (j *Journal) Follow(ctx context.Context, after uint64, filter string, apply func([]Message) error) error {
	ctx, cancel := context.WithCancel(ctx)
	queue, failed := make(chan Message, followBatch), make(chan error, 1)
	var reading sync.WaitGroup
	reading.Go(func() {
		d := &delivery{journal: j, filter: filter, next: after + 1, queue: queue}
		if err := d.run(ctx); err != nil {
			failed <- fmt.Errorf("follow journal %s: %w", j.config.Name, err)
		}
	})
	defer reading.Wait()
	defer cancel()
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
		for range min(len(queue), followBatch-1) {
			batch = append(batch, <-queue)
		}
		if err := apply(batch); err != nil {
			return err
		}
	}
}

// delivery reads in order through a consumer that it replaces whenever anything is odd: silence, a gap in what was delivered, a
// new connection.
type delivery struct {
	journal *Journal
	filter  string
	queue   chan<- Message

	mu   sync.Mutex // held while a message is handed over
	next uint64     // no earlier sequence is handed over
}

// run hands over messages until ctx ends (nil) or the stream turns out to be gone (jetstream.ErrStreamNotFound).
func (d *delivery) run(ctx context.Context) error {
	var missing ledger.Absence
	for ctx.Err() == nil {
		consumer, err := d.open(ctx)
		if !missing.Doubted(err) && errors.Is(err, jetstream.ErrStreamNotFound) {
			return err
		}
		if err == nil {
			d.consume(ctx, consumer)
		}
		if err != nil {
			pause(ctx)
		}
	}
	return nil
}

func (d *delivery) open(ctx context.Context) (jetstream.Consumer, error) {
	ctx, cancel := context.WithTimeout(ctx, deliveryCreate)
	defer cancel()
	d.mu.Lock()
	next := d.next
	d.mu.Unlock()
	return d.journal.stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
		FilterSubject: d.filter, DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: next,
		AckPolicy: jetstream.AckNonePolicy, Replicas: 1, MemoryStorage: true, InactiveThreshold: deliveryIdle,
	})
}

// consume hands over what a consumer delivers until it has to be replaced or ctx ends.
func (d *delivery) consume(ctx context.Context, consumer jetstream.Consumer) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	odd := make(chan struct{}, 1)
	tell := func() {
		select {
		case odd <- struct{}{}:
		default:
		}
	}
	conn := d.journal.js.Conn()
	connected := conn.StatusChanged(nats.CONNECTED)
	defer conn.RemoveStatusListener(connected)
	var delivered uint64
	consuming, err := consumer.Consume(func(m jetstream.Msg) {
		meta, err := m.Metadata()
		if err != nil || meta.Sequence.Consumer != delivered+1 {
			tell()
			return
		}
		if d.hand(ctx, Message{Sequence: meta.Sequence.Stream, Subject: m.Subject(), Header: carried(m.Headers()), Data: m.Data(), Time: meta.Timestamp}) {
			delivered++
		}
	}, jetstream.PullMaxMessages(followBatch), jetstream.PullHeartbeat(deliveryHeartbeat), jetstream.ConsumeErrHandler(func(jetstream.ConsumeContext, error) { tell() }))
	if err != nil {
		pause(ctx)
		return
	}
	select {
	case <-ctx.Done():
	case <-odd:
		pause(ctx)
	case <-connected: // what the old connection had on its way is lost, perhaps
	}
	cancel() // first: a callback may wait for the queue
	consuming.Stop()
}

// hand passes a message on; one that was passed on before is left out. False, and nothing passed on, once ctx has ended.
func (d *delivery) hand(ctx context.Context, m Message) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if ctx.Err() != nil {
		return false
	}
	if m.Sequence < d.next {
		return true
	}
	select {
	case d.queue <- m:
		d.next = m.Sequence + 1
		return true
	case <-ctx.Done():
		return false
	}
}
