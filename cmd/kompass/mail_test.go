package main

import (
	"bytes"
	"io"
	"io/fs"
	"net/http"
	netmail "net/mail"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"kompass.krz.de/services/notification/mail/mailtest"
)

var mailLink = regexp.MustCompile(`https://kompass\.example(/mail/[a-z]+)\?(\S+)`)

// awaitMail waits for the n-th message (from 1) and answers its header, and path and query of its last link that says yes or no.
func awaitMail(tb testing.TB, server *mailtest.Server, n int) (header netmail.Header, page string, query url.Values) {
	tb.Helper()
	for limit := time.Now().Add(30 * time.Second); len(server.Mails()) < n; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(limit) {
			tb.Fatalf("%d messages, want %d", len(server.Mails()), n)
		}
	}
	letter, err := netmail.ReadMessage(bytes.NewReader(server.Mails()[n-1].Data))
	if err != nil {
		tb.Fatal(err)
	}
	body, err := io.ReadAll(letter.Body)
	if err != nil {
		tb.Fatal(err)
	}
	text, _, _ := strings.Cut(strings.NewReplacer("=\r\n", "", "=3D", "=").Replace(string(body)), "text/html")
	found := mailLink.FindStringSubmatch(text)
	if found == nil {
		tb.Fatalf("no link in %s", text)
	}
	if query, err = url.ParseQuery(found[2]); err != nil {
		tb.Fatal(err)
	}
	return letter.Header, found[1], query
}

// TestMail goes the whole way of an address over REST: asked, confirmed by the page of the mail, told what happens across a power cut,
// unsubscribed by one click, and erased so that no byte of it is left.
func TestMail(t *testing.T) {
	t.Parallel()
	const address = "ozg-stelle.geheim@herford.example"
	server, dir := mailtest.Start(t, false), t.TempDir()
	flags := []string{"--demo", "--smtp-url", "smtp+plain://" + server.Address, "--mail-from", "Kompass <kompass@krz.example>", "--public-url", "https://kompass.example"}
	p := start(t, dir, flags...)
	const recipient = "/v1/recipients/herford"
	p.do(http.StatusOK, http.MethodPost, "/v1/recipients?recipientId=herford&requestId=r1", `{"displayName":"OZG Herford","mailAddress":"`+address+`"}`)
	p.do(http.StatusOK, http.MethodPost, "/v1/subscriptions?subscriptionId=alles", `{"displayName":"Lösungen","recipient":"recipients/herford","mail":true,"kinds":["KIND_SOLUTION"]}`)
	_, page, query := awaitMail(t, server, 1)
	form := func(path, body string) int {
		t.Helper()
		response, err := http.Post(p.url+path, "application/x-www-form-urlencoded", strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		return response.StatusCode
	}
	if page != "/mail/confirm" || form(page, query.Encode()) != http.StatusOK {
		t.Fatalf("%s with %v", page, query)
	}
	if state := at(p.get(recipient), "mailState"); state != "MAIL_STATE_CONFIRMED" {
		t.Fatalf("mail stands at %v", state)
	}
	p.do(http.StatusOK, http.MethodPost, "/v1/solutions?solutionId=eins", `{"displayName":"Hundesteuer online","kind":"KIND_FORM"}`)
	first, _, _ := awaitMail(t, server, 2)
	p.kill()
	before := p.log.String()
	p = start(t, dir, flags...)
	p.do(http.StatusOK, http.MethodPost, "/v1/solutions?solutionId=zwei", `{"displayName":"Gewerbesteuer online","kind":"KIND_FORM"}`)
	last, page, _ := awaitMail(t, server, 3)
	if first.Get("Message-Id") == last.Get("Message-Id") { // killed before it was noted that the server has it: the same comes again
		last, page, _ = awaitMail(t, server, 4)
	}
	if first.Get("Message-Id") == last.Get("Message-Id") || page != "/mail/unsubscribe" {
		t.Errorf("%v and %v, %s", first, last, page)
	}
	click, err := url.Parse(strings.Trim(last.Get("List-Unsubscribe"), "<>"))
	if err != nil || form(click.RequestURI(), last.Get("List-Unsubscribe-Post")) != http.StatusOK {
		t.Errorf("one click at %v: %v", click, err)
	}
	if state := at(p.get(recipient), "mailState"); state != "MAIL_STATE_UNSUBSCRIBED" {
		t.Errorf("mail stands at %v", state)
	}
	if !anywhere(t, dir, address) {
		t.Error("the address is nowhere: the search would find nothing")
	}
	p.do(http.StatusOK, http.MethodPost, recipient+":erase", `{}`)
	if p.stop(); anywhere(t, dir, address) {
		t.Error("the address is still in the data directory")
	}
	if strings.Contains(before+p.log.String(), "geheim") {
		t.Error("the address is in the log")
	}
}

// anywhere tells whether a file below a directory holds a text.
func anywhere(t *testing.T, dir, text string) (found bool) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return nil //nolint:nilerr // what is gone holds nothing
		}
		data, _ := os.ReadFile(path)
		found = found || bytes.Contains(data, []byte(text))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// TestMailSettings: what is missing or unsafe is named before anything starts.
func TestMailSettings(t *testing.T) {
	t.Parallel()
	secret := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(secret, []byte("geheim\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for want, args := range map[string][]string{
		"--mail-from: mail needs":        {"--smtp-url", "smtp://mail.example.org", "--public-url", "https://k.example"},
		"--public-url: mail needs":       {"--smtp-url", "smtp://mail.example.org", "--mail-from", "k@example.org"},
		"--smtp-url: mail server: the p": {"--smtp-url", "smtp://u:geheim@mail.example.org", "--mail-from", "k@example.org", "--public-url", "https://k.example"},
		"--smtp-url: mail server: witho": {"--smtp-url", "smtp+plain://mail.example.org", "--mail-from", "k@example.org", "--public-url", "https://k.example"},
		"--smtp-password-file: everybod": {"--smtp-url", "smtp://u@mail.example.org", "--smtp-password-file", secret, "--mail-from", "k@example.org", "--public-url", "https://k.example"},
		"--smtp-url: mail server: neith": {"--smtp-url", "http://mail.example.org", "--mail-from", "unsinn", "--public-url", "https://k.example"},
		"--mail-from: mail needs a send": {"--smtp-url", "http://mail.example.org", "--mail-from", "unsinn", "--public-url", "https://k.example"},
		`--public-url: "http://k.exampl`: {"--smtp-url", "smtp://mail.example.org", "--mail-from", "k@example.org", "--public-url", "http://k.example"},
		`--public-url: "https://k.examp`: {"--smtp-url", "smtp://mail.example.org", "--mail-from", "k@example.org", "--public-url", "https://k.example?x"},
		"--mail-from: says nothing":      {"--mail-from", "k@example.org"},
		"--mail-return: says nothing":    {"--mail-return", "b@example.org"},
		"--mail-return: letters, digits": {"--smtp-url", "smtp://mail.example.org", "--mail-from", "k@example.org", "--public-url", "https://k.example", "--mail-return", "b+x@example.org"},
		"--mail-return: at most 18":      {"--smtp-url", "smtp://u:geheim@mail.example.org", "--mail-from", "k@example.org", "--public-url", "https://k.example", "--mail-return", "a-bit-more-than-short@example.org"},
	} {
		if out, code := kompass(t, append([]string{"serve", "--data", t.TempDir()}, args...)...); code != exitUsage || !strings.Contains(out, want) || strings.Contains(out, "geheim") {
			t.Errorf("%v: %d %s", args, code, out)
		}
	}
}
