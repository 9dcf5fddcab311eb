package notification

import (
	"cmp"
	"math/bits"
	"slices"
	"strings"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
)

// audience says who hears of an event: an index over the subscriptions of one state, so that an event looks at those of its
// topics alone. It is immutable.
type audience struct {
	interests []interest // by addressee, then by subscription
	names     []string   // of their subscriptions

	everything []int32            // indices of interests without topics
	topics     map[string][]int32 // by topic
	doings     map[string][]int32 // by the Kreis whose own doings count
}

// interest is a subscription that is switched on.
type interest struct {
	recipient string // or a webhook
	webhook   string
	kinds     uint64   // a bit for each kind; 0 for all
	own       []string // actors whose doings are not told
}

func (i *interest) addressee() string { return cmp.Or(i.recipient, i.webhook) }

// newAudience builds the index. Subscriptions whose recipient or webhook is gone are left out.
func (w world) newAudience() *audience {
	a := &audience{topics: map[string][]int32{}, doings: map[string][]int32{}}
	var subscriptions []*notificationv1.Subscription
	for _, s := range w.subscriptions.All() {
		if !s.GetDisabled() && w.addresses(s) {
			subscriptions = append(subscriptions, s)
		}
	}
	slices.SortStableFunc(subscriptions, func(x, y *notificationv1.Subscription) int {
		return cmp.Compare(cmp.Or(x.GetRecipient(), x.GetWebhook()), cmp.Or(y.GetRecipient(), y.GetWebhook()))
	})
	a.interests = make([]interest, 0, len(subscriptions))
	for _, s := range subscriptions {
		a.add(w, s)
	}
	return a
}

// addresses tells whether somebody is there to be told.
func (w world) addresses(s *notificationv1.Subscription) (ok bool) {
	if s.GetWebhook() != "" {
		_, ok = w.webhooks.Get(s.GetWebhook())
	} else {
		_, ok = w.recipients.Get(s.GetRecipient())
	}
	return ok
}

func (a *audience) add(w world, s *notificationv1.Subscription) {
	n := int32(len(a.interests)) // far below 2^31
	i := interest{recipient: s.GetRecipient(), webhook: s.GetWebhook()}
	for _, kind := range s.GetKinds() {
		i.kinds |= 1 << uint(kind)
	}
	recipient, _ := w.recipients.Get(s.GetRecipient())
	if !s.GetIncludeOwn() {
		i.own = recipient.GetActors()
	}
	a.interests, a.names = append(a.interests, i), append(a.names, s.GetName())
	topics, kreis := w.interestedIn(s, recipient)
	for _, topic := range topics {
		a.topics[topic] = append(a.topics[topic], n)
	}
	if kreis != "" {
		a.doings[kreis] = append(a.doings[kreis], n)
	}
	if len(s.GetTopics()) == 0 && s.GetPreset() == notificationv1.Subscription_PRESET_UNSPECIFIED {
		a.everything = append(a.everything, n)
	}
}

// interestedIn lists the topics of a subscription, those of its preset included, and the Kreis whose own doings it wants to
// hear of. The Kreis is no topic: that would be all of its municipalities.
func (w world) interestedIn(s *notificationv1.Subscription, r *notificationv1.Recipient) (topics []string, kreis string) {
	topics = s.GetTopics()
	switch s.GetPreset() {
	case notificationv1.Subscription_PRESET_MY_MUNICIPALITY:
		if m := r.GetMunicipality(); m != "" {
			topics = append(slices.Clip(topics), m)
			kreis = w.directory.kreisOf(m)
		}
	case notificationv1.Subscription_PRESET_MY_THEMES:
		topics = append(slices.Clip(topics), r.GetThemes()...)
	}
	return topics, kreis
}

// kreisOf is the Kreis of a municipality, as a resource name; empty when it is one itself, or nobody knows.
func (d directory) kreisOf(municipality string) string {
	k, ok := d.known.Get(municipality)
	if !ok {
		return ""
	}
	at := slices.IndexFunc(k.above, func(name string) bool { return strings.HasPrefix(name, "municipalities/") })
	if at < 0 {
		return ""
	}
	return k.above[at]
}

// hits lists who hears of an event, in the order of their names. It costs the topics of the event and who is found.
func (a *audience) hits(event *notificationv1.Event) []*notificationv1.Hit {
	found := make(indices, (len(a.interests)+63)/64)
	found.add(a.everything)
	for _, topic := range event.GetTopics() {
		found.add(a.topics[topic])
	}
	if len(a.doings) > 0 {
		for _, resource := range event.GetResources() {
			found.add(a.doings[parentOf(resource)])
		}
	}
	var hits []*notificationv1.Hit
	var block []notificationv1.Hit
	for n := range found.all {
		i := &a.interests[n]
		if i.kinds != 0 && i.kinds&(1<<uint(event.GetKind())) == 0 || slices.Contains(i.own, event.GetActor()) {
			continue
		}
		if last := len(hits) - 1; last >= 0 && addresseeOf(hits[last]) == i.addressee() {
			hits[last].Subscriptions = append(hits[last].Subscriptions, a.names[n])
			continue
		}
		if len(block) == 0 {
			block = make([]notificationv1.Hit, min(len(a.interests)-n, hitBlock))
		}
		hit := &block[0]
		block = block[1:]
		hit.Recipient, hit.Webhook, hit.Subscriptions = i.recipient, i.webhook, a.names[n:n+1:n+1]
		hits = append(hits, hit)
	}
	return hits
}

// hitBlock is how many hits are allocated at once.
const hitBlock = 64

// addresseeOf is the resource name of who is told.
func addresseeOf(h *notificationv1.Hit) string { return cmp.Or(h.GetRecipient(), h.GetWebhook()) }

// concerned lists who hears of an event. That a webhook fails is its owner's affair alone, subscribed or not.
func (w world) concerned(event *notificationv1.Event) []*notificationv1.Hit {
	if event.GetKind() != notificationv1.Event_KIND_WEBHOOK_FAILING {
		return w.audience().hits(event)
	}
	webhook, _ := w.webhooks.Get(event.GetResource())
	if _, ok := w.recipients.Get(webhook.GetOwner()); !ok {
		return nil
	}
	return []*notificationv1.Hit{{Recipient: webhook.GetOwner()}}
}

// indices is a set of small numbers.
type indices []uint64

func (s indices) add(numbers []int32) {
	for _, n := range numbers {
		s[n>>6] |= 1 << (n & 63)
	}
}

// all yields the numbers, ascending.
func (s indices) all(yield func(int) bool) {
	for at, word := range s {
		for ; word != 0; word &= word - 1 {
			if !yield(at<<6 | bits.TrailingZeros64(word)) {
				return
			}
		}
	}
}
