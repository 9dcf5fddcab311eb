package notification

import (
	"bytes"
	"fmt"
	netmail "net/mail"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/notification/mail/mailtest"
	"kompass.krz.de/services/platform/ledger"
)

var returnForm = regexp.MustCompile(`^bounces\+[a-z2-7]{45}@krz\.example$`)

// deliveryReport is what a mail server writes about a message to an address, to where it came back.
func deliveryReport(back, to, action, code string) []byte {
	return fmt.Appendf(nil, "From: MAILER-DAEMON@mx.example\nTo: %s\nContent-Type: multipart/report; report-type=delivery-status; boundary=grenze\n\n--grenze\n\n%s: no\n"+
		"--grenze\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\nFinal-Recipient: rfc822; %s\nAction: %s\nStatus: %s\n--grenze--\n", back, to, to, action, code)
}

// complaint is what a mail provider writes when somebody called a message unwanted.
func complaint(sent mailtest.Mail) []byte {
	return fmt.Appendf(nil, "From: fbl@provider.example\nTo: kompass@krz.example\nContent-Type: multipart/report; report-type=feedback-report; boundary=grenze\n\n"+
		"--grenze\nContent-Type: message/feedback-report\n\nFeedback-Type: abuse\nVersion: 1\n\n--grenze\nContent-Type: message/rfc822\n\n%s\n--grenze--\n", sent.Data)
}

// newest is the last message to an address.
func (m *mailed) newest(to string) (last mailtest.Mail) {
	for _, taken := range m.server.Mails() {
		if taken.To == to {
			last = taken
		}
	}
	return last
}

// send lets something happen and answers the message about it.
func (m *mailed) send(to string, n int) mailtest.Mail {
	m.tb.Helper()
	before := len(m.letters(to, 0))
	m.settle(m.happens(happening(strconv.Itoa(n), "solutions/a", m.now)))
	m.letters(to, before+1)
	return m.newest(to)
}

// comesBack reports a message, and expects what that leads to.
func (m *mailed) comesBack(message []byte, want notificationv1.ReportBounceResponse_Outcome) *notificationv1.ReportBounceResponse {
	m.tb.Helper()
	got, err := m.client.ReportBounce(keyed(m.tb), &notificationv1.ReportBounceRequest{File: message})
	if err != nil || got.GetOutcome() != want {
		m.tb.Errorf("%v %v, want %v", got, err, want)
	}
	return got
}

func (m *mailed) all(r *notificationv1.Recipient) {
	m.subscribe(&notificationv1.Subscription{DisplayName: "Alles", Recipient: r.GetName(), Mail: true})
}

// TestLateBounce: a message that comes back later with word that there is no such address ends mail to it, until somebody enters and
// confirms it anew; then the old messages count no more.
func TestLateBounce(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	m := st.serveMail(mailtest.Start(t, false))
	const address = "weg@buende.example"
	r := m.consenting("Amt", address)
	m.all(r)
	first, second := m.send(address, 1), m.send(address, 2)
	if !returnForm.MatchString(first.From) || first.From == second.From {
		t.Errorf("they come back to %s and %s", first.From, second.From)
	}
	letter, err := netmail.ReadMessage(bytes.NewReader(first.Data))
	if err != nil || letter.Header.Get("X-Kompass-Return") != first.From || !strings.Contains(letter.Header.Get("From"), "kompass@krz.example") {
		t.Errorf("%v %v", letter.Header, err)
	}
	report := deliveryReport(strings.ToUpper(first.From), address, "failed", "5.1.1")
	for range 2 {
		got := m.comesBack(report, bouncePaused)
		if got.GetRecipient() != r.GetName() || got.GetStatus() != "5.1.1" || m.stateOf(r.GetName()) != paused {
			t.Errorf("%v, mail is %v", got, m.stateOf(r.GetName()))
		}
	}
	before := len(m.letters(address, 0))
	m.settle(st.happens(happening("3", "solutions/a", st.now)))
	time.Sleep(200 * time.Millisecond)
	if now := len(m.letters(address, 0)); now != before {
		t.Errorf("%d messages to an address that is paused", now-before)
	}
	old, err := m.client.GetRecipient(t.Context(), &notificationv1.GetRecipientRequest{Name: r.GetName()})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.client.UpdateRecipient(keyed(t), &notificationv1.UpdateRecipientRequest{
		Recipient: &notificationv1.Recipient{Name: r.GetName(), MailAddress: address}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"mail_address"}}}); err != nil {
		t.Fatal(err)
	}
	letters := m.letters(address, before+1)
	m.confirm(r, tokenOf(t, letters[len(letters)-1]))
	m.comesBack(report, bounceOutdated)
	m.comesBack(complaint(second), bounceOutdated)
	if stands, err := m.service.stopMail(t.Context(), ledger.Cause{Actor: "test", RequestID: "late", Time: m.now}, old, paused); err != nil || stands != noMail { // entered while the report was read
		t.Errorf("the old address stands at %v: %v", stands, err)
	}
	if m.send(address, 4); m.stateOf(r.GetName()) != confirmed {
		t.Errorf("after an old report mail is %v", m.stateOf(r.GetName()))
	}
	if log := m.log.String(); strings.Contains(log, "weg@") || !strings.Contains(log, "5.1.1") {
		t.Errorf("log: %s", log)
	}
}

// TestBouncesThatMayPass: the third message within two weeks that fails pauses mail; one that is reported twice counts once.
func TestBouncesThatMayPass(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	m := st.serveMail(mailtest.Start(t, false))
	const address = "voll@buende.example"
	r := m.recipient(&notificationv1.Recipient{DisplayName: "Amt", MailAddress: address})
	question := m.letters(address, 1)[0]
	m.comesBack(deliveryReport(m.newest(address).From, address, "failed", "5.2.2"), bounceNoted)
	m.confirm(r, tokenOf(t, question)) // what failed before counts no more
	m.pass(time.Second)
	m.all(r)
	n := 0
	fails := func(code string, want notificationv1.ReportBounceResponse_Outcome) []byte {
		t.Helper()
		n++
		report := deliveryReport(m.send(address, n).From, address, "failed", code)
		m.comesBack(report, want)
		return report
	}
	fails("5.2.2", bounceNoted)
	fails("5.7.1", bounceNoted)
	m.pass(bounceWindow + time.Minute)
	again := fails("5.3.4", bounceNoted)
	fails("4.4.1", bounceNoted)
	for range 3 {
		m.comesBack(again, bounceNoted)
	}
	m.comesBack(deliveryReport(m.send(address, 100).From, address, "delayed", "4.4.1"), bounceIgnored)
	if state := m.stateOf(r.GetName()); state != confirmed {
		t.Fatalf("mail is %v after two failures", state)
	}
	if fails("5.2.2", bouncePaused); m.stateOf(r.GetName()) != paused {
		t.Errorf("mail is %v after three failures", m.stateOf(r.GetName()))
	}
}

// TestBouncesAtOnce: of reports that come at the same time to several processes none is lost.
func TestBouncesAtOnce(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	server := mailtest.Start(t, false)
	m, other := st.serveMail(server), st.serveMail(server)
	const address = "voll@buende.example"
	r := m.consenting("Amt", address)
	m.all(r)
	m.pass(time.Second)
	other.pass(time.Second)
	var reports [bounceLimit][]byte
	for i := range reports {
		reports[i] = deliveryReport(m.send(address, i).From, address, "failed", "5.2.2")
	}
	var asking sync.WaitGroup
	for _, report := range reports {
		for _, process := range []*mailed{m, other} {
			asking.Go(func() {
				if _, err := process.client.ReportBounce(keyed(t), &notificationv1.ReportBounceRequest{File: report}); err != nil {
					t.Error(err)
				}
			})
		}
	}
	if asking.Wait(); m.stateOf(r.GetName()) != paused {
		t.Errorf("mail is %v", m.stateOf(r.GetName()))
	}
}

// TestComplaint: who calls a message unwanted is unsubscribed, and stays so.
func TestComplaint(t *testing.T) {
	t.Parallel()
	m := newStage(t).serveMail(mailtest.Start(t, false))
	const address = "genug@buende.example"
	r := m.consenting("Amt", address)
	m.all(r)
	sent := m.send(address, 1)
	for range 2 {
		if m.comesBack(complaint(sent), bounceUnsubscribed); m.stateOf(r.GetName()) != unsubscribed {
			t.Errorf("mail is %v", m.stateOf(r.GetName()))
		}
	}
	if m.comesBack(deliveryReport(sent.From, address, "failed", "5.1.1"), bounceIgnored); m.stateOf(r.GetName()) != unsubscribed {
		t.Errorf("a failure takes the no back: %v", m.stateOf(r.GetName()))
	}
}

// TestReportsThatDoNothing: what is forged, no report, too large or without a key changes nothing.
func TestReportsThatDoNothing(t *testing.T) {
	t.Parallel()
	m := newStage(t).serveMail(mailtest.Start(t, false))
	const address = "da@buende.example"
	r := m.consenting("Amt", address)
	m.all(r)
	back := m.send(address, 1).From
	for i := range 45 { // the last letter has a bit to spare
		forged := []byte(back)
		at := len("bounces+") + i
		if forged[at] = 'a'; back[at] == 'a' {
			forged[at] = 'i'
		}
		m.comesBack(deliveryReport(string(forged), address, "failed", "5.1.1"), bounceUnknown)
	}
	m.comesBack(deliveryReport("bounces@krz.example", address, "failed", "5.1.1"), bounceUnknown)
	m.comesBack(deliveryReport(address, address, "failed", "5.1.1"), bounceUnknown)
	m.comesBack([]byte("To: "+back+"\nAuto-Submitted: auto-replied\n\nAbwesend\n"), bounceNoReport)
	report := deliveryReport(back, address, "failed", "5.1.1")
	for name, c := range map[string]struct {
		client notificationv1.NotificationServiceClient
		file   []byte
		keyed  bool
		want   codes.Code
	}{
		"no key":        {m.client, report, false, codes.Unauthenticated},
		"empty":         {m.client, nil, true, codes.InvalidArgument},
		"too large":     {m.client, append(report, make([]byte, 1<<20)...), true, codes.InvalidArgument},
		"mail is off":   {newStage(t).serve(time.Hour).client, report, true, codes.FailedPrecondition},
		"another house": {newStage(t).serveMail(m.server).client, report, true, codes.OK},
	} {
		ctx := t.Context()
		if c.keyed {
			ctx = keyed(t)
		}
		got, err := c.client.ReportBounce(ctx, &notificationv1.ReportBounceRequest{File: c.file})
		if status.Code(err) != c.want || err == nil && got.GetOutcome() != bounceUnknown {
			t.Errorf("%s: %v %v", name, got, err)
		}
	}
	if state := m.stateOf(r.GetName()); state != confirmed {
		t.Errorf("mail is %v", state)
	}
}
