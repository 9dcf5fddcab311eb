package notification

import (
	"slices"
	"strconv"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/platform/ledger"
)

// maxResources bounds how many records one event is made of, so that it can say what each of them concerns. A revision of the
// catalogue is one event whatever its size: it counts all, and lists as many.
const maxResources = 1000

// folding is what makes records of one commit one event: the same kind, about the same thing.
type folding struct {
	kind  notificationv1.Event_Kind
	about string
}

// happened turns the records of one commit into events, in the order of their first records. The directory knows all of
// them, also what the commit deletes. What belongs together is one event: a catalogue import is one. How many events there are, and in
// which order, depends on the records alone: a publisher that goes on in the middle counts them again.
func (d directory) happened(stream ledger.Name, commit []ledger.Entry) []*notificationv1.Event {
	var folded [][]*ledger.Entry
	var order []folding
	open := map[folding]int{} // where records of a kind go
	revision := slices.ContainsFunc(commit, func(e ledger.Entry) bool { return entityOf(e.Subject) == "revision" })
	groups := movedGroups(commit)
	for i := range commit {
		e := &commit[i]
		f := folding{kind: kindOf(e)}
		if f.kind == notificationv1.Event_KIND_UNSPECIFIED {
			continue
		}
		if revision {
			f.kind = notificationv1.Event_KIND_CATALOGUE_REVISION
		}
		if state, ok := groups[e.Record.GetResource()]; ok { // the group moved with its adoptions
			f = folding{notificationv1.Event_KIND_ADOPTION_MOVED, e.Record.GetResource() + state}
		} else {
			f.about = foldedBy(f.kind, e)
		}
		at, ok := open[f]
		if !ok || len(folded[at]) == maxResources && !revision {
			at = len(folded)
			open[f], folded, order = at, append(folded, nil), append(order, f)
		}
		folded[at] = append(folded[at], e)
	}
	events := make([]*notificationv1.Event, len(folded))
	for i, entries := range folded {
		events[i] = d.event(stream, order[i].kind, entries)
	}
	return events
}

// movedGroups are the group adoptions of which a commit moves adoptions, and the state that the first one moves to.
func movedGroups(commit []ledger.Entry) map[string]string {
	groups := map[string]string{}
	for i := range commit {
		a, ok := commit[i].Entity.(*marketplacev1.Adoption)
		if ok && a.GetGroup() != "" && groups[a.GetGroup()] == "" && kindOf(&commit[i]) == notificationv1.Event_KIND_ADOPTION_MOVED {
			groups[a.GetGroup()] = a.GetState().String()
		}
	}
	return groups
}

// event makes one event of records that belong together.
func (d directory) event(stream ledger.Name, kind notificationv1.Event_Kind, entries []*ledger.Entry) *notificationv1.Event {
	main := mainOf(kind, entries)
	event := &notificationv1.Event{
		Id:       stream.Origin + "." + stream.Service + "." + strconv.FormatUint(entries[0].Sequence, 10),
		Kind:     kind,
		Type:     typeOf(stream.Service, kind),
		Resource: main.Record.GetResource(),
		Count:    countOf(kind, entries),
		Actor:    main.Record.GetActor(),
		Time:     main.Record.GetTime(),
	}
	for _, e := range entries {
		if len(event.GetResources()) < maxResources {
			event.Resources = append(event.Resources, e.Record.GetResource())
		}
		for _, field := range e.Record.GetChangedFields() {
			if !slices.Contains(event.GetChangedFields(), field) {
				event.ChangedFields = append(event.ChangedFields, field)
			}
		}
	}
	event.Topics = d.topicsOf(event.GetResource(), entries)
	event.SummaryDe, event.SummaryEn = d.summary(event, main)
	return event
}

// mainOf is the record that an event is about: of a revision not its first entry, of adoptions not their group.
func mainOf(kind notificationv1.Event_Kind, entries []*ledger.Entry) *ledger.Entry {
	for _, e := range entries {
		if token := entityOf(e.Subject); token == "revision" || kind == notificationv1.Event_KIND_ADOPTION_MOVED && token == "adoption" {
			return e
		}
	}
	return entries[0]
}

// countOf is how many things changed; a group is no adoption.
func countOf(kind notificationv1.Event_Kind, entries []*ledger.Entry) (n int32) {
	for _, e := range entries {
		if kind != notificationv1.Event_KIND_ADOPTION_MOVED || entityOf(e.Subject) == "adoption" {
			n++
		}
	}
	return n
}

// topicsOf lists what an event concerns: what the changed things belong to comes before themselves, so that themes and Kreise are
// there when it is too much.
func (d directory) topicsOf(resource string, entries []*ledger.Entry) []string {
	topics := d.topics()
	topics.add(resource)
	for _, e := range entries {
		if k := knownOf(e.Entity); k != nil {
			topics.add(k.above...)
		}
	}
	for _, e := range entries {
		topics.add(concerns(e.Record.GetResource(), e.Entity)...)
	}
	return topics.list
}

// foldedBy is what records of one kind in one commit are folded by: implementations, plans and findings by municipality, adoptions by
// their group and where they move. Others by their kind alone.
func foldedBy(kind notificationv1.Event_Kind, e *ledger.Entry) string {
	switch kind {
	case notificationv1.Event_KIND_IMPLEMENTATION, notificationv1.Event_KIND_ONLINE, notificationv1.Event_KIND_PLAN, notificationv1.Event_KIND_FINDING:
		return parentOf(e.Record.GetResource())
	case notificationv1.Event_KIND_ADOPTION, notificationv1.Event_KIND_ADOPTION_MOVED:
		if a, ok := e.Entity.(*marketplacev1.Adoption); ok && a.GetGroup() != "" {
			return a.GetGroup() + a.GetState().String()
		}
		return e.Record.GetResource()
	}
	return ""
}
