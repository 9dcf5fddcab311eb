package webhook

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"kompass.krz.de/services/notification/webhook/webhooktest"
)

const testOrigin = "kompass.example.de"

// testSecret is a key of the tests alone.
var testSecret = Key{secret: bytes.Repeat([]byte{7}, newSecret)}

func message(address string) Message {
	return Message{URL: address, ID: "krz_marketplace_4711", Body: []byte(`{"specversion":"1.0"}`), Keys: []Key{testSecret}}
}

// testSender trusts the receiver and asks the names.
func testSender(t testing.TB, guard Guard, receiver *webhooktest.Receiver, names *webhooktest.Names) *Sender {
	t.Helper()
	return newTestSender(t, Config{Guard: guard, Roots: receiver.Roots(), Resolver: names.Resolver()})
}

func newTestSender(t testing.TB, c Config) *Sender {
	t.Helper()
	c.Origin, c.Clock = testOrigin, time.Now
	s := NewSender(c)
	t.Cleanup(s.Close)
	return s
}

// pair is a receiver with a sender that may call it as webhooktest.Host, with a short patience.
func pair(t *testing.T) (*webhooktest.Receiver, *Sender) {
	t.Helper()
	receiver, names := webhooktest.Start(t), webhooktest.StartNames(t)
	names.Set(webhooktest.Host, "127.0.0.1")
	names.Set("wrong.example.net", "127.0.0.1")
	return receiver, newTestSender(t, Config{Guard: mustGuard(t, "127.0.0.1/32"), Roots: receiver.Roots(), Resolver: names.Resolver(),
		ConnectTimeout: time.Second, RequestTimeout: time.Second})
}

func TestDelivery(t *testing.T) {
	t.Parallel()
	receiver, sender := pair(t)
	receiver.Behave(webhooktest.Answer(200, "danke\r\n\tschön"))
	event := Event{ID: "krz.marketplace.4711", Source: "https://kompass.example.de", Type: "de.kompass.marketplace.solution.published.v1", Subject: "solutions/a", Time: time.Unix(1700000000, 5e6), Sequence: 4711, Data: []byte(`{"count":1}`)}
	body, err := event.Body()
	if err != nil {
		t.Fatal(err)
	}
	want := `{"specversion":"1.0","id":"krz.marketplace.4711","source":"https://kompass.example.de","type":"de.kompass.marketplace.solution.published.v1",` +
		`"subject":"solutions/a","time":"2023-11-14T22:13:20.005Z","sequence":"00000000000000004711","datacontenttype":"application/json","data":{"count":1}}`
	if string(body) != want {
		t.Errorf("%s", body)
	}
	got := sender.Post(t.Context(), Message{URL: receiver.URL(webhooktest.Host) + "/in?x=1", ID: event.MessageID(), Body: body, Keys: []Key{testSecret}})
	if got.Class != Delivered || !got.Delivered() || got.Status != 200 || got.Excerpt != "danke schön" || got.Latency <= 0 {
		t.Errorf("%+v", got)
	}
	requests := receiver.Requests()
	if len(requests) != 1 {
		t.Fatalf("%d requests", len(requests))
	}
	r := requests[0]
	if r.Method != http.MethodPost || r.Path != "/in" || string(r.Body) != want || r.Host != webhooktest.Host+":"+receiver.Port() {
		t.Errorf("%+v", r)
	}
	for name, value := range map[string]string{
		"Content-Type": "application/cloudevents+json; charset=utf-8", "User-Agent": userAgent, "Webhook-Request-Origin": testOrigin,
		"Webhook-Id": "krz_marketplace_4711", "Accept-Encoding": "", "Idempotency-Key": "",
	} {
		if r.Header.Get(name) != value {
			t.Errorf("%s: %q", name, r.Header.Get(name))
		}
	}
}

// TestMisbehaviour is the catalogue of what receivers do to us.
func TestMisbehaviour(t *testing.T) {
	t.Parallel()
	header := "HTTP/1.1 200 OK\r\n"
	for name, c := range map[string]struct {
		behave webhooktest.Behaviour
		class  Class
		status int
	}{
		"created":                  {webhooktest.Status(201), Delivered, 201},
		"internal error":           {webhooktest.Status(500), ServerError, 500},
		"bad gateway":              {webhooktest.Status(502), ServerError, 502},
		"not found":                {webhooktest.Status(404), Rejected, 404},
		"gone":                     {webhooktest.Status(410), Gone, 410},
		"not modified":             {webhooktest.Status(304), Redirect, 304},
		"redirect to metadata":     {webhooktest.RedirectTo("http://169.254.169.254/latest"), Redirect, 307},
		"too many":                 {webhooktest.Status(429), Throttled, 429},
		"unavailable":              {webhooktest.Status(503), Throttled, 503},
		"hang":                     {webhooktest.Hang, Timeout, 0},
		"reset":                    {webhooktest.Reset, Lost, 0},
		"closes without a word":    {webhooktest.Text(""), Lost, 0},
		"closes within the header": {webhooktest.Text(header + "X: "), Lost, 0},
		"not HTTP":                 {webhooktest.Text("SSH-2.0-OpenSSH_9\r\n\r\n"), BadAnswer, 0},
		"no such status":           {webhooktest.Text("HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n"), BadAnswer, 999},
		"switching protocols":      {webhooktest.Drip("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n", "x"), BadAnswer, 101},
		"endless header":           {webhooktest.Flood(header, "X-Pad: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n"), BadAnswer, 0},
		"endless line":             {webhooktest.Flood(header+"X: ", "a"), BadAnswer, 0},
		"endless early hints":      {webhooktest.Flood("", "HTTP/1.1 103 Early Hints\r\nX: a\r\n\r\n"), BadAnswer, 0},
		"slow header":              {webhooktest.Drip(header, "X-Slow: aaaaaaaaa\r\n"), Timeout, 0},
		"slow status":              {webhooktest.Drip("", "HTTP/1.1 200 OK and then some"), Timeout, 0},
		"slow answer after 500":    {webhooktest.Drip("HTTP/1.1 500 No\r\n\r\n", "no "), ServerError, 500},
		"slow answer after 200":    {webhooktest.Drip(header+"\r\n", "yes "), Delivered, 200},
		"huge error":               {webhooktest.Huge(500, 64<<20), ServerError, 500},
		"huge success":             {webhooktest.Huge(200, 64<<20), Delivered, 200},
		"endless chunk":            {webhooktest.Flood(header+"Transfer-Encoding: chunked\r\n\r\nfffffffffffff\r\n", "a"), Delivered, 200},
		"closes in the middle":     {webhooktest.Text(header + "Content-Length: 100\r\n\r\nhalf"), Delivered, 200},
		"500 closes in the middle": {webhooktest.Text("HTTP/1.1 500 No\r\nContent-Length: 100\r\n\r\nhalf"), ServerError, 500},
		"bad length":               {webhooktest.Text(header + "Content-Length: -5\r\n\r\n"), BadAnswer, 0},
		"says it is packed":        {webhooktest.Answer(200, "\x1f\x8b\x08\x00\x00", "Content-Encoding", "gzip"), Delivered, 200},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			receiver, sender := pair(t)
			receiver.Behave(c.behave)
			start := time.Now()
			got := sender.Post(t.Context(), message(receiver.URL(webhooktest.Host)))
			if got.Class != c.class || got.Status != c.status {
				t.Errorf("%+v", got)
			}
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("took %v", took)
			}
			if len(got.Excerpt) > maxExcerpt || strings.ContainsFunc(got.Excerpt, func(r rune) bool { return r < ' ' }) {
				t.Errorf("excerpt %q", got.Excerpt)
			}
			if n := len(receiver.Requests()); n != 1 {
				t.Errorf("%d requests", n)
			}
			if got.Disables() != (c.status == 410) || !got.Counts() {
				t.Errorf("%+v", got)
			}
			if de, en := got.Class.Texts(); de == "" || en == "" {
				t.Errorf("%q has no texts", got.Class)
			}
		})
	}
}

func TestNobodyOrTheWrongOneIsThere(t *testing.T) {
	t.Parallel()
	receiver, sender := pair(t)
	plain := webhooktest.StartPlain(t)
	silent, err := net.Listen("tcp", "127.0.0.1:0") // takes connections, never says a word
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	closed, _ := net.Listen("tcp", "127.0.0.1:0")
	closed.Close()
	old := httptest.NewUnstartedServer(http.NotFoundHandler())
	old.TLS = &tls.Config{MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}
	old.Config.ErrorLog = log.New(io.Discard, "", 0)
	old.StartTLS()
	defer old.Close()
	at := func(address string) string {
		_, port, _ := net.SplitHostPort(address)
		return "https://" + webhooktest.Host + ":" + port
	}
	for name, c := range map[string]struct {
		address string
		class   Class
	}{
		"nobody listens":        {at(closed.Addr().String()), Unreachable},
		"listens and is mute":   {at(silent.Addr().String()), Timeout},
		"certificate of others": {receiver.URL("wrong.example.net"), BadCertificate},
		"no TLS at all":         {strings.Replace(plain.URL(webhooktest.Host), "http:", "https:", 1), BadCertificate},
		"TLS 1.1":               {at(old.Listener.Addr().String()), BadCertificate},
		"no such name":          {receiver.URL("nowhere.example.com"), Unresolved},
	} {
		if got := sender.Post(t.Context(), message(c.address)); got.Class != c.class || got.Status != 0 || !got.Counts() {
			t.Errorf("%s: %+v", name, got)
		}
	}
	sender.transport.DialTLSContext = (&dialer{guard: sender.guard, resolver: net.DefaultResolver, limit: time.Second, tls: &tls.Config{RootCAs: x509.NewCertPool()}}).secure
	if got := sender.Post(t.Context(), message("https://127.0.0.1:"+receiver.Port())); got.Class != BadCertificate {
		t.Errorf("unknown authority: %+v", got)
	}
	if n := len(receiver.Requests()) + len(plain.Requests()); n != 0 {
		t.Errorf("%d requests were sent", n)
	}
}

func TestOurOwnFailuresDoNotCount(t *testing.T) {
	t.Parallel()
	receiver, sender := pair(t)
	receiver.Behave(webhooktest.Hang)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if got := sender.Post(ctx, message(receiver.URL(webhooktest.Host))); got.Class != Cancelled || got.Counts() {
		t.Errorf("%+v", got)
	}
	m := message(receiver.URL(webhooktest.Host))
	m.ID = "with.dots"
	if got := sender.Post(t.Context(), m); got.Class != Unsigned || got.Counts() {
		t.Errorf("%+v", got)
	}
	m = message(receiver.URL(webhooktest.Host))
	m.Keys = nil
	if got := sender.Post(t.Context(), m); got.Class != Unsigned {
		t.Errorf("%+v", got)
	}
}

func TestConnectionsAreUsedAgain(t *testing.T) {
	t.Parallel()
	receiver, names := webhooktest.Start(t), webhooktest.StartNames(t)
	names.Set(webhooktest.Host, "127.0.0.1")
	sender := testSender(t, mustGuard(t, "127.0.0.1/32"), receiver, names)
	for range 20 {
		if got := sender.Post(t.Context(), message(receiver.URL(webhooktest.Host))); !got.Delivered() {
			t.Fatalf("%+v", got)
		}
	}
	if asked := names.Asked(webhooktest.Host); asked != 1 {
		t.Errorf("%d connections", asked)
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	for value, want := range map[string]time.Duration{
		"": 0, "120": 2 * time.Minute, "0": 0, "-1": 0, "1.5": 0, "soon": 0, "99999999999": maxRetryAfter, "18446744073709551615": maxRetryAfter,
		"18446744073709551616": 0, "Mon, 23 Nov 2026 12:01:00 GMT": time.Minute, "Mon, 23 Nov 2026 11:00:00 GMT": 0, "Mon, 23 Nov 2037 11:00:00 GMT": maxRetryAfter,
	} {
		if got := retryAfter(value, now); got != want {
			t.Errorf("%q: %v", value, got)
		}
	}
	receiver, sender := pair(t)
	for status, want := range map[int]time.Duration{429: 7 * time.Second, 503: 7 * time.Second, 500: 0, 200: 0} {
		receiver.Behave(webhooktest.Answer(status, "", "Retry-After", "7"))
		if got := sender.Post(t.Context(), message(receiver.URL(webhooktest.Host))); got.RetryAfter != want {
			t.Errorf("%d: %+v", status, got)
		}
	}
}

func TestExcerpt(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"": "", "  a \r\n\t b  ": "a b", "\x00\x1b[31mrot": "[31mrot", "a\xffb": "a\uFFFDb", "a\u202eb\u200b": "ab", "ä": "ä",
		strings.Repeat("ä", 2000): strings.Repeat("ä", 499),
	} {
		if got := excerpt([]byte(in)); got != want {
			t.Errorf("%.20q: %.20q (%d)", in, got, len(got))
		}
	}
}

// TestHugeAnswersCostLittle runs alone: it counts what the whole process allocates.
func TestHugeAnswersCostLittle(t *testing.T) {
	receiver, sender := pair(t)
	address := receiver.URL(webhooktest.Host)
	for name, b := range map[string]webhooktest.Behaviour{
		"body":   webhooktest.Huge(500, 1<<30),
		"header": webhooktest.Flood("HTTP/1.1 200 OK\r\n", "X-Pad: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n"),
		"line":   webhooktest.Flood("HTTP/1.1 200 OK\r\nX: ", "a"),
	} {
		receiver.Behave(b)
		sender.Post(t.Context(), message(address))
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		const rounds = 20
		for range rounds {
			sender.Post(t.Context(), message(address))
		}
		runtime.ReadMemStats(&after)
		each := (after.TotalAlloc - before.TotalAlloc) / rounds
		t.Logf("%s: %d KiB a request, both sides", name, each>>10)
		if each > 1<<20 {
			t.Errorf("%s: %d KiB a request", name, each>>10)
		}
	}
}

// TestSlowAnswerDoesNotHoldTheSender: once the status is known, two seconds are enough for the rest.
func TestSlowAnswerDoesNotHoldTheSender(t *testing.T) {
	t.Parallel()
	receiver, names := webhooktest.Start(t), webhooktest.StartNames(t)
	names.Set(webhooktest.Host, "127.0.0.1")
	sender := testSender(t, mustGuard(t, "127.0.0.1/32"), receiver, names)
	receiver.Behave(webhooktest.Drip("HTTP/1.1 200 OK\r\n\r\n", "yes "))
	start := time.Now()
	got := sender.Post(t.Context(), message(receiver.URL(webhooktest.Host)))
	if took := time.Since(start); !got.Delivered() || !strings.HasPrefix(got.Excerpt, "yes yes") || took < answerLimit || took > 2*answerLimit {
		t.Errorf("%+v after %v", got, took)
	}
}

// TestHangingReceiversHoldLittle runs alone: it looks at the memory of the whole process.
func TestHangingReceiversHoldLittle(t *testing.T) {
	receiver, names := webhooktest.Start(t), webhooktest.StartNames(t)
	names.Set(webhooktest.Host, "127.0.0.1")
	sender := testSender(t, mustGuard(t, "127.0.0.1/32"), receiver, names)
	receiver.Behave(webhooktest.Hang)
	var before, during runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	ctx, cancel := context.WithCancel(t.Context())
	const count = 100
	var all sync.WaitGroup
	for range count {
		all.Go(func() { sender.Post(ctx, message(receiver.URL(webhooktest.Host))) })
	}
	for start := time.Now(); len(receiver.Requests()) < count; time.Sleep(time.Millisecond) {
		if time.Since(start) > 10*time.Second {
			t.Fatal("the requests do not arrive")
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&during)
	cancel()
	all.Wait()
	each := int64(during.HeapAlloc+during.StackInuse-before.HeapAlloc-before.StackInuse) / count
	t.Logf("%d KiB a request that hangs, both sides", each>>10)
	if each > 256<<10 {
		t.Errorf("%d KiB", each>>10)
	}
}

// lateConn answers 200 when it is closed and not before.
type lateConn struct {
	net.Conn
	closed chan struct{}
	once   sync.Once
	answer io.Reader
}

func (c *lateConn) Write(b []byte) (int, error) { return len(b), nil }
func (c *lateConn) Read(b []byte) (int, error)  { <-c.closed; return c.answer.Read(b) }
func (c *lateConn) Close() error                { c.once.Do(func() { close(c.closed) }); return nil }

// TestAnswerToHangingUpIsNone: servers whose handlers end with the request say 200 to nobody; it may still reach us.
func TestAnswerToHangingUpIsNone(t *testing.T) {
	t.Parallel()
	sender := newTestSender(t, Config{Guard: mustGuard(t, "127.0.0.1/32"), RequestTimeout: 5 * time.Millisecond})
	sender.transport.DialContext = func(context.Context, string, string) (net.Conn, error) {
		return &lateConn{closed: make(chan struct{}), answer: strings.NewReader("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")}, nil
	}
	for range 20 {
		if got := sender.Post(t.Context(), message("http://127.0.0.1")); got.Class != Timeout {
			t.Fatalf("%+v", got)
		}
	}
}

// BenchmarkPost delivers over connections that are used again, the receiver included.
func BenchmarkPost(b *testing.B) {
	receiver, names := webhooktest.Start(b), webhooktest.StartNames(b)
	names.Set(webhooktest.Host, "127.0.0.1")
	sender := testSender(b, mustGuard(b, "127.0.0.1/32"), receiver, names)
	m := message(receiver.URL(webhooktest.Host))
	for b.Loop() {
		if got := sender.Post(b.Context(), m); !got.Delivered() {
			b.Fatalf("%+v", got)
		}
	}
}
