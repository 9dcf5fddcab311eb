package notification

import (
	"context"
	"time"

	"google.golang.org/grpc"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/journal"
)

// heartbeat is how often a stream says that it lives, and how far it has looked.
const heartbeat = 15 * time.Second

// startTime is how long a stream waits for a replica that starts.
const startTime = 30 * time.Second

// catchUpPage is how many events are read at once for a reader that comes back.
const catchUpPage = 500

// StreamEvents sends events as they happen, those after a sequence first if the request names one. The first piece says from where
// on, before anything happens.
func (s *Service) StreamEvents(req *notificationv1.StreamEventsRequest, stream grpc.ServerStreamingServer[notificationv1.StreamEventsResponse]) error {
	ctx := stream.Context()
	if err := s.awaitReplica(ctx); err != nil {
		return err
	}
	leave, err := s.hub.admit(ctx)
	if err != nil {
		return err
	}
	defer leave()
	l := &live{hub: s.hub, reader: readerOf(req), stream: stream}
	defer s.hub.part(l.reader)
	if err := l.begin(ctx, req); err != nil {
		return err
	}
	return l.follow(ctx, s.heartbeat)
}

// awaitReplica waits for a replica that has just started: browsers that are answered an error never come back. One that is broken is
// refused, as it would be silent for ever.
func (s *Service) awaitReplica(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	_ = s.replica.Ready(ctx) // Read says why not
	_, err := s.replica.Read()
	return err
}

// begin says from where on the stream is, and sends what the reader missed. The hub hands out only to those who have nearly caught
// up: what it has for the others would be too much to wait.
func (l *live) begin(ctx context.Context, req *notificationv1.StreamEventsRequest) error {
	if req.After == nil {
		return l.send(nil, l.hub.join(l.reader))
	}
	if err := l.hub.checkAfter(ctx, req.GetAfter()); err != nil {
		return err
	}
	if err := l.send(nil, req.GetAfter()); err != nil {
		return err
	}
	for at := l.hub.at.Load(); at > l.sent+readerBuffer/2; at = l.hub.at.Load() {
		if err := l.catchUp(ctx, at); err != nil {
			return err
		}
	}
	return l.catchUp(ctx, l.hub.join(l.reader))
}

// checkAfter refuses a sequence that no event has yet: it comes from another journal. The hub of another process may be ahead
// of this one.
func (h *hub) checkAfter(ctx context.Context, after uint64) error {
	if after <= h.at.Load() {
		return nil
	}
	_, last, err := h.journal.Bounds(ctx)
	if err != nil {
		return fault.New(fault.StorageUnavailable).Cause(err)
	}
	if after > last {
		return fault.New(fault.InvalidField).Field("after", "diese laufende Nummer gibt es noch nicht; ohne sie beginnt der Strom jetzt",
			"there is no such sequence yet; without it the stream begins now")
	}
	return nil
}

// live is a stream on its way to one reader.
type live struct {
	hub    *hub
	reader *reader
	stream grpc.ServerStreamingServer[notificationv1.StreamEventsResponse]
	sent   uint64 // everything up to here was looked at, and sent if the reader wants it
}

// send sends an event, or without one how far the stream has looked.
func (l *live) send(e *notificationv1.Event, sequence uint64) error {
	l.sent = sequence
	return l.stream.Send(&notificationv1.StreamEventsResponse{Event: e, Sequence: sequence})
}

func (l *live) end(why notificationv1.StreamEventsResponse_End) error {
	return l.stream.Send(&notificationv1.StreamEventsResponse{Sequence: l.sent, End: why})
}

// catchUp sends what the journal has up to a sequence; what comes after it waits in the reader's buffer.
func (l *live) catchUp(ctx context.Context, upTo uint64) error {
	for l.sent < upTo {
		messages, err := l.hub.journal.Read(ctx, l.hub.filter, l.sent+1, catchUpPage)
		if err != nil {
			return fault.New(fault.StorageUnavailable).Cause(err)
		}
		if len(messages) == 0 { // the rest has expired, or the node that answered is behind the hub's
			if first, _, err := l.hub.journal.Bounds(ctx); err != nil || first <= l.sent+1 {
				pause(ctx, rereadPause)
			} else {
				l.sent = min(upTo, first-1)
			}
		}
		for _, m := range messages {
			if m.Sequence > upTo {
				return l.send(nil, upTo)
			}
			if err := l.one(m); err != nil {
				return err
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// one sends a message of the journal if the reader wants it.
func (l *live) one(m journal.Message) error {
	event, err := eventFrom(m)
	if err != nil {
		return fault.New(fault.Internal).Cause(err)
	}
	if event == nil || !l.reader.wants(event) {
		l.sent = m.Sequence
		return nil
	}
	return l.send(event, m.Sequence)
}

// follow sends what the hub hands out, until the reader leaves, is too slow, or the service stops.
func (l *live) follow(ctx context.Context, every time.Duration) error {
	beat := time.NewTicker(every)
	defer beat.Stop()
	for {
		select { // before anything else that is ready, too
		case <-l.reader.slow:
			return l.end(notificationv1.StreamEventsResponse_END_TOO_SLOW)
		default:
		}
		select {
		case e := <-l.reader.events:
			if e.GetSequence() > l.sent {
				if err := l.send(e, e.GetSequence()); err != nil {
					return err
				}
			}
		case <-beat.C:
			if err := l.beat(); err != nil {
				return err
			}
		case <-l.reader.slow:
		case <-l.hub.leaving:
			return l.end(notificationv1.StreamEventsResponse_END_STOPPING)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// beat says how far the stream has looked: as far as the hub, unless something waits. What the hub handed out before it said where
// it stands is in the buffer by then.
func (l *live) beat() error {
	at := l.hub.at.Load()
	if len(l.reader.events) > 0 {
		at = l.sent
	}
	return l.send(nil, max(at, l.sent))
}
