package notification

import (
	"context"
	"errors"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/resource"
	"kompass.krz.de/services/platform/server"
)

// consentTime is how long an address can be confirmed.
const consentTime = 7 * 24 * time.Hour

// states of mail, for short.
const (
	noMail       = notificationv1.Recipient_MAIL_STATE_UNSPECIFIED
	unconfirmed  = notificationv1.Recipient_MAIL_STATE_UNCONFIRMED
	confirmed    = notificationv1.Recipient_MAIL_STATE_CONFIRMED
	paused       = notificationv1.Recipient_MAIL_STATE_PAUSED
	unsubscribed = notificationv1.Recipient_MAIL_STATE_UNSUBSCRIBED
)

// ConfirmRecipient confirms the address that a mail with this token went to.
func (s *Service) ConfirmRecipient(ctx context.Context, req *notificationv1.ConfirmRecipientRequest) (*notificationv1.Recipient, error) {
	return s.byToken(ctx, req, mayConfirm, func(r *notificationv1.Recipient, now time.Time) (notificationv1.Recipient_MailState, error) {
		switch late := now.Sub(r.GetMailTime().AsTime()) > consentTime; {
		case r.GetMailState() == confirmed:
			return confirmed, nil
		case r.GetMailState() != unconfirmed || late:
			return noMail, fault.New(fault.TokenInvalid)
		}
		return confirmed, nil
	})
}

// UnsubscribeRecipient ends all mail to the address that a mail with this token went to.
func (s *Service) UnsubscribeRecipient(ctx context.Context, req *notificationv1.UnsubscribeRecipientRequest) (*notificationv1.Recipient, error) {
	return s.byToken(ctx, req, mayUnsubscribe, func(*notificationv1.Recipient, time.Time) (notificationv1.Recipient_MailState, error) {
		return unsubscribed, nil
	})
}

// tokenRequest is a request whose token says who may.
type tokenRequest interface {
	resource.Command
	GetName() string
	GetToken() string
}

// byToken puts mail of a recipient into another state on behalf of who has a token. Whether there is such a recipient only those
// learn who have one, and of it no more than its name and the state.
func (s *Service) byToken(ctx context.Context, req tokenRequest, may string, decide func(*notificationv1.Recipient, time.Time) (notificationv1.Recipient_MailState, error)) (*notificationv1.Recipient, error) {
	known, err := s.replica.Read()
	if err != nil {
		return nil, err
	}
	r, _ := known.recipients.Get(req.GetName())
	judge, err := s.judge(ctx, may, r)
	if err != nil {
		return nil, answered(err)
	}
	r, err = resource.Change(ctx, s.replica, s.clock(), req, recipientKind, req.GetName(), func(w world, c ledger.Cause) (*notificationv1.Recipient, []string, error) {
		before, ok := w.recipients.Get(req.GetName())
		if !ok || !judge.allows(before, req.GetToken()) {
			return nil, nil, fault.New(fault.TokenInvalid)
		}
		state, err := decide(before, c.Time)
		if err != nil {
			return nil, nil, err
		}
		after, changed := inState(before, state, c.Time)
		return after, changed, nil
	})
	if err != nil {
		return nil, err
	}
	return &notificationv1.Recipient{Name: r.GetName(), DisplayName: r.GetDisplayName(), Language: r.GetLanguage(), MailState: r.GetMailState()}, nil
}

// inState is a recipient whose mail stands otherwise, and what that changes.
func inState(r *notificationv1.Recipient, state notificationv1.Recipient_MailState, now time.Time) (*notificationv1.Recipient, []string) {
	r = proto.CloneOf(r)
	if r.GetMailState() == state {
		return r, nil
	}
	r.MailState, r.MailTime = state, timestamppb.New(now)
	return r, []string{"mail_state", "mail_time"}
}

// EraseRecipient erases a recipient: its address first, at once and for good; then itself, its subscriptions and its inbox. What is
// left over when it fails halfway another call erases.
func (s *Service) EraseRecipient(ctx context.Context, req *notificationv1.EraseRecipientRequest) (*emptypb.Empty, error) {
	cause, err := server.Cause(ctx, req, s.clock())
	if err != nil {
		return nil, err
	}
	w, err := s.replica.Read()
	if err != nil {
		return nil, err
	}
	before, ok := w.recipients.Get(req.GetName())
	if req.GetValidateOnly() {
		if !ok {
			return nil, fault.New(fault.NotFound, "resource", req.GetName())
		}
		return &emptypb.Empty{}, nil
	}
	ctx = context.WithoutCancel(ctx) // who has begun to erase does not stop
	if err := s.eraseAddress(ctx, before); err != nil {
		return nil, err
	}
	var last *notificationv1.Recipient // as the decision found it: it may have got another address meanwhile
	_, err = s.replica.Write(ctx, cause, func(w world) ([]ledger.Draft, error) {
		var found bool
		if last, found = w.recipients.Get(req.GetName()); !found {
			return nil, fault.New(fault.NotFound, "resource", req.GetName())
		}
		return s.burial(w, recipientKind.Token, req.GetName()), nil
	})
	if err != nil {
		return nil, err
	}
	return &emptypb.Empty{}, errors.Join(s.eraseAddress(ctx, last), s.forgetInbox(ctx, req.GetName()))
}

// burial is what a recipient or a webhook becomes, by the token of its kind, and with it its subscriptions. Webhooks of a recipient go on
// without an owner: nobody who gets its name later inherits them.
func (s *Service) burial(w world, token, name string) []ledger.Draft {
	own := s.replica.Own()
	drafts := []ledger.Draft{{Subject: own.Subject(token, idIn(name)), Resource: name}}
	for _, sub := range w.subscriptionList() {
		if sub.GetRecipient() == name || sub.GetWebhook() == name {
			drafts = append(drafts, ledger.Draft{Subject: own.Subject("subscription", idIn(sub.GetName())), Resource: sub.GetName()})
		}
	}
	for _, hook := range w.webhookList() {
		if hook.GetOwner() == name {
			orphan := webhookKind.Bare(hook)
			orphan.Owner = ""
			drafts = append(drafts, webhookKind.Draft(s.replica, orphan, []string{"owner"}))
		}
	}
	return drafts
}

// eraseAddress erases the address of a recipient. Errors are faults.
func (s *Service) eraseAddress(ctx context.Context, r *notificationv1.Recipient) error {
	if r.GetMailId() == "" {
		return nil
	}
	if err := s.vault.erase(ctx, r.GetMailId()); err != nil {
		return answered(err)
	}
	return nil
}

// idIn is the id of a resource in its name.
func idIn(name string) string {
	_, id, _ := strings.Cut(name, "/")
	return id
}
