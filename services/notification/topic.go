package notification

import (
	"fmt"
	"strings"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/platform/fault"
)

// topicsBelow are the collections and single things below a resource that events are about.
var topicsBelow = map[string]bool{
	"municipalities/implementations": true,
	"municipalities/plan":            true,
	"municipalities/findings":        true,
	"publicServices/relevance":       true,
	"publicServices/succession":      true,
	"ozgServices/relevance":          true,
}

// notTopics are collections that exist, but of which a subscription to one resource never brings anything, with what helps.
var notTopics = map[string][2]string{
	"catalogueRevisions": {"eine Revision ändert sich nie; alle Revisionen bringt kinds mit KIND_CATALOGUE_REVISION", "a revision never changes; kinds with KIND_CATALOGUE_REVISION brings all of them"},
	"webhooks":           {"dass ein Webhook scheitert, erfährt sein owner ohne Abonnement", "the owner of a webhook hears without a subscription that it fails"},
	"recipients":         {"von Empfängern gibt es keine Ereignisse", "there are no events about recipients"},
	"subscriptions":      {"von Abonnements gibt es keine Ereignisse", "there are no events about subscriptions"},
}

// checkTopics refuses topics that nothing can ever be about, because a typing error would mean to hear nothing, without notice. Those that
// the subscription had before stay: what they name may be gone by now.
func (w world) checkTopics(s, before *notificationv1.Subscription) error {
	had := map[string]bool{}
	for _, topic := range before.GetTopics() {
		had[topic] = true
	}
	var nowhere *fault.Error
	for i, topic := range s.GetTopics() {
		if had[topic] {
			continue
		}
		field := fmt.Sprintf("subscription.topics[%d]", i)
		collection, _, _ := strings.Cut(topic, "/")
		if why, ok := notTopics[collection]; ok {
			return fault.New(fault.InvalidField).Field(field, why[0], why[1])
		}
		if w.directory.isTopic(topic) {
			continue
		}
		if nowhere == nil {
			nowhere = fault.New(fault.UnknownReference, "resource", topic)
		}
		nowhere.Field(field, "„"+topic+"“ gibt es nicht", topic+" does not exist")
	}
	if nowhere == nil {
		return nil
	}
	return nowhere
}

// isTopic tells whether events can be about a name: it is a known resource, or something below one. What is below a municipality and
// a public service needs both.
func (d directory) isTopic(name string) bool {
	parent := parentOf(name)
	if _, ok := d.known.Get(parent); !ok || name == parent {
		return ok
	}
	collection, _, _ := strings.Cut(parent, "/")
	below, id, listed := strings.Cut(strings.TrimPrefix(name, parent+"/"), "/")
	if !topicsBelow[collection+"/"+below] || listed != (below == "implementations") {
		return false
	}
	if listed {
		_, listed = d.known.Get("publicServices/" + id)
		return listed
	}
	return true
}
