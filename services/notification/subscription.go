package notification

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/list"
	"kompass.krz.de/services/platform/mask"
	"kompass.krz.de/services/platform/names"
	"kompass.krz.de/services/platform/resource"
)

var subscriptionKind = resource.Kind[world, *notificationv1.Subscription]{
	Token: "subscription",
	Find:  func(w world, name string) (*notificationv1.Subscription, bool) { return w.subscriptions.Get(name) },
	Bare: func(s *notificationv1.Subscription) *notificationv1.Subscription {
		s = proto.CloneOf(s)
		s.Etag, s.UpdateTime = "", nil
		return s
	},
}

// GetSubscription answers one subscription.
func (s *Service) GetSubscription(_ context.Context, req *notificationv1.GetSubscriptionRequest) (*notificationv1.Subscription, error) {
	return subscriptionKind.Get(s.replica, req.GetName())
}

// ListSubscriptions answers a page of subscriptions.
func (s *Service) ListSubscriptions(_ context.Context, req *notificationv1.ListSubscriptionsRequest) (*notificationv1.ListSubscriptionsResponse, error) {
	w, err := s.replica.Read()
	if err != nil {
		return nil, err
	}
	page, next, total, err := list.Page(req, w.subscriptionList(), list.Options[*notificationv1.Subscription]{})
	if err != nil {
		return nil, err
	}
	return &notificationv1.ListSubscriptionsResponse{Subscriptions: page, NextPageToken: next, TotalSize: total}, nil
}

// CreateSubscription adds a subscription.
func (s *Service) CreateSubscription(ctx context.Context, req *notificationv1.CreateSubscriptionRequest) (*notificationv1.Subscription, error) {
	id, err := names.ID(req.GetSubscriptionId(), req.GetSubscription().GetDisplayName(), "subscription_id")
	if err != nil {
		return nil, err
	}
	name := "subscriptions/" + id
	return resource.Change(ctx, s.replica, s.clock(), req, subscriptionKind, name, func(w world, _ ledger.Cause) (*notificationv1.Subscription, []string, error) {
		if _, taken := w.subscriptions.Get(name); taken {
			return nil, nil, fault.New(fault.AlreadyExists, "resource", name)
		}
		sub := &notificationv1.Subscription{Name: name}
		changed, err := mask.Apply(sub, req.GetSubscription(), everything)
		if err != nil {
			return nil, nil, err
		}
		return sub, append([]string{"name"}, changed...), cmp.Or(w.checkSubscription(sub), w.checkTopics(sub, nil), s.checkMail(sub, changed))
	})
}

// UpdateSubscription changes a subscription.
func (s *Service) UpdateSubscription(ctx context.Context, req *notificationv1.UpdateSubscriptionRequest) (*notificationv1.Subscription, error) {
	name := req.GetSubscription().GetName()
	if err := resource.CheckName("subscription.name", "subscriptions", name); err != nil {
		return nil, err
	}
	return resource.Change(ctx, s.replica, s.clock(), req, subscriptionKind, name, func(w world, _ ledger.Cause) (*notificationv1.Subscription, []string, error) {
		before, err := subscriptionKind.Found(ctx, w, name, req.GetSubscription().GetEtag())
		if err != nil {
			return nil, nil, err
		}
		sub := proto.CloneOf(before)
		changed, err := mask.Apply(sub, req.GetSubscription(), req.GetUpdateMask())
		if err != nil {
			return nil, nil, err
		}
		return sub, changed, cmp.Or(w.checkSubscription(sub), w.checkTopics(sub, before), s.checkMail(sub, changed))
	})
}

// checkMail refuses to promise mail where none is sent.
func (s *Service) checkMail(sub *notificationv1.Subscription, changed []string) error {
	if s.post == nil && sub.GetMail() && slices.Contains(changed, "mail") {
		return fault.New(fault.MailOff).Field("subscription.mail", "Mail ist hier nicht eingerichtet", "mail is not set up here")
	}
	return nil
}

// DeleteSubscription removes a subscription.
func (s *Service) DeleteSubscription(ctx context.Context, req *notificationv1.DeleteSubscriptionRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, resource.Delete(ctx, s.replica, s.clock(), req, subscriptionKind, req.GetName(), req.GetEtag())
}

// checkSubscription says what a subscription lacks, and what it names that nobody knows.
func (w world) checkSubscription(s *notificationv1.Subscription) error {
	bad := fault.New(fault.InvalidField)
	if strings.TrimSpace(s.GetDisplayName()) == "" {
		return bad.Field("subscription.display_name", missingDE, missingEN)
	}
	if (s.GetRecipient() == "") == (s.GetWebhook() == "") {
		return bad.Field("subscription.recipient", "genau eines von Empfänger und Webhook muss angegeben sein", "exactly one of recipient and webhook must be given")
	}
	if s.GetWebhook() != "" {
		if _, ok := w.webhooks.Get(s.GetWebhook()); !ok {
			return unknown("subscription.webhook", s.GetWebhook())
		}
		if s.GetPreset() != notificationv1.Subscription_PRESET_UNSPECIFIED {
			return bad.Field("subscription.preset", "gibt es nur mit einem Empfänger", "needs a recipient")
		}
		if s.GetMail() {
			return bad.Field("subscription.mail", "gibt es nur mit einem Empfänger", "needs a recipient")
		}
		if f := s.GetFrequency(); f > notificationv1.Subscription_FREQUENCY_IMMEDIATE {
			return bad.Field("subscription.frequency", "ein Webhook wird immer sofort gerufen", "a webhook is always called at once")
		}
		if s.GetDigestTime() != "" {
			return bad.Field("subscription.digest_time", "gibt es nur mit einem Empfänger", "needs a recipient")
		}
		return nil
	}
	r, ok := w.recipients.Get(s.GetRecipient())
	switch {
	case !ok:
		return unknown("subscription.recipient", s.GetRecipient())
	case s.GetPreset() == notificationv1.Subscription_PRESET_MY_MUNICIPALITY && r.GetMunicipality() == "":
		return bad.Field("subscription.preset", "der Empfänger nennt keine Kommune", "the recipient names no municipality")
	case s.GetPreset() == notificationv1.Subscription_PRESET_MY_THEMES && len(r.GetThemes()) == 0:
		return bad.Field("subscription.preset", "der Empfänger nennt keine Themenfelder", "the recipient names no themes")
	}
	return nil
}

// unknown says that a field names what nobody knows.
func unknown(field, name string) error {
	return fault.New(fault.UnknownReference, "resource", name).Field(field, "„"+name+"“ gibt es nicht", name+" does not exist")
}
