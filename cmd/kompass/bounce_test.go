package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"kompass.krz.de/services/notification/mail/mailtest"
)

// bounce pipes a message to kompass bounce, as a mail server does.
func bounce(t *testing.T, message []byte, args ...string) (out string, code int) {
	t.Helper()
	cmd := exec.Command(binary, append([]string{"bounce"}, args...)...)
	cmd.Stdin = bytes.NewReader(message)
	text, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return string(text), cmd.ProcessState.ExitCode()
}

// undeliverable is the report that a mail server writes about a message to an address, with the message.
func undeliverable(sent mailtest.Mail, code string) []byte {
	return fmt.Appendf(nil, "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example\nTo: %s\nContent-Type: multipart/report; report-type=delivery-status; boundary=grenze\n\n"+
		"--grenze\n\n<%s>: no such user\n--grenze\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example\n\nFinal-Recipient: rfc822; %s\nAction: failed\nStatus: %s\n"+
		"--grenze\nContent-Type: message/rfc822\n\n%s\n--grenze--\n", sent.From, sent.To, sent.To, code, sent.Data)
}

// TestBounce goes the whole way of a message that comes back: the mail server takes it, and pipes what it learns later to kompass
// bounce. Nothing of the address stays behind anywhere.
func TestBounce(t *testing.T) {
	t.Parallel()
	const address = "weggezogen.geheim@herford.example"
	server, dir := mailtest.Start(t, false), t.TempDir()
	flags := []string{"--demo", "--smtp-url", "smtp+plain://" + server.Address, "--mail-from", "Kompass <kompass@krz.example>", "--mail-return", "rueck@krz.example", "--public-url", "https://kompass.example"}
	p := start(t, dir, flags...)
	const recipient = "/v1/recipients/herford"
	enter := func(method, path string) {
		t.Helper()
		p.do(http.StatusOK, method, path, `{"displayName":"OZG Herford","mailAddress":"`+address+`"}`)
	}
	enter(http.MethodPost, "/v1/recipients?recipientId=herford")
	p.do(http.StatusOK, http.MethodPost, "/v1/subscriptions", `{"displayName":"Lösungen","recipient":"recipients/herford","mail":true,"kinds":["KIND_SOLUTION"]}`)
	confirm := func(n int) {
		t.Helper()
		_, page, query := awaitMail(t, server, n)
		response, err := http.Post(p.url+page, "application/x-www-form-urlencoded", strings.NewReader(query.Encode()))
		if err != nil || response.Body.Close() != nil || response.StatusCode != http.StatusOK {
			t.Fatalf("%v %v", response, err)
		}
	}
	confirm(1)
	p.do(http.StatusOK, http.MethodPost, "/v1/solutions?solutionId=eins", `{"displayName":"Hundesteuer online","kind":"KIND_FORM"}`)
	awaitMail(t, server, 2)
	sent := server.Mails()[1]
	if !strings.HasPrefix(sent.From, "rueck+") || sent.From == server.Mails()[0].From {
		t.Errorf("it comes back to %s", sent.From)
	}
	here := []string{"--url", p.url, "--data", dir}
	report := undeliverable(sent, "5.1.1")
	wrong := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(wrong, []byte("falsch"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		message []byte
		args    []string
		code    int
		out     string
	}{
		"no report":       {[]byte("To: " + sent.From + "\n\nAbwesend\n"), here, 0, "NO_REPORT"},
		"nothing":         {nil, here, 0, "empty"},
		"not ours":        {bytes.ReplaceAll(report, []byte(sent.From), []byte("rueck@krz.example")), here, 0, "UNKNOWN"},
		"one that passes": {undeliverable(sent, "4.2.2"), here, 0, "recipients/herford NOTED 4.2.2"},
		"a wrong key":     {report, []string{"--url", p.url, "--token-file", wrong}, exitRetry, "401"},
		"no key":          {report, []string{"--url", p.url, "--data", t.TempDir()}, exitRetry, "key is needed"},
		"nobody there":    {report, []string{"--url", "http://127.0.0.1:1", "--data", dir}, exitRetry, "no platform answers"},
		"no such flag":    {report, append([]string{"--eile"}, here...), exitRetry, "eile"},
		"no address":      {report, append(here, "--to", strings.Repeat("x", 400)), exitMalformed, "kompass:"},
	} {
		if out, code := bounce(t, c.message, c.args...); code != c.code || !strings.Contains(out, c.out) || strings.Contains(out, "geheim") {
			t.Errorf("%s: %d %s", name, code, out)
		}
	}
	if state := at(p.get(recipient), "mailState"); state != "MAIL_STATE_CONFIRMED" {
		t.Fatalf("mail stands at %v", state)
	}
	large := append(bytes.Clone(report), bytes.Repeat([]byte("Hundesteuer\n"), 1<<18)...)
	if out, code := bounce(t, large, append(here, "--to", sent.From)...); code != 0 || out != "recipients/herford PAUSED 5.1.1\n" {
		t.Errorf("%d %s", code, out)
	}
	if state := at(p.get(recipient), "mailState"); state != "MAIL_STATE_PAUSED" {
		t.Errorf("mail stands at %v", state)
	}
	p.do(http.StatusOK, http.MethodPost, "/v1/solutions?solutionId=zwei", `{"displayName":"Gewerbesteuer online","kind":"KIND_FORM"}`)
	time.Sleep(500 * time.Millisecond)
	if n := len(server.Mails()); n != 2 {
		t.Errorf("%d messages to an address that is paused", n)
	}
	p.kill()
	before := p.log.String()
	p = start(t, dir, flags...)
	enter(http.MethodPatch, recipient+"?updateMask=mailAddress")
	confirm(3)
	p.do(http.StatusOK, http.MethodPost, "/v1/solutions?solutionId=drei", `{"displayName":"Grundsteuer online","kind":"KIND_FORM"}`)
	awaitMail(t, server, 4)
	a, err := p.try(http.MethodPost, "/v1/mail:bounce", string(undeliverable(server.Mails()[3], "5.2.1")), "Idempotency-Key", "einmal", "Content-Type", "message/rfc822")
	if err != nil || a.status != http.StatusOK || at(a.json(t), "outcome") != "OUTCOME_PAUSED" {
		t.Errorf("%+v %v", a, err)
	}
	p.do(http.StatusOK, http.MethodPost, recipient+":erase", `{}`)
	if p.stop(); anywhere(t, dir, address) {
		t.Error("the address is still in the data directory")
	}
	if strings.Contains(before+p.log.String(), "geheim") {
		t.Error("the address is in the log")
	}
}
