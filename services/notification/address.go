package notification

import (
	"context"
	netmail "net/mail"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/idna"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/platform/fault"
)

// addressKind are mail addresses in the vault.
const addressKind = "address"

// orphanAge is how old an address in the vault has to be before nobody can be about to write its id into the ledger any more.
const orphanAge = time.Hour

// newAddress is a mail address on its way into a recipient. The address itself goes into the vault first and never further: what
// decides, is stored and is digested of the request knows the id alone.
type newAddress struct {
	given   bool   // the request says something about the address
	removed bool   // namely that there is none any more
	id      string // in the vault; empty for one that was removed, and in a preview
	old     string // what it replaces, after a decision
}

// takeAddress puts the address of a request into the vault. In a preview it is only checked. Errors are faults.
func (s *Service) takeAddress(ctx context.Context, address string, preview bool) (*newAddress, error) {
	if address == "" {
		return &newAddress{}, nil
	}
	if s.post == nil {
		return nil, fault.New(fault.MailOff).Field("recipient.mail_address", "Mail ist hier nicht eingerichtet", "mail is not set up here")
	}
	address, ok := asciiAddress(address)
	if !ok {
		return nil, fault.New(fault.InvalidField).Field("recipient.mail_address",
			"ist keine Mailadresse wie „ozg@bünde.example“: vor dem @ bis zu 64 Zeichen ohne Umlaute und Anführungszeichen, dahinter ein Name im DNS",
			"is no mail address like \"ozg@bünde.example\": up to 64 ASCII characters without quotes before the @, a name of the DNS behind it")
	}
	if preview {
		return &newAddress{given: true}, nil
	}
	id, err := s.vault.put(ctx, addressKind, []byte(address))
	if err != nil {
		return nil, answered(err)
	}
	return &newAddress{given: true, id: id}, nil
}

// changeAddress is takeAddress for a recipient that is there: its own confirmed address once more changes nothing, and an empty one
// that the mask names takes it away.
func (s *Service) changeAddress(ctx context.Context, req *notificationv1.UpdateRecipientRequest) (*newAddress, error) {
	address := req.GetRecipient().GetMailAddress()
	if address == "" {
		removed := masks(req.GetUpdateMask(), "mail_address", "mailAddress")
		return &newAddress{given: removed, removed: removed}, nil
	}
	same, _ := asciiAddress(address)
	if w, err := s.replica.Read(); err == nil && s.post != nil {
		r, _ := w.recipients.Get(req.GetRecipient().GetName())
		if r.GetMailState() == notificationv1.Recipient_MAIL_STATE_CONFIRMED {
			if kept, err := s.vault.get(ctx, r.GetMailId()); err == nil && string(kept) == same {
				return &newAddress{}, nil
			}
		}
	}
	return s.takeAddress(ctx, address, req.GetValidateOnly())
}

func masks(m *fieldmaskpb.FieldMask, spellings ...string) bool {
	return slices.ContainsFunc(m.GetPaths(), func(path string) bool { return slices.Contains(spellings, path) })
}

const (
	maxLocal   = 64  // characters before the "@" (RFC 5321)
	maxAddress = 254 // characters of an address
)

// domains are names in the DNS, with umlauts or without, as they are looked up.
var domains = idna.New(idna.MapForLookup(), idna.BidiRule(), idna.StrictDomainName(true), idna.ValidateLabels(true), idna.VerifyDNSLength(true))

// asciiAddress spells an address as every mail server takes it: "ozg@xn--bnde-0ra.example" for „ozg@Bünde.example“; what is before the
// "@" stays as it is, because only its own server knows what is the same. false for what is no address, or has a name or an address of
// the network instead of a domain.
func asciiAddress(text string) (address string, ok bool) {
	at := strings.LastIndexByte(text, '@')
	if at < 1 || at > maxLocal || strings.HasSuffix(text, ".") {
		return "", false
	}
	domain, err := domains.ToASCII(text[at+1:])
	if last := domain[strings.LastIndexByte(domain, '.')+1:]; err != nil || strings.Trim(last, "0123456789") == "" {
		return "", false
	}
	address = text[:at+1] + domain
	parsed, err := netmail.ParseAddress(address)
	ok = err == nil && parsed.Address == address && len(address) <= maxAddress && !strings.ContainsFunc(address, func(r rune) bool { return r <= ' ' || r > '~' })
	return address, ok
}

// enter gives a recipient the address, which nobody confirmed yet, and adds what changed.
func (a *newAddress) enter(r *notificationv1.Recipient, changed []string, now time.Time) []string {
	a.old = r.GetMailId()
	if !a.given || a.removed && r.GetMailState() == notificationv1.Recipient_MAIL_STATE_UNSPECIFIED {
		return changed
	}
	r.MailId, r.MailState, r.MailTime = a.id, notificationv1.Recipient_MAIL_STATE_UNCONFIRMED, timestamppb.New(now)
	if a.removed {
		r.MailState = notificationv1.Recipient_MAIL_STATE_UNSPECIFIED
	}
	return append(changed, "mail_id", "mail_state", "mail_time")
}

// settle erases what the change of a recipient left over: the address that was replaced, or the new one when there was no change.
// When nobody knows whether there was, the sweep does.
func (s *Service) settle(ctx context.Context, a *newAddress, r *notificationv1.Recipient, failed error) (*notificationv1.Recipient, error) {
	if !a.given {
		return r, failed
	}
	left := a.id
	switch status.Code(failed) {
	case codes.OK:
		if r.GetMailId() == a.id {
			left = a.old
		}
		s.post.nudge()
	case codes.InvalidArgument, codes.NotFound, codes.AlreadyExists, codes.Aborted, codes.FailedPrecondition:
	default:
		return r, failed
	}
	if left == "" || left == r.GetMailId() {
		return r, failed
	}
	if err := s.vault.erase(context.WithoutCancel(ctx), left); err != nil && failed == nil {
		return nil, answered(err)
	}
	return r, failed
}

// sweepAddresses erases addresses that no recipient has: their process died on the way.
func (s *Service) sweepAddresses(ctx context.Context) error {
	before := s.clock().Add(-orphanAge)
	w, err := s.current(ctx)
	if err != nil {
		return err
	}
	kept := map[string]bool{}
	for _, r := range w.recipientList() {
		kept[r.GetMailId()] = true
	}
	return s.vault.sweep(ctx, addressKind, before, func(id string) bool { return kept[id] })
}
