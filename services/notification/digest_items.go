package notification

import (
	"cmp"
	"context"
	"slices"
	"time"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/notification/mail"
)

// collection is what a digest tells: one item for all events of a kind about one thing, in the order of their last ones.
type collection struct {
	items []mail.Item
	about []thing // of each item
}

// thing is what an item is about.
type thing struct {
	kind     notificationv1.Event_Kind
	resource string
}

// add tells an event, later than those before.
func (c *collection) add(event *notificationv1.Event, item mail.Item) {
	t := thing{event.GetKind(), event.GetResource()}
	item.Count = 1
	if i := slices.Index(c.about, t); i >= 0 {
		item.Count += c.items[i].Count
		c.items, c.about = slices.Delete(c.items, i, i+1), slices.Delete(c.about, i, i+1)
	}
	c.items, c.about = append(c.items, item), append(c.about, t)
}

// otherDigests are the other digests of a recipient: an event that several of its subscriptions find is told by one of them.
type otherDigests map[string]otherDigest

// otherDigest says what the digests of another subscription tell. Who asks, and the other one when it asks, come to opposite answers: of two that
// have an event alike, the one that was due first tells it, or whose name comes first.
type otherDigest struct {
	since         time.Time // nothing from before
	from, through uint64    // the matches of its last digest
	failed        bool      // which did not get through
	comes         bool      // another one is due, and not begun yet
	first         bool      // of those that are due now it goes before the one that asks
}

// otherDigests finds out how the digests of a recipient's other subscriptions stand, for one that was due at a time.
func (p *post) otherDigests(ctx context.Context, w world, r *notificationv1.Recipient, s *notificationv1.Subscription, due time.Time) (otherDigests, error) {
	others := otherDigests{}
	for _, o := range w.subscriptionList() {
		if o.GetName() == s.GetName() || o.GetRecipient() != r.GetName() || !isDigest(o) {
			continue
		}
		subject, err := p.notes.Subject(tokenDigest, idIn(o.GetName()))
		if err != nil {
			return nil, err
		}
		note, _, err := p.lastNote(ctx, subject)
		if err != nil {
			return nil, err
		}
		theirs := lastDue(o, p.zones.of(r), p.service.clock())
		others[o.GetName()] = otherDigest{
			since: w.collectsSince(o, r), from: note.GetFrom(), through: note.GetThrough(), failed: note.GetState() == notificationv1.MailNote_STATE_FAILED,
			comes: note.GetPeriod() < theirs.Format(time.DateOnly) && !theirs.Before(w.collectsSince(o, r)),
			first: cmp.Or(theirs.Compare(due), cmp.Compare(o.GetName(), s.GetName())) < 0,
		}
	}
	return others, nil
}

// tell tells whether another digest has told, or will tell, what a match found.
func (others otherDigests) tell(n *notificationv1.Notification, match uint64) bool {
	return slices.ContainsFunc(n.GetSubscriptions(), func(name string) bool {
		o, ok := others[name]
		switch {
		case !ok || n.GetEvent().GetTime().AsTime().Before(o.since):
			return false
		case match < o.from:
			return true
		case match <= o.through:
			return !o.failed && (o.comes || o.first)
		}
		return o.comes && o.first
	})
}
