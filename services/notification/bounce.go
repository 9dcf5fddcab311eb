package notification

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/notification/mail"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/journal"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/server"
)

const (
	// tokenBounce begins the subjects of messages that came back, in the journal "deliveries"; the random part of the address's id and
	// what stands for the message follow.
	tokenBounce = "bounce"
	// So many messages that come back within the window pause mail, when none of them says that there is no such address.
	bounceLimit  = 3
	bounceWindow = deliveriesKept
)

// What a message that came back led to, for short.
const (
	bounceNoReport     = notificationv1.ReportBounceResponse_OUTCOME_NO_REPORT
	bounceUnknown      = notificationv1.ReportBounceResponse_OUTCOME_UNKNOWN
	bounceOutdated     = notificationv1.ReportBounceResponse_OUTCOME_OUTDATED
	bounceIgnored      = notificationv1.ReportBounceResponse_OUTCOME_IGNORED
	bounceNoted        = notificationv1.ReportBounceResponse_OUTCOME_NOTED
	bouncePaused       = notificationv1.ReportBounceResponse_OUTCOME_PAUSED
	bounceUnsubscribed = notificationv1.ReportBounceResponse_OUTCOME_UNSUBSCRIBED
)

// ReportBounce reads a message that came back. What it says of an address is forgotten when it returns.
func (s *Service) ReportBounce(ctx context.Context, req *notificationv1.ReportBounceRequest) (*notificationv1.ReportBounceResponse, error) {
	report := mail.ReadReport(req.GetFile(), req.GetTo())
	if report.Kind == mail.NoReport {
		return &notificationv1.ReportBounceResponse{Outcome: bounceNoReport}, nil
	}
	if s.post == nil {
		return nil, fault.New(fault.MailOff).Field("file", "Mail ist hier nicht eingerichtet", "mail is not set up here")
	}
	key, err := s.vault.key(ctx)
	if err != nil {
		return nil, answered(err)
	}
	mailID, message, ok := markOf(key, report.Marks)
	if !ok {
		return &notificationv1.ReportBounceResponse{Outcome: bounceUnknown}, nil
	}
	w, err := s.current(ctx) // somebody else may have entered the address this moment
	if errors.Is(err, journal.ErrUnavailable) {
		err = answered(err)
	}
	if err != nil {
		return nil, err
	}
	at := slices.IndexFunc(w.recipientList(), func(r *notificationv1.Recipient) bool { return r.GetMailId() == mailID })
	if at < 0 {
		return &notificationv1.ReportBounceResponse{Outcome: bounceOutdated}, nil
	}
	r := w.recipientList()[at]
	outcome, err := s.takeBounce(ctx, r, message, report)
	if err != nil {
		return nil, err
	}
	s.log.Info("mail came back", "recipient", r.GetName(), "outcome", outcome.String(), "status", report.Status)
	return &notificationv1.ReportBounceResponse{Outcome: outcome, Recipient: r.GetName(), Status: report.Status}, nil
}

// markOf is the first mark that is ours.
func markOf(key []byte, marks []string) (mailID, message string, ok bool) {
	for _, m := range marks {
		if mailID, message, ok = readMark(key, m); ok {
			return mailID, message, true
		}
	}
	return "", "", false
}

// takeBounce does what a report about a message to the address that a recipient has asks for. Errors are faults.
func (s *Service) takeBounce(ctx context.Context, r *notificationv1.Recipient, message string, report mail.Report) (notificationv1.ReportBounceResponse_Outcome, error) {
	// Without a digest: that of a message with an address in it could be guessed, and a repetition changes nothing anyway.
	cause := ledger.Cause{Actor: server.Actor(ctx), RequestID: server.RequestID(ctx, ""), Time: s.clock()}
	end := paused
	switch report.Kind {
	case mail.Failed:
		came, err := s.post.noteBounce(ctx, r, message, report, cause.Time)
		if err != nil {
			return 0, answered(err)
		}
		if !report.Gone() && came < bounceLimit {
			return bounceNoted, nil
		}
	case mail.Complaint: // who says that a message is unwanted has said no, and the owner is to see that a person did
		end = unsubscribed
	default:
		return bounceIgnored, nil
	}
	stands, err := s.stopMail(ctx, cause, r, end)
	switch {
	case err != nil:
		return 0, err
	case stands == noMail:
		return bounceOutdated, nil
	case stands != end:
		return bounceIgnored, nil
	case end == unsubscribed:
		return bounceUnsubscribed, nil
	}
	return bouncePaused, nil
}

// noteBounce notes that a message came back, once however often that is reported, and answers how many did in the window since mail
// to the recipient stands as it does.
func (p *post) noteBounce(ctx context.Context, r *notificationv1.Recipient, message string, report mail.Report, now time.Time) (int, error) {
	id := strings.TrimPrefix(r.GetMailId(), addressKind+".")
	subject, bad := p.notes.Subject(tokenBounce, id, message)
	all, bad2 := p.notes.Filter(tokenBounce, id)
	if err := errors.Join(bad, bad2); err != nil {
		return 0, err
	}
	_, err := p.append(ctx, subject, &notificationv1.MailNote{
		State: notificationv1.MailNote_STATE_FAILED, Time: timestamppb.New(now), Failure: mail.ClassBounce, Code: int32(report.Code), Detail: report.Status,
	}, 0)
	if err != nil && !errors.Is(err, journal.ErrConflict) {
		return 0, err
	}
	since := now.Add(-bounceWindow)
	if stands := r.GetMailTime().AsTime(); stands.After(since) {
		since = stands
	}
	notes, err := p.notes.Read(ctx, all, 1, 100)
	came := 0
	for _, m := range notes {
		note := &notificationv1.MailNote{}
		if err := proto.Unmarshal(m.Data, note); err != nil {
			return 0, err
		}
		if note.GetTime().AsTime().After(since) {
			came++
		}
	}
	return came, err
}

// mark is that of a message to the address that a recipient has.
func (p *post) mark(ctx context.Context, r *notificationv1.Recipient, message string) (string, error) {
	key, err := p.service.vault.key(ctx)
	if err != nil {
		return "", err
	}
	return mark(key, r.GetMailId(), message)
}
