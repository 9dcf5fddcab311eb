package notification

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/notification/mail"
	"kompass.krz.de/services/notification/webhook"
	"kompass.krz.de/services/platform/journal"
)

// askConsents takes on the messages that ask new addresses whether they want mail.
func (p *post) askConsents(w world) {
	now := p.service.clock()
	for _, r := range w.recipientList() {
		if r.GetMailState() != unconfirmed || now.Sub(r.GetMailTime().AsTime()) > consentTime {
			continue
		}
		id := r.GetMailId()
		subject, err := p.notes.Subject(tokenMail, idIn(r.GetName()), "consent-"+id[strings.LastIndexByte(id, '.')+1:])
		if err != nil {
			p.log.Error("nobody is asked for consent", "recipient", r.GetName(), "error", err)
			continue
		}
		p.errands.add(&errand{
			subject: subject, recipient: r.GetName(), due: now, write: p.consent,
			wanted: func(_ world, r *notificationv1.Recipient) bool {
				return r.GetMailState() == unconfirmed && r.GetMailId() == id
			},
		})
	}
}

// consent writes the message that asks for a confirmation.
func (p *post) consent(ctx context.Context, _ world, r *notificationv1.Recipient, _ *notificationv1.MailNote) (*mail.Message, error) {
	confirm, err := p.page(ctx, mayConfirm, r)
	if err != nil {
		return nil, err
	}
	content, err := mail.AskConsent(mail.Consent{Recipient: r.GetDisplayName(), Confirm: confirm, Days: int(consentTime / (24 * time.Hour))}, inEnglish(r))
	return &mail.Message{ID: "consent." + r.GetMailId() + "." + idIn(r.GetName()), Content: content}, err
}

func inEnglish(r *notificationv1.Recipient) bool {
	return r.GetLanguage() == notificationv1.Recipient_LANGUAGE_EN
}

// follow takes on what the journal "matches" says, from as long ago as a message may be tried. What was brought before is found in
// the journal "deliveries".
func (p *post) follow(ctx context.Context) {
	matches := p.service.matches
	filter, err := matches.Filter(tokenMatcher)
	from := uint64(1)
	for ctx.Err() == nil && err == nil {
		var failed error
		if from, failed = matches.From(ctx, p.service.clock().Add(-webhook.Persistence)); failed == nil {
			break
		}
		pause(ctx, outagePause)
	}
	if err == nil {
		err = matches.Follow(ctx, from-1, filter, func(batch []journal.Message) error {
			p.take(ctx, batch)
			return nil
		})
	}
	if err != nil && ctx.Err() == nil {
		p.log.Error("nothing more is mailed at once", "error", err)
	}
}

// take takes matches on. It waits when very much is to be brought.
func (p *post) take(ctx context.Context, batch []journal.Message) {
	for p.errands.len() > maxErrands && ctx.Err() == nil {
		pause(ctx, outagePause)
	}
	w, err := p.service.current(ctx)
	for ; err != nil && ctx.Err() == nil; w, err = p.service.current(ctx) {
		p.log.Warn("mail waits for the subscriptions", "error", err)
		pause(ctx, stateRetry)
	}
	if err != nil { // stopping; who comes next begins with these matches again
		return
	}
	for _, m := range batch {
		match, err := matchFrom(m)
		if err != nil {
			p.log.Error("a match cannot be read and is not mailed", "error", err)
		}
		for _, hit := range match.GetHits() {
			r, ok := w.recipients.Get(hit.GetRecipient())
			if ok && r.GetMailState() == confirmed && !match.GetStored().AsTime().Before(r.GetMailTime().AsTime()) && w.atOnce(hit) {
				p.tell(match.GetEvent(), hit)
			}
		}
	}
}

// atOnce tells whether a hit is to be mailed at once: one of its subscriptions says so, or a webhook of the recipient's own fails.
func (w world) atOnce(hit *notificationv1.Hit) bool {
	return len(hit.GetSubscriptions()) == 0 || slices.ContainsFunc(hit.GetSubscriptions(), func(name string) bool {
		s, ok := w.subscriptions.Get(name)
		return ok && s.GetMail() && !s.GetDisabled() && s.GetFrequency() <= notificationv1.Subscription_FREQUENCY_IMMEDIATE
	})
}

// tell takes on the message about an event.
func (p *post) tell(event uint64, hit *notificationv1.Hit) {
	subject, err := p.eventSubject(hit.GetRecipient(), event)
	if err != nil {
		p.log.Error("an event is not mailed", "recipient", hit.GetRecipient(), "error", err)
		return
	}
	p.errands.add(&errand{
		subject: subject, recipient: hit.GetRecipient(), due: p.service.clock(),
		wanted: func(w world, r *notificationv1.Recipient) bool {
			return r.GetMailState() == confirmed && w.atOnce(hit)
		},
		write: func(ctx context.Context, _ world, r *notificationv1.Recipient, _ *notificationv1.MailNote) (*mail.Message, error) {
			return p.eventLetter(ctx, r, event)
		},
	})
}

func (p *post) eventSubject(recipient string, event uint64) (string, error) {
	return p.notes.Subject(tokenMail, idIn(recipient), strconv.FormatUint(event, 10))
}

// eventLetter writes the message about one event; nil when the journal has forgotten it.
func (p *post) eventLetter(ctx context.Context, r *notificationv1.Recipient, sequence uint64) (*mail.Message, error) {
	m, ok, err := seen(ctx, p.service.events, sequence)
	if err != nil || !ok {
		return nil, err
	}
	event, err := eventFrom(m)
	if err != nil || event == nil {
		return nil, err
	}
	return p.letter(ctx, r, event.GetId(), event.GetResource(), mail.News{Items: []mail.Item{p.item(r, event)}})
}

// letter writes a message that says what happened.
func (p *post) letter(ctx context.Context, r *notificationv1.Recipient, id, thread string, news mail.News) (*mail.Message, error) {
	var err error
	if news.Leave, err = p.page(ctx, mayUnsubscribe, r); err != nil {
		return nil, err
	}
	news.Recipient = r.GetDisplayName()
	content, err := mail.Tell(news, inEnglish(r))
	return &mail.Message{ID: id + "." + idIn(r.GetName()), Thread: thread, Unsubscribe: news.Leave, Content: content}, err
}

// item is an event as mail tells it.
func (p *post) item(r *notificationv1.Recipient, event *notificationv1.Event) mail.Item {
	item := mail.Item{Summary: event.GetSummaryDe()}
	at := event.GetTime().AsTime().In(p.zones.of(r))
	item.Time = fmt.Sprintf("%d. %s %s", at.Day(), months[at.Month()-1], at.Format("2006, 15:04"))
	if inEnglish(r) {
		item.Summary, item.Time = event.GetSummaryEn(), at.Format("2 January 2006, 15:04")
	}
	return item
}

var months = [...]string{"Januar", "Februar", "März", "April", "Mai", "Juni", "Juli", "August", "September", "Oktober", "November", "Dezember"}
