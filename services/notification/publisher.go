package notification

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/platform/journal"
	"kompass.krz.de/services/platform/ledger"
)

// publisher turns what becomes visible in the ledgers into events of the journal: each exactly once and in the order of its
// ledger, by however many processes do so. Each event says where in its ledger it stands: who starts again goes on after the last one.
type publisher struct {
	scribe[positions] // run's alone, once it has begun
	events            eventJournal
	subject           func(tokens ...string) (string, error)
	sources           []*source
	reached           sync.WaitGroup // counts the sources whose history is not yet in the directory

	waiting []ledgerEvent // run's alone: what goes into the next append
	bytes   int           // of it
	written int           // events since run took records last

	pending sync.Mutex // guards what waits in the sources
	changed *sync.Cond // when that changes
	stopped bool

	mu        sync.Mutex
	directory directory // as of what was folded
	users     *users    // likewise
}

// ledgerEvent is an event on its way to the journal.
type ledgerEvent struct {
	message journal.Message
	source  int
	after   position
}

// eventJournal is what the publisher needs of a journal.
type eventJournal interface {
	scribeJournal
	At(ctx context.Context, sequence uint64) (journal.Message, bool, error)
	Append(ctx context.Context, m journal.Message, g journal.Guard) (uint64, error)
}

// When so many events came at once, the next ones are gathered for a moment: the server syncs a batch once and single messages one by
// one, which at more than a thousand changes a second takes the disk from those who write the changes.
const (
	gatherFrom = journal.Chain + 1
	gatherTime = 15 * time.Millisecond
)

// clocksDiffer is how far the clocks of those who write records and of the server may be apart.
const clocksDiffer = time.Hour

// newPublisher prepares the publisher and subscribes it to the ledgers. It begins the journal if nobody did.
func newPublisher(ctx context.Context, events *journal.Journal, logs []*ledger.Log, logger *slog.Logger, now time.Time) (*publisher, error) {
	return openPublisher(ctx, events, events, logs, logger, now)
}

// openPublisher is newPublisher with another way to the journal's messages.
func openPublisher(ctx context.Context, events *journal.Journal, via eventJournal, logs []*ledger.Log, logger *slog.Logger, now time.Time) (*publisher, error) {
	p := &publisher{events: via, subject: events.Subject, directory: emptyDirectory(), users: noUsers()}
	p.changed = sync.NewCond(&p.pending)
	all, err := events.Filter()
	if err != nil {
		return nil, err
	}
	p.scribe = scribe[positions]{journal: via, all: all, after: p.placeAfter, log: logger}
	begun, err := p.begun(ctx, all, logs)
	if err != nil {
		return nil, fmt.Errorf("begin the journal of events: %w", err)
	}
	filters := make([]string, len(logs))
	for i, l := range logs {
		p.sources = append(p.sources, &source{publisher: p, index: i, name: l.Name()})
		if filters[i], err = events.Filter(l.Name().Service); err != nil {
			return nil, err
		}
	}
	if err := p.begin(ctx, filters...); err != nil {
		return nil, fmt.Errorf("last events: %w", err)
	}
	for i, s := range p.sources {
		s.start(begun, now.Add(clocksDiffer-eventsKept))
		p.reached.Add(1)
		if err := logs[i].Feed().Subscribe(s, false); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// placeAfter is the place after an event. What is no event of a ledger says nothing about it.
func (p *publisher) placeAfter(at positions, m journal.Message) (positions, error) {
	service, _, _ := strings.Cut(strings.TrimPrefix(m.Subject, strings.TrimSuffix(p.all, ">")), ".")
	i := slices.IndexFunc(p.sources, func(s *source) bool { return s.name.Service == service })
	if i < 0 {
		return at, nil
	}
	after, err := positionOf(m)
	if err == nil && at[i].before(after) {
		at[i] = after
	}
	return at, err
}

// begun answers where the ledgers ended when the journal began, and begins it if nobody did; nil when that was so long ago that the
// journal has forgotten it.
func (p *publisher) begun(ctx context.Context, all string, logs []*ledger.Log) (ledger.Positions, error) {
	for {
		first, last, err := p.events.Bounds(ctx)
		switch {
		case err != nil:
			return nil, err
		case first > 1:
			return nil, nil
		case last > 0:
			m, ok, err := p.events.At(ctx, 1)
			if err != nil {
				return nil, err
			}
			if ok {
				return beginFrom(m)
			}
			pause(ctx, rereadPause) // the node that answered is behind
		default:
			if err := p.beginAt(ctx, all, logs); err != nil && !errors.Is(err, journal.ErrConflict) {
				return nil, err
			}
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
}

func (p *publisher) beginAt(ctx context.Context, all string, logs []*ledger.Log) error {
	ends := ledger.Positions{}
	for _, l := range logs {
		last, err := l.LastSequence(ctx)
		if err != nil {
			return err
		}
		ends[l.Name().Stream()] = last
	}
	m, err := beginMessage(p.subject, ends)
	if err != nil {
		return err
	}
	_, err = p.events.Append(ctx, m, journal.Guard{Filter: all})
	return err
}

// run publishes until ctx ends. It waits until the history of all ledgers is known, so that events find their names.
func (p *publisher) run(ctx context.Context) {
	defer context.AfterFunc(ctx, p.stop)()
	known := make(chan struct{})
	go func() { p.reached.Wait(); close(known) }()
	select {
	case <-known:
	case <-ctx.Done():
		return
	}
	for taken := p.take(); taken != nil && ctx.Err() == nil; taken = p.take() {
		p.written = 0
		p.leaveToOthers(ctx, p.endOf(taken))
		for i, entries := range taken {
			for commit := range commits(entries) {
				p.fold(ctx, p.sources[i], commit)
			}
		}
		p.flush(ctx)
		if p.written >= gatherFrom {
			pause(ctx, gatherTime)
		}
	}
}

// stop ends all waiting.
func (p *publisher) stop() {
	p.pending.Lock()
	defer p.pending.Unlock()
	p.stopped = true
	p.changed.Broadcast()
}

// take waits for records, and takes all that wait, by source: whole commits. Nil once it is stopped.
func (p *publisher) take() [][]ledger.Entry {
	p.pending.Lock()
	defer p.pending.Unlock()
	taken := make([][]ledger.Entry, len(p.sources))
	for !p.stopped {
		some := false
		for i, s := range p.sources {
			taken[i], s.taken, s.pending = s.pending, s.pending, nil
			some = some || len(taken[i]) > 0
		}
		if some {
			p.changed.Broadcast()
			return taken
		}
		p.changed.Wait()
	}
	return nil
}

// endOf is the place that is reached when everything taken is published.
func (p *publisher) endOf(taken [][]ledger.Entry) positions {
	end := p.next
	for i, entries := range taken {
		if n := len(entries); n > 0 {
			end[i] = position{commit: entries[n-1].Visible + 1}
		}
	}
	return end
}

// fold makes the events of one commit, unless all are there already, and learns from it.
func (p *publisher) fold(ctx context.Context, s *source, commit []ledger.Entry) {
	if commit[0].Visible < p.next[s.index].commit {
		p.learn(commit)
		return
	}
	for i, event := range p.happened(s.name, commit) {
		e := ledgerEvent{source: s.index, after: position{commit[0].Visible, i + 1}}
		var err error
		if e.message, err = eventMessage(p.subject, subjectOf(commit, event.GetResource()), event, e.after); err != nil {
			p.log.Error("event cannot be published", "error", err) // a name that is no text; the other events go on
			continue
		}
		if len(p.waiting) == ledger.BatchSize || p.bytes+len(e.message.Data) > maxAppend {
			p.flush(ctx)
		}
		p.waiting = append(p.waiting, e)
		p.bytes += len(e.message.Data)
	}
}

// flush appends what waits, and returns when all of it is in the journal, whoever wrote it, or ctx ends.
func (p *publisher) flush(ctx context.Context) {
	p.write(ctx, func(after positions) (messages []journal.Message, end positions) {
		p.waiting = slices.DeleteFunc(p.waiting, func(e ledgerEvent) bool { return !after[e.source].before(e.after) })
		end = after
		p.written += len(p.waiting)
		for _, e := range p.waiting {
			messages, end[e.source] = append(messages, e.message), e.after
		}
		return messages, end
	})
	p.waiting, p.bytes = p.waiting[:0], 0
}

// learn notes what needs no event (any more).
func (p *publisher) learn(entries []ledger.Entry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.directory = p.directory.applied(entries)
	p.users.apply(entries)
}

// happened learns from a commit and makes its events.
func (p *publisher) happened(stream ledger.Name, commit []ledger.Entry) []*notificationv1.Event {
	p.mu.Lock()
	defer p.mu.Unlock()
	known := p.directory.entered(commit)
	p.directory = known.left(commit)
	p.users.apply(commit)
	events := known.happened(stream, commit)
	for _, event := range events {
		p.users.concern(known, event)
	}
	return events
}
