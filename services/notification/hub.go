package notification

import (
	"context"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/journal"
)

const (
	// maxStreams bounds the open streams of a process: each takes some ten kilobytes.
	maxStreams = 10_000
	// readerBuffer is how many events wait for a reader before it counts as too slow.
	readerBuffer = 256
)

// hub hands new events of the journal out to the streams of the process. It follows the journal once for all, and finds an event's
// readers by its topics: what an event costs does not grow with the readers that it does not concern.
type hub struct {
	journal *journal.Journal
	filter  string
	log     *slog.Logger

	following chan struct{} // closed when at is known
	leaving   chan struct{} // closed when the streams shall end
	leave     sync.Once
	open      atomic.Int64  // streams
	slow      atomic.Int64  // streams that ended because their readers were
	at        atomic.Uint64 // everything up to here was handed to the readers
	expired   atomic.Uint64 // everything up to here was gone at the start

	mu      sync.Mutex
	byTopic map[string][]*reader
	all     map[*reader]bool // readers without topics
}

// reader is one open stream.
type reader struct {
	topics []string
	kinds  map[notificationv1.Event_Kind]bool // all when empty
	events chan *notificationv1.Event
	slow   chan struct{} // closed when it has got too many
	last   uint64        // the event that it got last; the hub's own
	gone   bool          // gets no more; guarded by the hub's mu
}

// readerOf makes a reader of a request.
func readerOf(req *notificationv1.StreamEventsRequest) *reader {
	r := &reader{topics: req.GetTopics(), kinds: map[notificationv1.Event_Kind]bool{},
		events: make(chan *notificationv1.Event, readerBuffer), slow: make(chan struct{})}
	for _, kind := range req.GetKinds() {
		r.kinds[kind] = true
	}
	return r
}

// wants tells whether an event is for the reader.
func (r *reader) wants(e *notificationv1.Event) bool {
	if private(e) || len(r.kinds) > 0 && !r.kinds[e.GetKind()] {
		return false
	}
	return len(r.topics) == 0 || slices.ContainsFunc(e.GetTopics(), func(topic string) bool { return slices.Contains(r.topics, topic) })
}

// private tells whether an event is for its addressee's inbox alone and no stream has it, whatever is asked for.
func private(e *notificationv1.Event) bool {
	return e.GetKind() == notificationv1.Event_KIND_WEBHOOK_FAILING
}

func newHub(events *journal.Journal, logger *slog.Logger) (*hub, error) {
	filter, err := events.Filter()
	return &hub{journal: events, filter: filter, log: logger, following: make(chan struct{}), leaving: make(chan struct{}),
		byTopic: map[string][]*reader{}, all: map[*reader]bool{}}, err
}

// run hands out what is appended from now on, until ctx ends.
func (h *hub) run(ctx context.Context) {
	defer h.end()
	for ctx.Err() == nil {
		first, last, err := h.journal.Bounds(ctx)
		if err != nil {
			h.log.Warn("journal of events does not answer", "error", err)
			pause(ctx, rereadPause)
			continue
		}
		h.at.Store(last)
		h.expired.Store(max(first, 1) - 1)
		close(h.following)
		if err := h.journal.Follow(ctx, last, h.filter, h.hand); err != nil {
			h.log.Error("streams of events end", "error", err)
		}
		return
	}
}

// end ends all streams, now and to come.
func (h *hub) end() { h.leave.Do(func() { close(h.leaving) }) }

// hand gives messages to the readers that they are for.
func (h *hub) hand(messages []journal.Message) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, m := range messages {
		event, err := eventFrom(m)
		if err != nil { // one that nobody can read must not keep others from all that follow
			h.log.Error("event cannot be handed out", "error", err)
		}
		if event != nil {
			h.handOne(event)
		}
		h.at.Store(m.Sequence)
	}
	return nil
}

func (h *hub) handOne(event *notificationv1.Event) {
	if private(event) {
		return
	}
	for r := range h.all {
		h.give(r, event)
	}
	for _, topic := range event.GetTopics() {
		for _, r := range h.byTopic[topic] {
			h.give(r, event)
		}
	}
}

// give adds an event to what waits for a reader. One that has no room left gets nothing more.
func (h *hub) give(r *reader, event *notificationv1.Event) {
	if r.gone || r.last == event.GetSequence() || len(r.kinds) > 0 && !r.kinds[event.GetKind()] {
		return
	}
	r.last = event.GetSequence()
	select {
	case r.events <- event:
	default:
		r.gone = true
		h.slow.Add(1)
		close(r.slow)
	}
}

// admit counts one more stream, and returns what counts it off again. Faults: NotCaughtUp when the hub has ended,
// TooManyStreams.
func (h *hub) admit(ctx context.Context) (leave func(), err error) {
	select {
	case <-h.following:
	case <-h.leaving:
		return nil, fault.New(fault.NotCaughtUp)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if h.open.Add(1) > maxStreams {
		h.open.Add(-1)
		return nil, fault.New(fault.TooManyStreams, "limit", strconv.Itoa(maxStreams))
	}
	return func() { h.open.Add(-1) }, nil
}

// join adds a reader: it gets all events after the sequence that is returned.
func (h *hub) join(r *reader) (after uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(r.topics) == 0 {
		h.all[r] = true
	}
	for _, topic := range r.topics {
		h.byTopic[topic] = append(h.byTopic[topic], r)
	}
	return h.at.Load()
}

// part removes a reader.
func (h *hub) part(r *reader) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.all, r)
	for _, topic := range r.topics {
		h.byTopic[topic] = slices.DeleteFunc(h.byTopic[topic], func(other *reader) bool { return other == r })
		if len(h.byTopic[topic]) == 0 {
			delete(h.byTopic, topic)
		}
	}
}
