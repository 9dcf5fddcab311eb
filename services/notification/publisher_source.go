package notification

import (
	"iter"
	"slices"
	"time"

	"kompass.krz.de/services/platform/ledger"
)

// maxPending bounds how many records wait to become events. Who is that far behind delays the replay, and at last the
// writers of its process, rather than taking all memory.
const maxPending = 100_000

// source is one ledger on its way to the journal. It implements [ledger.Subscriber]. The publisher's pending guards it.
type source struct {
	publisher *publisher
	index     int // among the sources
	name      ledger.Name

	from    position  // what is before it is history
	since   time.Time // and what is older
	news    bool      // a record that is no history has come
	target  uint64    // the ledger's end when the feed started
	reached bool      // everything up to from is in the directory
	pending []ledger.Entry
	taken   []ledger.Entry // what run is at; others only look
}

// start finds out where to go on: after the last event; without one where the journal began; and when it has forgotten both, with
// the first record that is younger than what it remembers.
func (s *source) start(begun ledger.Positions, since time.Time) {
	next := &s.publisher.next[s.index]
	if *next == (position{}) {
		if end, ok := begun[s.name.Stream()]; ok {
			*next = position{commit: end + 1}
		} else {
			s.since = since
		}
	}
	s.from = *next
}

// Name implements [ledger.Subscriber].
func (s *source) Name() string { return "publisher" }

// Begin implements [ledger.Subscriber].
func (s *source) Begin(last uint64) {
	p := s.publisher
	p.pending.Lock()
	defer p.pending.Unlock()
	if s.target = last; s.from.commit > last+1 {
		p.log.Warn("the ledger has fewer records than were published, as after a restore: going on at its end", "stream", s.name.Stream(), "records", last, "published", s.from.commit)
		s.from = position{commit: last + 1}
		p.next[s.index] = s.from
	}
	s.reach(0)
}

// reach notes that the records up to a position have come; the caller holds pending.
func (s *source) reach(position uint64) {
	if !s.reached && (s.news || position >= s.target) {
		s.reached = true
		s.publisher.reached.Done()
	}
}

// Receive implements [ledger.Subscriber]. It waits when very much is pending.
func (s *source) Receive(position uint64, entries []ledger.Entry) error {
	p := s.publisher
	p.pending.Lock()
	defer p.pending.Unlock()
	for len(s.pending) >= maxPending && !p.stopped {
		p.changed.Wait()
	}
	history := 0
	if !s.news {
		history = slices.IndexFunc(entries, func(e ledger.Entry) bool {
			return e.Visible >= s.from.commit && !e.Record.GetTime().AsTime().Before(s.since)
		})
		if s.news = history >= 0; !s.news {
			history = len(entries)
		}
		p.learn(entries[:history])
	}
	if s.reach(position); history < len(entries) && !p.stopped {
		s.pending = append(s.pending, entries[history:]...)
		p.changed.Broadcast()
	}
	return nil
}

// Fail implements [ledger.Subscriber]: the service's own replica hears the same, and stops readiness.
func (s *source) Fail(err error) {
	s.publisher.log.Error("nothing will be published any more", "stream", s.name.Stream(), "error", err)
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

// subjectOf is the subject of the record of a resource.
func subjectOf(commit []ledger.Entry, resource string) string {
	i := slices.IndexFunc(commit, func(e ledger.Entry) bool { return e.Record.GetResource() == resource })
	return commit[i].Subject
}
