package notification

import (
	"context"
	"errors"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/notification/webhook"
)

// task is a request to be made.
type task struct {
	place place
	hook  *notificationv1.Webhook
	probe bool
}

// attempt makes a request. Without a note nothing is known that would have to be kept: the task is given back.
func (w *worker) attempt(ctx context.Context, t task) called {
	o := called{place: t.place, pause: troublePause}
	body, id, err := w.body(ctx, t.place.event)
	if err != nil {
		w.trouble(ctx, "event", err)
		return o
	}
	ring, err := w.keys.of(ctx, w.service.vault, t.hook.GetVaultId())
	if err != nil && !errors.Is(err, errNoSecret) {
		w.trouble(ctx, "keys", err)
		return o
	}
	start := w.service.clock()
	result := w.sender.Post(ctx, webhook.Message{URL: t.hook.GetUrl(), ID: id, Body: body, Keys: ring.signing(start)})
	if result.Class == webhook.Cancelled {
		return o
	}
	o.note = w.noted(t, start, result)
	return o
}

var errNoEvent = errors.New("the journal does not have the event (yet)")

// body is what is sent for an event, and the id of the message.
func (h *webhooks) body(ctx context.Context, event uint64) (body []byte, id string, err error) {
	m, ok, err := h.service.events.At(ctx, event)
	if err == nil && !ok {
		err = errNoEvent
	}
	if err != nil {
		return nil, "", err
	}
	e := webhookEvent(m)
	body, err = e.Body()
	return body, e.MessageID(), err
}

// noted is the note about a request, with the time of the next one.
func (w *worker) noted(t task, start time.Time, r webhook.Result) *notificationv1.Attempted {
	w.service.measures.attempts[r.Class].Inc()
	note := attempted(start, r)
	note.Event, note.Probe = t.place.event, t.probe
	w.mu.Lock()
	var e entry
	if i, ok := w.book.find(t.place.event); ok { // else it was of another webhook, which had the name before
		e = w.book.entries[i]
	}
	w.mu.Unlock()
	note.Number, note.Previous = e.attempts+1, e.note
	if r.Delivered() {
		return note
	}
	first := start
	if e.first > 0 {
		first = time.Unix(0, e.first)
	}
	if wait, again := webhook.Next(int(note.GetNumber()-e.earlier), start.Sub(first), r.RetryAfter, w.random()); again {
		note.NextTime = timestamppb.New(start.Add(r.Latency + wait))
	}
	return note
}

// attempted is what became of a request, as it is kept.
func attempted(start time.Time, r webhook.Result) *notificationv1.Attempted {
	return &notificationv1.Attempted{
		Number: 1, Time: timestamppb.New(start), Status: int32(r.Status), Answer: r.Excerpt,
		LatencyMs: int32(r.Latency.Milliseconds()), Failure: string(r.Class), RetryAfterS: int32(r.RetryAfter / time.Second),
	}
}

// shownAttempt is an attempt as clients see it; body is what was sent.
func shownAttempt(a *notificationv1.Attempted, body []byte) *notificationv1.DeliveryAttempt {
	return &notificationv1.DeliveryAttempt{
		Time: a.GetTime(), Request: string(body), Status: a.GetStatus(), Answer: a.GetAnswer(), LatencyMs: a.GetLatencyMs(), Failure: a.GetFailure(),
	}
}
