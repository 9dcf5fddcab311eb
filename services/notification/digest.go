package notification

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/notification/mail"
)

const (
	digestHour = 7
	maxItems   = 100 // that a digest tells one by one
)

// lastDue is the last time, up to now, at which digests of a frequency were due in a time zone: at seven in the morning, every day or
// on Mondays. Its local day stands for it: a day that a zone left out has none.
func lastDue(f notificationv1.Subscription_Frequency, zone *time.Location, now time.Time) time.Time {
	year, month, day := now.In(zone).Date()
	for ; ; day-- {
		due := time.Date(year, month, day, digestHour, 0, 0, 0, zone)
		if due.After(now) || f == notificationv1.Subscription_FREQUENCY_WEEKLY && due.Weekday() != time.Monday {
			continue
		}
		return due
	}
}

// isDigest tells whether a subscription collects what it mails.
func isDigest(s *notificationv1.Subscription) bool {
	return s.GetMail() && !s.GetDisabled() && s.GetFrequency() > notificationv1.Subscription_FREQUENCY_IMMEDIATE
}

// planDigests takes on the digests that are due. Whether one was brought before the journal "deliveries" knows.
func (p *post) planDigests(w world) {
	now := p.service.clock()
	for _, s := range w.subscriptionList() {
		r, ok := w.recipients.Get(s.GetRecipient())
		if !ok || !isDigest(s) || r.GetMailState() != confirmed {
			continue
		}
		due := lastDue(s.GetFrequency(), p.zones.of(r), now)
		period := due.Format(time.DateOnly)
		if p.digests[s.GetName()] == period {
			continue
		}
		subject, err := p.notes.Subject(tokenDigest, idIn(s.GetName()))
		if err != nil {
			p.log.Error("a digest is not mailed", "subscription", s.GetName(), "error", err)
			continue
		}
		p.digests[s.GetName()] = period
		p.errands.add(p.digest(subject, s, period, due))
	}
}

// digest is the errand of the digest of a subscription that was due at a time.
func (p *post) digest(subject string, s *notificationv1.Subscription, period string, due time.Time) *errand {
	name := s.GetName()
	return &errand{
		subject: subject, recipient: s.GetRecipient(), period: period, due: due,
		wanted: func(w world, r *notificationv1.Recipient) bool {
			s, ok := w.subscriptions.Get(name)
			return ok && isDigest(s) && s.GetRecipient() == r.GetName() && r.GetMailState() == confirmed
		},
		begin: func(ctx context.Context, w world, last, claim *notificationv1.MailNote) error {
			s, _ := w.subscriptions.Get(name)
			return p.window(ctx, w, s, due, last, claim)
		},
		write: func(ctx context.Context, w world, r *notificationv1.Recipient, note *notificationv1.MailNote) (*mail.Message, error) {
			s, _ := w.subscriptions.Get(name)
			return p.digestLetter(ctx, r, s, note)
		},
	}
}

// errNotYet says that a digest was due before anybody asked for it.
var errNotYet = errors.New("the digest was not asked for yet")

// window says which matches a digest looks at: what came after the last digest of its subscription, or, when that brought nothing to
// an end, from where it began. Without one: since the subscription and the consent are as they are, as far as notes are kept.
func (p *post) window(ctx context.Context, w world, s *notificationv1.Subscription, due time.Time, last, claim *notificationv1.MailNote) (err error) {
	if _, claim.Through, err = p.service.matches.Bounds(ctx); err != nil {
		return err
	}
	switch last.GetState() {
	case notificationv1.MailNote_STATE_UNSPECIFIED:
		r, _ := w.recipients.Get(s.GetRecipient())
		since := slices.MaxFunc([]time.Time{p.service.clock().Add(-deliveriesKept), s.GetUpdateTime().AsTime(), r.GetMailTime().AsTime()}, time.Time.Compare)
		if due.Before(since) {
			return errNotYet
		}
		claim.From, err = p.service.matches.From(ctx, since)
		return err
	case notificationv1.MailNote_STATE_SENDING, notificationv1.MailNote_STATE_WAITING:
		claim.From = last.GetFrom()
	default:
		claim.From = last.GetThrough() + 1
	}
	return nil
}

// digestLetter writes a digest; nil when nothing happened, or the recipient has had a message about all of it.
func (p *post) digestLetter(ctx context.Context, r *notificationv1.Recipient, s *notificationv1.Subscription, noted *notificationv1.MailNote) (*mail.Message, error) {
	if err := p.service.inboxes.await(ctx, noted.GetThrough()); err != nil {
		return nil, err
	}
	var told []note
	p.service.inboxes.view(r.GetName(), p.service.clock(), func(b *inbox) {
		told = slices.Clone(b.notes[b.before(noted.GetFrom()):b.before(noted.GetThrough()+1)])
	})
	news := mail.News{Subscription: s.GetDisplayName()}
	for part := range slices.Chunk(told, maxItems) {
		notifications, err := p.service.notifications(ctx, r.GetName(), part)
		if err != nil {
			return nil, err
		}
		for _, n := range notifications {
			if !slices.Contains(n.GetSubscriptions(), s.GetName()) || p.mailedAtOnce(ctx, r, n.GetEvent()) {
				continue
			}
			if len(news.Items) == maxItems {
				news.More++
				continue
			}
			news.Items = append(news.Items, p.item(r, n.GetEvent()))
		}
	}
	if len(news.Items) == 0 {
		return nil, nil
	}
	return p.letter(ctx, r, "digest."+noted.GetPeriod()+"."+idIn(s.GetName()), s.GetName(), news)
}

// mailedAtOnce tells whether there was a message about an event alone: through another subscription, or before this one became a
// digest.
func (p *post) mailedAtOnce(ctx context.Context, r *notificationv1.Recipient, event *notificationv1.Event) bool {
	subject, err := p.eventSubject(r.GetName(), event.GetSequence())
	if err != nil {
		return false
	}
	note, _, err := p.lastNote(ctx, subject)
	return err == nil && note != nil
}

// zones are time zones by the names that recipients give them.
type zones struct{ known sync.Map }

// of is the time zone of a recipient; one that nobody knows any more is UTC.
func (z *zones) of(r *notificationv1.Recipient) *time.Location {
	if zone, ok := z.known.Load(r.GetTimeZone()); ok {
		return zone.(*time.Location)
	}
	zone, err := zoneOf(r)
	if err != nil {
		return time.UTC
	}
	z.known.Store(r.GetTimeZone(), zone)
	return zone
}
