package notification

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/notification/webhook/webhooktest"
)

// local allows what the tests call.
var local = Settings{WebhookNetworks: []string{"127.0.0.1/32"}, PublicURL: "https://kompass.example.de"}

// arrival is a request that a receiver took.
type arrival struct {
	id, subject string
	sequence    string
	at          time.Time
}

// hearer is a receiver that agrees to be called, and checks every signature with the reference verifier.
type hearer struct {
	tb  testing.TB
	url string

	mu       sync.Mutex
	behave   func(w http.ResponseWriter, r *http.Request) // nil takes everything
	keys     []*notificationv1.WebhookKeys                // each of them has to have signed; none are not checked
	arrivals []arrival
	requests int
	rate     string // that it allows
}

func newHearer(tb testing.TB) *hearer {
	h := &hearer{tb: tb}
	server := httptest.NewServer(h)
	tb.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	h.url = server.URL
	return h
}

func (h *hearer) set(behave func(http.ResponseWriter, *http.Request), keys ...*notificationv1.WebhookKeys) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.behave, h.keys = behave, keys
}

func (h *hearer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodOptions {
		w.Header().Set("WebHook-Allowed-Origin", "kompass.example.de")
		h.mu.Lock()
		defer h.mu.Unlock()
		w.Header().Set("WebHook-Allowed-Rate", h.rate)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	h.mu.Lock()
	h.requests++
	behave, keys := h.behave, h.keys
	h.mu.Unlock()
	for _, k := range keys {
		h.verify(r, body, k)
	}
	if behave != nil {
		behave(w, r)
		return
	}
	var event struct{ ID, Subject, Sequence string }
	if err := json.Unmarshal(body, &event); err != nil {
		h.tb.Errorf("body %s: %v", body, err)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.arrivals = append(h.arrivals, arrival{event.ID, event.Subject, event.Sequence, time.Now()})
}

// verify checks v1 with the reference verifier and v1a with the public key.
func (h *hearer) verify(r *http.Request, body []byte, keys *notificationv1.WebhookKeys) {
	reference, err := standardwebhooks.NewWebhook(keys.GetSecret())
	if err != nil {
		h.tb.Error(err)
		return
	}
	if err := reference.Verify(body, r.Header); err != nil {
		h.tb.Errorf("signature %q: %v", r.Header.Get("Webhook-Signature"), err)
	}
	public, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(keys.GetPublicKey(), "whpk_"))
	if err != nil {
		h.tb.Error(err)
	}
	content := fmt.Appendf(nil, "%s.%s.%s", r.Header.Get("Webhook-Id"), r.Header.Get("Webhook-Timestamp"), body)
	valid := func(signature string) bool {
		raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(signature, "v1a,"))
		return err == nil && strings.HasPrefix(signature, "v1a,") && ed25519.Verify(public, content, raw)
	}
	if !slices.ContainsFunc(strings.Fields(r.Header.Get("Webhook-Signature")), valid) {
		h.tb.Errorf("no signature of the pair: %q", r.Header.Get("Webhook-Signature"))
	}
}

// heard waits for a number of arrivals.
func (h *hearer) heard(n int) []arrival {
	h.tb.Helper()
	return eventually(h.tb, fmt.Sprintf("%d arrivals", n), func() ([]arrival, bool) {
		h.mu.Lock()
		defer h.mu.Unlock()
		return slices.Clone(h.arrivals), len(h.arrivals) >= n
	})
}

// eventually waits until something holds.
func eventually[T any](tb testing.TB, what string, holds func() (T, bool)) T {
	tb.Helper()
	for limit := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		v, ok := holds()
		if ok {
			return v
		}
		if time.Now().After(limit) {
			tb.Fatalf("%s: not so: %.1000s", what, fmt.Sprint(v))
		}
	}
}

// hook adds a webhook for everything, verified, and returns it with its keys.
func (s *served) hook(id, url, owner string, topics ...string) *notificationv1.Webhook {
	s.tb.Helper()
	hook, err := s.client.CreateWebhook(keyed(s.tb), &notificationv1.CreateWebhookRequest{WebhookId: id, Webhook: &notificationv1.Webhook{DisplayName: "Haken " + id, Url: url, Owner: owner}})
	if err != nil {
		s.tb.Fatal(err)
	}
	if _, err := s.client.VerifyWebhook(keyed(s.tb), &notificationv1.VerifyWebhookRequest{Name: hook.GetName()}); err != nil {
		s.tb.Fatal(err)
	}
	s.subscribe(&notificationv1.Subscription{DisplayName: "Abo " + id, Webhook: hook.GetName(), Topics: topics})
	return hook
}

// delivery waits for a delivery in a state.
func (s *served) deliveryIn(name string, state notificationv1.Delivery_State) *notificationv1.Delivery {
	s.tb.Helper()
	return eventually(s.tb, name+" "+state.String(), func() (*notificationv1.Delivery, bool) {
		d, err := s.client.GetDelivery(s.tb.Context(), &notificationv1.GetDeliveryRequest{Name: name})
		return d, err == nil && d.GetState() == state
	})
}

func TestWebhookLife(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	s := st.serveWith(time.Minute, local, quiet, time.Now)
	ctx, h := keyed(t), newHearer(t)
	created := s.hook("amt", h.url, "")
	if k := created.GetKeys(); !strings.HasPrefix(k.GetSecret(), "whsec_") || !strings.HasPrefix(k.GetPublicKey(), "whpk_") || created.GetVaultId() != "" || created.GetState() != webhookUnverified {
		t.Fatalf("created %v", created)
	}
	read, err := s.client.GetWebhook(ctx, &notificationv1.GetWebhookRequest{Name: "webhooks/amt"})
	if err != nil || read.GetKeys() != nil || read.GetVaultId() != "" || read.GetState() != webhookActive || read.GetActiveTime() == nil {
		t.Fatalf("read %v, %v", read, err)
	}
	h.set(nil, created.GetKeys())
	st.write(solutionChange("eins", 1))
	first := h.heard(1)[0]
	if first.subject != "solutions/eins" || !strings.HasPrefix(first.id, "test.marketplace.") {
		t.Errorf("%+v", first)
	}
	page := eventually(t, "a delivery", func() (*notificationv1.ListDeliveriesResponse, bool) {
		page, err := s.client.ListDeliveries(ctx, &notificationv1.ListDeliveriesRequest{Filter: `webhook = "webhooks/amt" AND state = DELIVERED`})
		return page, err == nil && page.GetTotalSize() == 1
	})
	d := page.GetDeliveries()[0]
	if a := d.GetAttempts(); len(a) != 1 || a[0].GetStatus() != 200 || a[0].GetFailure() != "" || !strings.Contains(a[0].GetRequest(), first.id) || d.GetEvent().GetResource() != "solutions/eins" {
		t.Errorf("delivery %v", d)
	}
	if _, err := s.client.RedeliverDelivery(ctx, &notificationv1.RedeliverDeliveryRequest{Name: d.GetName()}); err != nil {
		t.Fatal(err)
	}
	if again := h.heard(2)[1]; again.id != first.id {
		t.Errorf("redelivered %+v", again)
	}
	replay := &notificationv1.ReplayWebhookRequest{Name: "webhooks/amt", Since: timestamppb.New(time.Now().Add(-time.Hour)), RequestId: "once"}
	s.deliveryIn(d.GetName(), notificationv1.Delivery_STATE_DELIVERED)
	for range 2 { // the second time it has no effect
		if n, err := s.client.ReplayWebhook(ctx, replay); err != nil || n.GetDeliveries() != 1 {
			t.Fatalf("replay %v, %v", n, err)
		}
		h.heard(3)
		if d := s.deliveryIn(d.GetName(), notificationv1.Delivery_STATE_DELIVERED); len(d.GetAttempts()) != 3 {
			t.Errorf("attempts %v", d.GetAttempts())
		}
	}
	rotated, err := s.client.RotateWebhook(ctx, &notificationv1.RotateWebhookRequest{Name: "webhooks/amt", RequestId: "turn"})
	if err != nil || rotated.GetKeys().GetSecret() == created.GetKeys().GetSecret() {
		t.Fatalf("rotated %v, %v", rotated, err)
	}
	if twice, err := s.client.RotateWebhook(ctx, &notificationv1.RotateWebhookRequest{Name: "webhooks/amt", RequestId: "turn"}); err != nil || twice.GetKeys().GetSecret() != rotated.GetKeys().GetSecret() {
		t.Errorf("repeated rotation %v, %v", twice, err)
	}
	third, err := s.client.RotateWebhook(ctx, &notificationv1.RotateWebhookRequest{Name: "webhooks/amt"})
	if err != nil {
		t.Fatal(err)
	}
	h.set(nil, created.GetKeys(), rotated.GetKeys(), third.GetKeys()) // who has not heard of either rotation still knows us
	st.write(solutionChange("zwei", 1))
	h.heard(4)
	test, err := s.client.TestWebhook(ctx, &notificationv1.TestWebhookRequest{Name: "webhooks/amt"})
	if err != nil || test.GetState() != notificationv1.Delivery_STATE_DELIVERED || len(test.GetAttempts()) != 1 {
		t.Errorf("test %v, %v", test, err)
	}
	h.heard(5)
	s.switchedOff(h)
}

// TestErasedOwner: a webhook whose owner is erased has none, also when somebody gets the name later.
func TestErasedOwner(t *testing.T) {
	t.Parallel()
	s := newStage(t).serve(time.Hour)
	for range 2 {
		owner := s.recipient(&notificationv1.Recipient{DisplayName: "Betrieb"}).GetName()
		req := &notificationv1.CreateWebhookRequest{Webhook: &notificationv1.Webhook{DisplayName: "Haken", Url: "https://hook.example.com/", Owner: owner}, WebhookId: "haken"}
		if _, err := s.client.CreateWebhook(keyed(t), req); err != nil && status.Code(err) != codes.AlreadyExists {
			t.Fatal(err)
		}
		if _, err := s.client.EraseRecipient(keyed(t), &notificationv1.EraseRecipientRequest{Name: owner}); err != nil {
			t.Fatal(err)
		}
	}
	hook, err := s.client.GetWebhook(keyed(t), &notificationv1.GetWebhookRequest{Name: "webhooks/haken"})
	if err != nil || hook.GetOwner() != "" {
		t.Errorf("%v, %v", hook, err)
	}
}

// switchedOff goes through the states that a webhook of its own has.
func (s *served) switchedOff(h *hearer) {
	s.tb.Helper()
	ctx, name := keyed(s.tb), "webhooks/amt"
	off, err := s.client.DisableWebhook(ctx, &notificationv1.DisableWebhookRequest{Name: name})
	if err != nil || off.GetState() != webhookDisabled || off.GetReason() == "" || off.GetActiveTime() != nil {
		s.tb.Fatalf("disabled %v, %v", off, err)
	}
	s.write(solutionChange("drei", 1))
	missed := eventually(s.tb, "a missed delivery", func() (*notificationv1.ListDeliveriesResponse, bool) {
		page, err := s.client.ListDeliveries(ctx, &notificationv1.ListDeliveriesRequest{Filter: "state = SKIPPED"})
		return page, err == nil && page.GetTotalSize() == 1
	}).GetDeliveries()[0]
	if _, err := s.client.RedeliverDelivery(ctx, &notificationv1.RedeliverDeliveryRequest{Name: missed.GetName()}); status.Code(err) != codes.FailedPrecondition {
		s.tb.Errorf("redelivered although it is switched off: %v", err)
	}
	if _, err := s.client.EnableWebhook(ctx, &notificationv1.EnableWebhookRequest{Name: name}); err != nil {
		s.tb.Fatal(err)
	}
	s.write(solutionChange("vier", 1))
	if got := h.heard(6); len(got) != 6 || got[5].subject != "solutions/vier" {
		s.tb.Errorf("after it was switched on: %+v", got)
	}
	if _, err := s.client.RedeliverDelivery(ctx, &notificationv1.RedeliverDeliveryRequest{Name: missed.GetName()}); err != nil {
		s.tb.Fatal(err)
	}
	if got := h.heard(7)[6]; got.subject != "solutions/drei" {
		s.tb.Errorf("redelivered %+v", got)
	}
	moved, err := s.client.UpdateWebhook(ctx, &notificationv1.UpdateWebhookRequest{Webhook: &notificationv1.Webhook{Name: name, Url: h.url + "/neu"}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"url"}}})
	if err != nil || moved.GetState() != webhookUnverified {
		s.tb.Errorf("moved %v, %v", moved, err)
	}
	for _, call := range []func() error{
		func() error {
			_, err := s.client.EnableWebhook(ctx, &notificationv1.EnableWebhookRequest{Name: name})
			return err
		},
		func() error {
			_, err := s.client.TestWebhook(ctx, &notificationv1.TestWebhookRequest{Name: name})
			return err
		},
	} {
		if err := call(); status.Code(err) != codes.FailedPrecondition {
			s.tb.Errorf("an address that nobody verified: %v", err)
		}
	}
	w, _ := s.service.replica.Read()
	stored, _ := w.webhooks.Get(name)
	if _, err := s.client.DeleteWebhook(ctx, &notificationv1.DeleteWebhookRequest{Name: name}); err != nil {
		s.tb.Fatal(err)
	}
	if _, err := s.service.vault.get(ctx, stored.GetVaultId()); err == nil {
		s.tb.Error("the keys of a webhook that is gone are still there")
	}
	if left, err := s.client.ListSubscriptions(ctx, &notificationv1.ListSubscriptionsRequest{}); err != nil || left.GetTotalSize() != 0 {
		s.tb.Errorf("subscriptions of a webhook that is gone: %v, %v", left, err)
	}
}

func TestWebhookRefusals(t *testing.T) {
	t.Parallel()
	s := newStage(t).serveWith(time.Minute, local, quiet, time.Now)
	ctx, h := keyed(t), newHearer(t)
	for name, hook := range map[string]*notificationv1.Webhook{
		"no name":         {Url: h.url},
		"address in name": {DisplayName: "a@example.org", Url: h.url},
		"no url":          {DisplayName: "a"},
		"metadata":        {DisplayName: "a", Url: "https://169.254.169.254/latest"},
		"private":         {DisplayName: "a", Url: "https://10.0.0.1/"},
		"user":            {DisplayName: "a", Url: "https://u:p@example.org/"},
		"unknown owner":   {DisplayName: "a", Url: h.url, Owner: "recipients/niemand"},
	} {
		_, err := s.client.CreateWebhook(ctx, &notificationv1.CreateWebhookRequest{WebhookId: "x", Webhook: hook})
		if status.Code(err) != codes.InvalidArgument {
			t.Errorf("%s: %v", name, err)
		}
	}
	create := &notificationv1.CreateWebhookRequest{WebhookId: "x", Webhook: &notificationv1.Webhook{DisplayName: "a", Url: h.url}, RequestId: "once"}
	one, err := s.client.CreateWebhook(ctx, create)
	if err != nil {
		t.Fatal(err)
	}
	if two, err := s.client.CreateWebhook(ctx, create); err != nil || two.GetKeys().GetSecret() != one.GetKeys().GetSecret() {
		t.Errorf("a repeated creation: %v, %v", two, err)
	}
	create.RequestId = "twice"
	if _, err := s.client.CreateWebhook(ctx, create); status.Code(err) != codes.AlreadyExists {
		t.Errorf("created twice: %v", err)
	}
	verify := &notificationv1.VerifyWebhookRequest{Name: "webhooks/x"}
	silent := webhooktest.StartPlain(t)
	if _, err := s.client.UpdateWebhook(ctx, &notificationv1.UpdateWebhookRequest{Webhook: &notificationv1.Webhook{Name: "webhooks/x", Url: "http://127.0.0.1:" + silent.Port()}}); err != nil {
		t.Fatal(err)
	}
	if _, err := s.client.VerifyWebhook(ctx, verify); status.Code(err) != codes.FailedPrecondition || !strings.Contains(err.Error(), "NO_CONSENT") {
		t.Errorf("verified without consent: %v", err)
	}
	for _, since := range []time.Time{time.Now().Add(-15 * 24 * time.Hour), time.Now().Add(time.Hour)} {
		if _, err := s.client.ReplayWebhook(ctx, &notificationv1.ReplayWebhookRequest{Name: "webhooks/x", Since: timestamppb.New(since)}); status.Code(err) != codes.InvalidArgument {
			t.Errorf("replay since %v: %v", since, err)
		}
	}
	if _, err := s.client.GetDelivery(ctx, &notificationv1.GetDeliveryRequest{Name: "deliveries/x.99"}); status.Code(err) != codes.NotFound {
		t.Errorf("a delivery that never was: %v", err)
	}
}
