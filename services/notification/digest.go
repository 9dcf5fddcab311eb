package notification

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"time"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/notification/mail"
	"kompass.krz.de/services/platform/state"
)

const (
	digestTime = "07:00" // where a subscription names none
	clockTime  = "15:04" // how it names one
	maxItems   = 100     // that a digest tells one by one
	// overlap is by how much clocks may differ, or a message at once be late, when a subscription begins to collect.
	overlap = time.Minute
)

// lastDue is the last time, up to now, at which digests of a subscription were due in a time zone: every day or on Mondays. Its local
// day stands for it.
func lastDue(s *notificationv1.Subscription, zone *time.Location, now time.Time) time.Time {
	at, err := time.Parse(clockTime, cmp.Or(s.GetDigestTime(), digestTime))
	if err != nil { // the contract lets none through
		at, _ = time.Parse(clockTime, digestTime)
	}
	year, month, day := now.In(zone).Date()
	for day++; ; day-- { // where a clock put back returned to the day before, the day after was there already
		due, ok := dueOn(time.Date(year, month, day, at.Hour(), at.Minute(), 0, 0, time.UTC), zone)
		if !ok || due.After(now) || s.GetFrequency() == notificationv1.Subscription_FREQUENCY_WEEKLY && due.Weekday() != time.Monday {
			continue
		}
		return due
	}
}

// dueOn is when clocks in a time zone show a day and time, given as if it were UTC, or what [time.Date] makes of a time that they skip, on
// that day. False for a day that the zone left out.
func dueOn(wall time.Time, zone *time.Location) (time.Time, bool) {
	due := time.Date(wall.Year(), wall.Month(), wall.Day(), wall.Hour(), wall.Minute(), 0, 0, zone)
	if due.YearDay() != wall.YearDay() { // they skip midnight
		due = due.Add(wall.Sub(time.Date(due.Year(), due.Month(), due.Day(), due.Hour(), due.Minute(), 0, 0, time.UTC)))
	}
	return due, due.YearDay() == wall.YearDay()
}

// isDigest tells whether a subscription collects what it mails.
func isDigest(s *notificationv1.Subscription) bool {
	return s.GetMail() && !s.GetDisabled() && s.GetFrequency() > notificationv1.Subscription_FREQUENCY_IMMEDIATE
}

// collects notes since when a subscription collects for the same recipient; other changes leave that as it is.
func collects(since *state.Edit[time.Time], before, after *notificationv1.Subscription, at time.Time) {
	switch {
	case !isDigest(after):
		since.Delete(cmp.Or(after.GetName(), before.GetName()))
	case !isDigest(before) || before.GetRecipient() != after.GetRecipient():
		since.Set(after.GetName(), at)
	}
}

// collectsSince is since when the digests of a subscription have to tell a recipient what happens: it collects and the address is
// confirmed.
func (w world) collectsSince(s *notificationv1.Subscription, r *notificationv1.Recipient) time.Time {
	since, _ := w.collecting.Get(s.GetName())
	if at := r.GetMailTime().AsTime(); at.After(since) {
		return at
	}
	return since
}

// planDigests takes on the digests that are due. Whether one was brought before the journal "deliveries" knows.
func (p *post) planDigests(w world) {
	now := p.service.clock()
	for _, s := range w.subscriptionList() {
		r, ok := w.recipients.Get(s.GetRecipient())
		if !ok || !isDigest(s) || r.GetMailState() != confirmed {
			continue
		}
		due := lastDue(s, p.zones.of(r), now)
		if p.digests[s.GetName()].Equal(due) || due.Before(w.collectsSince(s, r)) {
			continue
		}
		subject, err := p.notes.Subject(tokenDigest, idIn(s.GetName()))
		if err != nil {
			p.log.Error("a digest is not mailed", "subscription", s.GetName(), "error", err)
			continue
		}
		p.digests[s.GetName()] = due
		p.errands.add(p.digest(subject, s, due))
	}
}

// digest is the errand of the digest of a subscription that was due at a time.
func (p *post) digest(subject string, s *notificationv1.Subscription, due time.Time) *errand {
	name := s.GetName()
	return &errand{
		subject: subject, recipient: s.GetRecipient(), period: due.Format(time.DateOnly), due: due,
		wanted: func(w world, r *notificationv1.Recipient) bool {
			s, ok := w.subscriptions.Get(name)
			return ok && isDigest(s) && s.GetRecipient() == r.GetName() && r.GetMailState() == confirmed
		},
		begin: func(ctx context.Context, w world, last, claim *notificationv1.MailNote) error {
			s, _ := w.subscriptions.Get(name)
			return p.window(ctx, w, s, last, claim)
		},
		write: func(ctx context.Context, w world, r *notificationv1.Recipient, note *notificationv1.MailNote) (*mail.Message, error) {
			s, _ := w.subscriptions.Get(name)
			return p.digestLetter(ctx, w, r, s, due, note)
		},
	}
}

// window says which matches a digest looks at: what came after the last digest of its subscription, or, when that brought nothing to
// an end, from where it began; but nothing from before it collected, as far as notes are kept.
func (p *post) window(ctx context.Context, w world, s *notificationv1.Subscription, last, claim *notificationv1.MailNote) (err error) {
	if _, claim.Through, err = p.service.matches.Bounds(ctx); err != nil {
		return err
	}
	r, _ := w.recipients.Get(s.GetRecipient())
	since := w.collectsSince(s, r).Add(-overlap)
	if kept := p.service.clock().Add(-deliveriesKept); kept.After(since) {
		since = kept
	}
	if claim.From, err = p.service.matches.From(ctx, since); err != nil {
		return err
	}
	switch last.GetState() {
	case notificationv1.MailNote_STATE_UNSPECIFIED:
	case notificationv1.MailNote_STATE_SENDING, notificationv1.MailNote_STATE_WAITING:
		claim.From = max(claim.From, last.GetFrom())
	default:
		claim.From = max(claim.From, last.GetThrough()+1)
	}
	return nil
}

// digestLetter writes a digest; nil when nothing happened, or the recipient has had a message about all of it. What happens to one
// thing again and again is told once, as it was the last time.
func (p *post) digestLetter(ctx context.Context, w world, r *notificationv1.Recipient, s *notificationv1.Subscription, due time.Time, noted *notificationv1.MailNote) (*mail.Message, error) {
	if err := p.service.inboxes.await(ctx, noted.GetThrough()); err != nil {
		return nil, err
	}
	others, err := p.otherDigests(ctx, w, r, s, due)
	if err != nil {
		return nil, err
	}
	var told []note
	p.service.inboxes.view(r.GetName(), p.service.clock(), func(b *inbox) {
		told = slices.Clone(b.notes[b.before(noted.GetFrom()):b.before(noted.GetThrough()+1)])
	})
	var c collection
	for part := range slices.Chunk(told, maxItems) {
		notifications, err := p.service.notifications(ctx, r.GetName(), part)
		if err != nil {
			return nil, err
		}
		for i, n := range notifications {
			if n != nil && slices.Contains(n.GetSubscriptions(), s.GetName()) && !others.tell(n, part[i].match()) && !p.mailedAtOnce(ctx, r, n.GetEvent()) {
				c.add(n.GetEvent(), p.item(r, n.GetEvent()))
			}
		}
	}
	if len(c.items) == 0 {
		return nil, nil
	}
	news := mail.News{Subscription: s.GetDisplayName(), Items: c.items[:min(len(c.items), maxItems)]}
	for _, item := range c.items[len(news.Items):] {
		news.More += item.Count
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
