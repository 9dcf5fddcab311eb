package notification

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/notification/webhook"
	"kompass.krz.de/services/platform/journal"
	"kompass.krz.de/services/platform/ledger"
)

// webhooksActor is who switches a webhook off because its receiver said so, and who tells its owner.
const webhooksActor = "webhooks"

// report tells the owner of the webhook what has to be told, and switches off what wants to be. Any process may do so: it happens
// once. When it cannot be done now, it says when to look again.
func (w *worker) report(ctx context.Context, hook *notificationv1.Webhook) time.Duration {
	w.mu.Lock()
	alarm, gone := w.book.alarm, w.book.gone
	w.mu.Unlock()
	if alarm.outage > w.alarmed {
		if err := w.tell(ctx, hook, alarm); err != nil {
			w.trouble(ctx, "alarm", err)
			return troublePause
		}
		w.alarmed = alarm.outage
	}
	if gone.IsZero() {
		return 0
	}
	if err := w.switchOff(ctx, gone); err != nil {
		w.trouble(ctx, "switch off", err)
		return troublePause
	}
	w.sync()
	return idle
}

// tell writes an event about the webhook, unless somebody has done so for the same row of failures: the position of the last one says.
func (w *worker) tell(ctx context.Context, hook *notificationv1.Webhook, alarm alarm) error {
	own := w.service.replica.Own()
	event := failingEvent(own, hook, alarm, w.service.clock())
	m, err := eventMessage(w.service.events.Subject, own.Subject("webhook", w.id), event, position{commit: alarm.note})
	if err != nil {
		return err
	}
	for {
		last, ok, err := w.service.events.Last(ctx, m.Subject)
		if err != nil {
			return err
		}
		if ok {
			if told, err := positionOf(last); err != nil || told.commit >= alarm.outage {
				return err
			}
		}
		if _, err = w.service.events.Append(ctx, m, journal.Guard{Filter: m.Subject, Last: last.Sequence}); !errors.Is(err, journal.ErrConflict) {
			return err
		}
	}
}

// failingEvent says that a webhook fails.
func failingEvent(own ledger.Name, hook *notificationv1.Webhook, alarm alarm, now time.Time) *notificationv1.Event {
	id := strings.TrimPrefix(hook.GetName(), "webhooks/")
	de, en := alarm.class.Texts()
	kind := notificationv1.Event_KIND_WEBHOOK_FAILING
	return &notificationv1.Event{
		Id:   own.Origin + "." + own.Service + ".webhook-" + id + "-" + strconv.FormatUint(alarm.note, 10),
		Kind: kind, Type: typeOf(own.Service, kind), Resource: hook.GetName(), Resources: []string{hook.GetName()}, Count: 1,
		Topics: named(hook.GetName(), hook.GetOwner()), Actor: webhooksActor, Time: timestamppb.New(now),
		SummaryDe: "Der Webhook „" + hook.GetDisplayName() + "“ ist gestört: " + de + ".",
		SummaryEn: "The webhook “" + hook.GetDisplayName() + "” fails: " + en + ".",
	}
}

// switchOff disables the webhook, unless it was switched on again after the receiver said that it wants no more.
func (w *worker) switchOff(ctx context.Context, said time.Time) error {
	s := w.service
	cause := ledger.Cause{Actor: webhooksActor, RequestID: webhooksActor, Time: s.clock()}
	_, err := s.replica.Write(ctx, cause, func(state world) ([]ledger.Draft, error) {
		hook, ok := state.webhooks.Get(w.name)
		if !ok || activeSince(hook).IsZero() || activeSince(hook).After(said) {
			return nil, nil
		}
		after := webhookKind.Bare(hook)
		de, _ := webhook.Gone.Texts()
		changed := setWebhookState(after, webhookDisabled, nil, de)
		return []ledger.Draft{{Subject: s.replica.Own().Subject(webhookKind.Token, w.id), Resource: w.name, Entity: after, Changed: changed}}, nil
	})
	return err
}
