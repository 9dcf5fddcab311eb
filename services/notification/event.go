package notification

import (
	"slices"
	"strconv"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/platform/ledger"
)

// maxResources bounds how many changed resources one event lists; it counts all.
const maxResources = 1000

// folding is what makes records of one commit one event: the same kind, about the same thing.
type folding struct {
	visible uint64
	kind    notificationv1.Event_Kind
	about   string
}

// happened turns records of one ledger, in its order, into events, in the order of their first records. The directory knows all
// of them. What happened in one commit and belongs together is one event, whatever its size: a catalogue import is one.
func (d directory) happened(stream ledger.Name, entries []ledger.Entry) []*notificationv1.Event {
	var order []folding
	folded := map[folding][]*ledger.Entry{}
	revisions := revisionsOf(entries)
	for i := range entries {
		e := &entries[i]
		f := folding{e.Visible, kindOf(e), ""}
		if f.kind == notificationv1.Event_KIND_UNSPECIFIED {
			continue
		}
		if revisions[e.Visible] {
			f.kind = notificationv1.Event_KIND_CATALOGUE_REVISION
		}
		f.about = foldedBy(f.kind, e)
		if folded[f] == nil {
			order = append(order, f)
		}
		folded[f] = append(folded[f], e)
	}
	events := make([]*notificationv1.Event, len(order))
	for i, f := range order {
		events[i] = d.event(stream, f.kind, folded[f])
	}
	return events
}

// revisionsOf are the commits that made a revision of the catalogue.
func revisionsOf(entries []ledger.Entry) map[uint64]bool {
	commits := map[uint64]bool{}
	for i := range entries {
		if entityOf(entries[i].Subject) == "revision" {
			commits[entries[i].Visible] = true
		}
	}
	return commits
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
