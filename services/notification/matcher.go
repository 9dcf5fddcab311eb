package notification

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"kompass.krz.de/services/platform/journal"
)

// matcher finds out for each event whom it concerns, and writes that to the journal "matches": each event once and in their
// order, by however many processes do so. What counts are the subscriptions at that moment, and certainly all that were there before the event: the
// state is first brought to the end of its stream. Each message says up to where the events are matched. That nobody was concerned is
// said once a second, for all events together: after a restart none meets subscriptions that are younger than that.
type matcher struct {
	scribe[reached]
	match    string // subjects
	position string
	written  string                                   // matches what matchers write
	current  func(ctx context.Context) (world, error) // the state, as new as the call

	mu     sync.Mutex // held by who works
	unsaid reached    // up to where nobody was concerned, which the journal does not know yet
}

const (
	// stateRetry is the time before a state that did not come is asked for again.
	stateRetry = time.Second
	// sayPause is how long it may take until the journal knows that events concern nobody.
	sayPause = time.Second
)

// newMatcher prepares a matcher that writes to a journal, by a way of its own.
func newMatcher(matches *journal.Journal, via scribeJournal, current func(context.Context) (world, error), logger *slog.Logger) (*matcher, error) {
	m := &matcher{current: current, scribe: scribe[reached]{journal: via, after: reachedAfter, log: logger}}
	var errs [4]error
	m.match, errs[0] = matches.Subject(tokenMatcher, "match")
	m.position, errs[1] = matches.Subject(tokenMatcher, "position")
	m.written, errs[2] = matches.Filter(tokenMatcher)
	m.all, errs[3] = matches.Filter()
	return m, errors.Join(errs[:]...)
}

// run matches the events of a journal until ctx ends.
func (m *matcher) run(ctx context.Context, events *journal.Journal) {
	all, err := events.Filter()
	if err != nil {
		m.log.Error("events find nobody", "error", err)
		return
	}
	for err := m.begin(ctx, m.written); err != nil && ctx.Err() == nil; err = m.begin(ctx, m.written) {
		m.log.Warn("journal of matches does not answer", "error", err)
		pause(ctx, stateRetry)
	}
	if _, last, err := events.Bounds(ctx); err == nil && m.next.event > last {
		m.log.Warn("there are fewer events than were matched, as after a loss: going on at their end", "events", last, "matched", m.next.event)
		m.next = reached{event: last}
	}
	after := m.next.event
	if m.next.addressee != "" { // not all of them know of it
		after--
	}
	var saying sync.WaitGroup
	defer saying.Wait()
	saying.Go(func() {
		for pause(ctx, sayPause); ctx.Err() == nil; pause(ctx, sayPause) {
			m.say(ctx)
		}
	})
	err = events.Follow(ctx, after, all, func(batch []journal.Message) error {
		m.take(ctx, batch)
		return nil
	})
	if err != nil {
		m.log.Error("events find nobody any more", "error", err)
	}
}

// take matches events and returns when the journal says whom they concern, whoever wrote it, or ctx ends.
func (m *matcher) take(ctx context.Context, batch []journal.Message) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.leaveToOthers(ctx, reached{event: batch[len(batch)-1].Sequence})
	for len(batch) > 0 && !m.next.before(reached{event: batch[0].Sequence}) {
		batch = batch[1:]
	}
	if len(batch) == 0 {
		return
	}
	w, ok := m.state(ctx)
	if !ok {
		return
	}
	finds := make([]found, 0, len(batch))
	for _, message := range batch {
		event, err := eventFrom(message)
		if err != nil {
			m.log.Error("event cannot be read and finds nobody", "error", err)
		}
		f := found{event: message.Sequence, stored: message.Time}
		if event != nil {
			f.hits, f.resource = w.concerned(event), event.GetResource()
		}
		finds = append(finds, f)
	}
	if slices.ContainsFunc(finds, func(f found) bool { return len(f.hits) > 0 }) {
		m.flush(ctx, finds)
		return
	}
	m.unsaid = reached{event: batch[len(batch)-1].Sequence}
}

// say tells the journal up to where nobody was concerned.
func (m *matcher) say(ctx context.Context) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.write(ctx, func(after reached) (messages []journal.Message, end reached) {
		if after.before(m.unsaid) {
			messages = []journal.Message{m.positionMessage(m.unsaid)}
		}
		return messages, m.unsaid
	})
}

// state is the state as it is now; false once ctx has ended.
func (m *matcher) state(ctx context.Context) (world, bool) {
	for ctx.Err() == nil {
		w, err := m.current(ctx)
		if err == nil {
			return w, true
		}
		m.log.Warn("events wait for the subscriptions", "error", err)
		pause(ctx, stateRetry)
	}
	return world{}, false
}

// flush appends what was found, and returns when all of it is in the journal or ctx ends.
func (m *matcher) flush(ctx context.Context, finds []found) {
	m.write(ctx, func(after reached) ([]journal.Message, reached) {
		for len(finds) > 0 && !after.before(reached{event: finds[0].event}) {
			finds = finds[1:]
		}
		return m.messages(finds)
	})
}

// messages says in up to maxAppend bytes, for whole events, who hears of them, and up to which event. Those at the end that
// concern nobody have one message together.
func (m *matcher) messages(finds []found) (messages []journal.Message, end reached) {
	size, said := 0, reached{}
	for _, f := range finds {
		matches, err := f.messages(m.match, m.next)
		if err != nil {
			m.log.Error("a match cannot be written", "event", f.event, "error", err) // a name that is no text; the other events go on
		}
		for _, match := range matches {
			size += len(match.Data)
		}
		if size > maxAppend && len(messages) > 0 {
			break
		}
		if end = (reached{event: f.event}); len(matches) > 0 {
			messages, said = append(messages, matches...), end
		}
	}
	if said != end {
		messages = append(messages, m.positionMessage(end))
	}
	return messages, end
}

func (m *matcher) positionMessage(at reached) journal.Message {
	return journal.Message{Subject: m.position, Header: positionHeader(at)}
}
