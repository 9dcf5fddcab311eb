package notification

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/notification/webhook"
	"kompass.krz.de/services/platform/journal"
)

// deliveriesKept is how long the journal "deliveries" remembers.
const deliveriesKept = 14 * 24 * time.Hour

// tokenWebhook begins the subjects of webhooks in the journal "deliveries"; the webhook's id follows. All that is written about one
// webhook has one subject and one guard.
const tokenWebhook = "webhook"

// deliverySubject is where notes about a webhook go.
func deliverySubject(deliveries *journal.Journal, id string) (string, error) {
	return deliveries.Subject(tokenWebhook, id)
}

func deliveryMessage(deliveries *journal.Journal, id string, note *notificationv1.DeliveryNote) (journal.Message, error) {
	subject, err := deliverySubject(deliveries, id)
	if err != nil {
		return journal.Message{}, err
	}
	data, err := proto.Marshal(note)
	return journal.Message{Subject: subject, Data: data}, err
}

// deliveryNote reads a note, and the id of the webhook that it is about.
func deliveryNote(m journal.Message) (id string, note *notificationv1.DeliveryNote, err error) {
	tokens := strings.Split(m.Subject, ".")
	note = &notificationv1.DeliveryNote{}
	if err := proto.Unmarshal(m.Data, note); err != nil || len(tokens) != 5 {
		return "", nil, fmt.Errorf("note %d of the journal of deliveries (%s): %w", m.Sequence, m.Subject, err)
	}
	return tokens[4], note, nil
}

// webhookEvent is an event of the journal as webhooks get it: the same CloudEvent, in structured mode.
func webhookEvent(m journal.Message) webhook.Event {
	header := func(name string) string { return strings.Join(m.Header[name], "") }
	at, _ := time.Parse(time.RFC3339Nano, header("ce-time"))
	return webhook.Event{
		ID: header("ce-id"), Source: header("ce-source"), Type: header("ce-type"), Subject: header("ce-subject"),
		Time: at, Sequence: m.Sequence, Data: m.Data,
	}
}

// deliveryName is the resource name of a delivery.
func deliveryName(id string, event uint64) string {
	return "deliveries/" + id + "." + strconv.FormatUint(event, 10)
}

// deliveryOf reads what deliveryName wrote.
func deliveryOf(name string) (id string, event uint64, ok bool) {
	id, sequence, _ := strings.Cut(strings.TrimPrefix(name, "deliveries/"), ".")
	event, err := strconv.ParseUint(sequence, 10, 64)
	return id, event, err == nil
}
