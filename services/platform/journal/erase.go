package journal

import (
	"context"
	"errors"

	"github.com/nats-io/nats.go/jetstream"
)

// Erase removes a message and overwrites its bytes in the files of the stream; a message that is gone already is no error. When
// it returns, the embedded server's files do not have the bytes any more. In a cluster the leader's stream does not; the
// other nodes follow at once when they run, and the log by which the nodes agree forgets them with its next snapshot, minutes
// later (docs/decisions/0023-journals.md). Errors: ErrUnavailable.
func (j *Journal) Erase(ctx context.Context, sequence uint64) error {
	if err := j.working(); err != nil {
		return err
	}
	_, err := ask(ctx, func(ctx context.Context) (struct{}, error) {
		err := j.stream.SecureDeleteMsg(ctx, sequence)
		var refused *jetstream.APIError
		if errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) || errors.As(err, &refused) {
			if _, missing := j.stream.GetMsg(ctx, sequence); errors.Is(missing, jetstream.ErrMsgNotFound) {
				return struct{}{}, nil
			}
			err = errBehind // to be asked again: a leader that changes refuses as well
		}
		return struct{}{}, err
	})
	return err
}

// eraseBefore erases the messages of a subject that are older than a sequence.
func (j *Journal) eraseBefore(ctx context.Context, subject string, sequence uint64) error {
	for from := uint64(1); ; {
		m, ok, err := j.next(ctx, subject, from)
		if err != nil || !ok || m.Sequence >= sequence {
			return err
		}
		if err := j.Erase(ctx, m.Sequence); err != nil {
			return err
		}
		from = m.Sequence + 1
	}
}

// eraseReplaced erases what a writer left behind that died between an append and the erasure of what it replaced.
func (j *Journal) eraseReplaced(ctx context.Context) error {
	info, err := ask(ctx, func(ctx context.Context) (*jetstream.StreamInfo, error) {
		return j.stream.Info(ctx, jetstream.WithSubjectFilter(">"))
	})
	if err != nil {
		return err
	}
	for subject, count := range info.State.Subjects {
		if count < 2 {
			continue
		}
		last, ok, err := j.Last(ctx, subject)
		if err == nil && ok {
			err = j.eraseBefore(ctx, subject, last.Sequence)
		}
		if err != nil {
			return err
		}
	}
	return nil
}
