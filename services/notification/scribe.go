package notification

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"kompass.krz.de/services/platform/journal"
)

const (
	// maxAppend bounds the bytes of one append.
	maxAppend = 4 << 20
	// standbyTime is how long one who lost leaves the work to others before it looks whether they still do it.
	standbyTime = 250 * time.Millisecond
	// rereadPause is the time before a journal that did not answer, or answered what is outdated, is asked again.
	rereadPause = 20 * time.Millisecond
	// rereadPage is how many messages are read at once.
	rereadPage = 500
)

// scribe writes to a journal what the scribes of other processes write as well: the same messages in the same order. Messages
// say which place of the source their writer has reached. An append is guarded by the end of the journal: who loses reads on, and if it was
// another scribe, leaves the work to that for as long as it goes on. So each message is there once, however many write, wherever one of them
// dies.
type scribe[P ordered[P]] struct {
	journal scribeJournal
	all     string                              // matches the whole journal
	after   func(P, journal.Message) (P, error) // the place after a message: the same one when it says nothing about it
	log     *slog.Logger

	last    uint64 // the end of the journal, as far as is known
	next    P      // the place that is reached
	standby bool   // others do the work
}

// ordered are places: how far a source was read.
type ordered[P any] interface {
	comparable
	before(P) bool
}

// scribeJournal is what a scribe needs of a journal.
type scribeJournal interface {
	Bounds(ctx context.Context) (first, last uint64, err error)
	Last(ctx context.Context, filter string) (journal.Message, bool, error)
	Read(ctx context.Context, filter string, from uint64, limit int) ([]journal.Message, error)
	AppendAll(ctx context.Context, messages []journal.Message, g journal.Guard) (uint64, error)
}

// begin finds out what the journal says: filters match the newest messages that say something.
func (s *scribe[P]) begin(ctx context.Context, filters ...string) error {
	_, last, err := s.journal.Bounds(ctx)
	if err != nil {
		return err
	}
	for _, filter := range filters {
		m, ok, err := s.journal.Last(ctx, filter)
		if err != nil {
			return err
		}
		if ok {
			if s.next, err = s.after(s.next, m); err != nil {
				return err
			}
		}
	}
	s.last = last
	return nil
}

// write appends what prepare says is still to be written after a place, and up to which place that goes, again and again until that is
// nothing, whoever wrote it, or ctx ends.
func (s *scribe[P]) write(ctx context.Context, prepare func(after P) (messages []journal.Message, end P)) {
	for ctx.Err() == nil {
		messages, end := prepare(s.next)
		if len(messages) == 0 {
			return
		}
		last, err := s.journal.AppendAll(ctx, messages, journal.Guard{Filter: s.all, Last: s.last})
		before := s.next
		switch {
		case err == nil:
			s.last, s.next, s.standby = last, end, false
		case errors.Is(err, journal.ErrConflict):
			if s.reread(ctx); s.next != before {
				s.standby = true
				s.leaveToOthers(ctx, end)
			}
		default:
			s.log.Warn("a journal takes nothing at the moment", "subjects", s.all, "messages", len(messages), "error", err)
			pause(ctx, rereadPause)
			s.reread(ctx) // they may be there all the same
		}
	}
}

// leaveToOthers waits, if others do the work, until they have done so up to a place, or have done nothing for a while: then they
// are gone, perhaps.
func (s *scribe[P]) leaveToOthers(ctx context.Context, upTo P) {
	for s.standby && s.next.before(upTo) && ctx.Err() == nil {
		before := s.next
		pause(ctx, standbyTime)
		if s.reread(ctx); s.next == before {
			return
		}
	}
}

// reread reads on to the end of the journal.
func (s *scribe[P]) reread(ctx context.Context) {
	for known := s.last; ctx.Err() == nil; {
		messages, err := s.journal.Read(ctx, s.all, s.last+1, rereadPage)
		if err != nil {
			s.log.Warn("a journal does not answer", "subjects", s.all, "error", err)
			pause(ctx, rereadPause)
			continue
		}
		for _, m := range messages {
			if s.next, err = s.after(s.next, m); err != nil {
				s.log.Error("a message of a journal was not written by its writers", "sequence", m.Sequence, "error", err)
			}
			s.last = m.Sequence
		}
		if len(messages) < rereadPage {
			if s.last == known { // the node that answered is behind, perhaps
				pause(ctx, rereadPause)
			}
			return
		}
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
