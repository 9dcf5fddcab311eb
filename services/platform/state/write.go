package state

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/ledger"
)

// attempts bounds how often a decision is repeated when others change the same entities.
const attempts = 20

// The pause before a repetition grows by one of these: others who write are done at once, a cluster needs seconds.
const (
	conflictStep = 2 * time.Millisecond
	outageStep   = 50 * time.Millisecond
)

// Decide looks at a state and says what shall change; nothing is a valid answer. It may run several times and must have
// no effect of its own. It leaves Draft.Head alone.
type Decide[S any] func(S) ([]ledger.Draft, error)

// Result is what a write led to.
type Result[S any] struct {
	State    S      // a state that holds the change
	Sequence uint64 // of the change's last record; 0 when nothing had to change
	Repeated bool   // the same request had its effect before
}

// Write is the one way to change anything: decide on a snapshot, append with the guard that no subject of the decision
// moved on, wait until the own state has applied it. A conflict decides again.
// Errors are faults: RequestIDReused, Conflict when others keep winning, StorageUnavailable, StreamBroken, those of decide.
func (r *Replica[S]) Write(ctx context.Context, c ledger.Cause, decide Decide[S]) (Result[S], error) {
	ctx, span := r.sources[0].log.Span(ctx, "write", trace.SpanKindInternal)
	decisions := 0
	result, err := r.write(ctx, c, func(s S) ([]ledger.Draft, error) { decisions++; return decide(s) })
	if span.IsRecording() {
		span.SetAttributes(attribute.String("kompass.replica", r.Own().Service), attribute.Int("kompass.decisions", decisions), attribute.Bool("kompass.repeated", result.Repeated))
	}
	span.End()
	return result, asFault(err)
}

func (r *Replica[S]) write(ctx context.Context, c ledger.Cause, decide Decide[S]) (Result[S], error) {
	var last error
	var about string // what the conflict is about, for its fault
	noting := func(s S) ([]ledger.Draft, error) {
		drafts, err := decide(s)
		if len(drafts) > 0 {
			about = drafts[0].Resource
		}
		return drafts, err
	}
	leave := func() {}
	defer func() { leave() }()
	for attempt := range attempts {
		result, err := r.counted(r.try(ctx, c, noting))
		again := errors.Is(err, ledger.ErrConflict) || errors.Is(err, ledger.ErrUnavailable)
		if !again || ctx.Err() != nil {
			return result, err
		}
		step := outageStep
		if errors.Is(err, ledger.ErrConflict) {
			step = conflictStep
			if last == nil {
				leave = r.turns.take(ctx, about)
			}
		}
		last = err
		if err := r.catchUp(ctx, time.Duration(attempt)*step); err != nil {
			return Result[S]{}, errors.Join(last, err)
		}
		if errors.Is(err, ledger.ErrUnavailable) && len(c.Digest) == 0 && attempt > 2 {
			break
		}
	}
	if errors.Is(last, ledger.ErrConflict) {
		last = fault.New(fault.Conflict, "resource", about).Cause(last)
	}
	return Result[S]{}, last
}

func (r *Replica[S]) try(ctx context.Context, c ledger.Cause, decide Decide[S]) (Result[S], error) {
	snapshot, err := r.snapshot()
	if err != nil {
		return Result[S]{}, err
	}
	if outcome, ok := r.requests.find(c.RequestID); ok && len(c.Digest) > 0 {
		if !bytes.Equal(outcome.Digest, c.Digest) {
			return Result[S]{}, fault.New(fault.RequestIDReused, "requestId", c.RequestID)
		}
		return r.after(ctx, outcome.Sequence, true)
	}
	drafts, err := decide(snapshot.State)
	if err != nil || len(drafts) == 0 {
		return Result[S]{State: snapshot.State}, err
	}
	own := r.sources[0]
	for i := range drafts {
		head := own.chain.Head(drafts[i].Subject)
		if head.Sequence > snapshot.positions[0] {
			return Result[S]{}, fmt.Errorf("%w: %s", ledger.ErrConflict, drafts[i].Resource)
		}
		drafts[i].Head = head
	}
	sequence, err := own.log.Append(ctx, c, drafts)
	if err != nil {
		return Result[S]{}, err
	}
	return r.after(ctx, sequence, false)
}

func (r *Replica[S]) after(ctx context.Context, sequence uint64, repeated bool) (Result[S], error) {
	snapshot, err := r.await(ctx, r.sources[0], sequence)
	if err != nil {
		return Result[S]{}, err
	}
	return Result[S]{State: snapshot.State, Sequence: sequence, Repeated: repeated}, nil
}

// catchUp waits until the own state holds all that the stream holds, so that the next decision sees what won.
func (r *Replica[S]) catchUp(ctx context.Context, pause time.Duration) error {
	if pause > 0 {
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	last, err := r.sources[0].log.LastSequence(ctx)
	if err != nil {
		return err
	}
	_, err = r.after(ctx, last, false)
	return err
}
