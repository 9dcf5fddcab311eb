package notification

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/notification/webhook/webhooktest"
)

// travel is a clock that can be put forward.
type travel struct{ ahead atomic.Int64 }

func (c *travel) now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

// forward puts the clock forward and lets the workers look at it.
func (c *travel) forward(s *served, d time.Duration) {
	c.ahead.Add(int64(d))
	s.service.webhooks.sync()
}

// impatient is local with a short patience.
func impatient() Settings {
	s := local
	s.patience = 500 * time.Millisecond
	return s
}

// inOrder fails unless the arrivals about each resource come in the order of their events. Repetitions may follow what they repeat
// at once.
func inOrder(tb testing.TB, arrivals []arrival) {
	tb.Helper()
	last := map[string]string{}
	for _, a := range arrivals {
		if a.sequence < last[a.subject] {
			tb.Errorf("%s: %s after %s", a.subject, a.sequence, last[a.subject])
		}
		last[a.subject] = a.sequence
	}
}

func (s *served) webhook(id string) *notificationv1.Webhook {
	s.tb.Helper()
	h, err := s.client.GetWebhook(s.tb.Context(), &notificationv1.GetWebhookRequest{Name: "webhooks/" + id})
	if err != nil {
		s.tb.Fatal(err)
	}
	return h
}

// TestMisbehavingReceivers lets receivers fail in every way. One that takes everything must not notice, the owner hears of each
// outage once, and what waits comes in order when they are well again.
func TestMisbehavingReceivers(t *testing.T) {
	t.Parallel()
	st, clock := newStage(t), &travel{}
	s := st.serveWith(time.Minute, impatient(), quiet, clock.now)
	s.recipient(&notificationv1.Recipient{DisplayName: "Wache"})
	well := newHearer(t)
	s.hook("gesund", well.url, "")
	behaviours := map[string]struct {
		behave webhooktest.Behaviour
		class  string
	}{
		"status":   {webhooktest.Status(500), "SERVER_ERROR"},
		"hang":     {webhooktest.Hang, "TIMEOUT"},
		"reset":    {webhooktest.Reset, "CONNECTION_LOST"},
		"loris":    {webhooktest.Drip("HTTP/1.1 200 OK\r\n", "x"), "TIMEOUT"},
		"redirect": {webhooktest.RedirectTo("http://127.0.0.1:1/"), "REDIRECT"},
		"endless":  {webhooktest.Huge(500, 1<<40), "SERVER_ERROR"},
		"busy":     {webhooktest.Answer(429, "", "Retry-After", "20"), "THROTTLED"},
	}
	ill := map[string]*hearer{}
	for id, b := range behaviours {
		ill[id] = newHearer(t)
		hook := s.hook(id, ill[id].url, "recipients/wache")
		ill[id].set(b.behave, hook.GetKeys())
	}
	const solutions, steps = 6, 3
	for step := range steps {
		for n := range solutions {
			st.write(solutionChange(fmt.Sprint("s", n), step))
		}
	}
	inOrder(t, well.heard(solutions*steps))
	if n := len(well.heard(0)); n != solutions*steps {
		t.Errorf("the receiver that is well got %d messages", n)
	}
	for id, b := range behaviours {
		hook := eventually(t, id+" rests", func() (*notificationv1.Webhook, bool) {
			hook := s.webhook(id)
			return hook, hook.GetRetryTime() != nil && hook.GetFailures() > 0
		})
		if hook.GetWaiting() != solutions*steps {
			t.Errorf("%s: %d wait", id, hook.GetWaiting())
		}
		page, err := s.client.ListDeliveries(t.Context(), &notificationv1.ListDeliveriesRequest{PageSize: 100, Filter: `webhook = "webhooks/` + id + `" AND state = WAITING`})
		if err != nil || page.GetTotalSize() != solutions*steps {
			t.Errorf("%s: %v deliveries wait, %v", id, page.GetTotalSize(), err)
		}
		tried := slices.IndexFunc(page.GetDeliveries(), func(d *notificationv1.Delivery) bool { return len(d.GetAttempts()) > 0 })
		if tried < 0 || page.GetDeliveries()[tried].GetAttempts()[0].GetFailure() != b.class {
			t.Errorf("%s: no attempt that failed with %s", id, b.class)
		}
		ill[id].set(nil, nil...)
	}
	for range 4 { // as long as the longest pause may be
		clock.forward(s, time.Hour)
		time.Sleep(50 * time.Millisecond)
	}
	for id := range behaviours {
		inOrder(t, ill[id].heard(solutions*steps))
		eventually(t, id+" is well", func() (*notificationv1.Webhook, bool) {
			hook := s.webhook(id)
			return hook, hook.GetWaiting() == 0 && hook.GetFailures() == 0 && hook.GetRetryTime() == nil
		})
	}
	told := map[string]int{}
	for _, n := range s.inbox(&notificationv1.ListNotificationsRequest{Recipient: "recipients/wache", PageSize: 100}).GetNotifications() {
		told[strings.TrimPrefix(n.GetEvent().GetResource(), "webhooks/")]++
	}
	for id := range behaviours {
		if want := 1; told[id] != want && id != "busy" { // that one asks for a pause before it has failed five times
			t.Errorf("%s: its owner was told %d times", id, told[id])
		}
	}
}

// TestWebhookGone switches off what wants no more, once, and tells the owner.
func TestWebhookGone(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	s := st.serveWith(time.Minute, impatient(), quiet, time.Now)
	s.recipient(&notificationv1.Recipient{DisplayName: "Wache"})
	h := newHearer(t)
	s.hook("weg", h.url, "recipients/wache")
	h.set(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusGone) })
	st.write(solutionChange("eins", 1))
	off := eventually(t, "switched off", func() (*notificationv1.Webhook, bool) {
		hook := s.webhook("weg")
		return hook, hook.GetState() == webhookDisabled
	})
	if !strings.Contains(off.GetReason(), "410") {
		t.Errorf("reason %q", off.GetReason())
	}
	note := eventually(t, "a notification", func() (*notificationv1.Notification, bool) {
		all := s.inbox(&notificationv1.ListNotificationsRequest{Recipient: "recipients/wache"}).GetNotifications()
		if len(all) == 0 {
			return nil, false
		}
		return all[0], true
	})
	if e := note.GetEvent(); e.GetKind() != notificationv1.Event_KIND_WEBHOOK_FAILING || e.GetResource() != "webhooks/weg" || !strings.Contains(e.GetSummaryDe(), "410") {
		t.Errorf("told %v", e)
	}
	h.set(nil)
	if _, err := s.client.EnableWebhook(keyed(t), &notificationv1.EnableWebhookRequest{Name: "webhooks/weg"}); err != nil {
		t.Fatal(err)
	}
	st.write(solutionChange("zwei", 1))
	if got := h.heard(1)[0]; got.subject != "solutions/zwei" {
		t.Errorf("after it was switched on: %+v", got)
	}
	if hook := s.webhook("weg"); hook.GetState() != webhookActive || hook.GetFailures() != 0 {
		t.Errorf("%v", hook)
	}
}

// TestWebhookGivenUp tries for three days, over a restart, and then no more.
func TestWebhookGivenUp(t *testing.T) {
	t.Parallel()
	st, clock := newStage(t), &travel{}
	s := st.serveWith(time.Minute, impatient(), quiet, clock.now)
	h := newHearer(t)
	s.hook("tot", h.url, "")
	h.set(webhooktest.Status(500))
	st.write(solutionChange("eins", 1))
	d := eventually(t, "tried", func() (*notificationv1.Delivery, bool) {
		page, err := s.client.ListDeliveries(t.Context(), &notificationv1.ListDeliveriesRequest{})
		if err != nil || page.GetTotalSize() != 1 || len(page.GetDeliveries()[0].GetAttempts()) == 0 {
			return nil, false
		}
		return page.GetDeliveries()[0], true
	})
	if next := d.GetNextTime().AsTime().Sub(clock.now()); next < 2*time.Second || next > 6*time.Second {
		t.Errorf("the next attempt is in %v", next)
	}
	s.stop()
	s = st.serveWith(time.Minute, impatient(), quiet, clock.now)
	attempts := len(d.GetAttempts())
	for ahead := time.Duration(0); ahead < 100*time.Hour; ahead += 9 * time.Hour {
		clock.forward(s, 9*time.Hour)
		d = eventually(t, "tried again", func() (*notificationv1.Delivery, bool) {
			d, err := s.client.GetDelivery(t.Context(), &notificationv1.GetDeliveryRequest{Name: d.GetName()})
			return d, err == nil && (len(d.GetAttempts()) > attempts || d.GetState() == notificationv1.Delivery_STATE_FAILED)
		})
		attempts = len(d.GetAttempts())
	}
	if d.GetState() != notificationv1.Delivery_STATE_FAILED || attempts < 9 || attempts > 12 {
		t.Errorf("%v after %d attempts", d.GetState(), attempts)
	}
}

// TestWebhookOfTwoProcesses lets two services call the same webhook: each message goes out once, also when one of them leaves.
func TestWebhookOfTwoProcesses(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	one := st.serveWith(time.Minute, impatient(), quiet, time.Now)
	two := st.serveWith(time.Minute, impatient(), quiet, time.Now)
	h := newHearer(t)
	one.hook("amt", h.url, "")
	eventually(t, "both know it", func() (bool, bool) {
		w, err := two.service.replica.Read()
		return false, err == nil && len(w.webhookList()) == 1 && len(w.subscriptionList()) == 1
	})
	const solutions, steps = 5, 20
	for step := range steps {
		for n := range solutions {
			st.write(solutionChange(fmt.Sprint("s", n), step))
		}
		if step == steps/2 {
			h.heard(1)
			one.stop()
		}
	}
	got := h.heard(solutions * steps)
	time.Sleep(200 * time.Millisecond)
	inOrder(t, got)
	seen := map[string]int{}
	for _, a := range h.heard(0) {
		seen[a.id]++
	}
	// What was on its way when one of them left, is sent again.
	if len(seen) != solutions*steps || len(h.heard(0)) > solutions*steps+atOnce {
		t.Errorf("%d messages, %d arrivals", len(seen), len(h.heard(0)))
	}
}
