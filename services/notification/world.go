package notification

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/state"
)

// The streams that the service follows; the first is its own.
const (
	ownStream          = "notification"
	catalogueStream    = "catalogue"
	municipalityStream = "municipality"
	marketplaceStream  = "marketplace"
)

// world is the service's state: its own entities and what it needs of others to tell whom a record concerns. It is immutable;
// what costs more than a look-up is computed on first use and kept until one of its inputs changes.
type world struct {
	recipients    state.Table[*notificationv1.Recipient]    // by resource name
	subscriptions state.Table[*notificationv1.Subscription] // by resource name
	webhooks      state.Table[*notificationv1.Webhook]      // by resource name
	directory     directory
	collecting    state.Table[time.Time] // since when subscriptions collect for digests, by resource name

	recipientList    func() []*notificationv1.Recipient    // by name
	subscriptionList func() []*notificationv1.Subscription // by name
	webhookList      func() []*notificationv1.Webhook      // by name, as stored
	audience         func() *audience                      // who hears of events
}

func emptyWorld() world {
	w := world{
		recipients:    state.NewTable[*notificationv1.Recipient](),
		subscriptions: state.NewTable[*notificationv1.Subscription](),
		webhooks:      state.NewTable[*notificationv1.Webhook](),
		directory:     emptyDirectory(),
		collecting:    state.NewTable[time.Time](),
	}
	w.derive()
	return w
}

// apply is the state after a batch of one of the streams.
func apply(before world, stream ledger.Name, batch []ledger.Entry, _ bool) (world, error) {
	w := before
	var err error
	if stream.Service == ownStream {
		err = w.applyOwn(batch)
		w.derive()
	} else {
		w.directory = before.directory.applied(batch)
		if slices.ContainsFunc(batch, isMunicipality) {
			w.deriveAudience()
		}
	}
	if err != nil {
		return before, err
	}
	return w, nil
}

func isMunicipality(e ledger.Entry) bool { return entityOf(e.Subject) == "municipality" }

func (w *world) applyOwn(batch []ledger.Entry) error {
	recipients, subscriptions, webhooks, collecting := w.recipients.Edit(), w.subscriptions.Edit(), w.webhooks.Edit(), w.collecting.Edit()
	for _, e := range batch {
		var err error
		switch kind := entityOf(e.Subject); kind {
		case "recipient":
			err = store(recipients, e, func(r *notificationv1.Recipient) { r.Etag, r.UpdateTime = etagOf(e), e.Record.GetTime() })
		case "subscription":
			before, _ := subscriptions.Get(e.Record.GetResource())
			err = store(subscriptions, e, func(s *notificationv1.Subscription) { s.Etag, s.UpdateTime = etagOf(e), e.Record.GetTime() })
			after, _ := subscriptions.Get(e.Record.GetResource())
			collects(collecting, before, after, e.Record.GetTime().AsTime())
		case "webhook":
			before, _ := webhooks.Get(e.Record.GetResource())
			err = store(webhooks, e, func(h *notificationv1.Webhook) {
				h.Etag, h.UpdateTime = etagOf(e), e.Record.GetTime()
				h.CreateTime = cmp.Or(before.GetCreateTime(), h.GetUpdateTime())
			})
		default: // a newer version of the service wrote it: half an understanding would be worse than none
			err = fmt.Errorf("record %d: the notification service does not know entities of kind %q", e.Sequence, kind)
		}
		if err != nil {
			return err
		}
	}
	w.recipients, w.subscriptions, w.webhooks, w.collecting = recipients.Done(), subscriptions.Done(), webhooks.Done(), collecting.Done()
	return nil
}

func (w *world) derive() {
	w.recipientList = sync.OnceValue(w.recipients.Values)
	w.subscriptionList = sync.OnceValue(w.subscriptions.Values)
	w.webhookList = sync.OnceValue(w.webhooks.Values)
	w.deriveAudience()
}

// deriveAudience follows the subscriptions and what they refer to, and which Kreis a municipality belongs to.
func (w *world) deriveAudience() {
	inputs := world{recipients: w.recipients, subscriptions: w.subscriptions, webhooks: w.webhooks, directory: w.directory}
	w.audience = sync.OnceValue(inputs.newAudience)
}

// store puts the entity of an entry, completed, under its resource name, or removes what a tombstone buries.
func store[T interface {
	comparable
	proto.Message
	GetName() string
}](table *state.Edit[T], e ledger.Entry, complete func(T)) error {
	if e.Entity == nil {
		table.Delete(e.Record.GetResource())
		return nil
	}
	stored, ok := e.Entity.(T)
	if !ok {
		return fmt.Errorf("record %d (%s) holds a %s", e.Sequence, e.Subject, e.Entity.ProtoReflect().Descriptor().FullName())
	}
	complete(stored)
	table.Set(stored.GetName(), stored)
	return nil
}

// entityOf is the kind of entity that a subject stands for: the fourth of its tokens.
func entityOf(subject string) string {
	for range 3 {
		_, subject, _ = strings.Cut(subject, ".")
	}
	kind, _, _ := strings.Cut(subject, ".")
	return kind
}

func etagOf(e ledger.Entry) string { return strconv.FormatUint(e.Sequence, 36) }
