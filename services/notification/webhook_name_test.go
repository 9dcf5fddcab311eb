package notification

import (
	"net/http"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
)

// TestWebhookOfTheSameName deletes a webhook: its subscription goes with it, and one that gets its name later inherits nothing, in no
// process and after no restart.
func TestWebhookOfTheSameName(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	one := st.serveWith(time.Minute, impatient(), quiet, time.Now)
	two := st.serveWith(time.Minute, impatient(), quiet, time.Now)
	ctx, h := keyed(t), newHearer(t)
	one.hook("amt", h.url, "")
	before := one.webhook("amt")
	st.write(solutionChange("eins", 1))
	h.heard(1)
	for _, s := range []*served{one, two} {
		s.deliveries(1)
	}
	old := one.deliveries(1)[0].GetName()
	one.deliveryIn(old, notificationv1.Delivery_STATE_DELIVERED) // what still waits is no replay
	replay := &notificationv1.ReplayWebhookRequest{Name: "webhooks/amt", Since: timestamppb.New(time.Now().Add(-time.Hour)), RequestId: "once"}
	if n, err := one.client.ReplayWebhook(ctx, replay); err != nil || n.GetDeliveries() != 1 {
		t.Fatalf("replay %v, %v", n, err)
	}
	h.heard(2)
	one.deliveryIn(old, notificationv1.Delivery_STATE_DELIVERED)
	if _, err := one.client.DeleteWebhook(ctx, &notificationv1.DeleteWebhookRequest{Name: "webhooks/amt", ValidateOnly: true}); err != nil || one.webhook("amt") == nil {
		t.Fatal(err)
	}
	remove := &notificationv1.DeleteWebhookRequest{Name: "webhooks/amt", Etag: before.GetEtag(), RequestId: "gone"}
	for range 2 { // the second time it has no effect
		if _, err := one.client.DeleteWebhook(ctx, remove); err != nil {
			t.Fatal(err)
		}
	}
	if left, err := one.client.ListSubscriptions(ctx, &notificationv1.ListSubscriptionsRequest{}); err != nil || left.GetTotalSize() != 0 {
		t.Errorf("its subscriptions: %v, %v", left, err)
	}
	one.deliveries(1) // what became of them can still be read

	one.hook("amt", h.url, "")
	hook := one.webhook("amt")
	if !hook.GetCreateTime().AsTime().After(before.GetCreateTime().AsTime()) {
		t.Errorf("added %v, the one before %v", hook.GetCreateTime().AsTime(), before.GetCreateTime().AsTime())
	}
	three := st.serveWith(time.Minute, impatient(), quiet, time.Now)
	for _, s := range []*served{one, two, three} {
		s.deliveries(0)
		if _, err := s.client.RedeliverDelivery(ctx, &notificationv1.RedeliverDeliveryRequest{Name: old}); status.Code(err) != codes.NotFound {
			t.Errorf("redelivered what the one before got: %v", err)
		}
	}
	if n, err := three.client.ReplayWebhook(ctx, replay); err != nil || n.GetDeliveries() != 0 {
		t.Errorf("replay of what the one before got: %v, %v", n, err)
	}
	st.write(solutionChange("zwei", 1))
	if got := h.heard(3); len(got) != 3 || got[2].subject != "solutions/zwei" {
		t.Errorf("it gets %+v", got)
	}
	renamed, err := one.client.UpdateWebhook(ctx, &notificationv1.UpdateWebhookRequest{Webhook: &notificationv1.Webhook{Name: "webhooks/amt", DisplayName: "Anders"}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"display_name"}}})
	if err != nil || !renamed.GetCreateTime().AsTime().Equal(hook.GetCreateTime().AsTime()) {
		t.Errorf("renamed %v, %v", renamed, err)
	}
	for _, s := range []*served{one, two, three} {
		if d := s.deliveries(1)[0]; d.GetEvent().GetResource() != "solutions/zwei" {
			t.Errorf("delivery %v", d)
		}
	}
}

// TestWebhookDeletedMeanwhile deletes a webhook while a request to it is on its way: one that has the name when the answer comes does
// not inherit that either.
func TestWebhookDeletedMeanwhile(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	s := st.serveWith(time.Minute, local, quiet, time.Now)
	ctx, h, answer := keyed(t), newHearer(t), make(chan struct{})
	release := sync.OnceFunc(func() { close(answer) })
	defer release()
	h.set(func(http.ResponseWriter, *http.Request) { <-answer })
	s.hook("amt", h.url, "")
	st.write(solutionChange("eins", 1))
	eventually(t, "a request", func() (int, bool) {
		h.mu.Lock()
		defer h.mu.Unlock()
		return h.requests, h.requests == 1
	})
	if _, err := s.client.DeleteWebhook(ctx, &notificationv1.DeleteWebhookRequest{Name: "webhooks/amt"}); err != nil {
		t.Fatal(err)
	}
	s.hook("amt", h.url, "")
	noted := func() uint64 {
		hooks := s.service.webhooks
		hooks.mu.Lock()
		defer hooks.mu.Unlock()
		return hooks.book("amt").last
	}
	before := noted()
	h.set(nil)
	release()
	eventually(t, "its note", func() (uint64, bool) { return noted(), noted() > before })
	s.deliveries(0)
	st.write(solutionChange("eins", 2))
	if got := h.heard(1); len(got) != 1 || got[0].subject != "solutions/eins" {
		t.Errorf("it gets %+v", got)
	}
	s.deliveries(1)
}

// deliveries waits until there are so many, and answers them.
func (s *served) deliveries(n int32) []*notificationv1.Delivery {
	s.tb.Helper()
	return eventually(s.tb, "deliveries", func() ([]*notificationv1.Delivery, bool) {
		page, err := s.client.ListDeliveries(s.tb.Context(), &notificationv1.ListDeliveriesRequest{})
		return page.GetDeliveries(), err == nil && page.GetTotalSize() == n
	})
}
