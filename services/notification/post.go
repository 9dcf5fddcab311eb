package notification

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/notification/mail"
	"kompass.krz.de/services/platform/journal"
	"kompass.krz.de/services/platform/ledger"
)

const (
	postmen     = 4 // that talk to the mail server at a time
	maxErrands  = 100_000
	lookPause   = 30 * time.Second // between two looks for what nobody asks for: digests, and what another process began
	sweepPause  = time.Hour
	outagePause = 5 * time.Second
	noteTime    = 5 * time.Second // to note what an attempt came to, while the process stops
)

// tokenMail begins the subjects of mail in the journal "deliveries"; the recipient's id follows, and then what it is about.
// tokenDigest begins those of digests; the subscription's id follows.
const (
	tokenMail   = "mail"
	tokenDigest = "digest"
)

// relay is what post needs of a mail server.
type relay interface {
	Send(ctx context.Context, m *mail.Message) mail.Result
}

// post brings mail to recipients: at once, in digests, and the one message that asks for consent. What is to be brought follows
// from the state and from the journal "matches"; what was brought stands in the journal "deliveries", without an address. Each attempt is claimed there
// first, guarded by the last note of its subject: of all processes one sends. Who dies while sending leaves a message that is sent again,
// with the same Message-ID; who has noted a delivery never does.
type post struct {
	service *Service
	relay   relay
	site    string // where links lead: "https://kompass.example.de"
	notes   *journal.Journal
	errands *errands
	zones   zones
	log     *slog.Logger

	looking chan struct{}        // asks for a look
	pause   time.Duration        // between two looks
	begun   time.Time            // whoever claimed a message before is dead; zero where others may be at work
	digests map[string]time.Time // when the last that was taken on was due, by subscription
}

// openPost prepares mail; nil when the settings have no mail server.
func openPost(ctx context.Context, s *Service, site ledger.Site, settings Settings) (*post, error) {
	if settings.Mail == nil {
		return nil, nil
	}
	notes, err := journal.Open(ctx, site, journal.Config{Name: "deliveries", MaxAge: deliveriesKept})
	if err != nil {
		return nil, err
	}
	every := cmp.Or(settings.lookPause, lookPause)
	p := &post{
		service: s, relay: settings.Mail, site: strings.TrimSuffix(settings.PublicURL, "/"), notes: notes, errands: newErrands(s.clock, min(time.Second, every)),
		log: s.log, looking: make(chan struct{}, 1), pause: every, digests: map[string]time.Time{},
	}
	if site.Store != "" { // no other process has these files open
		p.begun = s.clock()
	}
	return p, nil
}

// nudge asks for a look at what changed.
func (p *post) nudge() {
	if p == nil {
		return
	}
	select {
	case p.looking <- struct{}{}:
	default:
	}
}

// run brings mail until ctx ends.
func (p *post) run(ctx context.Context) {
	if p == nil || p.service.replica.Ready(ctx) != nil {
		return
	}
	var working sync.WaitGroup
	defer working.Wait()
	working.Go(func() { p.follow(ctx) })
	working.Go(func() { p.sweep(ctx) })
	for range postmen {
		working.Go(func() {
			for e, ok := p.errands.take(ctx); ok; e, ok = p.errands.take(ctx) {
				p.errands.done(e, p.attempt(ctx, e))
			}
		})
	}
	for ctx.Err() == nil {
		if w, err := p.service.replica.Read(); err == nil {
			p.askConsents(w)
			p.planDigests(w)
		}
		select {
		case <-time.After(p.pause):
		case <-p.looking:
		case <-ctx.Done():
		}
	}
}

// sweep erases addresses that nobody has.
func (p *post) sweep(ctx context.Context) {
	for ctx.Err() == nil {
		if err := p.service.sweepAddresses(ctx); err != nil && ctx.Err() == nil {
			p.log.Warn("addresses that nobody has are not swept yet", "error", err)
		}
		pause(ctx, sweepPause)
	}
}

// attempt makes the next attempt at an errand, if it is due and nobody else does, and answers when to look at it again;
// zero is never.
func (p *post) attempt(ctx context.Context, e *errand) (again time.Time) {
	now := p.service.clock()
	soon := now.Add(outagePause)
	last, sequence, err := p.lastNote(ctx, e.subject)
	if err != nil {
		return soon
	}
	claim, again := e.claim(last, now, p.begun)
	if claim == nil {
		return again
	}
	w, err := p.service.replica.Read()
	if err != nil {
		return soon
	}
	r, ok := w.recipients.Get(e.recipient)
	if !ok || !e.wanted(w, r) {
		return time.Time{}
	}
	if e.begin != nil && claim.GetThrough() == 0 {
		if err := e.begin(ctx, w, last, claim); err != nil {
			return soon
		}
	}
	if sequence, err = p.append(ctx, e.subject, claim, sequence); err != nil {
		return now.Add(time.Second) // somebody else was faster, perhaps
	}
	result, said := p.send(ctx, e, w, r, claim)
	if said {
		p.service.measures.mailed(e, result)
	}
	note := outcome(claim, result, p.service.clock())
	if !said {
		note.State = notificationv1.MailNote_STATE_NOTHING
	}
	p.conclude(ctx, e, note, sequence)
	if result.Outcome == mail.Unwanted {
		p.service.pauseMail(ctx, r)
	}
	if note.GetState() == notificationv1.MailNote_STATE_WAITING {
		return note.GetNextTime().AsTime()
	}
	return time.Time{}
}

// send writes the message and hands it over; said is false when there is nothing to say.
func (p *post) send(ctx context.Context, e *errand, w world, r *notificationv1.Recipient, claim *notificationv1.MailNote) (result mail.Result, said bool) {
	ours := mail.Result{Outcome: mail.Later, Class: mail.ClassMessage}
	address, err := p.service.vault.get(ctx, r.GetMailId())
	if errors.Is(err, errNoSecret) { // erased meanwhile, or lost in a restore: the address has to be entered again
		return mail.Result{Outcome: mail.Unwanted, Class: mail.ClassRecipient}, true
	}
	if err != nil {
		return ours, true
	}
	m, err := e.write(ctx, w, r, claim)
	if err != nil {
		p.log.Error("mail cannot be written", "subject", e.subject, "error", err)
		return ours, true
	}
	if m == nil {
		return mail.Result{}, false
	}
	m.To, m.Date = string(address), claim.GetFirstTime().AsTime()
	if m.Mark, err = p.mark(ctx, r, m.ID); err != nil {
		return ours, true
	}
	result = p.relay.Send(ctx, m)
	if result.Outcome != mail.Delivered {
		p.log.Warn("mail was not taken", "subject", e.subject, "attempt", claim.GetAttempt(), "class", result.Class, "code", result.Code, "detail", result.Detail)
	}
	return result, true
}

// conclude notes what an attempt came to. If it cannot, the message may come twice.
func (p *post) conclude(ctx context.Context, e *errand, note *notificationv1.MailNote, claimed uint64) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTime)
	defer cancel()
	for ctx.Err() == nil {
		_, err := p.append(ctx, e.subject, note, claimed)
		if err == nil || errors.Is(err, journal.ErrConflict) { // perhaps it was there already
			return
		}
		pause(ctx, rereadPause)
	}
	p.log.Error("what became of a mail could not be noted: it may come again", "subject", e.subject)
}

// lastNote is the last note of a subject with its sequence; nil and 0 when there is none.
func (p *post) lastNote(ctx context.Context, subject string) (*notificationv1.MailNote, uint64, error) {
	m, ok, err := p.notes.Last(ctx, subject)
	if err != nil || !ok {
		return nil, 0, err
	}
	note := &notificationv1.MailNote{}
	if err := proto.Unmarshal(m.Data, note); err != nil {
		return nil, 0, fmt.Errorf("note %d of the journal of deliveries (%s): %w", m.Sequence, subject, err)
	}
	return note, m.Sequence, nil
}

func (p *post) append(ctx context.Context, subject string, note *notificationv1.MailNote, last uint64) (uint64, error) {
	data, err := proto.Marshal(note)
	if err != nil {
		return 0, err
	}
	return p.notes.Append(ctx, journal.Message{Subject: subject, Data: data}, journal.Guard{Filter: subject, Last: last})
}

// postActor is who stops mail to an address that a server does not know.
const postActor = "mail"

// pauseMail stops mail to a recipient whose address a server does not know, unless it has another one by now.
func (s *Service) pauseMail(ctx context.Context, r *notificationv1.Recipient) {
	cause := ledger.Cause{Actor: postActor, RequestID: postActor, Time: s.clock()}
	if _, err := s.stopMail(ctx, cause, r, paused); err != nil {
		s.log.Warn("mail to a recipient is not paused", "recipient", r.GetName(), "error", err)
	}
}

// stopMail puts mail to the address that a recipient has into a state that stops it, and answers how it stands then; noMail when the
// recipient has another address by now. Whoever unsubscribed stays so. Errors are faults.
func (s *Service) stopMail(ctx context.Context, c ledger.Cause, r *notificationv1.Recipient, state notificationv1.Recipient_MailState) (stands notificationv1.Recipient_MailState, err error) {
	_, err = s.replica.Write(ctx, c, func(w world) ([]ledger.Draft, error) {
		before, ok := w.recipients.Get(r.GetName())
		if stands = noMail; !ok || before.GetMailId() != r.GetMailId() {
			return nil, nil
		}
		if stands = before.GetMailState(); stands == unsubscribed {
			return nil, nil
		}
		after, changed := inState(before, state, c.Time)
		if stands = state; len(changed) == 0 {
			return nil, nil
		}
		return []ledger.Draft{recipientKind.Draft(s.replica, after, changed)}, nil
	})
	return stands, err
}

// page is where people say yes or no to mail; mail clients say no there as well (RFC 8058).
func (p *post) page(ctx context.Context, may string, r *notificationv1.Recipient) (string, error) {
	judge, err := p.service.judge(ctx, may, r)
	if err != nil {
		return "", err
	}
	return p.site + "/mail/" + may + "?" + url.Values{"recipient": {r.GetName()}, "token": {judge.token(r)}}.Encode(), nil
}
