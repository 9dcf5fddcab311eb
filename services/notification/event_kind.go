package notification

import (
	"slices"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/platform/ledger"
)

// kinds are the events of entities, by the entity's name in subjects, unless what changed says more.
var kinds = map[string]notificationv1.Event_Kind{
	"theme":          notificationv1.Event_KIND_CATALOGUE_REVISION,
	"situation":      notificationv1.Event_KIND_CATALOGUE_REVISION,
	"ozgService":     notificationv1.Event_KIND_CATALOGUE_REVISION,
	"procedure":      notificationv1.Event_KIND_CATALOGUE_REVISION,
	"publicService":  notificationv1.Event_KIND_CATALOGUE_REVISION,
	"revision":       notificationv1.Event_KIND_CATALOGUE_REVISION,
	"succession":     notificationv1.Event_KIND_SUCCESSION,
	"relevance":      notificationv1.Event_KIND_RELEVANCE,
	"municipality":   notificationv1.Event_KIND_MUNICIPALITY,
	"dataCentre":     notificationv1.Event_KIND_MUNICIPALITY,
	"implementation": notificationv1.Event_KIND_IMPLEMENTATION,
	"finding":        notificationv1.Event_KIND_FINDING,
	"plan":           notificationv1.Event_KIND_PLAN,
	"portal":         notificationv1.Event_KIND_PORTAL,
	"provider":       notificationv1.Event_KIND_PROVIDER,
	"solution":       notificationv1.Event_KIND_SOLUTION,
	"project":        notificationv1.Event_KIND_PROJECT,
	"question":       notificationv1.Event_KIND_QUESTION,
	"adoption":       notificationv1.Event_KIND_ADOPTION,
	"adoptionGroup":  notificationv1.Event_KIND_ADOPTION,
	"contract":       notificationv1.Event_KIND_CONTRACT,
}

// kindOf says what a record is an event of; unspecified for none.
func kindOf(e *ledger.Entry) notificationv1.Event_Kind {
	changed := func(field string) bool { return slices.Contains(e.Record.GetChangedFields(), field) }
	switch entity := e.Entity.(type) {
	case *municipalityv1.Implementation:
		if changed("phase") && entity.GetPhase() == municipalityv1.Implementation_PHASE_ONLINE {
			return notificationv1.Event_KIND_ONLINE
		}
	case *municipalityv1.KnownFindings:
		if len(entity.GetAppeared()) == 0 { // what is put right is no news
			return notificationv1.Event_KIND_UNSPECIFIED
		}
	case *marketplacev1.Solution:
		return kindOfSolution(entity, changed)
	case *marketplacev1.Project:
		if changed("phases") && projectSlipped(e.Record.GetTime().AsTime().UnixNano(), entity) {
			return notificationv1.Event_KIND_PROMISE
		}
	case *marketplacev1.Question:
		if changed("answers") {
			return notificationv1.Event_KIND_ANSWER
		}
	case *marketplacev1.Adoption:
		if changed("state") {
			return notificationv1.Event_KIND_ADOPTION_MOVED
		}
	case *marketplacev1.Contract:
		if changed("reminders") {
			return notificationv1.Event_KIND_CONTRACT_REMINDER
		}
	}
	return kinds[entityOf(e.Subject)]
}

// kindOfSolution says what a change of a solution is an event of.
func kindOfSolution(s *marketplacev1.Solution, changed func(field string) bool) notificationv1.Event_Kind {
	switch {
	case changed("state") && s.GetState() == marketplacev1.Solution_STATE_PUBLISHED:
		return notificationv1.Event_KIND_SOLUTION_PUBLISHED
	case changed("state") && s.GetState() == marketplacev1.Solution_STATE_WITHDRAWN:
		return notificationv1.Event_KIND_SOLUTION_WITHDRAWN
	case changed("promise_changes") && slipped(s.GetPromiseChanges()):
		return notificationv1.Event_KIND_PROMISE
	}
	return notificationv1.Event_KIND_SOLUTION
}

// slipped tells whether the newest change of a promised date put it off, or noted that it passed.
func slipped(changes []*marketplacev1.PromiseChange) bool {
	if len(changes) == 0 {
		return false
	}
	last := changes[len(changes)-1]
	return last.GetMissed() || last.GetOldDate() != "" && last.GetNewDate() > last.GetOldDate()
}

// projectSlipped tells whether a record, by its time, put a phase off, or noted that its day passed.
func projectSlipped(at int64, p *marketplacev1.Project) bool {
	return slices.ContainsFunc(p.GetPhases(), func(phase *marketplacev1.ProjectPhase) bool {
		changes := phase.GetChanges()
		return slipped(changes) && changes[len(changes)-1].GetTime().AsTime().UnixNano() == at
	})
}

// types end the type of a CloudEvent: "solution.published".
var types = map[notificationv1.Event_Kind]string{
	notificationv1.Event_KIND_CATALOGUE_REVISION: "revision.created",
	notificationv1.Event_KIND_SUCCESSION:         "succession.changed",
	notificationv1.Event_KIND_RELEVANCE:          "relevance.changed",
	notificationv1.Event_KIND_MUNICIPALITY:       "municipality.changed",
	notificationv1.Event_KIND_IMPLEMENTATION:     "implementation.changed",
	notificationv1.Event_KIND_ONLINE:             "implementation.online",
	notificationv1.Event_KIND_FINDING:            "finding.appeared",
	notificationv1.Event_KIND_PLAN:               "plan.changed",
	notificationv1.Event_KIND_PORTAL:             "portal.changed",
	notificationv1.Event_KIND_PROVIDER:           "provider.changed",
	notificationv1.Event_KIND_SOLUTION:           "solution.changed",
	notificationv1.Event_KIND_SOLUTION_PUBLISHED: "solution.published",
	notificationv1.Event_KIND_SOLUTION_WITHDRAWN: "solution.withdrawn",
	notificationv1.Event_KIND_PROMISE:            "promise.slipped",
	notificationv1.Event_KIND_PROJECT:            "project.changed",
	notificationv1.Event_KIND_QUESTION:           "question.asked",
	notificationv1.Event_KIND_ANSWER:             "question.answered",
	notificationv1.Event_KIND_ADOPTION:           "adoption.changed",
	notificationv1.Event_KIND_ADOPTION_MOVED:     "adoption.moved",
	notificationv1.Event_KIND_CONTRACT:           "contract.changed",
	notificationv1.Event_KIND_CONTRACT_REMINDER:  "contract.reminder",
	notificationv1.Event_KIND_WEBHOOK_FAILING:    "webhook.failing",
}

// typeOf is the type of an event's CloudEvent: "de.kompass.marketplace.solution.published.v1".
func typeOf(service string, kind notificationv1.Event_Kind) string {
	return "de.kompass." + service + "." + types[kind] + ".v1"
}
