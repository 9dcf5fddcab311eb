package notification

import (
	"slices"
	"strconv"

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
	var kinds []notificationv1.Event_Kind
	open := map[folding]int{} // where records of a kind go
	revision := slices.ContainsFunc(commit, func(e ledger.Entry) bool { return entityOf(e.Subject) == "revision" })
	for i := range commit {
		e := &commit[i]
		f := folding{kind: kindOf(e)}
		if f.kind == notificationv1.Event_KIND_UNSPECIFIED {
			continue
		}
		if revision {
			f.kind = notificationv1.Event_KIND_CATALOGUE_REVISION
		}
		f.about = foldedBy(f.kind, e)
		at, ok := open[f]
		if !ok || len(folded[at]) == maxResources && !revision {
			at = len(folded)
			open[f], folded, kinds = at, append(folded, nil), append(kinds, f.kind)
		}
		folded[at] = append(folded[at], e)
	}
	events := make([]*notificationv1.Event, len(folded))
	for i, entries := range folded {
		events[i] = d.event(stream, kinds[i], entries)
	}
	return events
}

// event makes one event of records that belong together.
func (d directory) event(stream ledger.Name, kind notificationv1.Event_Kind, entries []*ledger.Entry) *notificationv1.Event {
	main := entries[0]
	for _, e := range entries { // a revision is about itself, not about its first entry
		if entityOf(e.Subject) == "revision" {
			main = e
		}
	}
	event := &notificationv1.Event{
		Id:       stream.Origin + "." + stream.Service + "." + strconv.FormatUint(entries[0].Sequence, 10),
		Kind:     kind,
		Type:     typeOf(stream.Service, kind),
		Resource: main.Record.GetResource(),
		Count:    int32(len(entries)),
		Actor:    main.Record.GetActor(),
		Time:     main.Record.GetTime(),
	}
	topics := d.topics()
	topics.add(event.GetResource())
	for _, e := range entries {
		resource := e.Record.GetResource()
		if len(event.GetResources()) < maxResources {
			event.Resources = append(event.Resources, resource)
		}
		for _, field := range e.Record.GetChangedFields() {
			if !slices.Contains(event.GetChangedFields(), field) {
				event.ChangedFields = append(event.ChangedFields, field)
			}
		}
		topics.add(concerns(resource, e.Entity)...)
		if k := knownOf(e.Entity); k != nil {
			topics.add(k.above...)
		}
	}
	event.Topics = topics.list
	event.SummaryDe, event.SummaryEn = d.summary(event, main)
	return event
}

// foldedBy is what records of one kind in one commit are folded by: implementations by municipality, adoptions by their group, or
// solution. Others by their kind alone.
func foldedBy(kind notificationv1.Event_Kind, e *ledger.Entry) string {
	switch kind {
	case notificationv1.Event_KIND_IMPLEMENTATION, notificationv1.Event_KIND_ONLINE, notificationv1.Event_KIND_PLAN:
		return parentOf(e.Record.GetResource())
	case notificationv1.Event_KIND_ADOPTION, notificationv1.Event_KIND_ADOPTION_MOVED:
		if entityOf(e.Subject) == "adoptionGroup" {
			return e.Record.GetResource()
		}
		if a, ok := e.Entity.(interface{ GetGroup() string }); ok && a.GetGroup() != "" {
			return a.GetGroup()
		}
		return e.Record.GetResource()
	}
	return ""
}
