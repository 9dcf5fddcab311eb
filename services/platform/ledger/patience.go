package ledger

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A cluster that elects a leader answers questions late, with a refusal that passes, or not at all.
const (
	askTime  = 2 * time.Second        // for one try: a lost question is asked again
	askPause = 250 * time.Millisecond // between two tries
	formTime = 2 * time.Minute        // for a cluster to form when a stream is opened
)

// Patiently asks until there is an answer, a refusal that will not pass, or ctx ends. waiting, if not nil, hears of every
// try that was in vain.
func Patiently[T any](ctx context.Context, waiting func(error), ask func(context.Context) (T, error)) (T, error) {
	for {
		bounded, cancel := context.WithTimeout(ctx, askTime)
		answer, err := ask(bounded)
		cancel()
		if err == nil || ctx.Err() != nil || !passes(err) {
			return answer, err
		}
		if waiting != nil {
			waiting(err)
		}
		pause(ctx, askPause)
	}
}

// codeNoPeers refuses a stream because too few nodes are there (yet) to hold its replicas.
const codeNoPeers jetstream.ErrorCode = 10005

// passes tells whether an error of the cluster may be over by the next try.
func passes(err error) bool {
	var api *jetstream.APIError
	if errors.As(err, &api) {
		return api.Code == http.StatusServiceUnavailable || api.ErrorCode == codeNoPeers
	}
	for _, passing := range []error{
		errLeaderless, context.DeadlineExceeded, nats.ErrTimeout, nats.ErrNoResponders, nats.ErrDisconnected, nats.ErrConnectionReconnecting, nats.ErrReconnectBufExceeded,
	} {
		if errors.Is(err, passing) {
			return true
		}
	}
	return false
}

// errLeaderless says that a stream has no leader at the moment: a node that follows answered, which may lag behind.
var errLeaderless = errors.New("stream has no leader")

// lastSequence asks the leader of a stream for the sequence of its newest record, for as long as it takes or ctx lasts.
func lastSequence(ctx context.Context, stream jetstream.Stream) (uint64, error) {
	var missing Absence
	return Patiently(ctx, nil, func(ctx context.Context) (uint64, error) {
		info, err := stream.Info(ctx)
		if missing.Doubted(err) {
			return 0, errLeaderless
		}
		if err != nil {
			return 0, err
		}
		if info.Cluster != nil && info.Cluster.Leader == "" && info.Config.Replicas > 1 {
			return 0, errLeaderless
		}
		return info.State.LastSeq, nil
	})
}

// Absence says since when a cluster answers that it has no such stream. Right after the stream was made, a node that shall
// hold it answers so before it does; what nobody has found for a while is gone.
type Absence struct{ since time.Time }

// absenceTime is how long an answer that a stream is not there is doubted.
const absenceTime = 15 * time.Second

// Doubted tells whether an answer is that of a missing stream, and too young to be believed.
func (a *Absence) Doubted(err error) bool {
	if !errors.Is(err, jetstream.ErrStreamNotFound) {
		a.since = time.Time{}
		return false
	}
	if a.since.IsZero() {
		a.since = time.Now()
	}
	return time.Since(a.since) < absenceTime
}
