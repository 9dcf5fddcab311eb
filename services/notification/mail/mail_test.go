package mail

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	netmail "net/mail"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"kompass.krz.de/services/notification/mail/mailtest"
)

const reader = "ozg-stelle@buende.example"

func relayTo(t *testing.T, s *mailtest.Server, scheme, user, password string) *Relay {
	t.Helper()
	if user != "" {
		user += "@"
	}
	r, err := NewRelay(Config{URL: scheme + "://" + user + s.Address, Password: password, From: "Kompass Lippe <kompass@krz.example>", TLS: s.Trust})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func news(t *testing.T) *Message {
	t.Helper()
	content, err := Tell(News{
		Recipient: "OZG-Stelle Bünde <script>", Items: []Item{{Summary: "Neue Lösung im Marktplatz: „Hundesteuer“ & mehr", Time: "23. November 2026, 07:00"}},
		Leave: "https://k.example/mail?x=1&token=t",
	}, false)
	if err != nil {
		t.Fatal(err)
	}
	return &Message{To: reader, ID: "krz.marketplace.4711.buende", Date: time.Date(2026, 11, 23, 7, 0, 0, 0, time.UTC), Thread: "solutions/hund",
		Unsubscribe: "https://k.example/mail/unsubscribe?token=" + strings.Repeat("t", 64), Content: content}
}

// parts are the parts of a message by their type, decoded.
func parts(t *testing.T, m *netmail.Message) map[string]string {
	t.Helper()
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/alternative" {
		t.Fatalf("Content-Type %q: %v", kind, err)
	}
	found := map[string]string{}
	for r := multipart.NewReader(m.Body, params["boundary"]); ; {
		p, err := r.NextRawPart()
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(quotedprintable.NewReader(p))
		if err != nil {
			t.Fatal(err)
		}
		kind, params, _ := mime.ParseMediaType(p.Header.Get("Content-Type"))
		if !strings.EqualFold(params["charset"], "utf-8") {
			t.Errorf("%s has the charset %q", kind, params["charset"])
		}
		found[kind] = strings.ReplaceAll(string(body), "\r\n", "\n")
	}
}

// TestWhereItComesBack: without an address for that a message comes back to its sender; with one to a return address of its own, and
// then no more than its header is asked for.
func TestWhereItComesBack(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t, false)
	for _, c := range []struct{ back, mark, from, asked string }{
		{"", aMark, "kompass@krz.example", ""},
		{"bounces@rueck.example", "", "kompass@krz.example", "HDRS FAILURE"},
		{"bounces@rueck.example", aMark, "bounces+" + aMark + "@rueck.example", "HDRS FAILURE"},
	} {
		r, err := NewRelay(Config{URL: "smtp://" + server.Address, From: "Kompass <kompass@krz.example>", Return: c.back, TLS: server.Trust})
		if err != nil {
			t.Fatal(err)
		}
		m := news(t)
		m.Mark = c.mark
		if got := r.Send(t.Context(), m); got.Outcome != Delivered {
			t.Fatalf("%+v", got)
		}
		taken := server.Mails()
		last := taken[len(taken)-1]
		letter, err := netmail.ReadMessage(bytes.NewReader(last.Data))
		if err != nil {
			t.Fatal(err)
		}
		if said := letter.Header.Get(returnHeader); last.From != c.from || last.Return != c.asked || said != "" && said != c.from || (said == "") != (c.from == "kompass@krz.example") {
			t.Errorf("%+v: %s %q, header %q", c, last.From, last.Return, said)
		}
	}
	if _, err := NewRelay(Config{URL: "smtp://mail.example.org", From: "k@k.example", Return: "x+y@k.example"}); err == nil {
		t.Error("a return address with a mark of its own is taken")
	}
}

func TestMessageAsItArrives(t *testing.T) {
	t.Parallel()
	for _, direct := range []bool{false, true} {
		server := mailtest.Start(t, direct)
		server.User, server.Password = "kompass", "geheim"
		scheme := map[bool]string{false: "smtp", true: "smtps"}[direct]
		if got := relayTo(t, server, scheme, "kompass", "geheim").Send(t.Context(), news(t)); got.Outcome != Delivered {
			t.Fatalf("%s: %+v", scheme, got)
		}
		taken := server.Mails()
		if len(taken) != 1 || !taken[0].Encrypted || taken[0].User != "kompass" || taken[0].To != reader || taken[0].From != "kompass@krz.example" {
			t.Fatalf("%s: %+v", scheme, taken)
		}
		m, err := netmail.ReadMessage(bytes.NewReader(taken[0].Data))
		if err != nil {
			t.Fatal(err)
		}
		subject, err := new(mime.WordDecoder).DecodeHeader(m.Header.Get("Subject"))
		if err != nil || subject != "Neue Lösung im Marktplatz: „Hundesteuer“ & mehr" {
			t.Errorf("subject %q %v", subject, err)
		}
		root := "<" + threadID("solutions/hund") + "@krz.example>"
		for name, want := range map[string]string{
			"From": `"Kompass Lippe" <kompass@krz.example>`, "To": "<" + reader + ">", "Message-ID": "<krz.marketplace.4711.buende@krz.example>",
			"In-Reply-To": root, "References": root, "Auto-Submitted": "auto-generated",
			"List-Unsubscribe":      "<https://k.example/mail/unsubscribe?token=" + strings.Repeat("t", 64) + ">",
			"List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
			"User-Agent":            "", "X-Mailer": "",
		} {
			if got := m.Header.Get(name); got != want {
				t.Errorf("%s: %q, want %q", name, got, want)
			}
		}
		if date, err := m.Header.Date(); err != nil || !date.Equal(news(t).Date) {
			t.Errorf("date %v %v", date, err)
		}
		found := parts(t, m)
		if text := found["text/plain"]; !strings.Contains(text, "„Hundesteuer“ & mehr\n") || !strings.Contains(text, "https://k.example/mail?x=1&token=t\n") {
			t.Errorf("text: %s", text)
		}
		html := found["text/html"]
		if !strings.Contains(html, "„Hundesteuer“ &amp; mehr</strong>") || !strings.Contains(html, "Bünde &lt;script&gt;") || strings.Contains(html, "<img") || strings.Count(html+found["text/plain"], "https://") != 2 || !strings.Contains(html, `<html lang="de">`) {
			t.Errorf("HTML: %s", html)
		}
	}
}

// TestOutcomes: what a server says decides, and nothing that is kept of it quotes an address.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	refuse := func(code int, detail smtp.EnhancedCode) error {
		return &smtp.SMTPError{Code: code, EnhancedCode: detail, Message: "no " + reader}
	}
	for name, c := range map[string]struct {
		rcpt, data error
		want       Result
	}{
		"unknown":      {rcpt: refuse(550, smtp.EnhancedCode{5, 1, 1}), want: Result{Unwanted, ClassRecipient, 550, "5.1.1"}},
		"closed":       {rcpt: refuse(550, smtp.EnhancedCode{5, 2, 1}), want: Result{Unwanted, ClassRecipient, 550, "5.2.1"}},
		"no details":   {rcpt: refuse(550, smtp.NoEnhancedCode), want: Result{Unwanted, ClassRecipient, 550, ""}},
		"greylisted":   {rcpt: refuse(451, smtp.EnhancedCode{4, 7, 1}), want: Result{Later, ClassRecipient, 451, "4.7.1"}},
		"full":         {rcpt: refuse(552, smtp.EnhancedCode{5, 2, 2}), want: Result{Later, ClassRecipient, 552, "5.2.2"}},
		"no relaying":  {rcpt: refuse(550, smtp.EnhancedCode{5, 7, 1}), want: Result{Later, ClassRecipient, 550, "5.7.1"}},
		"unknown late": {data: refuse(550, smtp.EnhancedCode{5, 1, 1}), want: Result{Unwanted, ClassRecipient, 550, "5.1.1"}},
		"late, vague":  {data: refuse(550, smtp.NoEnhancedCode), want: Result{Refused, ClassMessage, 550, ""}},
		"spam":         {data: refuse(554, smtp.EnhancedCode{5, 7, 1}), want: Result{Refused, ClassMessage, 554, "5.7.1"}},
		"busy":         {data: refuse(452, smtp.EnhancedCode{4, 3, 1}), want: Result{Later, ClassMessage, 452, "4.3.1"}},
		"all in order": {want: Result{Outcome: Delivered}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := mailtest.Start(t, false)
			server.Judge = func(string) error { return c.rcpt }
			server.Accept = func(mailtest.Mail) error { return c.data }
			if got := relayTo(t, server, "smtp", "", "").Send(t.Context(), news(t)); got != c.want {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}

// TestNeverInTheClear: without TLS, with a certificate that nobody vouches for and with a wrong password nothing is handed over.
func TestNeverInTheClear(t *testing.T) {
	t.Parallel()
	server := mailtest.Start(t, false)
	server.User, server.Password = "kompass", "geheim"
	trusted := server.Trust
	for name, c := range map[string]struct {
		scheme, password string
		trust            bool
		code             int
		detail           string
	}{
		"wrong password":      {"smtp", "falsch", true, 535, "login"},
		"unknown certificate": {"smtp", "geheim", false, 0, "certificate"},
		"TLS where is none":   {"smtps", "geheim", true, 0, "no TLS"},
		"plain":               {"smtp+plain", "geheim", true, 0, ""},
	} {
		config := Config{URL: c.scheme + "://kompass@" + server.Address, Password: c.password, From: "k@krz.example"}
		if c.trust {
			config.TLS = trusted
		}
		r, err := NewRelay(config)
		if err != nil {
			t.Fatal(err)
		}
		if got := r.Send(t.Context(), news(t)); got.Outcome != Later || got.Class != ClassConnection || got.Detail != c.detail || c.code != 0 && got.Code != c.code {
			t.Errorf("%s: %+v", name, got)
		}
	}
	if n := len(server.Mails()); n != 0 {
		t.Errorf("%d messages got through", n)
	}
	server.Address = "127.0.0.1:1"
	if got := relayTo(t, server, "smtp", "", "").Send(t.Context(), news(t)); got != (Result{Outcome: Later, Class: ClassConnection, Detail: "unreachable"}) {
		t.Errorf("nobody there: %+v", got)
	}
}

func TestConfigurations(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		config Config
		fits   bool
	}{
		"STARTTLS":            {Config{URL: "smtp://mail.example.org", From: "k@example.org"}, true},
		"TLS":                 {Config{URL: "smtps://u@mail.example.org:465", Password: "p", From: "K <k@example.org>"}, true},
		"plain on loopback":   {Config{URL: "smtp+plain://127.0.0.1:2525", From: "k@example.org"}, true},
		"plain elsewhere":     {Config{URL: "smtp+plain://mail.example.org", From: "k@example.org"}, false},
		"password in the URL": {Config{URL: "smtp://u:p@mail.example.org", From: "k@example.org"}, false},
		"user without":        {Config{URL: "smtp://u@mail.example.org", From: "k@example.org"}, false},
		"password without":    {Config{URL: "smtp://mail.example.org", Password: "p", From: "k@example.org"}, false},
		"another scheme":      {Config{URL: "https://mail.example.org", From: "k@example.org"}, false},
		"no URL":              {Config{URL: "mail.example.org:587", From: "k@example.org"}, false},
		"no sender":           {Config{URL: "smtp://mail.example.org", From: "kompass"}, false},
	} {
		if _, err := NewRelay(c.config); (err == nil) != c.fits {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestTexts: both languages have every text, and a digest says how much it leaves out.
func TestTexts(t *testing.T) {
	t.Parallel()
	items := []Item{{Summary: "A", Time: "t"}, {Summary: "B", Time: "t"}}
	for _, english := range []bool{false, true} {
		consent, err := AskConsent(Consent{Recipient: "Amt", Confirm: "https://k.example/mail?a=1&b=2", Days: 7}, english)
		if err != nil || !strings.Contains(consent.Text, "https://k.example/mail?a=1&b=2\n") || !strings.Contains(consent.HTML, `href="https://k.example/mail?a=1&amp;b=2"`) {
			t.Errorf("%v %v", consent, err)
		}
		digest, err := Tell(News{Recipient: "Amt", Subscription: "Hundesteuer", Items: items, More: 5, Leave: "https://k.example/l"}, english)
		want := map[bool]string{false: "Hundesteuer: 7 Änderungen", true: "Hundesteuer: 7 changes"}[english]
		if err != nil || digest.Subject != want || !strings.Contains(digest.Text, "\nA\n") || !strings.Contains(digest.Text, " 5 ") {
			t.Errorf("%+v %v", digest, err)
		}
	}
}
