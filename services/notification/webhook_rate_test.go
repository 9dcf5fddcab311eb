package notification

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/fieldmaskpb"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
)

// allows agrees to be called so many times a minute, and answers what the webhook says then.
func (h *hearer) allows(s *served, name, rate string) *notificationv1.Webhook {
	h.tb.Helper()
	h.mu.Lock()
	h.rate = rate
	h.mu.Unlock()
	hook, err := s.client.VerifyWebhook(keyed(h.tb), &notificationv1.VerifyWebhookRequest{Name: name})
	if err != nil {
		h.tb.Fatal(err)
	}
	return hook
}

// TestWebhookRate: a receiver gets no more requests in a minute than it allows, over a restart in the middle of the minute, and
// everything at once when it allows that.
func TestWebhookRate(t *testing.T) {
	t.Parallel()
	st, clock := newStage(t), &travel{}
	s := st.serveWith(time.Minute, impatient(), quiet, clock.now)
	h := newHearer(t)
	name := s.hook("langsam", h.url, "").GetName()
	if hook := h.allows(s, name, "3"); hook.GetAllowedRate() != 3 || s.webhook("langsam").GetAllowedRate() != 3 {
		t.Fatalf("verified %v", hook)
	}
	for n := range 5 {
		st.write(solutionChange(fmt.Sprint("s", n), 1))
	}
	h.heard(3)
	eventually(t, "three are delivered", func() (int32, bool) {
		page, err := s.client.ListDeliveries(t.Context(), &notificationv1.ListDeliveriesRequest{Filter: "state = DELIVERED"})
		return page.GetTotalSize(), err == nil && page.GetTotalSize() == 3
	})
	s.stop()
	s = st.serveWith(time.Minute, impatient(), quiet, clock.now)
	time.Sleep(300 * time.Millisecond)
	if got := h.heard(0); len(got) != 3 || s.webhook("langsam").GetWaiting() != 2 {
		t.Errorf("%d messages within the minute, %d wait", len(got), s.webhook("langsam").GetWaiting())
	}
	clock.forward(s, time.Minute)
	h.heard(5)
	if hook := h.allows(s, name, "*"); hook.GetAllowedRate() != 0 {
		t.Errorf("without a limit: %v", hook)
	}
	for n := range 10 {
		st.write(solutionChange(fmt.Sprint("t", n), 1))
	}
	h.heard(15)
	h.allows(s, name, "60")
	moved, err := s.client.UpdateWebhook(keyed(t), &notificationv1.UpdateWebhookRequest{Webhook: &notificationv1.Webhook{Name: name, Url: h.url + "/neu"}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"url"}}})
	if err != nil || moved.GetAllowedRate() != 0 {
		t.Errorf("what another address allowed: %v, %v", moved, err)
	}
}
