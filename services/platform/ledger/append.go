package ledger

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nuid"
	"github.com/synadia-io/orbit.go/jetstreamext"
	"golang.org/x/sync/errgroup"

	ledgerv1 "kompass.krz.de/proto/kompass/ledger/v1"
)

// BatchSize is how many messages a JetStream server takes as one atomic batch unless told otherwise.
const BatchSize = 1000

// publishTime bounds the wait for one acknowledgement; the request id makes trying again safe.
const publishTime = 5 * time.Second

// MaxAppendTime bounds one Append, far below StagingExpiry.
const MaxAppendTime = 2 * time.Minute

// A stream without a leader answers nothing and has written nothing, so trying again is safe.
const (
	electionWait  = 250 * time.Millisecond
	electionTries = 20
)

// ErrConflict says that a subject has a newer record than the decision saw: decide again.
var ErrConflict = errors.New("a newer record exists")

// errDuplicate says that the stream knows the request; once the state has caught up, it does as well.
var errDuplicate = fmt.Errorf("%w: the request was written before", ErrConflict)

// ErrUnavailable says that the stream did not acknowledge. The write may or may not have happened; a repetition with
// the same request id finds out.
var ErrUnavailable = errors.New("ledger did not acknowledge")

// Conflict codes: wrong last sequence, and its form on replicated streams.
const (
	codeWrongLastSequence         jetstream.ErrorCode = 10071
	codeWrongLastSequenceConstant jetstream.ErrorCode = 10164
)

// Append writes drafts and returns the sequence of the last one, when all are on disk (fsync) on a quorum.
// One draft is one guarded publish. Several become visible at one moment: they are staged, in atomic batches, and the
// last one commits them. Errors: ErrConflict, ErrUnavailable.
func (l *Log) Append(ctx context.Context, c Cause, drafts []Draft) (uint64, error) {
	ctx, ended := l.observeAppend(ctx, len(drafts))
	sequence, err := l.append(ctx, c, drafts)
	ended(sequence, err)
	return sequence, err
}

func (l *Log) append(ctx context.Context, c Cause, drafts []Draft) (uint64, error) {
	if l.failed != nil {
		if err := l.failed(); err != nil {
			return 0, unavailable(err)
		}
	}
	switch len(drafts) {
	case 0:
		return 0, errors.New("ledger: nothing to append")
	case 1:
		return l.appendOne(ctx, c, drafts[0])
	default:
		return l.appendStaged(ctx, c, drafts)
	}
}

func (l *Log) appendOne(ctx context.Context, c Cause, d Draft) (uint64, error) {
	data, err := encode(d, c, "", nil)
	if err != nil {
		return 0, err
	}
	opts := []jetstream.PublishOpt{jetstream.WithExpectLastSequencePerSubject(d.Head.Sequence), jetstream.WithRetryWait(electionWait), jetstream.WithRetryAttempts(electionTries)}
	if len(c.Digest) > 0 {
		opts = append(opts, jetstream.WithMsgID(c.RequestID))
	}
	ctx, cancel := context.WithTimeout(ctx, publishTime)
	defer cancel()
	msg := &nats.Msg{Subject: d.Subject, Data: data, Header: l.origin(ctx)}
	ack, err := l.js.PublishMsg(ctx, msg, opts...)
	if err != nil {
		return 0, Classify(err)
	}
	if ack.Duplicate { // the first try of this request is there; once the state has it, the request is known
		return 0, fmt.Errorf("%w: %s", errDuplicate, c.RequestID)
	}
	l.offer(ack.Sequence, []*nats.Msg{msg})
	return ack.Sequence, nil
}

// appendStaged does not rely on a batch being atomic across a crash of the server: what counts is the commit. While one
// batch is on its way, the next one is encoded.
func (l *Log) appendStaged(ctx context.Context, c Cause, drafts []Draft) (uint64, error) {
	ctx, cancel := context.WithTimeout(ctx, MaxAppendTime)
	defer cancel()
	group, ctx := errgroup.WithContext(ctx)
	batches := make(chan []*nats.Msg)
	group.Go(func() error {
		defer close(batches)
		return stage(ctx, c, drafts, batches)
	})
	var sequence uint64
	group.Go(func() (err error) {
		for batch := range batches {
			if sequence, err = l.publish(ctx, batch); err != nil {
				return err
			}
			l.offer(sequence, batch)
		}
		return nil
	})
	err := group.Wait()
	return sequence, err
}

// stage encodes drafts and hands them over in batches; the last record commits the others.
func stage(ctx context.Context, c Cause, drafts []Draft, batches chan<- []*nats.Msg) error {
	id, digest := nuid.Next(), sha256.New()
	for rest := drafts; len(rest) > 0; {
		now := rest[:min(len(rest), BatchSize)]
		rest = rest[len(now):]
		batch := make([]*nats.Msg, len(now))
		for i, d := range now {
			staging, commit := id, (*ledgerv1.Commit)(nil)
			if len(rest) == 0 && i == len(now)-1 {
				staging, commit = "", &ledgerv1.Commit{Staging: id, Records: uint32(len(drafts) - 1), Digest: digest.Sum(nil)}
			}
			data, err := encode(d, c, staging, commit)
			if err != nil {
				return err
			}
			sum := sha256.Sum256(data)
			digest.Write(sum[:])
			batch[i] = &nats.Msg{Subject: d.Subject, Data: data, Header: nats.Header{
				jetstream.ExpectedLastSubjSeqHeader: {strconv.FormatUint(d.Head.Sequence, 10)},
			}}
		}
		select {
		case batches <- batch:
		case <-ctx.Done():
			return unavailable(ctx.Err())
		}
	}
	return nil
}

func (l *Log) publish(ctx context.Context, batch []*nats.Msg) (uint64, error) {
	flow := jetstreamext.BatchFlowControl{AckFirst: true, AckTimeout: 10 * time.Second}
	for try := 0; ; try++ {
		ack, err := jetstreamext.PublishMsgBatch(ctx, l.js, l.signed(ctx, batch), flow)
		if err == nil {
			return ack.Sequence, nil
		}
		if !errors.Is(err, nats.ErrNoResponders) || try >= electionTries {
			return 0, Classify(err)
		}
		select {
		case <-time.After(electionWait):
		case <-ctx.Done():
			return 0, unavailable(ctx.Err())
		}
	}
}

// Classify says what a refused or unanswered publish means: ErrConflict or ErrUnavailable.
func Classify(err error) error {
	var api *jetstream.APIError
	if errors.As(err, &api) {
		switch api.ErrorCode {
		case codeWrongLastSequence, codeWrongLastSequenceConstant:
			return fmt.Errorf("%w: %w", ErrConflict, err)
		}
	}
	return unavailable(err)
}

func unavailable(err error) error { return fmt.Errorf("%w: %w", ErrUnavailable, err) }
