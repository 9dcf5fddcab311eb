package mail

import (
	"encoding/base64"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	aMark  = "abcdefghijklmnopqrstuvwxyz234567abcdefghijklm"
	bMark  = "7654327654327654327654327654327654327654327zy"
	cameTo = "bounces+" + aMark + "@krz.example"
)

// returned is a message as it was sent, in a report.
const returned = "Return-Path: <bounces+" + aMark + "@krz.example>\nFrom: Kompass <kompass@krz.example>\nTo: <amt@buende.example>\nX-Kompass-Return: bounces+" + aMark + "@krz.example\nSubject: Hundesteuer\n\nGuten Tag\n"

// multi is a message of several parts, each with its own header.
func multi(kind, to string, parts ...string) string {
	return "From: MAILER-DAEMON@mx.example\nTo: " + to + "\nSubject: Undelivered\nMIME-Version: 1.0\nContent-Type: " + kind + "; boundary=\"=_grenze/1\"\n\nvor den Teilen\n--=_grenze/1\n" +
		strings.Join(parts, "\n--=_grenze/1\n") + "\n--=_grenze/1--\n"
}

const reportKind = "multipart/report; report-type=delivery-status"

func asStatus(fields string) string {
	return "Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\n" + fields
}

const (
	notice     = "Content-Type: text/plain; charset=us-ascii\n\nYour message could not be delivered: Action: failed, Status: 5.1.1"
	sentWhole  = "Content-Type: message/rfc822\n\n" + returned
	sentHeader = "Content-Type: text/rfc822-headers\n\n" + returned
)

func dsn(fields string) string {
	return multi(reportKind, cameTo, notice, asStatus(fields), sentHeader)
}

func encoded(header, text string) string {
	return header + "Content-Transfer-Encoding: base64\n\n" + base64.StdEncoding.EncodeToString([]byte(text))
}

const qmail = "Return-Path: <>\nTo: " + cameTo + "\nSubject: failure notice\n\nHi. This is the qmail-send program at mx.example.\nI'm afraid I wasn't able to deliver your message to the following addresses.\n" +
	"This is a permanent error; I've given up. Sorry it didn't work out.\n\n<amt@buende.example>:\n%s\n\n--- Below this line is a copy of the message.\n\n" + returned

var shapes = map[string]struct {
	message string
	want    Report
	gone    bool
}{
	"Postfix, unknown": {message: multi(reportKind, cameTo, "Content-Description: Notification\n"+notice,
		asStatus("X-Postfix-Queue-ID: 4711\nX-Postfix-Sender: rfc822; "+cameTo+"\n\nFinal-Recipient: rfc822; amt@buende.example\nOriginal-Recipient: rfc822;amt@buende.example\nAction: failed\nStatus: 5.1.1\nRemote-MTA: dns; mx.buende.example\nDiagnostic-Code: smtp; 550 5.1.1 <amt@buende.example>: Recipient address rejected:\n    User unknown in virtual mailbox table\n"), sentHeader),
		want: Report{Kind: Failed, Code: 550, Status: "5.1.1"}, gone: true},
	"Postfix, given up": {message: dsn("Final-Recipient: rfc822; amt@buende.example\nAction: failed\nStatus: 4.4.1\nDiagnostic-Code: X-Postfix; connect to mx.buende.example[192.0.2.5]:25: Connection timed out\n"),
		want: Report{Kind: Failed, Status: "4.4.1"}},
	"Postfix, delayed": {message: dsn("Final-Recipient: rfc822; amt@buende.example\nAction: delayed\nStatus: 4.4.1\nWill-Retry-Until: Sat, 28 Nov 2026 07:00:00 +0100\n"), want: Report{Kind: Harmless}},
	"Exchange": {message: multi(reportKind, cameTo, "Content-Type: multipart/alternative; differences=Content-Type;\n\tboundary=\"innen\"\n\n--innen\nContent-Type: text/html\n\n<p>Action: failed</p>\n--innen--\n",
		asStatus("Original-Recipient: rfc822;amt@buende.example\nFinal-Recipient: rfc822;amt@buende.example\nAction: failed\nStatus: 5.1.10\nDiagnostic-Code: smtp;550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup\n"), sentWhole),
		want: Report{Kind: Failed, Code: 550, Status: "5.1.10"}, gone: true},
	"Exchange, full":                     {message: dsn("Action: failed\nStatus: 5.2.2\nDiagnostic-Code: smtp;554 5.2.2 mailbox full\n"), want: Report{Kind: Failed, Code: 554, Status: "5.2.2"}},
	"Exchange, not allowed":              {message: dsn("Action: failed\nStatus: 5.7.606\nDiagnostic-Code: smtp;550 5.7.606 Access denied\n"), want: Report{Kind: Failed, Code: 550, Status: "5.7.606"}},
	"Exim, unknown":                      {message: dsn("Action: failed\nFinal-Recipient: rfc822;amt@buende.example\nStatus: 5.0.0\nRemote-MTA: dns; mx.buende.example\nDiagnostic-Code: smtp; 550 5.1.1 <amt@buende.example>: unknown\n"), want: Report{Kind: Failed, Code: 550, Status: "5.1.1"}, gone: true},
	"Exim, full":                         {message: dsn("Action: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 552-5.2.2 The mailbox is over its quota\n"), want: Report{Kind: Failed, Code: 552, Status: "5.2.2"}},
	"Exim, no details":                   {message: dsn("Action: failed\nStatus: 5.0.0\n"), want: Report{Kind: Failed, Status: "5.0.0"}, gone: true},
	"Exim, refused for spam":             {message: dsn("Action: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 554 looks like spam\n"), want: Report{Kind: Failed, Code: 554, Status: "5.0.0"}},
	"closed":                             {message: dsn("Action: failed (bounced)\nStatus: 5.2.1 (mailbox disabled)\n"), want: Report{Kind: Failed, Status: "5.2.1"}, gone: true},
	"the sender is wrong":                {message: dsn("Action: failed\nStatus: 5.1.8\n"), want: Report{Kind: Harmless}},
	"too large":                          {message: dsn("Action: failed\nStatus: 5.3.4\n"), want: Report{Kind: Failed, Status: "5.3.4"}},
	"a failure without codes":            {message: dsn("Action: failed\n"), want: Report{Kind: Failed}},
	"a code without status":              {message: dsn("Action: failed\nDiagnostic-Code: smtp; 550 no such user\n"), want: Report{Kind: Failed, Code: 550}, gone: true},
	"delivered":                          {message: dsn("Action: delivered\nStatus: 2.0.0\n"), want: Report{Kind: Harmless}},
	"several recipients":                 {message: dsn("Action: delayed\nStatus: 4.0.0\n\nAction: failed\nStatus: 5.1.1\n\nAction: failed\nStatus: 5.2.2\n"), want: Report{Kind: Failed, Status: "5.1.1"}, gone: true},
	"several recipients, the worst last": {message: dsn("Action: failed\nStatus: 5.2.2\n\nAction: failed\nStatus: 5.1.1\n\nAction: delivered\nStatus: 2.0.0\n"), want: Report{Kind: Failed, Status: "5.1.1"}, gone: true},
	"shouting, CRLF, and an mbox line": {message: "From MAILER-DAEMON Mon Nov 23 16:00:00 2026\r\n" + strings.ReplaceAll(strings.NewReplacer("Action: failed", "ACTION: Failed", aMark, strings.ToUpper(aMark)).Replace(dsn("Action: failed\nStatus: 5.1.1\n")), "\n", "\r\n"),
		want: Report{Kind: Failed, Status: "5.1.1"}, gone: true},
	"base64": {message: multi(reportKind, cameTo, notice, encoded("Content-Type: message/delivery-status\n", "Reporting-MTA: dns; x\n\nAction: failed\nStatus: 5.1.1\n"), encoded("Content-Type: message/rfc822\n", returned)),
		want: Report{Kind: Failed, Status: "5.1.1"}, gone: true},
	"quoted-printable": {message: multi(reportKind, cameTo, "Content-Type: message/delivery-status\nContent-Transfer-Encoding: quoted-printable\n\nReporting-MTA: dns; x\n\nAction: fai=\nled\nStatus:=205.1.1\n"),
		want: Report{Kind: Failed, Status: "5.1.1"}, gone: true},
	"passed on as an attachment": {message: multi("multipart/mixed", cameTo, "Content-Type: text/plain\n\nzur Kenntnis", "Content-Type: message/rfc822\n\n"+strings.ReplaceAll(dsn("Action: failed\nStatus: 5.1.1\n"), "=_grenze/1", "=_innen")),
		want: Report{Kind: Failed, Status: "5.1.1"}, gone: true},
	"with a notice of some gateway around it": {message: multi("multipart/mixed", cameTo, strings.SplitAfterN(strings.ReplaceAll(dsn("Action: failed\nStatus: 5.1.1\n"), "=_grenze/1", "=_innen"), "MIME-Version: 1.0\n", 2)[1], "Content-Type: text/plain\n\nVorsicht, von außen"),
		want: Report{Kind: Failed, Status: "5.1.1"}, gone: true},
	"a boundary that no standard allows": {message: strings.Replace(dsn("Action: failed\nStatus: 5.1.1\n"), `boundary="=_grenze/1"`, `boundary==_grenze/1`, 1), want: Report{Kind: Failed, Status: "5.1.1"}, gone: true},
	"cut off":                            {message: strings.SplitAfter(dsn("Action: failed\nStatus: 5.1.1\n"), "failed\nStatus: 5.1.1\n")[0] + "Final-Rec", want: Report{Kind: Failed, Status: "5.1.1"}, gone: true},
	"huge":                               {message: dsn("Action: failed\nStatus: 5.1.1\n") + strings.Repeat("Hundesteuer\n", 90_000), want: Report{Kind: Failed, Status: "5.1.1"}, gone: true},
	"qmail":                              {message: strings.Replace(qmail, "%s", "192.0.2.5 does not like recipient.\nRemote host said: 550 5.1.1 unknown\nGiving up on 192.0.2.5.", 1), want: Report{Kind: Failed, Code: 550, Status: "5.1.1"}, gone: true},
	"qmail, its own code":                {message: strings.Replace(qmail, "%s", "Sorry, no mailbox here by that name. (#5.1.1)", 1), want: Report{Kind: Failed, Status: "5.1.1"}, gone: true},
	"qmail, no code":                     {message: strings.Replace(qmail, "%s", "Sorry.", 1), want: Report{Kind: Failed}},
	"a complaint": {message: multi("multipart/report; report-type=feedback-report", "fbl@krz.example", notice,
		"Content-Type: message/feedback-report\n\nFeedback-Type: abuse\nUser-Agent: Beschwerden/1.0\nVersion: 1\n", sentWhole), want: Report{Kind: Complaint}},
	"feedback that complains about nothing": {message: multi("multipart/report; report-type=feedback-report", cameTo,
		"Content-Type: message/feedback-report\n\nFeedback-Type: not-spam\nOriginal-Mail-From: <"+cameTo+">\n"), want: Report{Kind: Harmless}},
	"a note of absence":              {message: "To: " + cameTo + "\nAuto-Submitted: auto-replied\nSubject: Abwesend\n\nHi. This is the office of\nsomebody who is away.\nStatus: 5.1.1\nAction: failed\n"},
	"an answer with what it answers": {message: "To: " + cameTo + "\n\nDanke! (#5.1.1)\n\n<kompass@krz.example> schrieb:\n---\nHundesteuer\n"},
	"a receipt": {message: multi("multipart/report; report-type=disposition-notification", cameTo, notice,
		"Content-Type: message/disposition-notification\n\nFinal-Recipient: rfc822;amt@buende.example\nDisposition: manual-action; displayed\n", sentWhole)},
	"words about a failure":      {message: multi("multipart/mixed", cameTo, notice, "Content-Type: text/plain\n\nAction: failed\nStatus: 5.1.1\n")},
	"a status without an action": {message: dsn("Status: 5.1.1\n")},
	"Exim of long ago":           {message: "To: " + cameTo + "\nX-Failed-Recipients: amt@buende.example\n\nThis message was created automatically by mail delivery software.\n"},
}

// TestReports: what mail servers write is understood, and nothing else is taken for it.
func TestReports(t *testing.T) {
	t.Parallel()
	for name, shape := range shapes {
		got := ReadReport([]byte(shape.message), "")
		if len(got.Marks) != 1 || got.Marks[0] != aMark {
			t.Errorf("%s: marks %v", name, got.Marks)
		}
		if got.Kind != shape.want.Kind || got.Status != shape.want.Status || got.Code != shape.want.Code || got.Gone() != shape.gone {
			t.Errorf("%s: %+v, gone %v", name, got, got.Gone())
		}
	}
}

// TestMarks: where a message came to counts first, what is no mark not at all.
func TestMarks(t *testing.T) {
	t.Parallel()
	bare := strings.NewReplacer("+"+aMark, "").Replace(dsn("Action: failed\nStatus: 5.1.1\n"))
	for name, c := range map[string]struct {
		message, to string
		want        []string
	}{
		"none":                   {message: bare},
		"by the mail server":     {message: bare, to: strings.ToUpper("bounces+" + bMark + "@krz.example"), want: []string{bMark}},
		"both":                   {message: dsn("Action: failed\n"), to: "<bounces+" + bMark + "@krz.example>", want: []string{bMark, aMark}},
		"in Delivered-To":        {message: "Delivered-To: bounces+" + bMark + "@krz.example\n" + bare, want: []string{bMark}},
		"in X-Original-To":       {message: "X-Original-To: bounces+" + bMark + "@krz.example\n" + bare, want: []string{bMark}},
		"in the returned header": {message: multi(reportKind, "bounces@krz.example", notice, asStatus("Action: failed\n"), sentWhole), want: []string{aMark}},
		"in the words alone":     {message: multi(reportKind, "bounces@krz.example", "Content-Type: text/plain\n\n"+cameTo, asStatus("Action: failed\n"))},
		"too short":              {message: bare, to: "bounces+" + bMark[1:] + "@krz.example"},
		"too long":               {message: bare, to: "bounces+a" + bMark + "@krz.example"},
		"no letters or digits":   {message: bare, to: "bounces+" + bMark[1:] + "1@krz.example"},
	} {
		if got := ReadReport([]byte(c.message), c.to); !slices.Equal(got.Marks, c.want) || got.Kind != Failed {
			t.Errorf("%s: %+v", name, got)
		}
	}
	var many strings.Builder
	for i := range 100 {
		many.WriteString("To: b+" + strings.Repeat(string(rune('a'+i%26)), MarkLength-1) + string(rune('a'+i/26)) + "@k.example\n")
	}
	if got := ReadReport([]byte(many.String()+bare), ""); len(got.Marks) != maxMarks {
		t.Errorf("%d marks", len(got.Marks))
	}
}

// TestReportsTakeNoTime: what is made to keep the reader busy does not.
func TestReportsTakeNoTime(t *testing.T) {
	t.Parallel()
	deep := "x"
	for range 200 {
		deep = "Content-Type: message/rfc822\n\n" + deep
	}
	nest := strings.Repeat("Content-Type: multipart/mixed; boundary=a\n\n--a\n", 5000)
	for name, message := range map[string]string{
		"folded":       "To: x\n" + strings.Repeat(" \n y\n", 1<<18),
		"deep":         deep,
		"nested":       nest,
		"many parts":   multi(reportKind, cameTo, slices.Repeat([]string{asStatus("Action: failed\n")}, 20_000)...),
		"many groups":  dsn(strings.Repeat("Action: failed\nStatus: 5.1.1\n\n", 30_000)),
		"many fields":  strings.Repeat("A: b\n", 200_000),
		"no end":       strings.Repeat("a", 1<<20),
		"one boundary": "Content-Type: multipart/mixed; boundary=a\n\n" + strings.Repeat("--a\n", 1<<18),
	} {
		begin := time.Now()
		ReadReport([]byte(message), "")
		if took := time.Since(begin); took > 5*time.Second {
			t.Errorf("%s: %v", name, took)
		}
	}
}

var (
	markForm   = regexp.MustCompile(`^[a-z2-7]{45}$`)
	statusForm = regexp.MustCompile(`^([245]\.[0-9]{1,3}\.[0-9]{1,3})?$`)
)

// FuzzReport: whatever comes, an answer has the forms that go on into journal and log, and only a failure has a status.
func FuzzReport(f *testing.F) {
	for _, shape := range shapes {
		if len(shape.message) < 10_000 {
			f.Add([]byte(shape.message), "")
		}
	}
	f.Add([]byte("\n\n"), cameTo)
	f.Fuzz(func(t *testing.T, message []byte, to string) {
		got := ReadReport(message, to)
		if len(got.Marks) > maxMarks || slices.ContainsFunc(got.Marks, func(m string) bool { return !markForm.MatchString(m) }) {
			t.Errorf("marks %q", got.Marks)
		}
		if !statusForm.MatchString(got.Status) || got.Code != 0 && (got.Code < 200 || got.Code > 599) || got.Kind != Failed && (got.Status != "" || got.Code != 0 || got.Gone()) {
			t.Errorf("%+v", got)
		}
	})
}

// TestReturnAddress: each message comes back to an address of its own, that every mail server takes.
func TestReturnAddress(t *testing.T) {
	t.Parallel()
	for address, good := range map[string]bool{
		"bounces@kompass.example.org": true, "b.o-u_n1@k.example": true, strings.Repeat("a", 18) + "@k.example": true,
		strings.Repeat("a", 19) + "@k.example": false, "Kompass <b@k.example>": false, "b+x@k.example": false, "kompass.example.org": false, "": false, "ä@k.example": false,
		"b@" + strings.Repeat("a.", 110) + "example": false,
	} {
		if err := CheckReturn(address); (err == nil) != good {
			t.Errorf("%q: %v", address, err)
		}
	}
}
