package notification

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	netmail "net/mail"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emersion/go-smtp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/notification/mail"
	"kompass.krz.de/services/notification/mail/mailtest"
	"kompass.krz.de/services/platform/broker"
	"kompass.krz.de/services/platform/ledger"
)

const publicURL = "https://kompass.example"

// mailed is a service with a mail server, whose clock the test sets.
type mailed struct {
	*served
	server *mailtest.Server
	clock  *atomic.Int64
	log    *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

func (st *stage) serveMail(server *mailtest.Server) *mailed {
	st.tb.Helper()
	relay, err := mail.NewRelay(mail.Config{URL: "smtp://" + server.Address, From: "Kompass <kompass@krz.example>", Return: "bounces@krz.example", TLS: server.Trust})
	if err != nil {
		st.tb.Fatal(err)
	}
	m := &mailed{server: server, clock: &atomic.Int64{}, log: &lockedBuffer{}}
	m.clock.Store(st.now.UnixNano())
	m.served = st.serveWith(time.Hour, Settings{Mail: relay, PublicURL: publicURL + "/", lookPause: 20 * time.Millisecond}, slog.New(slog.NewTextHandler(m.log, nil)),
		func() time.Time { return time.Unix(0, m.clock.Load()).UTC() })
	return m
}

// pass lets time pass.
func (m *mailed) pass(d time.Duration) { m.clock.Add(int64(d)) }

// letters waits until there are n messages to an address and answers them.
func (m *mailed) letters(to string, n int) []*netmail.Message {
	m.tb.Helper()
	for limit := time.Now().Add(20 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		var found []*netmail.Message
		for _, taken := range m.server.Mails() {
			if taken.To == to {
				letter, err := netmail.ReadMessage(bytes.NewReader(taken.Data))
				if err != nil {
					m.tb.Fatal(err)
				}
				found = append(found, letter)
			}
		}
		if len(found) >= n {
			return found
		}
		if time.Now().After(limit) {
			m.tb.Fatalf("%d messages, want %d; log: %s", len(found), n, m.log.String())
		}
	}
}

var tokenIn = regexp.MustCompile(`[?&]token=(?:3D)?([A-Za-z0-9_-]{43})`)

// tokenOf is the token in a message, wherever its lines break.
func tokenOf(tb testing.TB, letter *netmail.Message) string {
	tb.Helper()
	body, err := io.ReadAll(letter.Body)
	if err != nil {
		tb.Fatal(err)
	}
	found := tokenIn.FindStringSubmatch(strings.ReplaceAll(string(body), "=\r\n", ""))
	if found == nil {
		tb.Fatalf("no token in %s", body)
	}
	return found[1]
}

// consenting is a recipient that confirmed its address.
func (m *mailed) consenting(name, address string) *notificationv1.Recipient {
	m.tb.Helper()
	r := m.recipient(&notificationv1.Recipient{DisplayName: name, MailAddress: address})
	if r.GetMailState() != unconfirmed || r.GetMailAddress() != "" {
		m.tb.Fatalf("a new recipient is %v", r)
	}
	return m.confirm(r, tokenOf(m.tb, m.letters(address, 1)[0]))
}

func (m *mailed) confirm(r *notificationv1.Recipient, token string) *notificationv1.Recipient {
	m.tb.Helper()
	r, err := m.client.ConfirmRecipient(m.tb.Context(), &notificationv1.ConfirmRecipientRequest{Name: r.GetName(), Token: token})
	if err != nil || r.GetMailState() != confirmed {
		m.tb.Fatalf("confirmed: %v %v", r, err)
	}
	return r
}

// stateOf is how mail to a recipient stands.
func (m *mailed) stateOf(name string) notificationv1.Recipient_MailState {
	r, err := m.client.GetRecipient(m.tb.Context(), &notificationv1.GetRecipientRequest{Name: name})
	if err != nil {
		m.tb.Error(err)
	}
	return r.GetMailState()
}

func happening(id, resource string, at time.Time) *notificationv1.Event {
	return &notificationv1.Event{Id: "test.elsewhere." + id, Resource: resource, Topics: []string{resource}, SummaryDe: "Übersicht " + id, SummaryEn: "Summary " + id, Time: timestamppb.New(at)}
}

// TestConsent: an address gets nothing but the question until somebody who has the mail says yes, and nothing once somebody said no.
func TestConsent(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	m := st.serveMail(mailtest.Start(t, false))
	const address = "ozg@buende.example"
	r := m.recipient(&notificationv1.Recipient{DisplayName: "OZG Bünde", MailAddress: address})
	m.subscribe(&notificationv1.Subscription{DisplayName: "Alles", Recipient: r.GetName(), Mail: true})
	ask := m.letters(address, 1)[0]
	m.settle(st.happens(happening("1", "solutions/a", st.now)))
	yes := tokenOf(t, ask)
	if ask.Header.Get("List-Unsubscribe") != "" || ask.Header.Get("Auto-Submitted") != "auto-generated" {
		t.Errorf("the question has the headers %v", ask.Header)
	}
	other := m.recipient(&notificationv1.Recipient{DisplayName: "Andere", MailAddress: "andere@example.org"})
	for name, bad := range map[string]*notificationv1.ConfirmRecipientRequest{
		"a wrong token": {Name: r.GetName(), Token: strings.Repeat("A", 43)}, "that of another": {Name: other.GetName(), Token: yes}, "nobody": {Name: "recipients/x", Token: yes},
	} {
		if _, err := m.client.ConfirmRecipient(t.Context(), bad); status.Code(err) != codes.PermissionDenied {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := m.client.UnsubscribeRecipient(t.Context(), &notificationv1.UnsubscribeRecipientRequest{Name: r.GetName(), Token: yes}); status.Code(err) != codes.PermissionDenied {
		t.Errorf("unsubscribed with the token of the question: %v", err)
	}
	answer := m.confirm(r, yes)
	if len(answer.GetActors()) > 0 || answer.GetEtag() != "" || answer.GetMailId() != "" {
		t.Errorf("who has a token learns %v", answer)
	}
	m.confirm(r, yes) // a second click does no harm
	m.settle(st.happens(happening("2", "solutions/a", st.now)))
	letters := m.letters(address, 2)
	if len(letters) != 2 || letters[1].Header.Get("Message-ID") != "<test.elsewhere.2.ozg-buende@krz.example>" {
		t.Fatalf("%d messages, the last %v", len(letters), letters[len(letters)-1].Header)
	}
	leave, err := url.Parse(strings.Trim(letters[1].Header.Get("List-Unsubscribe"), "<>"))
	if err != nil || leave.Scheme+"://"+leave.Host != publicURL || leave.Path != "/mail/unsubscribe" || leave.Query().Get("recipient") != r.GetName() {
		t.Fatalf("unsubscribe at %v: %v", leave, err)
	}
	for range 2 {
		gone, err := m.client.UnsubscribeRecipient(t.Context(), &notificationv1.UnsubscribeRecipientRequest{Name: r.GetName(), Token: leave.Query().Get("token")})
		if err != nil || gone.GetMailState() != unsubscribed {
			t.Fatalf("unsubscribed: %v %v", gone, err)
		}
	}
	if _, err := m.client.ConfirmRecipient(t.Context(), &notificationv1.ConfirmRecipientRequest{Name: r.GetName(), Token: yes}); status.Code(err) != codes.PermissionDenied {
		t.Errorf("the old link takes the no back: %v", err)
	}
	m.settle(st.happens(happening("3", "solutions/a", st.now)))
	time.Sleep(200 * time.Millisecond)
	if n := len(m.letters(address, 0)); n != 2 {
		t.Errorf("%d messages after the no", n)
	}
}

// TestNoWithAnOlderMail: a token to unsubscribe goes on fitting the address when that is entered again, and no other; one to confirm
// fits the entry it was sent after.
func TestNoWithAnOlderMail(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	m := st.serveMail(mailtest.Start(t, false))
	const address, other = "ozg@buende.example", "neu@buende.example"
	r := m.consenting("OZG Bünde", address)
	m.subscribe(&notificationv1.Subscription{DisplayName: "Alles", Recipient: r.GetName(), Mail: true})
	m.settle(st.happens(happening("1", "solutions/a", st.now)))
	letters := m.letters(address, 2)
	yes, no := tokenOf(t, letters[0]), tokenOf(t, letters[1])
	enter := func(address string) {
		t.Helper()
		_, err := m.client.UpdateRecipient(keyed(t), &notificationv1.UpdateRecipientRequest{
			Recipient: &notificationv1.Recipient{Name: r.GetName(), MailAddress: address}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"mail_address"}}})
		if err != nil {
			t.Fatal(err)
		}
	}
	unsubscribe := func() error {
		_, err := m.client.UnsubscribeRecipient(t.Context(), &notificationv1.UnsubscribeRecipientRequest{Name: r.GetName(), Token: no})
		return err
	}
	enter(other)
	if err := unsubscribe(); status.Code(err) != codes.PermissionDenied {
		t.Errorf("mail to another address: %v", err)
	}
	enter(address)
	if _, err := m.client.ConfirmRecipient(t.Context(), &notificationv1.ConfirmRecipientRequest{Name: r.GetName(), Token: yes}); status.Code(err) != codes.PermissionDenied {
		t.Errorf("confirmed with the question of an earlier entry: %v", err)
	}
	m.confirm(r, tokenOf(t, m.letters(address, 3)[2]))
	if err := unsubscribe(); err != nil || m.stateOf(r.GetName()) != unsubscribed {
		t.Errorf("mail to the same address: %v, %v", err, m.stateOf(r.GetName()))
	}
	enter("")
	if err := unsubscribe(); status.Code(err) != codes.PermissionDenied {
		t.Errorf("mail to no address: %v", err)
	}
}

// TestConsentEnds: after a week the question is not asked any more, and its answer does not count.
func TestConsentEnds(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	m := st.serveMail(mailtest.Start(t, false))
	r := m.recipient(&notificationv1.Recipient{DisplayName: "Spät", MailAddress: "spaet@example.org", Language: notificationv1.Recipient_LANGUAGE_EN})
	yes := tokenOf(t, m.letters("spaet@example.org", 1)[0])
	m.pass(consentTime + time.Minute)
	if _, err := m.client.ConfirmRecipient(t.Context(), &notificationv1.ConfirmRecipientRequest{Name: r.GetName(), Token: yes}); status.Code(err) != codes.PermissionDenied {
		t.Errorf("too late: %v", err)
	}
	time.Sleep(200 * time.Millisecond)
	if n := len(m.letters("spaet@example.org", 0)); n != 1 {
		t.Errorf("asked %d times", n)
	}
}

// TestAddresses: what is no address is refused, without mail all are, and what a change means for the consent.
func TestAddresses(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	m := st.serveMail(mailtest.Start(t, false))
	for _, bad := range []string{"x", "a@b, c@d", "Name <a@b.de>", "müller@example.org", "a @b.de", "a@b.de\r\nBcc: c@d", "a@-b.de", "a@[127.0.0.1]", "a@127.0.0.1",
		strings.Repeat("l", 65) + "@b.de", "a@b..de", "a@b.de.", "@b.de", `"a"@b.de`, "a@b_c.de", "a@" + strings.Repeat("ü", 60) + ".de", "a@xn--a.de", "a@b@c.de"} {
		_, err := m.client.CreateRecipient(keyed(t), &notificationv1.CreateRecipientRequest{Recipient: &notificationv1.Recipient{DisplayName: "Amt", MailAddress: bad}})
		if status.Code(err) != codes.InvalidArgument || strings.Contains(err.Error(), bad) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	for sent, kept := range map[string]string{
		"Ozg@Bünde.Example": "Ozg@xn--bnde-0ra.example", "ozg@xn--bnde-0ra.example": "ozg@xn--bnde-0ra.example", "a+b.c@straße.example": "a+b.c@xn--strae-oqa.example",
	} {
		if got, ok := asciiAddress(sent); !ok || got != kept {
			t.Errorf("%q is taken as %q %v, want %q", sent, got, ok, kept)
		}
	}
	r := m.consenting("Amt", "amt@example.org")
	r, _ = m.client.GetRecipient(t.Context(), &notificationv1.GetRecipientRequest{Name: r.GetName()})
	update := func(address string, paths ...string) *notificationv1.Recipient {
		t.Helper()
		r, err := m.client.UpdateRecipient(keyed(t), &notificationv1.UpdateRecipientRequest{
			Recipient: &notificationv1.Recipient{Name: r.GetName(), DisplayName: "Amt", MailAddress: address}, UpdateMask: &fieldmaskpb.FieldMask{Paths: paths}})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	for name, same := range map[string]*notificationv1.Recipient{
		"the same address": update("amt@example.org", "mail_address"), "the same domain": update("amt@EXAMPLE.org", "mail_address"), "another field": update("", "display_name"), "all fields": update("", "*"),
	} {
		if same.GetMailState() != confirmed || same.GetMailId() != r.GetMailId() {
			t.Errorf("%s: %v", name, same)
		}
	}
	if next := update("neu@example.org", "mail_address"); next.GetMailState() != unconfirmed || next.GetMailId() == r.GetMailId() {
		t.Errorf("another address: %v", next)
	}
	if _, err := m.service.vault.get(t.Context(), r.GetMailId()); !errors.Is(err, errNoSecret) {
		t.Errorf("the old address is still there: %v", err)
	}
	if none := update("", "mail_address"); none.GetMailState() != noMail || none.GetMailId() != "" {
		t.Errorf("no address: %v", none)
	}
	refused, err := m.client.UpdateRecipient(keyed(t), &notificationv1.UpdateRecipientRequest{Recipient: &notificationv1.Recipient{Name: r.GetName(), MailAddress: "x@example.org", Etag: "other"}})
	if status.Code(err) != codes.Aborted {
		t.Errorf("%v %v", refused, err)
	}
	filter, _ := m.service.vault.journal.Filter(addressKind)
	if left, err := m.service.vault.journal.Read(t.Context(), filter, 1, 10); err != nil || len(left) != 0 {
		t.Errorf("the vault still has %d addresses: %v", len(left), err)
	}
	without := newStage(t).serve(time.Hour)
	if _, err := without.client.CreateRecipient(keyed(t), &notificationv1.CreateRecipientRequest{Recipient: &notificationv1.Recipient{DisplayName: "Amt", MailAddress: "a@example.org"}}); status.Code(err) != codes.FailedPrecondition {
		t.Errorf("an address without mail: %v", err)
	}
	amt := without.recipient(&notificationv1.Recipient{DisplayName: "Amt"})
	if _, err := without.client.CreateSubscription(keyed(t), &notificationv1.CreateSubscriptionRequest{Subscription: &notificationv1.Subscription{DisplayName: "A", Recipient: amt.GetName(), Mail: true}}); status.Code(err) != codes.FailedPrecondition {
		t.Errorf("a subscription without mail: %v", err)
	}
}

// TestRefusedAddress: a server that does not know an address ends mail to it, after one attempt.
func TestRefusedAddress(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	server := mailtest.Start(t, false)
	var closed atomic.Bool
	server.Judge = func(to string) error {
		if closed.Load() {
			return &smtp.SMTPError{Code: 550, EnhancedCode: smtp.EnhancedCode{5, 1, 1}, Message: "no such user: " + to}
		}
		return nil
	}
	m := st.serveMail(server)
	r := m.consenting("Amt", "weg@example.org")
	m.subscribe(&notificationv1.Subscription{DisplayName: "Alles", Recipient: r.GetName(), Mail: true})
	closed.Store(true)
	st.happens(happening("1", "solutions/a", st.now))
	for limit := time.Now().Add(10 * time.Second); m.stateOf(r.GetName()) != paused; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("mail to it is %v", m.stateOf(r.GetName()))
		}
	}
	if log := m.log.String(); strings.Contains(log, "weg@") || !strings.Contains(log, "5.1.1") {
		t.Errorf("log: %s", log)
	}
}

// TestErasedForGood: after an erasure no byte below the data directory tells the address, nor did the log, and nothing derived
// from it that could be guessed.
func TestErasedForGood(t *testing.T) {
	t.Parallel()
	const first, second, name = "erste.adresse@buende.example", "zweite.adresse@herford.example", "recipients/ozg-buende"
	dir := t.TempDir()
	e, err := broker.Start(dir, quiet)
	if err != nil {
		t.Fatal(err)
	}
	stopBroker := sync.OnceFunc(e.Stop)
	t.Cleanup(stopBroker)
	st := stageAt(t, ledger.Site{Conn: e.Conn, Origin: "test", Replicas: 1})
	m := st.serveMail(mailtest.Start(t, false))
	create := &notificationv1.CreateRecipientRequest{Recipient: &notificationv1.Recipient{DisplayName: "OZG Bünde", MailAddress: first}, RequestId: "eins"}
	for range 2 { // the repetition leaves nothing behind either
		if _, err := m.client.CreateRecipient(keyed(t), create); err != nil {
			t.Fatal(err)
		}
	}
	m.confirm(&notificationv1.Recipient{Name: name}, tokenOf(t, m.letters(first, 1)[0]))
	m.subscribe(&notificationv1.Subscription{DisplayName: "Alles", Recipient: name, Mail: true})
	m.settle(st.happens(happening("1", "solutions/a", st.now)))
	m.letters(first, 2)
	update := &notificationv1.UpdateRecipientRequest{Recipient: &notificationv1.Recipient{Name: name, MailAddress: second}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"mail_address"}}, RequestId: "zwei"}
	if _, err := m.client.UpdateRecipient(keyed(t), update); err != nil {
		t.Fatal(err)
	}
	m.confirm(&notificationv1.Recipient{Name: name}, tokenOf(t, m.letters(second, 1)[0]))
	m.settle(st.happens(happening("2", "solutions/a", st.now)))
	m.letters(second, 2)
	secret := func() [][]byte {
		forms := [][]byte{[]byte(first), []byte(second), []byte("erste.adresse"), []byte("zweite.adresse")}
		for _, digested := range []proto.Message{create, update} {
			bare := proto.CloneOf(digested).ProtoReflect()
			bare.Clear(bare.Descriptor().Fields().ByName("request_id"))
			data, err := proto.MarshalOptions{Deterministic: true}.MarshalAppend([]byte(bare.Descriptor().FullName()), bare.Interface())
			if err != nil {
				t.Fatal(err)
			}
			sum := sha256.Sum256(data)
			forms = append(forms, sum[:])
		}
		return forms
	}()
	if len(foundIn(t, dir, secret[1:2])) == 0 {
		t.Error("the address is nowhere: the search would find nothing")
	}
	erase := &notificationv1.EraseRecipientRequest{Name: name, RequestId: "drei"}
	for range 2 {
		if _, err := m.client.EraseRecipient(keyed(t), erase); err != nil {
			t.Fatal(err)
		}
	}
	if found := foundIn(t, dir, secret); len(found) > 0 {
		t.Errorf("while it runs: %v", found)
	}
	if _, err := m.client.GetRecipient(t.Context(), &notificationv1.GetRecipientRequest{Name: name}); status.Code(err) != codes.NotFound {
		t.Errorf("the recipient: %v", err)
	}
	if left, err := m.client.ListSubscriptions(t.Context(), &notificationv1.ListSubscriptionsRequest{}); err != nil || left.GetTotalSize() != 0 {
		t.Errorf("its subscriptions: %v %v", left, err)
	}
	again := m.recipient(&notificationv1.Recipient{DisplayName: "OZG Bünde"})
	if page := m.inbox(&notificationv1.ListNotificationsRequest{Recipient: again.GetName()}); page.GetTotalSize() != 0 || again.GetName() != name {
		t.Errorf("the inbox of who gets the name later: %v", page)
	}
	m.stop()
	stopBroker()
	if found := foundIn(t, dir, secret); len(found) > 0 {
		t.Errorf("after the end: %v", found)
	}
	for _, form := range secret {
		if strings.Contains(m.log.String(), string(form)) {
			t.Errorf("the log has %q", form)
		}
	}
}

// foundIn lists the files below a directory that hold one of several texts.
func foundIn(t *testing.T, dir string, texts [][]byte) (found []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil //nolint:nilerr // what is gone holds nothing
		}
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		for _, text := range texts {
			if bytes.Contains(data, text) || strings.Contains(path, string(text)) {
				found = append(found, path+": "+strconv.Quote(string(text)))
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestMailsOnce: with a server that fails at random and processes that end at any moment, each message comes, again only with the
// same Message-ID, and never once its delivery is noted.
func TestMailsOnce(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	server := mailtest.Start(t, false)
	var failing atomic.Bool
	fail := func(mailtest.Mail) error {
		if failing.Load() && rand.IntN(3) == 0 {
			return &smtp.SMTPError{Code: 451, EnhancedCode: smtp.EnhancedCode{4, 3, 0}, Message: "later"}
		}
		return nil
	}
	server.Accept, server.Answer = fail, fail
	m := st.serveMail(server)
	r := m.consenting("Amt", "amt@example.org")
	m.subscribe(&notificationv1.Subscription{DisplayName: "Alles", Recipient: r.GetName(), Mail: true})
	failing.Store(true)
	const events, rounds = 20, 4
	for round := range rounds {
		for i := range events {
			st.happens(happening(strconv.Itoa(round*events+i), "solutions/a", st.now))
		}
		second := st.serveMail(server) // another process at the same time
		second.clock.Store(m.clock.Load())
		time.Sleep(100 * time.Millisecond)
		m.stop()
		second.pass(claimTime + time.Minute)
		m = second
	}
	ids := map[string]int{}
	for limit := time.Now().Add(30 * time.Second); len(ids) < events*rounds; time.Sleep(10 * time.Millisecond) {
		m.pass(time.Minute)
		clear(ids)
		for _, letter := range m.letters("amt@example.org", 1)[1:] {
			ids[letter.Header.Get("Message-ID")]++
		}
		if time.Now().After(limit) {
			t.Fatalf("%d messages of %d", len(ids), events*rounds)
		}
	}
	twice := 0
	for _, n := range ids {
		twice += n - 1
	}
	if t.Logf("%d messages, and %d of them again", len(ids), twice); twice == 0 {
		t.Error("no message came again: the server never lied")
	}
	failing.Store(false)
	for limit := time.Now().Add(30 * time.Second); m.service.post.errands.len() > 0; time.Sleep(5 * time.Millisecond) { // what the server lied about comes once more
		m.pass(time.Minute)
		if time.Now().After(limit) {
			t.Fatalf("%d messages are still to be brought", m.service.post.errands.len())
		}
	}
	before := len(server.Mails())
	last := st.serveMail(server)
	last.clock.Store(m.clock.Load())
	last.pass(time.Hour)
	time.Sleep(500 * time.Millisecond)
	if now := len(server.Mails()); now != before {
		t.Errorf("%d messages came again after their delivery was noted", now-before)
	}
}
