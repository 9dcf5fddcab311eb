package notification

import (
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"

	"kompass.krz.de/services/notification/mail"
	"kompass.krz.de/services/notification/webhook"
	"kompass.krz.de/services/platform/ledger"
)

// measures is what the process counts of its own work; what it merely knows is read when somebody asks.
type measures struct {
	attempts map[webhook.Class]prometheus.Counter
	mails    map[mail.Outcome]prometheus.Counter
	digests  prometheus.Counter
}

// mailResults are the labels of what became of mail.
var mailResults = map[mail.Outcome]string{mail.Delivered: "delivered", mail.Later: "later", mail.Refused: "refused", mail.Unwanted: "unwanted"}

// mailed counts an attempt at an errand.
func (m *measures) mailed(e *errand, result mail.Result) {
	m.mails[result.Outcome].Inc()
	if e.period != "" && result.Outcome == mail.Delivered {
		m.digests.Inc()
	}
}

// newMeasures registers what is counted. All results show from the start, so that the first of a kind is seen to come.
func newMeasures(registry prometheus.Registerer) measures {
	metrics := promauto.With(registry)
	m := measures{attempts: map[webhook.Class]prometheus.Counter{}, mails: map[mail.Outcome]prometheus.Counter{}}
	attempts := metrics.NewCounterVec(prometheus.CounterOpts{
		Name: "kompass_notification_webhook_attempts_total", Help: "Requests to webhooks that this process made, by what became of them.",
	}, []string{"result"})
	for _, class := range webhook.Classes() {
		m.attempts[class] = attempts.WithLabelValues(strings.ToLower(class.Name()))
	}
	mails := metrics.NewCounterVec(prometheus.CounterOpts{
		Name: "kompass_notification_mail_attempts_total", Help: "Attempts of this process to hand mail over, by what became of them.",
	}, []string{"result"})
	for outcome, name := range mailResults {
		m.mails[outcome] = mails.WithLabelValues(name)
	}
	m.digests = metrics.NewCounter(prometheus.CounterOpts{
		Name: "kompass_notification_digests_sent_total", Help: "Digests that this process handed over.",
	})
	return m
}

// measure registers the numbers of the service; a nil registry keeps them private.
func (s *Service) measure(registry prometheus.Registerer) {
	s.measures = newMeasures(registry)
	metrics := promauto.With(registry)
	metrics.NewCounterFunc(prometheus.CounterOpts{
		Name: "kompass_notification_streams_cut_off_total", Help: "Streams of events that ended because their reader was too slow.",
	}, func() float64 { return float64(s.hub.slow.Load()) })
	s.measureQueues(metrics)
	for _, source := range s.publisher.sources {
		s.measureSource(promauto.With(prometheus.WrapRegistererWith(prometheus.Labels{"stream": source.name.Stream()}, registry)), source)
	}
}

// measureQueues shows what waits, and what does not work. What the whole data centre shares every process of it shows alike.
func (s *Service) measureQueues(metrics promauto.Factory) {
	for _, g := range []struct {
		name, help string
		value      func() float64
	}{
		{"unmatched_events", "Events of which the journal does not say yet whom they concern.", s.unmatched},
		{"streams", "Streams of events that are open in this process.", func() float64 { return float64(s.hub.open.Load()) }},
		{"webhook_waiting", "Messages that wait for a webhook.", func() float64 { return s.webhooks.sum((*book).waits) }},
		{"webhook_oldest_seconds", "How long the message waits that waits longest for a webhook, in seconds.", func() float64 { return s.since(s.webhooks.waitsSince()) }},
		{"webhook_breakers_open", "Webhooks that are called by probes alone, because they failed.", func() float64 { return s.webhooks.sum((*book).broken) }},
		{"mail_waiting", "Messages that are to be mailed.", func() float64 { return float64(s.post.waiting()) }},
		{"mail_paused_recipients", "Recipients whose address does not take mail any more.", s.pausedRecipients},
	} {
		metrics.NewGaugeFunc(prometheus.GaugeOpts{Name: "kompass_notification_" + g.name, Help: g.help}, g.value)
	}
}

// measureSource shows what of a ledger is not an event yet.
func (s *Service) measureSource(metrics promauto.Factory, from *source) {
	metrics.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "kompass_notification_unpublished_records", Help: "Records of a stream that this process has read and that are not events of the journal yet.",
	}, func() float64 { n, _ := from.behind(); return float64(n) })
	metrics.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "kompass_notification_unpublished_seconds", Help: "Age of the oldest of them, in seconds.",
	}, func() float64 { _, oldest := from.behind(); return s.since(oldest) })
}

// since is how long ago a time was, in seconds; 0 when it is none.
func (s *Service) since(at time.Time) float64 {
	if at.IsZero() {
		return 0
	}
	return max(0, s.clock().Sub(at).Seconds())
}

// behind counts the records that are not published yet, and says when the first of them was decided.
func (s *source) behind() (records int, oldest time.Time) {
	s.publisher.pending.Lock()
	defer s.publisher.pending.Unlock()
	for _, waiting := range [][]ledger.Entry{s.taken, s.pending} {
		if len(waiting) > 0 && records == 0 {
			oldest = waiting[0].Record.GetTime().AsTime()
		}
		records += len(waiting)
	}
	return records, oldest
}

// unmatched counts the events after the last one that is matched, as far as this process has read the journals.
func (s *Service) unmatched() float64 {
	s.inboxes.mu.Lock()
	matched := s.inboxes.matched
	s.inboxes.mu.Unlock()
	if at, matched := s.hub.at.Load(), max(matched, s.hub.expired.Load()); at > matched {
		return float64(at - matched)
	}
	return 0
}

// sum adds up what a value is for every webhook.
func (h *webhooks) sum(value func(*book) int) float64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := 0
	for _, b := range h.books {
		n += value(b)
	}
	return float64(n)
}

func (b *book) waits() int { return b.queue.count }

func (b *book) broken() int {
	if b.breaker.RetryTime().IsZero() {
		return 0
	}
	return 1
}

// waitsSince is since when the message waits that waits longest for any webhook; zero when none does.
func (h *webhooks) waitsSince() (oldest time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, b := range h.books {
		if at := b.waitsSince(); !at.IsZero() && (oldest.IsZero() || at.Before(oldest)) {
			oldest = at
		}
	}
	return oldest
}

// waitsSince is since when the message waits that waits longest; zero when none does. Who stands behind another one in a line has
// not waited longer.
func (b *book) waitsSince() time.Time {
	var oldest int64
	for _, line := range b.queue.lines {
		if i, ok := b.find(line[0].event); ok && (oldest == 0 || b.entries[i].due < oldest) {
			oldest = b.entries[i].due
		}
	}
	if oldest == 0 {
		return time.Time{}
	}
	return time.Unix(0, oldest)
}

// waiting counts what is to be mailed.
func (p *post) waiting() int {
	if p == nil {
		return 0
	}
	return p.errands.len()
}

func (s *Service) pausedRecipients() float64 {
	w, err := s.replica.Read()
	if err != nil {
		return 0
	}
	n := 0
	for _, r := range w.recipientList() {
		if r.GetMailState() == paused {
			n++
		}
	}
	return float64(n)
}
