package notification

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"time"

	"kompass.krz.de/services/platform/journal"
	"kompass.krz.de/services/platform/ledger"
)

const (
	// maxPending bounds how many records wait to become events. Who is that far behind delays the replay, and at last the
	// writers of its process, rather than taking all memory.
	maxPending = 100_000
	// maxAppend bounds the bytes of one append.
	maxAppend = 4 << 20
	// standbyTime is how long one who lost leaves the work to others before it looks whether they still do it.
	standbyTime = 250 * time.Millisecond
	// rereadPause is the time before a journal that did not answer, or answered what is outdated, is asked again.
	rereadPause = 20 * time.Millisecond
)

// ledgerEvent is an event on its way to the journal.
type ledgerEvent struct {
	message journal.Message
	after   position
}

// source is one ledger on its way to the journal. It implements [ledger.Subscriber].
type source struct {
	publisher *publisher
	name      ledger.Name
	filter    string // matches its events in the journal

	// What run alone uses, once start is done:
	last    uint64   // sequence of its last event in the journal, as far as is known
	next    position // up to where it became events
	standby bool     // others publish
	waiting []ledgerEvent
	bytes   int // of what is waiting

	mu      sync.Mutex
	changed *sync.Cond
	from    position  // what is before it is history
	since   time.Time // and what is older
	news    bool      // a record that is no history has come
	target  uint64    // the ledger's end when the feed started
	reached bool      // everything up to from is in the directory
	pending []ledger.Entry
	stopped bool
}

func newSource(p *publisher, name ledger.Name, filter string) *source {
	s := &source{publisher: p, name: name, filter: filter}
	s.changed = sync.NewCond(&s.mu)
	return s
}

// start finds out where to go on: after the last event; without one where the journal began; and when it has forgotten both, with
// the first record that is younger than what it remembers.
func (s *source) start(ctx context.Context, begun ledger.Positions, since time.Time) error {
	if end, ok := begun[s.name.Stream()]; ok {
		s.next = position{commit: end + 1}
	} else {
		s.since = since
	}
	last, ok, err := s.publisher.events.Last(ctx, s.filter)
	if err != nil {
		return err
	}
	if ok {
		s.since = time.Time{}
		if err := s.note(last); err != nil {
			return err
		}
	}
	s.from = s.next
	return nil
}

// note takes over what an event in the journal says; one that is outdated says nothing.
func (s *source) note(m journal.Message) error {
	if m.Sequence <= s.last {
		return nil
	}
	after, err := positionOf(m)
	if err != nil {
		return err
	}
	s.last, s.next = m.Sequence, after
	return nil
}

// Name implements [ledger.Subscriber].
func (s *source) Name() string { return "publisher" }

// Begin implements [ledger.Subscriber].
func (s *source) Begin(last uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.target = last; s.from.commit > last+1 {
		s.publisher.log.Warn("the ledger has fewer records than were published, as after a restore: going on at its end", "stream", s.name.Stream(), "records", last, "published", s.from.commit)
		s.from = position{commit: last + 1}
		s.next = s.from
	}
	s.reach(0)
}

// reach notes that the records up to a position have come; the caller holds mu.
func (s *source) reach(position uint64) {
	if !s.reached && (s.news || position >= s.target) {
		s.reached = true
		s.publisher.reached.Done()
	}
}

// Receive implements [ledger.Subscriber]. It waits when very much is pending.
func (s *source) Receive(position uint64, entries []ledger.Entry) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.pending) >= maxPending && !s.stopped {
		s.changed.Wait()
	}
	history := 0
	if !s.news {
		history = slices.IndexFunc(entries, func(e ledger.Entry) bool {
			return e.Visible >= s.from.commit && !e.Record.GetTime().AsTime().Before(s.since)
		})
		if s.news = history >= 0; !s.news {
			history = len(entries)
		}
		s.publisher.learn(entries[:history])
	}
	if s.reach(position); s.stopped {
		return nil
	}
	if history < len(entries) {
		s.pending = append(s.pending, entries[history:]...)
		s.changed.Broadcast()
	}
	return nil
}

// Fail implements [ledger.Subscriber]: the service's own replica hears the same, and stops readiness.
func (s *source) Fail(err error) {
	s.publisher.log.Error("nothing will be published any more", "stream", s.name.Stream(), "error", err)
}

// stop ends all waiting.
func (s *source) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped, s.pending = true, nil
	s.changed.Broadcast()
}

// take waits for records, and takes all that wait: whole commits. None once it is stopped.
func (s *source) take() []ledger.Entry {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.pending) == 0 && !s.stopped {
		s.changed.Wait()
	}
	taken := s.pending
	s.pending = nil
	s.changed.Broadcast()
	return taken
}

// run publishes until ctx ends.
func (s *source) run(ctx context.Context) {
	for entries := s.take(); len(entries) > 0; entries = s.take() {
		s.leaveToOthers(ctx, entries[len(entries)-1].Visible)
		for commit := range commits(entries) {
			s.fold(ctx, commit)
		}
		s.flush(ctx)
		if ctx.Err() != nil {
			return
		}
	}
}

// commits splits entries into those that became visible at one moment.
func commits(entries []ledger.Entry) iter.Seq[[]ledger.Entry] {
	return func(yield func([]ledger.Entry) bool) {
		for len(entries) > 0 {
			n := 1
			for n < len(entries) && entries[n].Visible == entries[0].Visible {
				n++
			}
			if !yield(entries[:n]) {
				return
			}
			entries = entries[n:]
		}
	}
}

// fold makes the events of one commit, unless all are there already, and learns from it.
func (s *source) fold(ctx context.Context, commit []ledger.Entry) {
	p := s.publisher
	if commit[0].Visible < s.next.commit {
		p.learn(commit)
		return
	}
	for i, event := range p.happened(s.name, commit) {
		e := ledgerEvent{after: position{commit[0].Visible, i + 1}}
		var err error
		if e.message, err = eventMessage(p.subject, subjectOf(commit, event.GetResource()), event, e.after); err != nil {
			p.log.Error("event cannot be published", "error", err) // a name that is no text; the other events go on
			continue
		}
		if len(s.waiting) == ledger.BatchSize || s.bytes+len(e.message.Data) > maxAppend {
			s.flush(ctx)
		}
		s.waiting = append(s.waiting, e)
		s.bytes += len(e.message.Data)
	}
}

// subjectOf is the subject of the record of a resource.
func subjectOf(commit []ledger.Entry, resource string) string {
	i := slices.IndexFunc(commit, func(e ledger.Entry) bool { return e.Record.GetResource() == resource })
	return commit[i].Subject
}

// flush appends what waits, and returns when all of it is in the journal, whoever wrote it, or ctx ends.
func (s *source) flush(ctx context.Context) {
	for ctx.Err() == nil {
		s.waiting = slices.DeleteFunc(s.waiting, func(e ledgerEvent) bool { return !s.next.before(e.after) })
		if len(s.waiting) == 0 {
			s.bytes = 0
			return
		}
		messages := make([]journal.Message, len(s.waiting))
		for i, e := range s.waiting {
			messages[i] = e.message
		}
		last, err := s.publisher.events.AppendAll(ctx, messages, journal.Guard{Filter: s.filter, Last: s.last})
		end := s.waiting[len(s.waiting)-1].after
		switch {
		case err == nil:
			s.last, s.next, s.standby = last, end, false
		case errors.Is(err, journal.ErrConflict):
			s.standby = true
			s.reread(ctx)
			s.leaveToOthers(ctx, end.commit)
		default:
			s.publisher.log.Warn("events wait", "stream", s.name.Stream(), "events", len(messages), "error", err)
			pause(ctx, rereadPause)
			s.reread(ctx) // they may be there all the same
		}
	}
}

// leaveToOthers waits, if others publish, until they have done so up to a commit, or have done nothing for a while: then they
// are gone, perhaps.
func (s *source) leaveToOthers(ctx context.Context, commit uint64) {
	for s.standby && s.next.commit <= commit && ctx.Err() == nil {
		before := s.next
		pause(ctx, standbyTime)
		if s.reread(ctx); s.next == before {
			return
		}
	}
}

// reread finds out how far others have come.
func (s *source) reread(ctx context.Context) {
	for ctx.Err() == nil {
		m, ok, err := s.publisher.events.Last(ctx, s.filter)
		switch {
		case err != nil:
			s.publisher.log.Warn("journal of events does not answer", "stream", s.name.Stream(), "error", err)
			pause(ctx, rereadPause)
			continue
		case !ok: // none any more
			s.last = 0
		default:
			if err := s.note(m); err != nil {
				s.publisher.log.Error("an event was not written by a publisher", "error", err)
				s.last = m.Sequence
			}
		}
		return
	}
}
