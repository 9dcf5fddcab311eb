package gateway

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/test/bufconn"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
)

// consents answers what mails link to.
type consents struct {
	notificationv1.UnimplementedNotificationServiceServer
	confirmed, unsubscribed atomic.Int32
}

const goodToken = "Gut-Token_1"

func (c *consents) judge(name, token string, counter *atomic.Int32) (*notificationv1.Recipient, error) {
	if name != "recipients/amt" || token != goodToken {
		return nil, refusal(codes.PermissionDenied, "TOKEN_INVALID", "Dieser Link gilt nicht.", "This link is not valid.")
	}
	counter.Add(1)
	return &notificationv1.Recipient{Name: name}, nil
}

func (c *consents) ConfirmRecipient(_ context.Context, r *notificationv1.ConfirmRecipientRequest) (*notificationv1.Recipient, error) {
	return c.judge(r.GetName(), r.GetToken(), &c.confirmed)
}

func (c *consents) UnsubscribeRecipient(_ context.Context, r *notificationv1.UnsubscribeRecipientRequest) (*notificationv1.Recipient, error) {
	return c.judge(r.GetName(), r.GetToken(), &c.unsubscribed)
}

func newConsents(t *testing.T) (*consents, string) {
	t.Helper()
	c, server, listener := &consents{}, grpc.NewServer(), bufconn.Listen(1<<20)
	notificationv1.RegisterNotificationServiceServer(server, c)
	go func() { _ = server.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///buf", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(); server.Stop() })
	s, _ := newEdge(t, func(o *Options) { o.Notification = conn })
	return c, s.URL
}

const formType = "application/x-www-form-urlencoded"

// TestOneClick: a mail client's form (RFC 8058) is taken without a key, and answered without a redirect.
func TestOneClick(t *testing.T) {
	t.Parallel()
	served, base := newConsents(t)
	for token, want := range map[string]int{goodToken: http.StatusOK, "schlecht": http.StatusForbidden} {
		response, body := ask(t, http.MethodPost, base+"/v1/recipients/amt:unsubscribe?token="+token, "List-Unsubscribe=One-Click", "Content-Type", formType)
		if response.StatusCode != want {
			t.Errorf("%s: %d %s", token, response.StatusCode, body)
		}
	}
	const (
		click     = "List-Unsubscribe=One-Click"
		page      = "/mail/unsubscribe?recipient=recipients%2Famt&token="
		multipart = "--grenze\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--grenze--\r\n"
	)
	for name, c := range map[string]struct {
		path, body, kind string
		status           int
		done             int32
	}{
		"a form":                     {page + goodToken, click, formType, http.StatusOK, 1},
		"a form of parts":            {page + goodToken, multipart, "multipart/form-data; boundary=grenze", http.StatusOK, 1},
		"a wrong token":              {page + "schlecht", click, formType, http.StatusForbidden, 0},
		"no token":                   {"/mail/unsubscribe?recipient=recipients%2Famt", click, formType, http.StatusBadRequest, 0},
		"nothing said":               {page + goodToken, "", formType, http.StatusBadRequest, 0},
		"a yes is not said that way": {"/mail/confirm?recipient=recipients%2Famt&token=" + goodToken, click, formType, http.StatusBadRequest, 0},
		"too long a form of parts":   {page + goodToken, strings.Replace(multipart, "One-Click", strings.Repeat("a", 2*maxForm), 1), "multipart/form-data; boundary=grenze", http.StatusBadRequest, 0},
	} {
		before := served.unsubscribed.Load()
		if response, body := ask(t, http.MethodPost, base+c.path, c.body, "Content-Type", c.kind); response.StatusCode != c.status || served.unsubscribed.Load()-before != c.done {
			t.Errorf("%s: %d %s", name, response.StatusCode, body)
		}
	}
	if n := served.confirmed.Load(); n != 0 {
		t.Errorf("confirmed %d times", n)
	}
	if response, _ := ask(t, http.MethodGet, base+"/v1/recipients/amt:unsubscribe?token="+goodToken, ""); response.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("a program that follows links gets %d", response.StatusCode)
	}
	if n := served.unsubscribed.Load(); n != 3 {
		t.Errorf("unsubscribed %d times", n)
	}
}

// TestMailPages: looking changes nothing, the button does, and nothing of the address gets out.
func TestMailPages(t *testing.T) {
	t.Parallel()
	c, base := newConsents(t)
	for path, counter := range map[string]*atomic.Int32{"/mail/confirm": &c.confirmed, "/mail/unsubscribe": &c.unsubscribed} {
		query := url.Values{"recipient": {"recipients/amt"}, "token": {goodToken}}
		response, body := ask(t, http.MethodGet, base+path+"?"+query.Encode(), "")
		if response.StatusCode != http.StatusOK || counter.Load() != 0 || !strings.Contains(string(body), `name="token" value="`+goodToken+`"`) ||
			!strings.Contains(string(body), `action="`+path+`"`) {
			t.Errorf("GET %s: %d, %d times: %s", path, response.StatusCode, counter.Load(), body)
		}
		if policy := response.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "form-action 'self'") || response.Header.Get("Cache-Control") != "no-store" || response.Header.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("headers %v", response.Header)
		}
		response, body = ask(t, http.MethodPost, base+path, query.Encode(), "Content-Type", formType)
		if response.StatusCode != http.StatusOK || counter.Load() != 1 || strings.Contains(string(body), goodToken) {
			t.Errorf("POST %s: %d, %d times: %s", path, response.StatusCode, counter.Load(), body)
		}
		for _, part := range []string{"", "?recipient=recipients%2Famt", "?token=" + goodToken} {
			if response, body := ask(t, http.MethodGet, base+path+part, ""); response.StatusCode != http.StatusBadRequest || !strings.Contains(string(body), "unvollständig") || strings.Contains(string(body), "<form") {
				t.Errorf("GET %s%s: %d %s", path, part, response.StatusCode, body)
			}
		}
		query.Set("token", `"><script>`)
		if _, body := ask(t, http.MethodGet, base+path+"?"+query.Encode(), ""); strings.Contains(string(body), "<script>") {
			t.Errorf("a token becomes part of the page: %s", body)
		}
		if response, body := ask(t, http.MethodPost, base+path, query.Encode(), "Content-Type", formType); response.StatusCode != http.StatusForbidden || !strings.Contains(string(body), "gilt nicht") {
			t.Errorf("a wrong token: %d %s", response.StatusCode, body)
		}
		if response, _ := ask(t, http.MethodPost, base+path, strings.Repeat("a", 2*maxForm), "Content-Type", formType); response.StatusCode != http.StatusBadRequest {
			t.Errorf("a long form: %d", response.StatusCode)
		}
	}
	without, _ := newEdge(t, nil)
	if response, _ := ask(t, http.MethodGet, without.URL+"/mail/confirm", ""); response.StatusCode != http.StatusNotFound {
		t.Errorf("without the service: %d", response.StatusCode)
	}
}
