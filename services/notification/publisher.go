package notification

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/platform/journal"
	"kompass.krz.de/services/platform/ledger"
)

// publisher turns what becomes visible in the ledgers into events of the journal: each exactly once and in the order of its
// ledger, by however many processes do so. An append is guarded by the last event of its ledger, and each event says where in the ledger
// it stands: who loses reads on, and who starts again goes on after the last event.
type publisher struct {
	events  eventJournal
	subject func(tokens ...string) (string, error)
	log     *slog.Logger
	sources []*source
	reached sync.WaitGroup // counts the sources whose history is not yet in the directory

	mu        sync.Mutex
	directory directory // as of what was folded
}

// eventJournal is what the publisher needs of a journal.
type eventJournal interface {
	Last(ctx context.Context, filter string) (journal.Message, bool, error)
	At(ctx context.Context, sequence uint64) (journal.Message, bool, error)
	Bounds(ctx context.Context) (first, last uint64, err error)
	Append(ctx context.Context, m journal.Message, g journal.Guard) (uint64, error)
	AppendAll(ctx context.Context, messages []journal.Message, g journal.Guard) (uint64, error)
}

// clocksDiffer is how far the clocks of those who write records and of the server may be apart.
const clocksDiffer = time.Hour

// newPublisher prepares the publisher and subscribes it to the ledgers. It begins the journal if nobody did.
func newPublisher(ctx context.Context, events *journal.Journal, logs []*ledger.Log, logger *slog.Logger, now time.Time) (*publisher, error) {
	return openPublisher(ctx, events, events, logs, logger, now)
}

// openPublisher is newPublisher with another way to the journal's messages.
func openPublisher(ctx context.Context, events *journal.Journal, via eventJournal, logs []*ledger.Log, logger *slog.Logger, now time.Time) (*publisher, error) {
	p := &publisher{events: via, subject: events.Subject, log: logger, directory: emptyDirectory()}
	all, err := events.Filter()
	if err != nil {
		return nil, err
	}
	begun, err := p.begin(ctx, all, logs)
	if err != nil {
		return nil, fmt.Errorf("begin the journal of events: %w", err)
	}
	for _, l := range logs {
		filter, err := events.Filter(l.Name().Service)
		if err != nil {
			return nil, err
		}
		s := newSource(p, l.Name(), filter)
		if err := s.start(ctx, begun, now.Add(clocksDiffer-eventsKept)); err != nil {
			return nil, fmt.Errorf("last event of %s: %w", l.Name().Service, err)
		}
		p.sources = append(p.sources, s)
		p.reached.Add(1)
		if err := l.Feed().Subscribe(s, false); err != nil {
			return nil, err
		}
	}
	return p, nil
}

// begin answers where the ledgers ended when the journal began, and begins it if nobody did; nil when that was so long ago that the
// journal has forgotten it.
func (p *publisher) begin(ctx context.Context, all string, logs []*ledger.Log) (ledger.Positions, error) {
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
	defer context.AfterFunc(ctx, func() {
		for _, s := range p.sources {
			s.stop()
		}
	})()
	known := make(chan struct{})
	go func() { p.reached.Wait(); close(known) }()
	select {
	case <-known:
	case <-ctx.Done():
		return
	}
	var publishing sync.WaitGroup
	for _, s := range p.sources {
		publishing.Go(func() { s.run(ctx) })
	}
	publishing.Wait()
}

// learn notes what needs no event (any more).
func (p *publisher) learn(entries []ledger.Entry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.directory = p.directory.applied(entries)
}

// happened learns from a commit and makes its events.
func (p *publisher) happened(stream ledger.Name, commit []ledger.Entry) []*notificationv1.Event {
	p.mu.Lock()
	defer p.mu.Unlock()
	known := p.directory.entered(commit)
	p.directory = known.left(commit)
	return known.happened(stream, commit)
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
