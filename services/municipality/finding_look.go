package municipality

import (
	"context"
	"time"

	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/state"
)

// clockActor is who notes what nobody did.
const clockActor = "clock"

// A look at a country takes a tenth of a core at most: after so many implementations, which take some 2 ms, and after each
// write, it pauses.
const (
	findingSlice = 10_000
	slicePause   = 20 * time.Millisecond
	writePause   = 500 * time.Millisecond
)

// watchFindings records which findings are known, so that new ones become events, until ctx ends or the replica is broken. Every replica
// does so; the guards of the write let one of them do it.
func (s *Service) watchFindings(ctx context.Context) {
	if s.replica.Ready(ctx) != nil {
		return
	}
	ticker := time.NewTicker(s.Quiet)
	defer ticker.Stop()
	watch := &findingWatch{waiting: map[string]waited{}}
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		if err := s.lookForFindings(ctx, watch); err != nil {
			if _, broken := s.replica.IsReady(); broken != nil || ctx.Err() != nil {
				return
			}
			s.log.Warn("new findings could not be recorded; trying again", "error", err)
		}
	}
}

// lookForFindings is one turn of a watch. After an error all that was due stays due.
func (s *Service) lookForFindings(ctx context.Context, watch *findingWatch) error {
	r, at, err := s.replica.ReadAt()
	if err != nil {
		return err
	}
	cause := ledger.Cause{Actor: clockActor, RequestID: clockActor, Time: s.clock()}
	today := localDay(cause.Time)
	due := watch.next(r, at[0], today)
	if len(due) == 0 {
		return nil
	}
	look := &findingLook{service: s, cause: cause, today: today, before: r.findings, news: watch.day != 0 || r.findings.Len() > 0}
	left, err := look.run(ctx, due)
	if err == nil {
		watch.looked(due, left, today)
	}
	return err
}

// findingLook is one look at places.
type findingLook struct {
	service *Service
	cause   ledger.Cause
	today   day
	before  state.Table[*knownFindings] // what was known when it began
	news    bool                        // false when findings are recorded for the first time
}

// run looks at places, by AGS, and records what changed. It answers those that it had to leave.
func (l *findingLook) run(ctx context.Context, due []string) (left []string, err error) {
	// Whoever wrote what was known had seen the streams of others up to some point: before anything is taken back, this
	// replica must have seen that, too.
	if err := l.service.replica.CatchUp(ctx); err != nil {
		return nil, err
	}
	r, err := l.service.replica.Read()
	if err != nil {
		return nil, err
	}
	differ, err := l.differing(ctx, r, due)
	if err != nil || len(differ) == 0 {
		return nil, err
	}
	size := ledger.BatchSize
	if !l.news { // all or nothing, or what a crash leaves would be news
		size = len(differ)
	}
	for from := 0; from < len(differ); from += size {
		if from > 0 {
			if err := pause(ctx, writePause); err != nil {
				return nil, err
			}
		}
		chunk, skipped := differ[from:min(from+size, len(differ))], []string(nil)
		_, err := l.service.replica.Write(ctx, l.cause, func(r records) (drafts []ledger.Draft, _ error) {
			drafts, skipped = l.decide(r, chunk)
			return drafts, nil
		})
		if err != nil {
			return nil, err
		}
		left = append(left, skipped...)
	}
	return left, nil
}

// differing lists those places that have other findings than are known.
func (l *findingLook) differing(ctx context.Context, r records, due []string) (differ []string, err error) {
	f, looked := r.finder(l.today), 0
	for _, ags := range due {
		p := r.place(ags)
		known, _ := r.findings.Get(ags)
		if f.differ(p, known.list()) {
			differ = append(differ, ags)
		}
		if looked += len(p.implementations); looked >= findingSlice {
			looked = 0
			if err := pause(ctx, slicePause); err != nil {
				return nil, err
			}
		}
	}
	return differ, nil
}

// decide says what to record for places. Those are left of which another replica has recorded something meanwhile, which may
// have seen more, and those for which a clock that is ahead has begun the next day.
func (l *findingLook) decide(r records, places []string) (drafts []ledger.Draft, left []string) {
	f := r.finder(l.today)
	for _, ags := range places {
		p := r.place(ags)
		known, _ := r.findings.Get(ags)
		before, _ := l.before.Get(ags)
		switch {
		case known != before || known != nil && known.day == l.today+1:
			left = append(left, ags)
		case f.differ(p, known.list()):
			drafts = append(drafts, l.service.knownDraft(p, f.foundAt(p), known.list(), l.news))
		}
	}
	return drafts, left
}

// pause waits, unless ctx ends first.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
