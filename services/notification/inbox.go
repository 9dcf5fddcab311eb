package notification

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/journal"
	"kompass.krz.de/services/platform/list"
	"kompass.krz.de/services/platform/server"
)

// indexTime bounds the wait for an index that is behind its journal.
const indexTime = 5 * time.Second

// ListNotifications answers a page of a recipient's inbox, with everything that was matched before the call.
func (s *Service) ListNotifications(ctx context.Context, req *notificationv1.ListNotificationsRequest) (*notificationv1.ListNotificationsResponse, error) {
	if _, err := recipientKind.Get(s.replica, req.GetRecipient()); err != nil {
		return nil, err
	}
	cursor, err := list.Open(req)
	if err != nil {
		return nil, err
	}
	if err := s.indexed(ctx); err != nil {
		return nil, err
	}
	answer := &notificationv1.ListNotificationsResponse{}
	var page []note
	s.inboxes.view(req.GetRecipient(), s.clock(), func(b *inbox) {
		answer.TotalSize, answer.Unread = int32(len(b.notes)), int32(b.unread)
		if req.GetUnreadOnly() {
			answer.TotalSize = answer.GetUnread()
		}
		var more bool
		page, more = b.page(cursor.Key, req.GetUnreadOnly(), cursor.Size)
		if more {
			answer.NextPageToken = cursor.Next(strconv.FormatUint(page[len(page)-1].match(), 10), len(page))
		}
	})
	all, err := s.notifications(ctx, req.GetRecipient(), page)
	answer.Notifications = slices.DeleteFunc(all, func(n *notificationv1.Notification) bool { return n == nil })
	return answer, err
}

// page is a part of a box, newest first, behind the match of a key.
func (b *inbox) page(key string, unreadOnly bool, size int) (page []note, more bool) {
	next := len(b.notes)
	if match, err := strconv.ParseUint(key, 10, 64); err == nil {
		next = b.before(match)
	}
	for next--; next >= 0; next-- {
		n := b.notes[next]
		switch {
		case unreadOnly && n.read():
		case len(page) == size:
			return page, true
		default:
			page = append(page, n)
		}
	}
	return page, false
}

// readers is how many messages of a page are read at the same time.
const readers = 8

// notifications reads what notes say; nil for one whose journal has forgotten it meanwhile.
func (s *Service) notifications(ctx context.Context, recipient string, notes []note) ([]*notificationv1.Notification, error) {
	all, errs := make([]*notificationv1.Notification, len(notes)), make([]error, len(notes))
	var reading sync.WaitGroup
	for first := range min(readers, len(notes)) {
		reading.Go(func() {
			for i := first; i < len(notes); i += readers {
				all[i], errs[i] = s.notification(ctx, recipient, notes[i])
			}
		})
	}
	reading.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, answered(err)
	}
	return all, nil
}

// notification reads what a note says; nil when it is gone.
func (s *Service) notification(ctx context.Context, recipient string, n note) (*notificationv1.Notification, error) {
	message, ok, err := seen(ctx, s.matches, n.match())
	if err != nil || !ok {
		return nil, err
	}
	match, err := matchFrom(message)
	if err != nil {
		return nil, err
	}
	if message, ok, err = seen(ctx, s.events, match.GetEvent()); err != nil || !ok {
		return nil, err
	}
	event, err := eventFrom(message)
	if err != nil {
		return nil, err
	}
	answer := &notificationv1.Notification{Name: notificationName(recipient, match.GetEvent()), Recipient: recipient, Event: event, Read: n.read()}
	for _, hit := range match.GetHits() {
		if hit.GetRecipient() == recipient {
			answer.Subscriptions = hit.GetSubscriptions()
		}
	}
	return answer, nil
}

// seen is the message of a journal that somebody has seen there; false once the journal has forgotten it. The node that answers may be
// behind the one that showed it. Errors: journal.ErrUnavailable.
func seen(ctx context.Context, j *journal.Journal, sequence uint64) (journal.Message, bool, error) {
	ctx, cancel := context.WithTimeout(ctx, indexTime)
	defer cancel()
	for ctx.Err() == nil {
		m, ok, err := j.At(ctx, sequence)
		if err != nil || ok {
			return m, ok, err
		}
		first, _, err := j.Bounds(ctx)
		if err != nil || sequence < first {
			return m, false, err
		}
		pause(ctx, rereadPause)
	}
	return journal.Message{}, false, fmt.Errorf("%w: no node has message %d yet", journal.ErrUnavailable, sequence)
}

func notificationName(recipient string, event uint64) string {
	return "notifications/" + strings.TrimPrefix(recipient, "recipients/") + "." + strconv.FormatUint(event, 10)
}

// MarkNotifications marks notifications of a recipient as read or unread.
func (s *Service) MarkNotifications(ctx context.Context, req *notificationv1.MarkNotificationsRequest) (*notificationv1.MarkNotificationsResponse, error) {
	if _, err := recipientKind.Get(s.replica, req.GetRecipient()); err != nil {
		return nil, err
	}
	cause, err := server.Cause(ctx, req, s.clock())
	if err != nil {
		return nil, err
	}
	mark := &notificationv1.Mark{UpToSequence: req.GetUpToSequence(), Unread: req.GetUnread()}
	if mark.Events, err = eventsOf(req); err != nil {
		return nil, err
	}
	if len(cause.Digest) > 0 {
		mark.RequestId, mark.RequestDigest = cause.RequestID, cause.Digest
	}
	if err := s.mark(ctx, req.GetRecipient(), mark); err != nil {
		return nil, err
	}
	answer := &notificationv1.MarkNotificationsResponse{}
	s.inboxes.view(req.GetRecipient(), s.clock(), func(b *inbox) { answer.Unread = int32(b.unread) })
	return answer, nil
}

// eventsOf lists the events of the notifications that a request names.
func eventsOf(req *notificationv1.MarkNotificationsRequest) ([]uint64, error) {
	bad := fault.New(fault.InvalidField)
	if (len(req.GetNotifications()) == 0) == (req.GetUpToSequence() == 0) {
		return nil, bad.Field("notifications", "genau eines von Benachrichtigungen und Folgenummer muss angegeben sein", "exactly one of notifications and up_to_sequence must be given")
	}
	var events []uint64
	for _, name := range req.GetNotifications() {
		_, text, _ := strings.Cut(name, ".")
		event, err := strconv.ParseUint(text, 10, 64)
		if err != nil || notificationName(req.GetRecipient(), event) != name {
			return nil, bad.Field("notifications", "„"+name+"“ gehört nicht zu diesem Empfänger", name+" is not one of this recipient's")
		}
		events = append(events, event)
	}
	return events, nil
}

// forgetInbox empties the inbox of a recipient that is erased: who gets its name later begins with nothing.
func (s *Service) forgetInbox(ctx context.Context, recipient string) error {
	return s.mark(ctx, recipient, &notificationv1.Mark{Forget: true})
}

// mark writes a mark and returns when the index has it. A request that was carried out before changes nothing. Errors are faults.
func (s *Service) mark(ctx context.Context, recipient string, mark *notificationv1.Mark) error {
	id := strings.TrimPrefix(recipient, "recipients/")
	filter, err := s.matches.Filter(tokenMark, id)
	if err != nil {
		return err
	}
	m := journal.Message{}
	if m.Subject, err = s.matches.Subject(tokenMark, id, "read"); err != nil {
		return err
	}
	if m.Data, err = proto.Marshal(mark); err != nil {
		return err
	}
	for range markTries {
		last, _, err := s.matches.Last(ctx, filter)
		if err != nil {
			return answered(err)
		}
		if err := s.indexed(ctx); err != nil {
			return err
		}
		if done, err := s.inboxes.check(recipient, mark, s.clock()); done || err != nil {
			return err
		}
		_, err = s.matches.Append(ctx, m, journal.Guard{Filter: filter, Last: last.Sequence})
		if err == nil {
			return s.indexed(ctx)
		}
		if !errors.Is(err, journal.ErrConflict) {
			return answered(err)
		}
	}
	return fault.New(fault.Conflict, "resource", recipient)
}

// markTries is how often a mark is tried while others mark the same inbox.
const markTries = 10

// check tells whether a mark was made before, and refuses one that cannot be made.
func (x *inboxes) check(recipient string, mark *notificationv1.Mark, now time.Time) (done bool, err error) {
	x.view(recipient, now, func(b *inbox) {
		if digest, ok := x.requests[mark.GetRequestId()]; ok && len(mark.GetRequestDigest()) > 0 {
			if done = string(digest) == string(mark.GetRequestDigest()); !done {
				err = fault.New(fault.RequestIDReused, "requestId", mark.GetRequestId())
			}
			return
		}
		for _, event := range mark.GetEvents() {
			if x.find(b, event) < 0 {
				err = fault.New(fault.NotFound, "resource", notificationName(recipient, event))
				return
			}
		}
	})
	return done, err
}

// indexed waits until the index holds everything that is in the journal. Errors are faults.
func (s *Service) indexed(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, indexTime)
	defer cancel()
	last, err := endOf(ctx, s.matches)
	if err != nil {
		return answered(err)
	}
	if err := s.inboxes.await(ctx, last); err != nil {
		return fault.New(fault.NotCaughtUp).Cause(err)
	}
	return nil
}

// endOf is the sequence of the newest message of a journal; 0 when it holds none.
func endOf(ctx context.Context, j *journal.Journal) (uint64, error) {
	first, last, err := j.Bounds(ctx)
	if err != nil || first > last {
		return 0, err
	}
	return last, nil
}

// answered gives an error of a journal the reason that a client shall see.
func answered(err error) error {
	if errors.Is(err, journal.ErrUnavailable) {
		return fault.New(fault.StorageUnavailable).Cause(err)
	}
	return fault.New(fault.Internal).Cause(err)
}

// follow keeps the index up to date until ctx ends.
func (x *inboxes) follow(ctx context.Context, matches *journal.Journal, failed func(error)) {
	var completing sync.WaitGroup
	defer completing.Wait()
	completing.Go(func() { x.completeTo(ctx, matches, failed) })
	all, err := matches.Filter()
	if err == nil {
		err = matches.Follow(ctx, 0, all, func(messages []journal.Message) error {
			if err := x.apply(messages); err != nil {
				failed(err)
			}
			return nil
		})
	}
	if err != nil {
		failed(err)
	}
}

// completeTo notes when the index holds what is in the journal now.
func (x *inboxes) completeTo(ctx context.Context, matches *journal.Journal, failed func(error)) {
	for ctx.Err() == nil {
		last, err := endOf(ctx, matches)
		if err != nil {
			failed(err)
			pause(ctx, stateRetry)
			continue
		}
		if x.await(ctx, last) == nil {
			close(x.complete)
		}
		return
	}
}
