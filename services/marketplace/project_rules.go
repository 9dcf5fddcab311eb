package marketplace

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/promises"
)

const (
	notADayDE, notADayEN = "ist kein Tag des Kalenders", "is not a day of the calendar"
	lastPhase            = marketplacev1.Project_PHASE_ROLLOUT_COUNTRY
)

// checkProject says what is wrong with a project in itself; today is the day of the change, "2027-03-31". The phases
// are looked at as the client gave them, so that a violation names the client's own index.
func checkProject(p *marketplacev1.Project, today string) error {
	bad, wrong := fault.New(fault.InvalidField), false
	blame := func(field, de, en string) {
		bad, wrong = bad.Field("project."+field, de, en), true
	}
	if strings.TrimSpace(p.GetDisplayName()) == "" {
		blame("display_name", missingDE, missingEN)
	}
	reason := strings.TrimSpace(p.GetDeferredReason())
	if p.GetDeferred() && reason == "" {
		blame("deferred_reason", "fehlt: Das Projekt ist zurückgestellt", "is missing: the project is put aside")
	}
	if !p.GetDeferred() && reason != "" {
		blame("deferred_reason", "gilt nur für ein zurückgestelltes Projekt", "is only for a project that is put aside")
	}
	for i, phase := range p.GetPhases() {
		field := fmt.Sprintf("phases[%d].", i)
		checkDay(field+"planned_date", phase.GetPlannedDate(), blame)
		if date := phase.GetActualDate(); checkDay(field+"actual_date", date, blame) && date > today {
			blame(field+"actual_date", futureDE, futureEN)
		}
	}
	for i, entry := range p.GetEntries() {
		field := fmt.Sprintf("entries[%d].date", i)
		if checkDay(field, entry.GetDate(), blame) && entry.GetDate() == "" {
			blame(field, notADayDE, notADayEN)
		}
	}
	if wrong {
		return bad
	}
	return nil
}

// isDay tells whether a date is a day of the calendar, or empty.
func isDay(date string) bool {
	_, err := time.Parse(time.DateOnly, date)
	return date == "" || err == nil
}

// checkProjectReferences names what the changed fields refer to and nobody knows.
func checkProjectReferences(w world, p *marketplacev1.Project, changed []string) error {
	var bad *fault.Error
	check := func(field, resource string) {
		if resource == "" || w.knows(resource) {
			return
		}
		if bad == nil {
			bad = fault.New(fault.UnknownReference, "resource", resource)
		}
		bad = bad.Field("project."+field, "„"+resource+"“ gibt es nicht", resource+" does not exist")
	}
	for _, field := range changed {
		switch field {
		case "theme":
			check(field, p.GetTheme())
		case "lead":
			check(field, p.GetLead())
		case "participants":
			for i, participant := range p.GetParticipants() {
				check(fmt.Sprintf("participants[%d].member", i), participant.GetMember())
			}
		case "public_services":
			for i, name := range p.GetPublicServices() {
				check(fmt.Sprintf("public_services[%d]", i), name)
			}
		case "solutions":
			for i, name := range p.GetSolutions() {
				check(fmt.Sprintf("solutions[%d]", i), name)
			}
		}
	}
	if bad == nil {
		return nil
	}
	return bad
}

// knows tells whether there is what a resource name that a project may refer to names.
func (w world) knows(resource string) (known bool) {
	collection, _, _ := strings.Cut(resource, "/")
	switch collection {
	case "themes":
		_, known = w.catalogue.themeNames.Get(resource)
	case "publicServices":
		_, known = w.catalogue.services.Get(resource)
	case "municipalities":
		known = w.places.has(resource)
	case "dataCentres":
		known = w.places.hasCentre(resource)
	case "providers":
		_, known = w.providers.Get(resource)
	case "solutions":
		_, known = w.solutions.Get(resource)
	}
	return known
}

// planned are the phases after a change, in the order of the enum, with every change of a planned date noted. before
// are those stored, whose changes are the only ones that count; given are what they shall be. A phase that was planned
// once and is not given stays without dates: what was promised is not forgotten.
func planned(before, given []*marketplacev1.ProjectPhase, at time.Time, actor string) []*marketplacev1.ProjectPhase {
	var phases []*marketplacev1.ProjectPhase
	for _, g := range given {
		phases = append(phases, &marketplacev1.ProjectPhase{Phase: g.GetPhase(), PlannedDate: g.GetPlannedDate(), ActualDate: g.GetActualDate()})
	}
	for _, b := range before {
		if len(b.GetChanges()) > 0 && phaseOf(phases, b.GetPhase()) == nil {
			phases = append(phases, &marketplacev1.ProjectPhase{Phase: b.GetPhase()})
		}
	}
	for _, p := range phases {
		old := phaseOf(before, p.GetPhase())
		p.Changes = slices.Clip(old.GetChanges())
		if p.GetPlannedDate() != old.GetPlannedDate() {
			p.Changes = append(p.Changes, &marketplacev1.PromiseChange{
				OldDate: old.GetPlannedDate(), NewDate: p.GetPlannedDate(), Time: timestamppb.New(at), Actor: actor,
			})
		}
	}
	slices.SortFunc(phases, func(a, b *marketplacev1.ProjectPhase) int { return cmp.Compare(a.GetPhase(), b.GetPhase()) })
	return phases
}

// phaseOf is one of the phases, nil when it is not among them.
func phaseOf(phases []*marketplacev1.ProjectPhase, wanted marketplacev1.Project_Phase) *marketplacev1.ProjectPhase {
	for _, p := range phases {
		if p.GetPhase() == wanted {
			return p
		}
	}
	return nil
}

func samePhases(a, b []*marketplacev1.ProjectPhase) bool {
	return slices.EqualFunc(a, b, func(a, b *marketplacev1.ProjectPhase) bool { return proto.Equal(a, b) })
}

// reached is the last phase, in the order of the enum, with an actual date; unspecified when none has one.
func reached(p *marketplacev1.Project) (last marketplacev1.Project_Phase) {
	for _, phase := range p.GetPhases() {
		if phase.GetActualDate() != "" {
			last = max(last, phase.GetPhase())
		}
	}
	return last
}

// next is the phase that a project comes to next and its planned date: the first planned one beyond what it reached;
// when none is planned, the one that follows, without a date. Unspecified after the last.
func next(p *marketplacev1.Project) (marketplacev1.Project_Phase, string) {
	last := reached(p)
	for _, phase := range p.GetPhases() { // in the order of the enum
		if phase.GetPhase() > last && phase.GetPlannedDate() != "" {
			return phase.GetPhase(), phase.GetPlannedDate()
		}
	}
	if last == lastPhase {
		return marketplacev1.Project_PHASE_UNSPECIFIED, ""
	}
	return last + 1, ""
}

// slips are how often planned dates of a project were put off, and the longest delay of one phase, in days.
func slips(p *marketplacev1.Project) (count, longest int) {
	for _, phase := range p.GetPhases() {
		n, days := promises.Slips(phase.GetChanges())
		count, longest = count+n, max(longest, days)
	}
	return count, longest
}

// projectReliability is how far the planned dates of a project can be trusted: every phase is a promise, kept on its actual date.
func projectReliability(p *marketplacev1.Project, today string) *marketplacev1.Reliability {
	return promises.Reliability(projectPromises(p), today)
}

func projectPromises(p *marketplacev1.Project) (given []promises.Promise) {
	for _, phase := range p.GetPhases() {
		given = append(given, promises.Promise{Changes: phase.GetChanges(), Delivered: phase.GetActualDate()})
	}
	return given
}
