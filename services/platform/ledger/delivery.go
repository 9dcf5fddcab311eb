package ledger

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"
)

const (
	// deliveryHeartbeat is how often a consumer says that it lives; after two silent ones it is replaced. What a replica
	// misses when the node with its consumer dies is the time until then.
	deliveryHeartbeat = time.Second
	// deliveryRetry is the pause between two tries, and how often records are fetched while there is no consumer.
	deliveryRetry = 250 * time.Millisecond
	// deliveryCreate bounds one try to get a consumer: a cluster without a leader answers nothing.
	deliveryCreate = 5 * time.Second
	// deliveryIdle is when the server forgets a consumer that nobody asks any more.
	deliveryIdle = time.Minute
)

// delivery reads one stream in order, through a consumer that it replaces whenever anything is odd: silence, a gap in what was
// delivered, a new connection. A consumer lives on one node of a cluster and needs the cluster's leader to be made; while
// there is none, records are fetched from whichever node has them.
type delivery struct {
	js      jetstream.JetStream
	stream  string
	tracing bool
	queue   chan<- Message

	mu   sync.Mutex // held while a message is handed over
	next uint64     // sequence that is handed over next
}

// run hands over messages until ctx ends (nil) or the stream turns out to be gone (jetstream.ErrStreamNotFound).
func (d *delivery) run(ctx context.Context) error {
	var missing Absence
	for ctx.Err() == nil {
		consumer, err := d.open(ctx)
		if !missing.Doubted(err) && errors.Is(err, jetstream.ErrStreamNotFound) {
			return err
		}
		if err == nil {
			d.consume(ctx, consumer)
		}
		d.fetch(ctx)
		pause(ctx, deliveryRetry)
	}
	return nil
}

// open gets a consumer that begins at next. It fetches meanwhile, when that takes long.
func (d *delivery) open(ctx context.Context) (consumer jetstream.Consumer, err error) {
	creating, cancel := context.WithTimeout(ctx, deliveryCreate)
	defer cancel()
	config := jetstream.ConsumerConfig{
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: d.position(),
		AckPolicy: jetstream.AckNonePolicy, Replicas: 1, MemoryStorage: true, InactiveThreshold: deliveryIdle,
	}
	opened := make(chan struct{})
	go func() {
		defer close(opened)
		consumer, err = d.js.CreateConsumer(creating, d.stream, config)
	}()
	tick := time.NewTicker(deliveryRetry)
	defer tick.Stop()
	for {
		select {
		case <-opened:
			return consumer, err
		case <-tick.C:
			d.fetch(ctx)
		}
	}
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
	connected := d.js.Conn().StatusChanged(nats.CONNECTED)
	defer d.js.Conn().RemoveStatusListener(connected)
	var delivered uint64
	consuming, err := consumer.Consume(func(m jetstream.Msg) {
		meta, err := m.Metadata()
		if err != nil || meta.Sequence.Consumer != delivered+1 {
			tell()
			return
		}
		if d.hand(ctx, Message{Subject: m.Subject(), Sequence: meta.Sequence.Stream, Data: m.Data(), Header: d.traced(m.Headers())}) {
			delivered++
		}
	}, jetstream.PullMaxMessages(followBatch), jetstream.PullHeartbeat(deliveryHeartbeat), jetstream.ConsumeErrHandler(func(jetstream.ConsumeContext, error) { tell() }))
	if err != nil {
		return
	}
	select {
	case <-ctx.Done():
	case <-odd:
	case <-connected: // what the old connection had on its way is lost, perhaps
	}
	cancel() // first: a callback may wait for the queue
	consuming.Stop()
}

// fetch hands over what a node has beyond the last record, consumer or not. It stops at a hole: only a consumer, which reads
// where the stream is whole, may say that a record is missing.
func (d *delivery) fetch(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, deliveryCreate)
	defer cancel()
	next := d.position()
	batch, err := jetstreamext.GetBatch(ctx, d.js, d.stream, BatchSize, jetstreamext.GetBatchSeq(next))
	if err != nil {
		return
	}
	for m, err := range batch {
		if err != nil || m.Sequence != next || !d.hand(ctx, Message{Subject: m.Subject, Sequence: m.Sequence, Data: m.Data, Header: d.traced(m.Header)}) {
			return
		}
		next++
	}
}

func (d *delivery) position() uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.next
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

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
