package notification

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/platform/ledger"
)

// phrase says what happened to one thing, and to several of them.
type phrase struct {
	oneDE, manyDE string // %s is its name, %d how many
	oneEN, manyEN string
}

var phrases = map[notificationv1.Event_Kind]phrase{
	notificationv1.Event_KIND_CATALOGUE_REVISION: {"Katalog: „%s“ hat sich geändert", "Katalog: %d Einträge haben sich geändert", "Catalogue: %q changed", "Catalogue: %d entries changed"},
	notificationv1.Event_KIND_SUCCESSION:         {"Nachfolge von „%s“ festgelegt", "Nachfolge von %d Leistungen festgelegt", "What replaces %q was decided", "What replaces %d services was decided"},
	notificationv1.Event_KIND_RELEVANCE:          {"Zuständigkeit für „%s“ geändert", "Zuständigkeit für %d Leistungen geändert", "Who owes %q changed", "Who owes %d services changed"},
	notificationv1.Event_KIND_MUNICIPALITY:       {"%s: Stammdaten geändert", "Stammdaten von %d Kommunen oder Rechenzentren geändert", "%s: master data changed", "Master data of %d municipalities or data centres changed"},
	notificationv1.Event_KIND_PLAN:               {"%s: Umsetzungsplan geändert", "%d Umsetzungspläne geändert", "%s: plan changed", "%d plans changed"},
	notificationv1.Event_KIND_PORTAL:             {"%s geändert", "%d Serviceportale geändert", "%s changed", "%d portals changed"},
	notificationv1.Event_KIND_PROVIDER:           {"Anbieter „%s“ geändert", "%d Anbieter geändert", "Provider %q changed", "%d providers changed"},
	notificationv1.Event_KIND_SOLUTION:           {"Lösung „%s“ geändert", "%d Lösungen geändert", "Solution %q changed", "%d solutions changed"},
	notificationv1.Event_KIND_SOLUTION_PUBLISHED: {"Neue Lösung im Marktplatz: „%s“", "%d neue Lösungen im Marktplatz", "New solution in the marketplace: %q", "%d new solutions in the marketplace"},
	notificationv1.Event_KIND_SOLUTION_WITHDRAWN: {"Lösung „%s“ zurückgezogen", "%d Lösungen zurückgezogen", "Solution %q withdrawn", "%d solutions withdrawn"},
	notificationv1.Event_KIND_PROMISE:            {"Zugesagter Termin von „%s“ verschoben oder verstrichen", "Zugesagte Termine von %d Vorhaben verschoben oder verstrichen", "A promised date of %q was put off or passed", "Promised dates of %d undertakings were put off or passed"},
	notificationv1.Event_KIND_PROJECT:            {"Umsetzungsprojekt „%s“ geändert", "%d Umsetzungsprojekte geändert", "Project %q changed", "%d projects changed"},
	notificationv1.Event_KIND_QUESTION:           {"Neue Frage: „%s“", "%d neue Fragen", "New question: %q", "%d new questions"},
	notificationv1.Event_KIND_ANSWER:             {"Antwort auf die Frage „%s“", "Antworten auf %d Fragen", "Answer to the question %q", "Answers to %d questions"},
	notificationv1.Event_KIND_ADOPTION:           {"Nachnutzung „%s“ geändert", "%d Nachnutzungen geändert", "Adoption %q changed", "%d adoptions changed"},
	notificationv1.Event_KIND_CONTRACT:           {"Vertrag „%s“ geändert", "%d Verträge geändert", "Contract %q changed", "%d contracts changed"},
	notificationv1.Event_KIND_CONTRACT_REMINDER:  {"Vertrag „%s“: ein Termin naht oder ist verstrichen", "%d Verträge: Termine nahen oder sind verstrichen", "Contract %q: a date comes near or passed", "%d contracts: dates come near or passed"},
}

// summary says in one sentence what happened, in German and English. main is the record that the event is about.
func (d directory) summary(event *notificationv1.Event, main *ledger.Entry) (de, en string) {
	switch event.GetKind() {
	case notificationv1.Event_KIND_IMPLEMENTATION, notificationv1.Event_KIND_ONLINE:
		return d.implementations(event, main.Entity == nil)
	case notificationv1.Event_KIND_ADOPTION_MOVED:
		if a, ok := main.Entity.(*marketplacev1.Adoption); ok {
			return d.moved(event, a)
		}
	case notificationv1.Event_KIND_FINDING:
		if f, ok := main.Entity.(*municipalityv1.KnownFindings); ok {
			return d.findings(f)
		}
	}
	if r, ok := main.Entity.(*cataloguev1.CatalogueRevision); ok {
		return fmt.Sprintf("Katalog, Stand %d: %d neu, %d geändert, %d entfallen", r.GetNumber(), r.GetAdded(), r.GetChanged(), r.GetWithdrawn()),
			fmt.Sprintf("Catalogue, revision %d: %d new, %d changed, %d withdrawn", r.GetNumber(), r.GetAdded(), r.GetChanged(), r.GetWithdrawn())
	}
	p := phrases[event.GetKind()]
	if event.GetCount() > 1 {
		return fmt.Sprintf(p.manyDE, event.GetCount()), fmt.Sprintf(p.manyEN, event.GetCount())
	}
	name := d.calls(main)
	if main.Entity == nil {
		return "„" + name + "“ gelöscht", fmt.Sprintf("%q deleted", name)
	}
	if de, en := dated(event.GetKind(), main.Entity); de != "" {
		return "„" + name + "“: " + de, fmt.Sprintf("%q: ", name) + en
	}
	return fmt.Sprintf(p.oneDE, name), fmt.Sprintf(p.oneEN, name)
}

// calls is what people call the thing that a record is about.
func (d directory) calls(e *ledger.Entry) string {
	resource := e.Record.GetResource()
	switch entity := e.Entity.(type) {
	case *marketplacev1.Question:
		return entity.GetTitle()
	case *marketplacev1.Adoption:
		return d.nameOf(entity.GetSolution()) + ", " + d.nameOf(entity.GetMunicipality())
	}
	if _, ok := d.known.Get(resource); !ok { // a part: a plan, a relevance
		return d.nameOf(parentOf(resource))
	}
	return d.nameOf(resource)
}

// dated says what happened to a date that somebody promised or agreed; empty when it says nothing.
func dated(kind notificationv1.Event_Kind, entity proto.Message) (de, en string) {
	switch e := entity.(type) {
	case *marketplacev1.Solution:
		if changes := e.GetPromiseChanges(); kind == notificationv1.Event_KIND_PROMISE && len(changes) > 0 {
			last := changes[len(changes)-1]
			if last.GetMissed() {
				return "der zugesagte Termin ist verstrichen (" + dayDE(last.GetOldDate()) + ")", "the promised date passed (" + last.GetOldDate() + ")"
			}
			return "zugesagter Termin verschoben, von " + dayDE(last.GetOldDate()) + " auf " + dayDE(last.GetNewDate()),
				"promised date put off, from " + last.GetOldDate() + " to " + last.GetNewDate()
		}
	case *marketplacev1.Contract:
		if reminders := e.GetReminders(); kind == notificationv1.Event_KIND_CONTRACT_REMINDER && len(reminders) > 0 {
			last := reminders[len(reminders)-1]
			text := reminded[last.GetKind()]
			return fmt.Sprintf(text[0], dayDE(last.GetDate())), fmt.Sprintf(text[1], last.GetDate())
		}
	}
	return "", ""
}

// reminded is what contracts remind of; %s is the day.
var reminded = map[marketplacev1.ContractReminder_Kind][2]string{
	marketplacev1.ContractReminder_KIND_UNSPECIFIED: {"Erinnerung zum %s", "reminder for %s"},
	marketplacev1.ContractReminder_KIND_NOTICE_DUE:  {"Kündigung nur noch bis %s", "notice possible until %s only"},
	marketplacev1.ContractReminder_KIND_RENEWED:     {"Kündigungsfrist am %s verstrichen, der Vertrag läuft weiter", "last day for a notice passed on %s, the contract goes on"},
	marketplacev1.ContractReminder_KIND_ENDS_SOON:   {"der Vertrag endet am %s", "the contract ends on %s"},
	marketplacev1.ContractReminder_KIND_ENDED:       {"der Vertrag ist am %s ausgelaufen", "the contract ended on %s"},
}

// dayDE writes "2027-03-31" as people do in German; what is no day stays as it is.
func dayDE(day string) string {
	t, err := time.Parse(time.DateOnly, day)
	if err != nil {
		return day
	}
	return t.Format("02.01.2006")
}

// implementations says what happened to implementations of one municipality.
func (d directory) implementations(event *notificationv1.Event, deleted bool) (de, en string) {
	place := d.nameOf(parentOf(event.GetResource()))
	online := event.GetKind() == notificationv1.Event_KIND_ONLINE
	if event.GetCount() == 1 {
		service := d.nameOf(serviceOf(event.GetResource()))
		switch {
		case online:
			return place + ": „" + service + "“ ist online", fmt.Sprintf("%s: %q is online", place, service)
		case deleted:
			return place + ": Umsetzungsstand von „" + service + "“ gelöscht", fmt.Sprintf("%s: implementation of %q deleted", place, service)
		}
		return place + ": Umsetzungsstand von „" + service + "“ geändert", fmt.Sprintf("%s: implementation of %q changed", place, service)
	}
	if online {
		return fmt.Sprintf("%s: %d Leistungen sind online", place, event.GetCount()), fmt.Sprintf("%s: %d services are online", place, event.GetCount())
	}
	return fmt.Sprintf("%s: %d Umsetzungsstände geändert", place, event.GetCount()), fmt.Sprintf("%s: %d implementations changed", place, event.GetCount())
}

// states are the states of adoptions for people.
var states = map[marketplacev1.Adoption_State][2]string{
	marketplacev1.Adoption_STATE_INTERESTED: {"Interesse bekundet", "interested"},
	marketplacev1.Adoption_STATE_OFFERED:    {"Angebot liegt vor", "offered"},
	marketplacev1.Adoption_STATE_CONTRACTED: {"Vertrag geschlossen", "under contract"},
	marketplacev1.Adoption_STATE_CONNECTING: {"technische Anbindung läuft", "connecting"},
	marketplacev1.Adoption_STATE_LIVE:       {"live", "live"},
	marketplacev1.Adoption_STATE_ENDED:      {"beendet", "ended"},
	marketplacev1.Adoption_STATE_WITHDRAWN:  {"zurückgezogen", "withdrawn"},
}

// moved says to which state adoptions moved; a is one of them.
func (d directory) moved(event *notificationv1.Event, a *marketplacev1.Adoption) (de, en string) {
	solution, state := d.nameOf(a.GetSolution()), states[a.GetState()]
	if event.GetCount() > 1 {
		return fmt.Sprintf("Nachnutzung von „%s“ in %d Kommunen: %s", solution, event.GetCount(), state[0]),
			fmt.Sprintf("Adoption of %q in %d municipalities: %s", solution, event.GetCount(), state[1])
	}
	place := d.nameOf(a.GetMunicipality())
	return fmt.Sprintf("%s: Nachnutzung von „%s“: %s", place, solution, state[0]), fmt.Sprintf("%s: adoption of %q: %s", place, solution, state[1])
}
