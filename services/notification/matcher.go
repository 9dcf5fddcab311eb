package notification

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"kompass.krz.de/services/platform/journal"
)

// matcher finds out for each event whom it concerns, and writes that to the journal "matches": each event once and in their
// order, by however many processes do so. What counts are the subscriptions at that moment, and certainly all that were there before the event: the
// state is first brought to the end of its stream. An append is guarded by the last one; each message says up to where the events
// are matched, also when nobody was concerned, so that after a restart no event meets subscriptions that are younger than its match.
type matcher struct {
	matches  matchJournal
	match    string // subjects
	position string
	filter   string
	current  func(ctx context.Context) (world, error) // the state, as new as the call
	log      *slog.Logger

	last    uint64  // sequence of the last message of a matcher, as far as is known
	next    reached // up to where the events are matched
	standby bool    // others do the work
}

// stateRetry is the time before a state that did not come is asked for again.
const stateRetry = time.Second

// matchJournal is what the matcher needs of a journal.
type matchJournal interface {
	Last(ctx context.Context, filter string) (journal.Message, bool, error)
	AppendAll(ctx context.Context, messages []journal.Message, g journal.Guard) (uint64, error)
}

// newMatcher prepares a matcher that writes to a journal, by a way of its own.
func newMatcher(matches *journal.Journal, via matchJournal, current func(context.Context) (world, error), logger *slog.Logger) (*matcher, error) {
	m := &matcher{matches: via, current: current, log: logger}
	var errs [3]error
	m.match, errs[0] = matches.Subject(tokenMatcher, "match")
	m.position, errs[1] = matches.Subject(tokenMatcher, "position")
	m.filter, errs[2] = matches.Filter(tokenMatcher)
	return m, errors.Join(errs[:]...)
}

// run matches the events of a journal until ctx ends.
func (m *matcher) run(ctx context.Context, events *journal.Journal) {
	all, err := events.Filter()
	if err != nil {
		m.log.Error("events find nobody", "error", err)
		return
	}
	m.reread(ctx)
	if _, last, err := events.Bounds(ctx); err == nil && m.next.event > last {
		m.log.Warn("there are fewer events than were matched, as after a loss: going on at their end", "events", last, "matched", m.next.event)
		m.next = reached{event: last}
	}
	after := m.next.event
	if m.next.addressee != "" { // not all of them know of it
		after--
	}
	err = events.Follow(ctx, after, all, func(batch []journal.Message) error {
		m.take(ctx, batch)
		return nil
	})
	if err != nil {
		m.log.Error("events find nobody any more", "error", err)
	}
}

// take matches events and returns when the journal says so, whoever wrote it, or ctx ends.
func (m *matcher) take(ctx context.Context, batch []journal.Message) {
	m.leaveToOthers(ctx, batch[len(batch)-1].Sequence)
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
	m.flush(ctx, finds)
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
	for ctx.Err() == nil {
		for len(finds) > 0 && !m.next.before(reached{event: finds[0].event}) {
			finds = finds[1:]
		}
		if len(finds) == 0 {
			return
		}
		messages, end := m.messages(finds)
		last, err := m.matches.AppendAll(ctx, messages, journal.Guard{Filter: m.filter, Last: m.last})
		switch {
		case err == nil:
			m.last, m.next, m.standby = last, reached{event: end}, false
		case errors.Is(err, journal.ErrConflict):
			m.standby = true
			m.reread(ctx)
			m.leaveToOthers(ctx, end)
		default:
			m.log.Warn("matches wait", "events", len(finds), "error", err)
			pause(ctx, rereadPause)
			m.reread(ctx) // they may be there all the same
		}
	}
}

// messages says in up to maxAppend bytes, for whole events, who hears of them, and up to which event. Those at the end that
// concern nobody have one message together.
func (m *matcher) messages(finds []found) (messages []journal.Message, end uint64) {
	size, said := 0, uint64(0)
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
		if end = f.event; len(matches) > 0 {
			messages, said = append(messages, matches...), end
		}
	}
	if said != end {
		messages = append(messages, journal.Message{Subject: m.position, Header: positionHeader(reached{event: end})})
	}
	return messages, end
}

// leaveToOthers waits, if others do the work, until they have done so up to an event, or have done nothing for a while: then
// they are gone, perhaps.
func (m *matcher) leaveToOthers(ctx context.Context, event uint64) {
	for m.standby && m.next.before(reached{event: event}) && ctx.Err() == nil {
		before := m.next
		pause(ctx, standbyTime)
		if m.reread(ctx); m.next == before {
			return
		}
	}
}

// reread finds out how far others have come.
func (m *matcher) reread(ctx context.Context) {
	for ctx.Err() == nil {
		last, ok, err := m.matches.Last(ctx, m.filter)
		switch {
		case err != nil:
			m.log.Warn("journal of matches does not answer", "error", err)
			pause(ctx, rereadPause)
			continue
		case !ok: // none any more
			m.last = 0
		case last.Sequence > m.last: // else the node that answered is behind
			m.note(last)
		}
		return
	}
}

func (m *matcher) note(last journal.Message) {
	m.last = last.Sequence
	next, err := reachedBy(last)
	if err != nil {
		m.log.Error("a match was not written by a matcher", "error", err)
		return
	}
	if m.next.before(next) {
		m.next = next
	}
}
