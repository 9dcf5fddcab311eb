package notification

import (
	"context"
	"errors"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/notification/webhook"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/list"
	"kompass.krz.de/services/platform/mask"
	"kompass.krz.de/services/platform/names"
	"kompass.krz.de/services/platform/resource"
)

const (
	webhookUnverified = notificationv1.Webhook_STATE_UNVERIFIED
	webhookActive     = notificationv1.Webhook_STATE_ACTIVE
	webhookDisabled   = notificationv1.Webhook_STATE_DISABLED
)

var webhookKind = resource.Kind[world, *notificationv1.Webhook]{
	Token: "webhook",
	Find:  func(w world, name string) (*notificationv1.Webhook, bool) { return w.webhooks.Get(name) },
	Bare: func(h *notificationv1.Webhook) *notificationv1.Webhook {
		h = proto.CloneOf(h)
		h.Etag, h.CreateTime, h.UpdateTime, h.Keys, h.Failures, h.RetryTime, h.Waiting = "", nil, nil, nil, 0, nil, 0
		return h
	},
}

// GetWebhook answers one webhook.
func (s *Service) GetWebhook(_ context.Context, req *notificationv1.GetWebhookRequest) (*notificationv1.Webhook, error) {
	h, err := webhookKind.Get(s.replica, req.GetName())
	if err != nil {
		return nil, err
	}
	return s.webhooks.shown(h), nil
}

// ListWebhooks answers a page of webhooks.
func (s *Service) ListWebhooks(_ context.Context, req *notificationv1.ListWebhooksRequest) (*notificationv1.ListWebhooksResponse, error) {
	w, err := s.replica.Read()
	if err != nil {
		return nil, err
	}
	all := slices.Clone(w.webhookList())
	for i, h := range all {
		all[i] = s.webhooks.shown(h)
	}
	page, next, total, err := list.Page(req, all, list.Options[*notificationv1.Webhook]{})
	if err != nil {
		return nil, err
	}
	return &notificationv1.ListWebhooksResponse{Webhooks: page, NextPageToken: next, TotalSize: total}, nil
}

// CreateWebhook adds a webhook and shows its keys.
func (s *Service) CreateWebhook(ctx context.Context, req *notificationv1.CreateWebhookRequest) (*notificationv1.Webhook, error) {
	id, err := names.ID(req.GetWebhookId(), req.GetWebhook().GetDisplayName(), "webhook_id")
	if err != nil {
		return nil, err
	}
	fresh, err := s.freshKeys(ctx, req, keyring{})
	if err != nil {
		return nil, err
	}
	name := "webhooks/" + id
	h, err := resource.Change(ctx, s.replica, s.clock(), req, webhookKind, name, func(w world, c ledger.Cause) (*notificationv1.Webhook, []string, error) {
		if _, taken := w.webhooks.Get(name); taken {
			return nil, nil, fault.New(fault.AlreadyExists, "resource", name)
		}
		h := &notificationv1.Webhook{Name: name, State: webhookUnverified, VaultId: fresh, RotateTime: timestamppb.New(c.Time)}
		changed, err := mask.Apply(h, req.GetWebhook(), everything)
		if err != nil {
			return nil, nil, err
		}
		return h, append([]string{"name", "state", "rotate_time", "vault_id"}, changed...), s.checkWebhook(w, h)
	})
	return s.withKeys(ctx, fresh, "", h, err)
}

// UpdateWebhook changes a webhook. One that gets another address has to be verified again.
func (s *Service) UpdateWebhook(ctx context.Context, req *notificationv1.UpdateWebhookRequest) (*notificationv1.Webhook, error) {
	name := req.GetWebhook().GetName()
	if err := resource.CheckName("webhook.name", "webhooks", name); err != nil {
		return nil, err
	}
	return s.changeWebhook(ctx, req, name, req.GetWebhook().GetEtag(), func(w world, h *notificationv1.Webhook, _ ledger.Cause) ([]string, error) {
		changed, err := mask.Apply(h, req.GetWebhook(), req.GetUpdateMask())
		if err != nil {
			return nil, err
		}
		if slices.Contains(changed, "url") {
			changed = append(changed, setWebhookState(h, webhookUnverified, nil, "")...)
			changed = append(changed, setAllowedRate(h, 0)...)
		}
		return changed, s.checkWebhook(w, h)
	})
}

// DeleteWebhook removes a webhook with its subscriptions, and erases its keys.
func (s *Service) DeleteWebhook(ctx context.Context, req *notificationv1.DeleteWebhookRequest) (*emptypb.Empty, error) {
	w, err := s.replica.Read()
	if err != nil {
		return nil, err
	}
	before, _ := w.webhooks.Get(req.GetName())
	_, err = resource.Carry(ctx, s.replica, s.clock(), req, func(w world, _ ledger.Cause) ([]ledger.Draft, error) {
		if _, err := webhookKind.Found(ctx, w, req.GetName(), req.GetEtag()); err != nil {
			return nil, err
		}
		return s.burial(w, webhookKind.Token, req.GetName()), nil
	})
	if err != nil {
		return nil, err
	}
	if !req.GetValidateOnly() {
		s.forget(ctx, before.GetVaultId())
		s.webhooks.sync()
	}
	return &emptypb.Empty{}, nil
}

// VerifyWebhook asks the address whether it wants to be called. If it does, the webhook is active.
func (s *Service) VerifyWebhook(ctx context.Context, req *notificationv1.VerifyWebhookRequest) (*notificationv1.Webhook, error) {
	before, err := webhookKind.Get(s.replica, req.GetName())
	if err != nil {
		return nil, err
	}
	rate := int(before.GetAllowedRate())
	if !req.GetValidateOnly() {
		var result webhook.Result
		if result, rate = s.webhooks.sender.Ask(ctx, before.GetUrl()); !result.Delivered() {
			de, en := result.Class.Texts()
			return nil, fault.New(fault.WebhookUnproven, "resource", req.GetName(), "class", string(result.Class)).Field("url", de, en)
		}
	}
	return s.changeWebhook(ctx, req, req.GetName(), "", func(_ world, h *notificationv1.Webhook, c ledger.Cause) ([]string, error) {
		if h.GetUrl() != before.GetUrl() { // somebody else agreed
			return nil, fault.New(fault.Conflict, "resource", req.GetName())
		}
		return append(setWebhookState(h, webhookActive, timestamppb.New(c.Time), ""), setAllowedRate(h, rate)...), nil
	})
}

// EnableWebhook switches a webhook on again.
func (s *Service) EnableWebhook(ctx context.Context, req *notificationv1.EnableWebhookRequest) (*notificationv1.Webhook, error) {
	return s.switchWebhook(ctx, req, req.GetName(), webhookActive)
}

// DisableWebhook switches a webhook off; what waits is given up.
func (s *Service) DisableWebhook(ctx context.Context, req *notificationv1.DisableWebhookRequest) (*notificationv1.Webhook, error) {
	return s.switchWebhook(ctx, req, req.GetName(), webhookDisabled)
}

func (s *Service) switchWebhook(ctx context.Context, req resource.Command, name string, to notificationv1.Webhook_State) (*notificationv1.Webhook, error) {
	return s.changeWebhook(ctx, req, name, "", func(_ world, h *notificationv1.Webhook, c ledger.Cause) ([]string, error) {
		if h.GetState() == webhookUnverified {
			return nil, webhookForbids(h)
		}
		if to == webhookActive {
			return setWebhookState(h, to, timestamppb.New(c.Time), ""), nil
		}
		return setWebhookState(h, to, nil, "von Hand ausgeschaltet"), nil
	})
}

// RotateWebhook makes new keys and shows them; the ones before sign for another day.
func (s *Service) RotateWebhook(ctx context.Context, req *notificationv1.RotateWebhookRequest) (*notificationv1.Webhook, error) {
	before, err := webhookKind.Get(s.replica, req.GetName())
	if err != nil {
		return nil, err
	}
	ring, err := s.vault.keys(ctx, before.GetVaultId())
	if err != nil && !errors.Is(err, errNoSecret) { // a vault that was lost is no reason to go without keys
		return nil, answered(err)
	}
	fresh, err := s.freshKeys(ctx, req, ring)
	if err != nil {
		return nil, err
	}
	h, err := s.changeWebhook(ctx, req, req.GetName(), "", func(_ world, h *notificationv1.Webhook, c ledger.Cause) ([]string, error) {
		if h.GetVaultId() != before.GetVaultId() {
			return nil, fault.New(fault.Conflict, "resource", req.GetName())
		}
		h.VaultId, h.RotateTime = fresh, timestamppb.New(c.Time)
		return []string{"rotate_time", "vault_id"}, nil
	})
	if err != nil || req.GetValidateOnly() {
		return h, err
	}
	stored, err := webhookKind.Get(s.replica, req.GetName())
	return s.withKeys(ctx, fresh, before.GetVaultId(), stored, err)
}

// changeWebhook changes a copy of a webhook and answers what is stored then. change says which fields differ.
func (s *Service) changeWebhook(ctx context.Context, req resource.Command, name, etag string, change func(w world, h *notificationv1.Webhook, c ledger.Cause) ([]string, error)) (*notificationv1.Webhook, error) {
	h, err := resource.Change(ctx, s.replica, s.clock(), req, webhookKind, name, func(w world, c ledger.Cause) (*notificationv1.Webhook, []string, error) {
		before, err := webhookKind.Found(ctx, w, name, etag)
		if err != nil {
			return nil, nil, err
		}
		h := proto.CloneOf(before)
		changed, err := change(w, h, c)
		return h, changed, err
	})
	if err != nil {
		return nil, err
	}
	s.webhooks.sync()
	return s.webhooks.shown(h), nil
}

// setWebhookState says which fields differ; none when it stands so already.
func setWebhookState(h *notificationv1.Webhook, state notificationv1.Webhook_State, since *timestamppb.Timestamp, reason string) []string {
	if h.GetState() == state {
		return nil
	}
	h.State, h.ActiveTime, h.Reason = state, since, reason
	return []string{"state", "active_time", "reason"}
}

// setAllowedRate says which fields differ.
func setAllowedRate(h *notificationv1.Webhook, rate int) []string {
	if int(h.GetAllowedRate()) == rate {
		return nil
	}
	h.AllowedRate = int32(rate)
	return []string{"allowed_rate"}
}

// webhookForbids says that a webhook has to be active, or at least verified, for what was asked.
func webhookForbids(h *notificationv1.Webhook) error {
	state := strings.TrimPrefix(h.GetState().String(), "STATE_")
	de, en := "ist ausgeschaltet ("+state+"): zuerst „:enable“", "is switched off ("+state+"): :enable comes first"
	if h.GetState() == webhookUnverified {
		de, en = "ist noch nicht geprüft ("+state+"): zuerst „:verify“", "is not verified yet ("+state+"): :verify comes first"
	}
	return fault.New(fault.StateForbids, "resource", h.GetName(), "state", state).Field("state", de, en)
}

// checkWebhook says what a webhook lacks, and what it names that nobody knows or that must not be called.
func (s *Service) checkWebhook(w world, h *notificationv1.Webhook) error {
	if strings.TrimSpace(h.GetDisplayName()) == "" {
		return fault.New(fault.InvalidField).Field("webhook.display_name", missingDE, missingEN)
	}
	if h.GetOwner() != "" {
		if _, ok := w.recipients.Get(h.GetOwner()); !ok {
			return unknown("webhook.owner", h.GetOwner())
		}
	}
	return s.webhooks.guard.Check("webhook.url", h.GetUrl())
}

// freshKeys puts new keys into the vault, beside those that a ring has; nothing when the request only asks what would be. What
// no webhook comes to refer to, the next sweep erases.
func (s *Service) freshKeys(ctx context.Context, req resource.Command, ring keyring) (id string, err error) {
	if req.GetValidateOnly() {
		return "", nil
	}
	keys, err := newWebhookKeys(s.vault.random)
	if err != nil {
		return "", answered(err)
	}
	next := keyring{now: keys}
	if ring.usable() {
		next = ring.rotated(keys, s.clock())
	}
	if id, err = s.vault.keepKeys(ctx, next); err != nil {
		return "", answered(err)
	}
	return id, nil
}

// withKeys shows the keys of a webhook as it is stored: also to a client that repeats its request because it did not get the
// answer. Then fresh ones are in vain; else those before are, if any.
func (s *Service) withKeys(ctx context.Context, fresh, before string, stored *notificationv1.Webhook, err error) (*notificationv1.Webhook, error) {
	if err != nil {
		return nil, err
	}
	s.webhooks.sync()
	h := s.webhooks.shown(stored)
	if stored.GetVaultId() == "" { // only checked
		return h, nil
	}
	vain := before
	if stored.GetVaultId() != fresh {
		vain = fresh
	}
	s.forget(ctx, vain)
	ring, err := s.vault.keys(ctx, stored.GetVaultId())
	if err != nil {
		return nil, answered(err)
	}
	h.Keys = ring.now.shown()
	return h, nil
}

// forget erases keys. If that cannot be done now, the next sweep does it.
func (s *Service) forget(ctx context.Context, id string) {
	if err := s.vault.forget(ctx, id); err != nil {
		s.log.Warn("keys of a webhook are erased later", "error", err)
	}
}
