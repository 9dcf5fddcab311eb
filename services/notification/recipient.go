package notification

import (
	"cmp"
	"context"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/list"
	"kompass.krz.de/services/platform/mask"
	"kompass.krz.de/services/platform/names"
	"kompass.krz.de/services/platform/resource"
)

var recipientKind = resource.Kind[world, *notificationv1.Recipient]{
	Token: "recipient",
	Find:  func(w world, name string) (*notificationv1.Recipient, bool) { return w.recipients.Get(name) },
	Bare: func(r *notificationv1.Recipient) *notificationv1.Recipient {
		r = proto.CloneOf(r)
		r.Etag, r.UpdateTime, r.MailAddress = "", nil, "" // the last line of defence: an address never reaches the ledger
		return r
	},
}

// everything replaces all fields that clients can set.
var everything = &fieldmaskpb.FieldMask{Paths: []string{"*"}}

// GetRecipient answers one recipient.
func (s *Service) GetRecipient(_ context.Context, req *notificationv1.GetRecipientRequest) (*notificationv1.Recipient, error) {
	return recipientKind.Get(s.replica, req.GetName())
}

// ListRecipients answers a page of recipients.
func (s *Service) ListRecipients(_ context.Context, req *notificationv1.ListRecipientsRequest) (*notificationv1.ListRecipientsResponse, error) {
	w, err := s.replica.Read()
	if err != nil {
		return nil, err
	}
	page, next, total, err := list.Page(req, w.recipientList(), list.Options[*notificationv1.Recipient]{})
	if err != nil {
		return nil, err
	}
	return &notificationv1.ListRecipientsResponse{Recipients: page, NextPageToken: next, TotalSize: total}, nil
}

// CreateRecipient adds a recipient.
func (s *Service) CreateRecipient(ctx context.Context, req *notificationv1.CreateRecipientRequest) (*notificationv1.Recipient, error) {
	id, err := names.ID(req.GetRecipientId(), req.GetRecipient().GetDisplayName(), "recipient_id")
	if err != nil {
		return nil, err
	}
	name := "recipients/" + id
	address, err := s.takeAddress(ctx, req.GetRecipient().GetMailAddress(), req.GetValidateOnly())
	if err != nil {
		return nil, err
	}
	req = proto.CloneOf(req)
	req.Recipient.MailAddress = "" // from here on the id stands for it, also in the digest of the request
	r, err := resource.Change(ctx, s.replica, s.clock(), req, recipientKind, name, func(w world, c ledger.Cause) (*notificationv1.Recipient, []string, error) {
		if _, taken := w.recipients.Get(name); taken {
			return nil, nil, fault.New(fault.AlreadyExists, "resource", name)
		}
		r := &notificationv1.Recipient{Name: name}
		changed, err := mask.Apply(r, req.GetRecipient(), everything)
		if err != nil {
			return nil, nil, err
		}
		changed = address.enter(r, append([]string{"name"}, changed...), c.Time)
		return r, changed, w.checkRecipient(r)
	})
	return s.settle(ctx, address, r, err)
}

// UpdateRecipient changes a recipient.
func (s *Service) UpdateRecipient(ctx context.Context, req *notificationv1.UpdateRecipientRequest) (*notificationv1.Recipient, error) {
	name := req.GetRecipient().GetName()
	if err := resource.CheckName("recipient.name", "recipients", name); err != nil {
		return nil, err
	}
	address, err := s.changeAddress(ctx, req)
	if err != nil {
		return nil, err
	}
	req = proto.CloneOf(req)
	req.Recipient.MailAddress = ""
	r, err := resource.Change(ctx, s.replica, s.clock(), req, recipientKind, name, func(w world, c ledger.Cause) (*notificationv1.Recipient, []string, error) {
		before, err := recipientKind.Found(ctx, w, name, req.GetRecipient().GetEtag())
		if err != nil {
			return nil, nil, err
		}
		r := proto.CloneOf(before)
		changed, err := mask.Apply(r, req.GetRecipient(), req.GetUpdateMask())
		if err != nil {
			return nil, nil, err
		}
		return r, address.enter(r, changed, c.Time), w.checkRecipient(r)
	})
	return s.settle(ctx, address, r, err)
}

const missingDE, missingEN = "fehlt", "is missing"

// checkRecipient says what a recipient lacks, and what it names that nobody knows.
func (w world) checkRecipient(r *notificationv1.Recipient) error {
	bad := fault.New(fault.InvalidField)
	if strings.TrimSpace(r.GetDisplayName()) == "" {
		return bad.Field("recipient.display_name", missingDE, missingEN)
	}
	if r.GetMunicipality() != "" {
		if err := w.checkKnown("recipient.municipality", r.GetMunicipality()); err != nil {
			return err
		}
	}
	for _, theme := range r.GetThemes() {
		if err := w.checkKnown("recipient.themes", theme); err != nil {
			return err
		}
	}
	if _, err := zoneOf(r); err != nil {
		return bad.Field("recipient.time_zone", "ist keine Zeitzone wie „Europe/Berlin“", "is no time zone like \"Europe/Berlin\"")
	}
	return nil
}

// zoneOf is the time zone of a recipient; an error for a name that not every process resolves alike.
func zoneOf(r *notificationv1.Recipient) (*time.Location, error) {
	name := cmp.Or(r.GetTimeZone(), "Europe/Berlin")
	area, _, _ := strings.Cut(name, "/")
	if ownZones[strings.ToLower(area)] {
		return nil, fmt.Errorf("%q is what a machine makes of it", name)
	}
	return time.LoadLocation(name)
}

// ownZones are names, and what names begin with, that say on each machine what its installation says.
var ownZones = map[string]bool{"local": true, "localtime": true, "posixrules": true, "factory": true, "right": true, "posix": true}

// checkKnown refuses a name that nobody knows.
func (w world) checkKnown(field, name string) error {
	if _, ok := w.directory.known.Get(name); ok {
		return nil
	}
	return unknown(field, name)
}
