package journal

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"

	"kompass.krz.de/services/platform/ledger"
)

const (
	readTime = 30 * time.Second // for an answer, elections included
	// readBatch is how many messages a server gives out at once.
	readBatch = 1000
)

// errBehind says that the node that answered lags behind.
var errBehind = context.DeadlineExceeded

// ask asks until the cluster answers. Errors: jetstream.ErrMsgNotFound as it is, else ErrUnavailable.
func ask[T any](ctx context.Context, question func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, readTime)
	defer cancel()
	answer, err := ledger.Patiently(ctx, nil, question)
	if err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
		err = unavailable(err)
	}
	return answer, err
}

// found turns what was asked for into a message; false when there is none.
func found(m *jetstream.RawStreamMsg, err error) (Message, bool, error) {
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return Message{}, false, nil
	}
	if err != nil {
		return Message{}, false, err
	}
	return incoming(m), true, nil
}

func incoming(m *jetstream.RawStreamMsg) Message {
	return Message{Sequence: m.Sequence, Subject: m.Subject, Header: carried(m.Header), Data: m.Data, Time: m.Time}
}

// carried are the headers that a writer gave, without those of NATS itself.
func carried(all map[string][]string) map[string][]string {
	kept := make(map[string][]string, len(all))
	for name, values := range all {
		if !strings.HasPrefix(name, "Nats-") {
			kept[name] = values
		}
	}
	return kept
}

// Last is the newest message whose subject filter matches; false when there is none (any more). In a cluster a node that is a
// little behind may answer: as a guard its answer is refused, not wrong. A journal that is LastOnly answers from the leader.
// Errors: ErrUnavailable.
func (j *Journal) Last(ctx context.Context, filter string) (Message, bool, error) {
	return found(ask(ctx, func(ctx context.Context) (*jetstream.RawStreamMsg, error) {
		return j.stream.GetLastMsgForSubject(ctx, filter)
	}))
}

// At is the message with a sequence; false when it is not there (any more, or yet: see Last). Errors: ErrUnavailable.
func (j *Journal) At(ctx context.Context, sequence uint64) (Message, bool, error) {
	return found(ask(ctx, func(ctx context.Context) (*jetstream.RawStreamMsg, error) {
		return j.stream.GetMsg(ctx, sequence)
	}))
}

// next is the first message from a sequence on whose subject filter matches; false when there is none.
func (j *Journal) next(ctx context.Context, filter string, from uint64) (Message, bool, error) {
	return found(ask(ctx, func(ctx context.Context) (*jetstream.RawStreamMsg, error) {
		return j.stream.GetMsg(ctx, from, jetstream.WithGetMsgSubject(filter))
	}))
}

// Read gives messages whose subjects filter matches, in order, from a sequence on (1 and 0 are the beginning): at most limit,
// perhaps fewer, none only at the end (as far as the node that answers has it, see Last). Errors: ErrUnavailable.
func (j *Journal) Read(ctx context.Context, filter string, from uint64, limit int) ([]Message, error) {
	from = max(from, 1)
	if !j.config.LastOnly {
		return ask(ctx, func(ctx context.Context) ([]Message, error) {
			return j.some(ctx, min(limit, readBatch), jetstreamext.GetBatchSubject(filter), jetstreamext.GetBatchSeq(from))
		})
	}
	var messages []Message
	for len(messages) < limit {
		m, ok, err := j.next(ctx, filter, from)
		if err != nil || !ok {
			return messages, err
		}
		messages, from = append(messages, m), m.Sequence+1
	}
	return messages, nil
}

func (j *Journal) some(ctx context.Context, limit int, which ...jetstreamext.GetBatchOpt) ([]Message, error) {
	batch, err := jetstreamext.GetBatch(ctx, j.js, j.stream.CachedInfo().Config.Name, limit, which...)
	if err != nil {
		return nil, err
	}
	var messages []Message
	for m, err := range batch {
		if errors.Is(err, jetstreamext.ErrNoMessages) {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		messages = append(messages, incoming(m))
	}
	return messages, ctx.Err() // a batch that is cut short by the time says so in no other way
}

// From is the sequence of the first message that was stored at a time or later; that of the message to come when there is
// none. Not for journals that are LastOnly. Errors: ErrUnavailable.
func (j *Journal) From(ctx context.Context, t time.Time) (uint64, error) {
	return ask(ctx, func(ctx context.Context) (uint64, error) {
		info, err := j.stream.Info(ctx)
		if err != nil {
			return 0, err
		}
		if info.State.Msgs == 0 || info.State.LastTime.Before(t) {
			return info.State.LastSeq + 1, nil
		}
		messages, err := j.some(ctx, 1, jetstreamext.GetBatchStartTime(t.UTC()))
		if err != nil {
			return 0, err
		}
		if len(messages) == 0 {
			return 0, errBehind
		}
		return messages[0].Sequence, nil
	})
}

// Bounds are the sequences of the oldest and the newest message, as the leader knows them. In an empty journal last is that of
// the newest message there ever was, and first the next. Errors: ErrUnavailable.
func (j *Journal) Bounds(ctx context.Context) (first, last uint64, err error) {
	state, err := ask(ctx, func(ctx context.Context) (jetstream.StreamState, error) {
		info, err := j.stream.Info(ctx)
		if err != nil {
			return jetstream.StreamState{}, err
		}
		return info.State, nil
	})
	if state.Msgs == 0 {
		return state.LastSeq + 1, state.LastSeq, err
	}
	return state.FirstSeq, state.LastSeq, err
}
