package notification

import (
	"bytes"
	"cmp"
	"context"
	"encoding/hex"
	"io"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/timestamppb"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/notification/webhook"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/list"
	"kompass.krz.de/services/platform/server"
)

// GetDelivery answers one delivery with its attempts.
func (s *Service) GetDelivery(ctx context.Context, req *notificationv1.GetDeliveryRequest) (*notificationv1.Delivery, error) {
	d, ok := s.webhooks.delivery(req.GetName())
	if !ok {
		return nil, fault.New(fault.NotFound, "resource", req.GetName())
	}
	return d, s.webhooks.complete(ctx, d)
}

// ListDeliveries answers a page of deliveries, newest first.
func (s *Service) ListDeliveries(ctx context.Context, req *notificationv1.ListDeliveriesRequest) (*notificationv1.ListDeliveriesResponse, error) {
	page, next, total, err := list.Page(req, s.webhooks.all(), list.Options[*notificationv1.Delivery]{Compare: newestDelivery})
	if err != nil {
		return nil, err
	}
	for _, d := range page {
		if err := s.webhooks.complete(ctx, d); err != nil {
			return nil, err
		}
	}
	return &notificationv1.ListDeliveriesResponse{Deliveries: page, NextPageToken: next, TotalSize: total}, nil
}

// newestDelivery orders names of deliveries: by event, the newest first.
func newestDelivery(a, b string) int {
	x, m, _ := deliveryOf(a)
	y, n, _ := deliveryOf(b)
	return cmp.Or(cmp.Compare(n, m), cmp.Compare(x, y))
}

// RedeliverDelivery delivers one message again.
func (s *Service) RedeliverDelivery(ctx context.Context, req *notificationv1.RedeliverDeliveryRequest) (*notificationv1.Delivery, error) {
	id, event, _ := deliveryOf(req.GetName())
	if _, ok := s.webhooks.delivery(req.GetName()); !ok {
		return nil, fault.New(fault.NotFound, "resource", req.GetName())
	}
	if _, err := s.again(ctx, req, id, req.GetValidateOnly(), &notificationv1.Again{Event: event}); err != nil {
		return nil, err
	}
	return s.GetDelivery(ctx, &notificationv1.GetDeliveryRequest{Name: req.GetName()})
}

// ReplayWebhook delivers again everything since a point in time.
func (s *Service) ReplayWebhook(ctx context.Context, req *notificationv1.ReplayWebhookRequest) (*notificationv1.ReplayWebhookResponse, error) {
	since, now := req.GetSince().AsTime(), s.clock()
	if since.After(now) || now.Sub(since) > deliveriesKept {
		return nil, fault.New(fault.InvalidField).Field("since", "muss in den letzten 14 Tagen liegen", "must be within the last 14 days")
	}
	id := strings.TrimPrefix(req.GetName(), "webhooks/")
	n, err := s.again(ctx, req, id, req.GetValidateOnly(), &notificationv1.Again{Since: req.GetSince()})
	return &notificationv1.ReplayWebhookResponse{Deliveries: n}, err
}

// again asks for messages once more, and answers how many that are. A repeated request answers what it did the first time.
func (s *Service) again(ctx context.Context, req server.Change, id string, validateOnly bool, ask *notificationv1.Again) (int32, error) {
	hook, err := webhookKind.Get(s.replica, "webhooks/"+id)
	if err != nil {
		return 0, err
	}
	cause, err := server.Cause(ctx, req, s.clock())
	if err != nil {
		return 0, err
	}
	ask.Time, ask.RequestId, ask.RequestDigest = timestamppb.New(cause.Time), cause.RequestID, cause.Digest
	answer := ask
	err = s.webhooks.append(ctx, id, func(b *book) (*notificationv1.DeliveryNote, error) {
		if before, ok := b.repeated(cause); ok {
			if !bytes.Equal(before.GetRequestDigest(), cause.Digest) {
				return nil, fault.New(fault.RequestIDReused, "requestId", cause.RequestID)
			}
			answer = before
			return nil, nil
		}
		if hook.GetState() != webhookActive {
			return nil, webhookForbids(hook)
		}
		ask.Deliveries = 0
		for range b.asked(ask) {
			ask.Deliveries++
		}
		if validateOnly || ask.GetDeliveries() == 0 {
			return nil, nil
		}
		return &notificationv1.DeliveryNote{Note: &notificationv1.DeliveryNote_Again{Again: ask}}, nil
	})
	return answer.GetDeliveries(), err
}

// repeated is what the same request asked for before.
func (b *book) repeated(c ledger.Cause) (*notificationv1.Again, bool) {
	if len(c.Digest) == 0 {
		return nil, false
	}
	before, ok := b.requests[c.RequestID]
	return before, ok
}

// TestWebhook sends a test event, which is not kept, and answers what came back.
func (s *Service) TestWebhook(ctx context.Context, req *notificationv1.TestWebhookRequest) (*notificationv1.Delivery, error) {
	hook, err := webhookKind.Get(s.replica, req.GetName())
	if err != nil {
		return nil, err
	}
	if hook.GetState() == webhookUnverified {
		return nil, webhookForbids(hook)
	}
	event, body, err := s.testEvent(hook)
	if err != nil {
		return nil, answered(err)
	}
	d := &notificationv1.Delivery{Webhook: hook.GetName(), Event: event}
	if req.GetValidateOnly() {
		return d, nil
	}
	ring, err := s.vault.keys(ctx, hook.GetVaultId())
	if err != nil {
		return nil, answered(err)
	}
	start := s.clock()
	id := webhook.Event{ID: event.GetId()}.MessageID()
	result := s.webhooks.sender.Post(ctx, webhook.Message{URL: hook.GetUrl(), ID: id, Body: body, Keys: ring.signing(start)})
	d.State = notificationv1.Delivery_STATE_FAILED
	if result.Delivered() {
		d.State = notificationv1.Delivery_STATE_DELIVERED
	}
	d.Attempts = []*notificationv1.DeliveryAttempt{shownAttempt(attempted(start, result), body)}
	return d, nil
}

// testEvent is an event that says nothing, and what is sent for it.
func (s *Service) testEvent(hook *notificationv1.Webhook) (*notificationv1.Event, []byte, error) {
	var random [8]byte
	if _, err := io.ReadFull(s.vault.random, random[:]); err != nil {
		return nil, nil, err
	}
	own, now := s.replica.Own(), s.clock()
	event := &notificationv1.Event{
		Id: own.Origin + "." + own.Service + ".test-" + hex.EncodeToString(random[:]), Type: "de.kompass." + own.Service + ".webhook.test.v1",
		Resource: hook.GetName(), Time: timestamppb.New(now), SummaryDe: "Probe: dieser Webhook ist erreichbar.", SummaryEn: "Test: this webhook can be reached.",
	}
	data, err := protojson.Marshal(event)
	if err != nil {
		return nil, nil, err
	}
	body, err := webhook.Event{
		ID: event.GetId(), Source: "/kompass/" + own.Origin + "/" + own.Service, Type: event.GetType(), Subject: hook.GetName(), Time: now, Data: data,
	}.Body()
	return event, body, err
}

// all lists the deliveries, newest first, without event and attempts.
func (h *webhooks) all() []*notificationv1.Delivery {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []*notificationv1.Delivery
	for id, b := range h.books {
		for i := range b.entries {
			all = append(all, b.shown(id, &b.entries[i]))
		}
	}
	slices.SortFunc(all, func(x, y *notificationv1.Delivery) int { return newestDelivery(x.GetName(), y.GetName()) })
	return all
}

// delivery is the delivery of a name, without event and attempts.
func (h *webhooks) delivery(name string) (*notificationv1.Delivery, bool) {
	id, event, ok := deliveryOf(name)
	h.mu.Lock()
	defer h.mu.Unlock()
	b := h.books[id]
	if !ok || b == nil {
		return nil, false
	}
	i, ok := b.find(event)
	if !ok {
		return nil, false
	}
	return b.shown(id, &b.entries[i]), true
}

// shown is an entry as clients see it.
func (b *book) shown(id string, e *entry) *notificationv1.Delivery {
	d := &notificationv1.Delivery{Name: deliveryName(id, e.event), Webhook: "webhooks/" + id, State: notificationv1.Delivery_STATE_FAILED}
	switch {
	case e.state == entryDelivered:
		d.State = notificationv1.Delivery_STATE_DELIVERED
	case b.waiting(e):
		d.State = notificationv1.Delivery_STATE_WAITING
		next := time.Unix(0, max(e.next, b.queue.ahead(e).next))
		if opens := b.breaker.RetryTime(); opens.After(next) {
			next = opens
		}
		d.NextTime = timestamppb.New(next)
	case e.state == entryWaiting && e.attempts == 0:
		d.State = notificationv1.Delivery_STATE_SKIPPED
	}
	return d
}

// complete reads the event and the attempts of a delivery. Errors are faults.
func (h *webhooks) complete(ctx context.Context, d *notificationv1.Delivery) error {
	_, event, _ := deliveryOf(d.GetName())
	m, ok, err := h.service.events.At(ctx, event)
	if err != nil {
		return answered(err)
	}
	var body []byte
	if ok {
		if d.Event, err = eventFrom(m); err == nil {
			body, err = webhookEvent(m).Body()
		}
	}
	if err != nil {
		return answered(err)
	}
	for at := h.standing(d); at > 0; {
		m, ok, err := h.deliveries.At(ctx, at)
		if err != nil {
			return answered(err)
		}
		if !ok { // older ones have expired as well
			break
		}
		_, note, err := deliveryNote(m)
		if err != nil {
			return answered(err)
		}
		d.Attempts = append(d.Attempts, shownAttempt(note.GetAttempted(), body))
		at = note.GetAttempted().GetPrevious()
	}
	slices.Reverse(d.Attempts)
	return nil
}

// standing says in a delivery how it stands now, and answers the sequence of the note about its last attempt; 0 when there was none.
func (h *webhooks) standing(d *notificationv1.Delivery) uint64 {
	id, event, _ := deliveryOf(d.GetName())
	h.mu.Lock()
	defer h.mu.Unlock()
	b := h.books[id]
	if b == nil {
		return 0
	}
	i, ok := b.find(event)
	if !ok {
		return 0
	}
	now := b.shown(id, &b.entries[i])
	d.State, d.NextTime = now.GetState(), now.GetNextTime()
	return b.entries[i].note
}
