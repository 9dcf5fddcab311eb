package notification

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/prometheus/client_golang/prometheus"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/notification/mail"
	"kompass.krz.de/services/notification/mail/mailtest"
	"kompass.krz.de/services/notification/webhook/webhooktest"
	"kompass.krz.de/services/platform/journal"
)

// gauges reads what a registry shows.
type gauges struct {
	tb       testing.TB
	registry *prometheus.Registry
}

// value is the number of one series; labels are names and values in turn. Of a histogram it is the count.
func (g gauges) value(name string, labels ...string) float64 {
	g.tb.Helper()
	families, err := g.registry.Gather()
	if err != nil {
		g.tb.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, m := range f.GetMetric() {
			has := map[string]string{}
			for _, l := range m.GetLabel() {
				has[l.GetName()] = l.GetValue()
			}
			fits := true
			for i := 0; i < len(labels); i += 2 {
				fits = fits && has[labels[i]] == labels[i+1]
			}
			if fits {
				return m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			}
		}
	}
	g.tb.Fatalf("no %s with %q", name, labels)
	return 0
}

// becomes waits until a series has a value.
func (g gauges) becomes(want float64, name string, labels ...string) {
	g.tb.Helper()
	eventually(g.tb, fmt.Sprint(name, labels, " is ", want), func() (float64, bool) {
		got := g.value(name, labels...)
		return got, got == want
	})
}

// TestMeasures lets a receiver, a mail server and the journals fail, and looks whether the numbers say so.
func TestMeasures(t *testing.T) {
	t.Parallel()
	st, clock, show := newStage(t), &travel{}, gauges{t, prometheus.NewRegistry()}
	var full atomic.Bool
	st.site.Registerer = show.registry
	st.site.Failed = func() error {
		if full.Load() {
			return errors.New("the disk is full")
		}
		return nil
	}
	server := mailtest.Start(t, false)
	server.Judge = func(string) error {
		return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "unknown"}
	}
	settings := impatient()
	settings.lookPause = 20 * time.Millisecond
	var err error
	if settings.Mail, err = mail.NewRelay(mail.Config{URL: "smtp://" + server.Address, From: "Kompass <kompass@krz.example>", TLS: server.Trust}); err != nil {
		t.Fatal(err)
	}
	s := st.serveWith(time.Hour, settings, quiet, clock.now)

	s.recipient(&notificationv1.Recipient{DisplayName: "Verzogen", MailAddress: "weg@kommune.example"})
	show.becomes(1, "kompass_notification_mail_paused_recipients")
	show.becomes(1, "kompass_notification_mail_attempts_total", "result", "unwanted")
	show.becomes(0, "kompass_notification_mail_waiting")

	h := newHearer(t)
	s.hook("krank", h.url, "")
	h.set(webhooktest.Status(500))
	for n := range 6 {
		st.write(solutionChange(fmt.Sprint("s", n), 1))
	}
	show.becomes(1, "kompass_notification_webhook_breakers_open")
	show.becomes(6, "kompass_notification_webhook_waiting")
	if n := show.value("kompass_notification_webhook_attempts_total", "result", "server_error"); n < 5 {
		t.Errorf("%v attempts failed", n)
	}
	clock.forward(s, time.Hour)
	if age := show.value("kompass_notification_webhook_oldest_seconds"); age < 3600 || age > 3660 {
		t.Errorf("the oldest message waits for %v s", age)
	}
	h.set(nil)
	clock.forward(s, 3*time.Hour)
	h.heard(6)
	for _, name := range []string{"waiting", "oldest_seconds", "breakers_open"} {
		show.becomes(0, "kompass_notification_webhook_"+name)
	}
	show.becomes(6, "kompass_notification_webhook_attempts_total", "result", "delivered")

	listener := s.listen(&notificationv1.StreamEventsRequest{})
	show.becomes(1, "kompass_notification_streams")
	const records, age = "kompass_notification_unpublished_records", "kompass_notification_unpublished_seconds"
	full.Store(true)
	for n := range 3 {
		st.write(solutionChange(fmt.Sprint("t", n), 1))
	}
	show.becomes(3, records, "stream", "KOMPASS_TEST_MARKETPLACE")
	if clock.forward(s, time.Minute); show.value(age, "stream", "KOMPASS_TEST_MARKETPLACE") < 60 {
		t.Errorf("the oldest record has been there for %v s", show.value(age, "stream", "KOMPASS_TEST_MARKETPLACE"))
	}
	if n := show.value("kompass_journal_append_seconds", "journal", "events", "outcome", "unavailable"); n == 0 {
		t.Error("no append to the journal failed")
	}
	full.Store(false)
	listener.resources(3)
	show.becomes(0, records, "stream", "KOMPASS_TEST_MARKETPLACE")
	show.becomes(0, age, "stream", "KOMPASS_TEST_MARKETPLACE")
	show.becomes(0, "kompass_notification_unmatched_events")
}

// TestUnmatched counts what is not matched, and not what the journal has forgotten.
func TestUnmatched(t *testing.T) {
	t.Parallel()
	s := &Service{hub: &hub{}, inboxes: newInboxes()}
	s.hub.at.Store(10)
	if n := s.unmatched(); n != 10 {
		t.Errorf("nothing is matched: %v", n)
	}
	if err := s.inboxes.apply([]journal.Message{{Sequence: 1, Subject: "kompass.test.matches.matcher.position", Header: positionHeader(reached{event: 7})}}); err != nil || s.unmatched() != 3 {
		t.Errorf("seven are matched: %v, %v", s.unmatched(), err)
	}
	s.hub.expired.Store(10)
	if n := s.unmatched(); n != 0 {
		t.Errorf("all have expired: %v", n)
	}
}

// TestMailedDigests: a digest counts once it is handed over, another message does not.
func TestMailedDigests(t *testing.T) {
	t.Parallel()
	show := gauges{t, prometheus.NewRegistry()}
	m := newMeasures(show.registry)
	for _, e := range []*errand{{period: "2026-11-23"}, {}} {
		m.mailed(e, mail.Result{Outcome: mail.Later})
		m.mailed(e, mail.Result{Outcome: mail.Delivered})
	}
	show.becomes(1, "kompass_notification_digests_sent_total")
	show.becomes(2, "kompass_notification_mail_attempts_total", "result", "later")
}
