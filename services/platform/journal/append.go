package journal

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
	"github.com/synadia-io/orbit.go/jetstreamext"

	"kompass.krz.de/services/platform/ledger"
)

// Message is one message of a journal. Append needs subject, header and data; the journal gives sequence and time.
type Message struct {
	Sequence uint64
	Subject  string
	Header   map[string][]string
	Data     []byte
	Time     time.Time // when it was stored, by the clock of the server
}

// Guard lets an append happen only while nobody else appended: the newest message whose subject Filter matches must have
// the sequence Last, 0 when there is none (any more). It holds against appends with a guard of the very same filter; whoever
// appends to a subject that the filter matches without it may get in between. The zero Guard allows everything.
//
// A filter of the whole journal is another matter: Last is then the sequence of the last message there ever was (Bounds), and no append at
// all gets in between. That costs nothing, as does a filter that is one subject; with wildcards the server looks at each subject that
// matches, every time: for few of them.
type Guard struct {
	Filter string
	Last   uint64
}

// ErrConflict says that the guard did not hold: nothing was appended, read on. ErrUnavailable says that there was no
// acknowledgement, and that the append may or may not have happened: only reading tells.
var (
	ErrConflict    = ledger.ErrConflict
	ErrUnavailable = ledger.ErrUnavailable
)

const (
	appendTime = 5 * time.Second // for one acknowledgement
	batchTime  = 10 * time.Second
	// A stream without a leader answers nothing and has written nothing, so trying again is safe.
	electionTries = 20
	retryPause    = 250 * time.Millisecond
)

// Append writes one message and returns its sequence, once it is on disk (fsync) on a quorum. In a journal that is LastOnly the
// older messages of the subject are erased before it returns; ErrUnavailable then also says that one may still be there, until
// the next append to the subject or the next Open. Errors: ErrConflict, ErrUnavailable.
func (j *Journal) Append(ctx context.Context, m Message, g Guard) (sequence uint64, err error) {
	start := time.Now()
	defer func() { j.measures.appended(start, err) }()
	if err := j.working(); err != nil {
		return 0, err
	}
	if sequence, err = j.publish(ctx, m, g); err != nil {
		return 0, err
	}
	if j.config.LastOnly {
		if err := j.eraseBefore(ctx, m.Subject, sequence); err != nil {
			return 0, err
		}
	}
	return sequence, nil
}

// publish writes one message and waits for its acknowledgement.
func (j *Journal) publish(ctx context.Context, m Message, g Guard, opts ...jetstream.PublishOpt) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, appendTime)
	defer cancel()
	opts = append(opts, jetstream.WithRetryWait(retryPause), jetstream.WithRetryAttempts(electionTries))
	switch g.Filter {
	case "":
	case j.prefix + ">":
		opts = append(opts, jetstream.WithExpectLastSequence(g.Last))
	default:
		opts = append(opts, jetstream.WithExpectLastSequenceForSubject(g.Last, g.Filter))
	}
	ack, err := j.js.PublishMsg(ctx, outgoing(m), opts...)
	if err != nil {
		return 0, ledger.Classify(err)
	}
	return ack.Sequence, nil
}

// AppendAll writes messages in order, without any other in between that has the same guard, and returns the sequence of the
// last one. Many travel in atomic batches of up to ledger.BatchSize, each guarded by the end of the one before; few go one by one
// where there is one server, which is much faster. A conflict with the first writes nothing; a later one, a lost connection or a
// crash of the embedded server leaves the first part of them, never a hole. So each message has to tell a reader where to go on. Journals
// that are LastOnly take one message at a time. Errors: ErrConflict, ErrUnavailable.
func (j *Journal) AppendAll(ctx context.Context, messages []Message, g Guard) (last uint64, err error) {
	start := time.Now()
	defer func() { j.measures.appended(start, err) }()
	if err := j.working(); err != nil {
		return 0, err
	}
	if len(messages) == 0 || j.config.LastOnly {
		return 0, errors.New("journal: nothing to append, or not one at a time")
	}
	if len(messages) <= Chain && j.stream.CachedInfo().Config.Replicas == 1 {
		return j.chain(ctx, messages, g)
	}
	for len(messages) > 1 {
		now := messages[:min(len(messages), ledger.BatchSize)]
		messages = messages[len(now):]
		last, err := j.batch(ctx, now, g)
		if err != nil || len(messages) == 0 {
			return last, err
		}
		g.Last = last
	}
	return j.publish(ctx, messages[0], g)
}

// Chain is up to how many messages AppendAll writes one by one where there is one server: for a batch the server makes files of its own,
// which takes as long.
const Chain = 16

// chain writes messages one after the other, and waits for the first alone. Each further one is taken only directly after the one
// before it, whatever its subject: if somebody else's comes in between, what follows is refused, and begins a chain of its own.
func (j *Journal) chain(ctx context.Context, messages []Message, g Guard) (last uint64, err error) {
	for len(messages) > 0 {
		id := nuid.Next()
		if g.Last, err = j.publish(ctx, messages[0], g, jetstream.WithMsgID(id+"0")); err != nil {
			return 0, err
		}
		var written int
		if written, g.Last, err = j.pipeline(ctx, messages[1:], id, g.Last); err != nil {
			return 0, err
		}
		messages = messages[1+written:]
	}
	return g.Last, nil
}

// pipeline goes on with a chain, without waiting in between, and returns how many messages were taken, always the first ones, and the
// sequence of the last of them.
func (j *Journal) pipeline(ctx context.Context, messages []Message, id string, last uint64) (written int, end uint64, err error) {
	futures := make([]jetstream.PubAckFuture, len(messages))
	for i, m := range messages {
		futures[i], err = j.js.PublishMsgAsync(outgoing(m), jetstream.WithMsgID(id+strconv.Itoa(i+1)),
			jetstream.WithExpectLastMsgID(id+strconv.Itoa(i)), jetstream.WithRetryAttempts(0))
		if err != nil {
			return 0, 0, unavailable(err)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, appendTime)
	defer cancel()
	for _, f := range futures {
		select {
		case ack := <-f.Ok():
			written, last = written+1, ack.Sequence
		case err := <-f.Err():
			var refused *jetstream.APIError
			if !errors.As(err, &refused) || refused.ErrorCode != codeWrongLastID {
				return 0, 0, unavailable(err)
			}
		case <-ctx.Done():
			return 0, 0, unavailable(ctx.Err())
		}
	}
	return written, last, nil
}

// codeWrongLastID refuses a message that does not directly follow the one that it names.
const codeWrongLastID jetstream.ErrorCode = 10070

// batch writes messages at once. In the cluster a batch is one entry of the log that its nodes agree on.
func (j *Journal) batch(ctx context.Context, messages []Message, g Guard) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, batchTime)
	defer cancel()
	for try := 0; ; try++ {
		batch := make([]*nats.Msg, len(messages))
		for i, m := range messages {
			batch[i] = outgoing(m)
		}
		switch last := strconv.FormatUint(g.Last, 10); g.Filter {
		case "":
		case j.prefix + ">":
			batch[0].Header.Set(jetstream.ExpectedLastSeqHeader, last)
		default:
			batch[0].Header.Set(jetstream.ExpectedLastSubjSeqHeader, last)
			batch[0].Header.Set(jetstream.ExpectedLastSubjSeqSubjHeader, g.Filter)
		}
		ack, err := jetstreamext.PublishMsgBatch(ctx, j.js, batch, jetstreamext.BatchFlowControl{AckFirst: true, AckTimeout: appendTime})
		if err == nil {
			return ack.Sequence, nil
		}
		if !errors.Is(err, nats.ErrNoResponders) || try >= electionTries {
			return 0, ledger.Classify(err)
		}
		pause(ctx)
	}
}

// outgoing copies the header: what is published gets headers of its own.
func outgoing(m Message) *nats.Msg {
	header := nats.Header{}
	maps.Copy(header, m.Header)
	return &nats.Msg{Subject: m.Subject, Header: header, Data: m.Data}
}

// working is why nothing can be stored at the moment, if anybody knows.
func (j *Journal) working() error {
	if j.failed == nil {
		return nil
	}
	if err := j.failed(); err != nil {
		return unavailable(err)
	}
	return nil
}

func unavailable(err error) error { return fmt.Errorf("%w: %w", ErrUnavailable, err) }

// pause waits before another try.
func pause(ctx context.Context) {
	select {
	case <-time.After(retryPause):
	case <-ctx.Done():
	}
}
