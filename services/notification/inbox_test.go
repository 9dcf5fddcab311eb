package notification

import (
	"context"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/journal"
)

// keyed is a call with the key that may change things.
func keyed(tb testing.TB) context.Context {
	return metadata.AppendToOutgoingContext(tb.Context(), "authorization", "Bearer key")
}

// recipient adds a recipient.
func (s *served) recipient(r *notificationv1.Recipient) *notificationv1.Recipient {
	s.tb.Helper()
	r, err := s.client.CreateRecipient(keyed(s.tb), &notificationv1.CreateRecipientRequest{Recipient: r})
	if err != nil {
		s.tb.Fatal(err)
	}
	return r
}

// subscribe adds a subscription.
func (s *served) subscribe(sub *notificationv1.Subscription) *notificationv1.Subscription {
	s.tb.Helper()
	sub, err := s.client.CreateSubscription(keyed(s.tb), &notificationv1.CreateSubscriptionRequest{Subscription: sub})
	if err != nil {
		s.tb.Fatal(err)
	}
	return sub
}

// settle waits until everything that happened up to an event has its addressees.
func (s *served) settle(event uint64) {
	s.tb.Helper()
	s.matched(s.service.matches, event)
}

// inbox answers a page.
func (s *served) inbox(req *notificationv1.ListNotificationsRequest) *notificationv1.ListNotificationsResponse {
	s.tb.Helper()
	page, err := s.client.ListNotifications(s.tb.Context(), req)
	if err != nil {
		s.tb.Fatal(err)
	}
	return page
}

// ids are the events of a page, by their ids; "!" follows those that are read.
func ids(page *notificationv1.ListNotificationsResponse) (ids []string) {
	for _, n := range page.GetNotifications() {
		id := n.GetEvent().GetId()
		if n.GetRead() {
			id += "!"
		}
		ids = append(ids, id)
	}
	return ids
}

func (s *served) mark(req *notificationv1.MarkNotificationsRequest) (int32, error) {
	answer, err := s.client.MarkNotifications(keyed(s.tb), req)
	return answer.GetUnread(), err
}

// TestInbox: what concerns a recipient is in its inbox, newest first, in pages, with what was read; on any replica, and
// after a restart as well.
func TestInbox(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.write(themeChange("bauen", 1)) // history, and no news
	s := st.serve(time.Hour)
	r := s.recipient(&notificationv1.Recipient{DisplayName: "OZG Bünde", Actors: []string{"apikeys/me"}})
	other := s.recipient(&notificationv1.Recipient{DisplayName: "Herford"})
	a := s.subscribe(&notificationv1.Subscription{DisplayName: "Bauen", Recipient: r.GetName(), Topics: []string{"themes/bauen"}})
	b := s.subscribe(&notificationv1.Subscription{DisplayName: "Alles", Recipient: r.GetName()})
	var last uint64
	for i := range 25 {
		last = st.happens(&notificationv1.Event{Id: strconv.Itoa(i), Actor: []string{"apikeys/x", "apikeys/me"}[i/24], Topics: []string{"themes/" + []string{"bauen", "x"}[i%2]}})
	}
	s.settle(last)
	first := s.inbox(&notificationv1.ListNotificationsRequest{Recipient: r.GetName(), PageSize: 10})
	if first.GetTotalSize() != 24 || first.GetUnread() != 24 || !slices.Equal(ids(first)[:2], []string{"23", "22"}) || len(first.GetNotifications()) != 10 {
		t.Errorf("%d notifications, %d unread: %v", first.GetTotalSize(), first.GetUnread(), ids(first))
	}
	n := first.GetNotifications()[1]
	if n.GetName() != "notifications/ozg-buende."+strconv.FormatUint(n.GetEvent().GetSequence(), 10) || n.GetRecipient() != r.GetName() ||
		!slices.Equal(n.GetSubscriptions(), []string{b.GetName(), a.GetName()}) {
		t.Errorf("a notification is %v", n)
	}
	if got := first.GetNotifications()[0].GetSubscriptions(); !slices.Equal(got, []string{b.GetName()}) {
		t.Errorf("a notification of one subscription has %v", got)
	}
	if _, err := s.mark(&notificationv1.MarkNotificationsRequest{Recipient: r.GetName(), Notifications: []string{n.GetName()}}); err != nil {
		t.Fatal(err)
	}
	again := st.serve(time.Hour) // another replica, or the same one after a restart
	for _, s := range []*served{s, again} {
		var all []string
		for token := ""; ; {
			page := s.inbox(&notificationv1.ListNotificationsRequest{Recipient: r.GetName(), PageSize: 9, PageToken: token, UnreadOnly: true})
			if all = append(all, ids(page)...); page.GetTotalSize() != 23 {
				t.Errorf("%d unread in all", page.GetTotalSize())
			}
			if token = page.GetNextPageToken(); token == "" {
				break
			}
		}
		if len(all) != 23 || slices.Contains(all, "22") || !slices.IsSortedFunc(all, func(a, b string) int { return numberOf(b) - numberOf(a) }) {
			t.Errorf("unread: %v", all)
		}
		if page := s.inbox(&notificationv1.ListNotificationsRequest{Recipient: r.GetName(), PageSize: 3}); !slices.Equal(ids(page), []string{"23", "22!", "21"}) {
			t.Errorf("all: %v", ids(page))
		}
		if page := s.inbox(&notificationv1.ListNotificationsRequest{Recipient: other.GetName()}); page.GetTotalSize() != 0 || page.GetNextPageToken() != "" {
			t.Errorf("the other recipient has %v", page)
		}
	}
}

func numberOf(s string) int { n, _ := strconv.Atoi(s); return n }

// TestPublishedReachesTheInbox goes the whole way from a record, with a preset.
func TestPublishedReachesTheInbox(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	s := st.serve(time.Hour)
	st.write(townChange("05758000", ""), townChange("05758004", "05758000"), townChange("05758012", "05758000"))
	time.Sleep(100 * time.Millisecond) // the directory follows
	r := s.recipient(&notificationv1.Recipient{DisplayName: "Bünde", Municipality: buende})
	s.subscribe(&notificationv1.Subscription{DisplayName: "Meine Kommune", Recipient: r.GetName(), Preset: notificationv1.Subscription_PRESET_MY_MUNICIPALITY})
	st.write(implementationChange("05758012", "1", 1))
	st.write(implementationChange("05758004", "1", 1))
	st.write(implementationChange("05758000", "2", 1))
	limit := time.Now().Add(10 * time.Second)
	for len(ids(s.inbox(&notificationv1.ListNotificationsRequest{Recipient: r.GetName()}))) < 2 && time.Now().Before(limit) {
		time.Sleep(5 * time.Millisecond)
	}
	if got := ids(s.inbox(&notificationv1.ListNotificationsRequest{Recipient: r.GetName()})); !slices.Equal(got, []string{"test.municipality.6", "test.municipality.5"}) {
		t.Errorf("the inbox has %v", got)
	}
}

// townChange changes a municipality, in a Kreis or of its own.
func townChange(ags, kreis string) change {
	m := &municipalityv1.Municipality{Name: "municipalities/" + ags, DisplayName: ags}
	if kreis != "" {
		m.District = "municipalities/" + kreis
	}
	return change{"municipality", []string{ags}, m.GetName(), m, []string{"display_name"}}
}

// TestMarks: what is read, what is unread, and what cannot be marked.
func TestMarks(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.write(themeChange("x", 1))
	s := st.serve(time.Hour)
	r := s.recipient(&notificationv1.Recipient{DisplayName: "A"}).GetName()
	b := s.recipient(&notificationv1.Recipient{DisplayName: "B"}).GetName()
	s.subscribe(&notificationv1.Subscription{DisplayName: "Alles", Recipient: r, Topics: []string{"themes/x"}})
	var events []uint64
	for i := range 6 {
		events = append(events, st.happens(&notificationv1.Event{Id: strconv.Itoa(i), Topics: []string{"themes/x"}}))
	}
	nobody := st.happens(&notificationv1.Event{Id: "nobody"})
	s.settle(nobody)
	name := func(i int) string { return notificationName(r, events[i]) }
	type marking = notificationv1.MarkNotificationsRequest
	for _, c := range []struct {
		name   string
		req    *marking
		unread int32
		code   codes.Code
		state  []string
	}{
		{"two", &marking{Recipient: r, Notifications: []string{name(1), name(4)}}, 4, codes.OK, []string{"5", "4!", "3", "2", "1!", "0"}},
		{"the same again", &marking{Recipient: r, Notifications: []string{name(1)}}, 4, codes.OK, []string{"5", "4!", "3", "2", "1!", "0"}},
		{"all up to one", &marking{Recipient: r, UpToSequence: events[2]}, 2, codes.OK, []string{"5", "4!", "3", "2!", "1!", "0!"}},
		{"one unread", &marking{Recipient: r, Notifications: []string{name(1)}, Unread: true}, 3, codes.OK, []string{"5", "4!", "3", "2!", "1", "0!"}},
		{"all, and an event of nobody", &marking{Recipient: r, UpToSequence: nobody}, 0, codes.OK, []string{"5!", "4!", "3!", "2!", "1!", "0!"}},
		{"all unread", &marking{Recipient: r, UpToSequence: 1 << 40, Unread: true}, 6, codes.OK, []string{"5", "4", "3", "2", "1", "0"}},
		{"before the first", &marking{Recipient: r, UpToSequence: events[0] - 1}, 6, codes.OK, []string{"5", "4", "3", "2", "1", "0"}},
		{"neither", &marking{Recipient: r}, 0, codes.InvalidArgument, nil},
		{"both", &marking{Recipient: r, Notifications: []string{name(1)}, UpToSequence: 1}, 0, codes.InvalidArgument, nil},
		{"of somebody else", &marking{Recipient: r, Notifications: []string{notificationName(b, events[0])}}, 0, codes.InvalidArgument, nil},
		{"no number", &marking{Recipient: r, Notifications: []string{"notifications/a.9999999999999999999"}}, 0, codes.NotFound, nil},
		{"not in the inbox", &marking{Recipient: r, Notifications: []string{name(1), notificationName(r, nobody)}}, 0, codes.NotFound, nil},
		{"nobody's", &marking{Recipient: "recipients/nobody", UpToSequence: 1}, 0, codes.NotFound, nil},
		{"still the same", &marking{Recipient: r, Notifications: []string{name(5)}}, 5, codes.OK, []string{"5!", "4", "3", "2", "1", "0"}},
	} {
		unread, err := s.mark(c.req)
		if status.Code(err) != c.code || unread != c.unread {
			t.Errorf("%s: %d unread, %v", c.name, unread, err)
		}
		if page := s.inbox(&notificationv1.ListNotificationsRequest{Recipient: r}); c.state != nil && (!slices.Equal(ids(page), c.state) || page.GetUnread() != c.unread) {
			t.Errorf("%s: %v, %d unread", c.name, ids(page), page.GetUnread())
		}
	}
	if _, err := s.client.ListNotifications(t.Context(), &notificationv1.ListNotificationsRequest{Recipient: "recipients/nobody"}); status.Code(err) != codes.NotFound {
		t.Errorf("the inbox of nobody: %v", err)
	}
}

// TestRepeatedMark: a request with an id has one effect, on every replica, whatever came in between.
func TestRepeatedMark(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	s := st.serve(time.Hour)
	r := s.recipient(&notificationv1.Recipient{DisplayName: "A"}).GetName()
	s.subscribe(&notificationv1.Subscription{DisplayName: "Alles", Recipient: r})
	s.settle(st.happens(&notificationv1.Event{Id: "1"}))
	again := st.serve(time.Hour)
	first := &notificationv1.MarkNotificationsRequest{Recipient: r, UpToSequence: 1 << 40, RequestId: "first"}
	if unread, err := s.mark(first); err != nil || unread != 0 {
		t.Fatal(unread, err)
	}
	if unread, err := again.mark(&notificationv1.MarkNotificationsRequest{Recipient: r, UpToSequence: 1 << 40, Unread: true, RequestId: "second"}); err != nil || unread != 1 {
		t.Fatal(unread, err)
	}
	for _, s := range []*served{s, again, st.serve(time.Hour)} {
		if unread, err := s.mark(first); err != nil || unread != 1 {
			t.Errorf("repeated: %d unread, %v", unread, err)
		}
		if _, err := s.mark(&notificationv1.MarkNotificationsRequest{Recipient: r, UpToSequence: 1, RequestId: "first"}); status.Code(err) != codes.AlreadyExists {
			t.Errorf("another request with the same id: %v", err)
		}
	}
}

// TestMarksAtOnce: many mark the same inbox through two replicas, and no mark is lost.
func TestMarksAtOnce(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	replicas := []*served{st.serve(time.Hour), st.serve(time.Hour)}
	s := replicas[0]
	r := s.recipient(&notificationv1.Recipient{DisplayName: "A"}).GetName()
	s.subscribe(&notificationv1.Subscription{DisplayName: "Alles", Recipient: r})
	var events []uint64
	for i := range 12 {
		events = append(events, st.happens(&notificationv1.Event{Id: strconv.Itoa(i)}))
	}
	s.settle(events[11])
	var marking sync.WaitGroup
	for i, event := range events[:6] {
		marking.Go(func() {
			_, err := replicas[i%2].mark(&notificationv1.MarkNotificationsRequest{Recipient: r, Notifications: []string{notificationName(r, event)}})
			for status.Code(err) == codes.Aborted {
				_, err = replicas[i%2].mark(&notificationv1.MarkNotificationsRequest{Recipient: r, Notifications: []string{notificationName(r, event)}})
			}
			if err != nil {
				t.Error(err)
			}
		})
	}
	marking.Wait()
	for _, s := range replicas {
		if page := s.inbox(&notificationv1.ListNotificationsRequest{Recipient: r}); page.GetUnread() != 6 {
			t.Errorf("%d unread: %v", page.GetUnread(), ids(page))
		}
	}
}

// TestRepeatedMarkAtOnce: the same request, many times at once through two replicas, is written once.
func TestRepeatedMarkAtOnce(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	replicas := []*served{st.serve(time.Hour), st.serve(time.Hour)}
	r := replicas[0].recipient(&notificationv1.Recipient{DisplayName: "A"}).GetName()
	if _, err := replicas[1].service.current(t.Context()); err != nil { // it knows of the recipient, too
		t.Fatal(err)
	}
	var marking sync.WaitGroup
	for i := range 8 {
		marking.Go(func() {
			if _, err := replicas[i%2].mark(&notificationv1.MarkNotificationsRequest{Recipient: r, UpToSequence: 1, RequestId: "same"}); err != nil {
				t.Error(err)
			}
		})
	}
	marking.Wait()
	filter, _ := replicas[0].service.matches.Filter(tokenMark)
	if marks, err := replicas[0].service.matches.Read(t.Context(), filter, 1, 100); err != nil || len(marks) != 1 {
		t.Errorf("%d marks, %v", len(marks), err)
	}
}

// TestSubscribedBeforeItHappened: who is subscribed when something happens hears of it, whichever replica matches it.
func TestSubscribedBeforeItHappened(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	const themes = 30
	for i := range themes {
		st.write(themeChange("t"+strconv.Itoa(i), 1))
	}
	replicas := []*served{st.serve(time.Hour), st.serve(time.Hour), st.serve(time.Hour)}
	var names []string
	var last uint64
	for i := range themes {
		s := replicas[i%3]
		topic := "themes/t" + strconv.Itoa(i)
		r := s.recipient(&notificationv1.Recipient{DisplayName: "R" + strconv.Itoa(i)}).GetName()
		s.subscribe(&notificationv1.Subscription{DisplayName: "S" + strconv.Itoa(i), Recipient: r, Topics: []string{topic}})
		last = st.happens(&notificationv1.Event{Id: strconv.Itoa(i), Topics: []string{topic}})
		names = append(names, r)
	}
	replicas[0].settle(last)
	for i, name := range names {
		if got := ids(replicas[i%3].inbox(&notificationv1.ListNotificationsRequest{Recipient: name})); !slices.Equal(got, []string{strconv.Itoa(i)}) {
			t.Errorf("%s heard of %v", name, got)
		}
	}
}

// TestCurrentState: whatever was acknowledged anywhere before is in it.
func TestCurrentState(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	writer, reader := st.serve(time.Hour), st.serve(time.Hour)
	for i := range 100 {
		r := writer.recipient(&notificationv1.Recipient{DisplayName: "R" + strconv.Itoa(i)})
		w, err := reader.service.current(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := w.recipients.Get(r.GetName()); !ok {
			t.Fatalf("%s is not there", r.GetName())
		}
	}
}

// TestIndexed: nobody is answered from an index that is behind.
func TestIndexed(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	s := &Service{matches: st.opened(), inboxes: newInboxes()}
	if err := s.indexed(t.Context()); err != nil {
		t.Errorf("an empty journal: %v", err)
	}
	subject, _ := s.matches.Subject(tokenMatcher, "position")
	last, err := s.matches.Append(t.Context(), journal.Message{Subject: subject}, journal.Guard{})
	if err != nil {
		t.Fatal(err)
	}
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := s.indexed(short); !fault.Is(err, fault.NotCaughtUp) {
		t.Errorf("an index that is behind: %v", err)
	}
	if err := s.inboxes.apply([]journal.Message{{Sequence: last, Subject: subject}}); err != nil {
		t.Fatal(err)
	}
	if err := s.indexed(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestReadyWithInboxes: a service is ready when it can answer for the inboxes, not before.
func TestReadyWithInboxes(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.serve(time.Hour)
	s, err := New(t.Context(), st.site, quiet, func() time.Time { return st.now }, Settings{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- s.replica.Run(ctx) }() // nobody follows the journal
	if err := s.replica.Ready(ctx); err != nil {
		t.Fatal(err)
	}
	short, end := context.WithTimeout(ctx, 20*time.Millisecond)
	defer end()
	if ready, _ := s.IsReady(); ready || s.Ready(short) == nil {
		t.Error("ready without the inboxes")
	}
	go s.inboxes.follow(ctx, s.matches, func(err error) { t.Error(err) })
	if err := s.Ready(ctx); err != nil {
		t.Error(err)
	}
	if ready, err := s.IsReady(); !ready || err != nil {
		t.Errorf("not ready: %v", err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestOldNotificationsAreGone: after 180 days, and with them their marks.
func TestOldNotificationsAreGone(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	s := st.serve(time.Hour)
	r := s.recipient(&notificationv1.Recipient{DisplayName: "A"}).GetName()
	s.subscribe(&notificationv1.Subscription{DisplayName: "Alles", Recipient: r})
	s.settle(st.happens(&notificationv1.Event{Id: "1"}))
	for days, want := range map[int]int{179: 1, 181: 0} {
		later := *st
		later.now = st.now.AddDate(0, 0, days)
		page := later.serve(time.Hour).inbox(&notificationv1.ListNotificationsRequest{Recipient: r})
		if len(page.GetNotifications()) != want || int(page.GetTotalSize()) != want || int(page.GetUnread()) != want {
			t.Errorf("after %d days: %v", days, page)
		}
	}
}

// TestForgottenInbox: who gets the name of a recipient that was erased begins with an empty inbox.
func TestForgottenInbox(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	s := st.serve(time.Hour)
	r := s.recipient(&notificationv1.Recipient{DisplayName: "A"}).GetName()
	s.subscribe(&notificationv1.Subscription{DisplayName: "Alles", Recipient: r})
	s.settle(st.happens(&notificationv1.Event{Id: "1"}))
	if err := s.service.forgetInbox(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	s.settle(st.happens(&notificationv1.Event{Id: "2"}))
	for _, s := range []*served{s, st.serve(time.Hour)} {
		if got := ids(s.inbox(&notificationv1.ListNotificationsRequest{Recipient: r})); !slices.Equal(got, []string{"2"}) {
			t.Errorf("the inbox has %v", got)
		}
	}
}

// BenchmarkInbox is the way of one event, when nothing else happens, into the inbox; and a page of it.
func BenchmarkInbox(b *testing.B) {
	st := newStage(b)
	s := st.serve(time.Hour)
	r := s.recipient(&notificationv1.Recipient{DisplayName: "A"}).GetName()
	s.subscribe(&notificationv1.Subscription{DisplayName: "Alles", Recipient: r})
	box := s.service.inboxes
	b.Run("arrival", func(b *testing.B) {
		for b.Loop() {
			box.mu.Lock()
			reached := box.reached
			box.mu.Unlock()
			st.happens(&notificationv1.Event{Id: "1", Topics: []string{"themes/x"}})
			if err := box.await(b.Context(), reached+1); err != nil {
				b.Fatal(err)
			}
		}
	})
	for range 50 {
		s.settle(st.happens(&notificationv1.Event{Id: "1", Topics: []string{"themes/x"}}))
	}
	b.Run("page", func(b *testing.B) {
		for b.Loop() {
			if got := s.inbox(&notificationv1.ListNotificationsRequest{Recipient: r}); len(got.GetNotifications()) != 50 {
				b.Fatal(got)
			}
		}
	})
}
