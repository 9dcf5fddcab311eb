package webhook

import (
	"net/http"
	"testing"

	"kompass.krz.de/services/notification/webhook/webhooktest"
)

func TestAsk(t *testing.T) {
	t.Parallel()
	receiver, sender := pair(t)
	echo := func(w http.ResponseWriter, r *http.Request) { // answers with what it is sent
		for name, values := range r.Header {
			w.Header()[name] = values
		}
	}
	for name, c := range map[string]struct {
		behave webhooktest.Behaviour
		class  Class
		rate   int
	}{
		"agrees":                 {webhooktest.Agree(testOrigin, "120"), Delivered, 120},
		"agrees in capitals":     {webhooktest.Agree("KOMPASS.example.de", "*"), Delivered, 0},
		"agrees to everybody":    {webhooktest.Agree("*", ""), Delivered, 0},
		"agrees, nonsense rate":  {webhooktest.Agree("*", "-3"), Delivered, 0},
		"agrees, huge rate":      {webhooktest.Agree("*", "99999999999"), Delivered, 0},
		"agrees to another":      {webhooktest.Agree("eventgrid.example.com", "120"), NoConsent, 0},
		"agrees to a longer one": {webhooktest.Agree(testOrigin+".example.com", ""), NoConsent, 0},
		"any web server":         {webhooktest.Answer(200, "", "Allow", "GET, HEAD, OPTIONS"), NoConsent, 0},
		"echoes":                 {echo, NoConsent, 0},
		"no method":              {webhooktest.Status(405), Rejected, 0},
		"agrees, and fails":      {webhooktest.Answer(500, "", "WebHook-Allowed-Origin", "*"), ServerError, 0},
		"redirects":              {webhooktest.RedirectTo("https://hook.example.com/2"), Redirect, 0},
		"hangs":                  {webhooktest.Hang, Timeout, 0},
	} {
		receiver.Behave(c.behave)
		got, rate := sender.Ask(t.Context(), receiver.URL(webhooktest.Host))
		if got.Class != c.class || rate != c.rate {
			t.Errorf("%s: %+v %d", name, got, rate)
		}
	}
	for _, r := range receiver.Requests() {
		if r.Method != http.MethodOptions || r.Header.Get("WebHook-Request-Origin") != testOrigin || len(r.Body) != 0 || r.Header.Get("Webhook-Signature") != "" {
			t.Errorf("%+v", r)
		}
	}
	sender.origin = "" // an operator forgot it: a missing header is still no consent
	receiver.Behave(webhooktest.Status(200))
	if got, _ := sender.Ask(t.Context(), receiver.URL(webhooktest.Host)); got.Class != NoConsent {
		t.Errorf("%+v", got)
	}
	if got, _ := sender.Ask(t.Context(), "https://127.0.0.2"); got.Class != Refused {
		t.Errorf("%+v", got)
	}
}
