package marketplace

import (
	"context"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	"kompass.krz.de/services/platform/ledger"
)

// clockActor is who changes something because a day has passed.
const clockActor = "clock"

// clockTick is how soon after midnight (UTC), or after a change, a passed date is noted.
const clockTick = time.Second

// watchDates notes promised dates that pass without delivery and reminders of contracts, until ctx ends: each becomes one
// record, and so an event.
// Every replica watches; the guard of the write lets one of them note it. What fails is tried again at the next tick.
func (s *Service) watchDates(ctx context.Context) {
	if s.replica.Ready(ctx) != nil {
		return
	}
	ticker := time.NewTicker(clockTick)
	defer ticker.Stop()
	var seen []uint64
	var seenDay string
	for {
		w, at, err := s.replica.ReadAt()
		if today := day(s.clock()); err == nil && (today != seenDay || !slices.Equal(at[:1], seen)) {
			if s.noteMissed(ctx, w, today) {
				seen, seenDay = slices.Clone(at[:1]), today
			}
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

// noteMissed notes what a state has missed up to a day, and what its contracts remind of; false when something could not be written.
func (s *Service) noteMissed(ctx context.Context, w world, today string) bool {
	all := true
	for name, solution := range w.solutions.All() {
		if solutionMissed(solution, today) {
			all = s.note(ctx, "solution", name, func(w world, c ledger.Cause) (proto.Message, string) {
				solution, ok := w.solutions.Get(name)
				if !ok || !solutionMissed(solution, today) {
					return nil, ""
				}
				after := solutionKind.Bare(solution)
				after.PromiseChanges = append(after.GetPromiseChanges(), missedPromise(after.GetPromisedDate(), c))
				return after, "promise_changes"
			}) && all
		}
	}
	for name, project := range w.projects.All() {
		if slices.ContainsFunc(project.GetPhases(), func(p *marketplacev1.ProjectPhase) bool { return phaseMissed(project, p, today) }) {
			all = s.note(ctx, "project", name, func(w world, c ledger.Cause) (proto.Message, string) {
				project, ok := w.projects.Get(name)
				if !ok {
					return nil, ""
				}
				after, missed := projectKind(today).Bare(project), false
				for _, p := range after.GetPhases() {
					if phaseMissed(project, p, today) {
						p.Changes, missed = append(p.GetChanges(), missedPromise(p.GetPlannedDate(), c)), true
					}
				}
				if !missed {
					return nil, ""
				}
				return after, "phases"
			}) && all
		}
	}
	return s.noteReminders(ctx, w, today) && all
}

// note writes one entity on behalf of the clock, when the decision still finds something to note.
func (s *Service) note(ctx context.Context, token, name string, decide func(world, ledger.Cause) (proto.Message, string)) bool {
	cause := ledger.Cause{Actor: clockActor, RequestID: clockActor, Time: s.clock()}
	_, id, _ := strings.Cut(name, "/")
	_, err := s.replica.Write(ctx, cause, func(w world) ([]ledger.Draft, error) {
		after, changed := decide(w, cause)
		if after == nil {
			return nil, nil
		}
		return []ledger.Draft{{Subject: s.replica.Own().Subject(token, id), Resource: name, Entity: after, Changed: []string{changed}}}, nil
	})
	return err == nil
}

// solutionMissed tells whether the promised day of a solution that municipalities can see passed, and nobody noted it.
func solutionMissed(s *marketplacev1.Solution, today string) bool {
	return s.GetState() == published && missed(s.GetPromisedDate(), s.GetPromiseChanges(), today)
}

// phaseMissed tells the same of a phase that is planned and not reached; a project that is put aside misses nothing.
func phaseMissed(project *marketplacev1.Project, p *marketplacev1.ProjectPhase, today string) bool {
	return !project.GetDeferred() && p.GetActualDate() == "" && missed(p.GetPlannedDate(), p.GetChanges(), today)
}

func missed(promised string, changes []*marketplacev1.PromiseChange, today string) bool {
	noted := len(changes) > 0 && changes[len(changes)-1].GetMissed() && changes[len(changes)-1].GetNewDate() == promised
	return promised != "" && promised < today && !noted
}

func missedPromise(day string, c ledger.Cause) *marketplacev1.PromiseChange {
	return &marketplacev1.PromiseChange{OldDate: day, NewDate: day, Time: timestamppb.New(c.Time), Actor: c.Actor, Missed: true}
}
