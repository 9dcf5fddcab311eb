package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

var (
	notifyKills  = flag.Int("notify-kills", 3, "how often TestNotifyKill kills the process")
	notifyEvents = flag.Int("notify-events", 300, "how many events TestNotifyKill makes")
)

// fragile is a receiver that fails at random, in several ways, at most twice a message. It knows what it took.
type fragile struct {
	tb     testing.TB
	seed   uint64
	secret atomic.Pointer[standardwebhooks.Webhook]

	mu     sync.Mutex
	tries  map[string]int
	taken  map[string]int    // how often, by sequence
	last   map[string]string // sequence, by subject
	failed int
}

func newFragile(tb testing.TB, seed uint64) (*fragile, string) {
	f := &fragile{tb: tb, seed: seed, tries: map[string]int{}, taken: map[string]int{}, last: map[string]string{}}
	server := httptest.NewServer(f)
	tb.Cleanup(func() { server.CloseClientConnections(); server.Close() })
	return f, server.URL
}

func (f *fragile) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodOptions {
		w.Header().Set("WebHook-Allowed-Origin", "kompass.example")
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the process was killed meanwhile
	}
	if err := f.secret.Load().Verify(body, r.Header); err != nil {
		f.tb.Errorf("signature: %v", err)
	}
	var event struct{ ID, Subject, Sequence string }
	if err := json.Unmarshal(body, &event); err != nil {
		f.tb.Errorf("body %.200s: %v", body, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if how := f.mishap(event.Sequence); how > 0 {
		f.failed++
		switch how {
		case 1:
			w.WriteHeader(http.StatusInternalServerError)
		case 2:
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		default:
			panic(http.ErrAbortHandler) // closes the connection
		}
		return
	}
	f.taken[event.Sequence]++
	if event.Sequence < f.last[event.Subject] {
		f.tb.Errorf("%s: %s came after %s", event.Subject, event.Sequence, f.last[event.Subject])
	}
	f.last[event.Subject] = event.Sequence
}

// mishap decides how a try fails; 0 is not at all. The caller holds mu.
func (f *fragile) mishap(sequence string) int {
	f.tries[sequence]++
	h := fnv.New64a()
	fmt.Fprint(h, f.seed, sequence)
	sum := h.Sum64()
	fails := 0
	switch chance := sum % 1000; {
	case chance < 3 && *notifyEvents > 1000: // the third try comes half a minute later
		fails = 2
	case chance < 60:
		fails = 1
	}
	if f.tries[sequence] > fails {
		return 0
	}
	return int(sum>>32%3) + 1
}

// TestNotifyKill kills the process again and again while events go to webhooks whose receivers fail at random, and to people: each webhook
// has to get every event at least once, those about one resource in order, with valid signatures; each event is in one digest, and none comes
// twice but with the same Message-ID. Half of the kills come right after the mail server took a digest.
func TestNotifyKill(t *testing.T) {
	t.Parallel()
	digests, solutions := 0, max(20, *notifyEvents/25)
	if *notifyEvents > 1000 { // they are due in whole minutes
		digests = 50
	}
	boxes := newMailboxes(t, digests, 5, solutions)
	c := &campaign{tb: t, dir: t.TempDir(), tomorrow: make(chan struct{}), flags: append(boxes.flags(), "--demo", "--webhook-allow-net", "127.0.0.1/32", "--public-url", "https://kompass.example")}
	p := start(t, c.dir, c.flags...)
	c.current.Store(p)
	for n := range solutions {
		p.do(http.StatusOK, http.MethodPost, fmt.Sprint("/v1/solutions?solutionId=loesung-", n), fmt.Sprintf(`{"displayName":"Lösung %d","kind":"KIND_FORM"}`, n))
	}
	boxes.open(p)
	var receivers []*fragile
	for i := range 3 {
		f, address := newFragile(t, rand.Uint64())
		id := fmt.Sprint("haken-", i)
		created := p.do(http.StatusOK, http.MethodPost, "/v1/webhooks?webhookId="+id, fmt.Sprintf(`{"displayName":"Haken %d","url":%q}`, i, address)).json(t)
		secret, err := standardwebhooks.NewWebhook(at(created, "keys", "secret").(string))
		if err != nil {
			t.Fatal(err)
		}
		f.secret.Store(secret)
		p.do(http.StatusOK, http.MethodPost, "/v1/webhooks/"+id+":verify", `{}`)
		p.do(http.StatusOK, http.MethodPost, "/v1/subscriptions?subscriptionId="+id, `{"displayName":"Alles","webhook":"webhooks/`+id+`","kinds":["KIND_SOLUTION"]}`)
		receivers = append(receivers, f)
	}
	begun := time.Now()
	c.run(solutions, boxes)
	events := c.current.Load().told(solutions + *notifyEvents + digests)[solutions:]
	t.Logf("%d events, the process killed %d times in %v", len(events), c.kills, time.Since(begun).Round(time.Second))
	for i, f := range receivers {
		f.await(events)
		f.mu.Lock()
		repeated := 0
		for _, n := range f.taken {
			repeated += n - 1
		}
		t.Logf("receiver %d: %d messages, %d of them repeated, %d failed", i, len(f.taken), repeated, f.failed)
		f.mu.Unlock()
	}
	boxes.check(events, c.aimed)
	t.Logf("all delivered after %v", time.Since(begun).Round(time.Second))
}

// campaign is a process that is killed and started again.
type campaign struct {
	tb      testing.TB
	dir     string
	flags   []string
	current atomic.Pointer[process]
	kills   int
	aimed   []aim // at digests that the mail server had just taken

	tomorrow chan struct{} // closed when the digests of the next day are to come
}

// aim is a kill so soon after the mail server took a digest.
type aim struct {
	id    string
	after time.Duration
}

func (c *campaign) kill() {
	c.current.Load().kill()
	c.current.Store(start(c.tb, c.dir, c.flags...))
	c.kills++
}

// insist repeats a request until it is acknowledged; its id keeps it from happening twice.
func (c *campaign) insist(method, path, body string) {
	for !c.tb.Failed() {
		a, err := c.current.Load().try(method, path, body)
		if err == nil && a.status == http.StatusOK {
			return
		}
		if err == nil && a.status < http.StatusInternalServerError {
			c.tb.Errorf("%s %s: %d %s", method, path, a.status, a.body)
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// run changes solutions while the process is killed, and then brings the digests while it is killed.
func (c *campaign) run(solutions int, boxes *mailboxes) {
	c.tb.Helper()
	var done atomic.Int64
	var writing, killing sync.WaitGroup
	for writer := range 4 {
		writing.Go(func() {
			for n := writer; n < *notifyEvents; n += 4 {
				c.insist(http.MethodPatch, fmt.Sprintf("/v1/solutions/loesung-%d?requestId=change-%d", n%solutions, n), fmt.Sprintf(`{"displayName":"Stand %d"}`, n))
				done.Add(1)
			}
		})
	}
	over := make(chan struct{})
	killing.Go(func() {
		spread := *notifyKills
		if len(boxes.digests) > 0 {
			spread /= 2
		}
		for kill := range spread {
			// Spread over the changes; the last ones while only deliveries go on.
			for target := int64(*notifyEvents) * int64(kill+1) / int64(spread); done.Load() < target && !c.tb.Failed(); {
				time.Sleep(10 * time.Millisecond)
			}
			c.kill()
		}
		for c.kills < *notifyKills {
			if c.kills == spread+(*notifyKills-spread)/2 { // the other half comes with the digests of the next day
				<-c.tomorrow
			}
			select {
			case id := <-boxes.taken:
				after := time.Duration(rand.IntN(3000)) * time.Microsecond
				c.aimed = append(c.aimed, aim{id, after})
				time.Sleep(after)
				c.kill()
			case <-over:
				return
			}
		}
	})
	writing.Wait()
	if len(boxes.digests) > 0 {
		boxes.nextDay(c)
	}
	close(over)
	killing.Wait()
}

// toldEvent is an event as the stream tells it.
type toldEvent struct{ ID, Sequence, Resource, SummaryDe string }

// told reads so many events about the solutions of the campaign; their sequences get twenty digits.
func (p *process) told(n int) (found []toldEvent) {
	p.tb.Helper()
	request, err := http.NewRequestWithContext(p.tb.Context(), http.MethodGet, p.url+"/v1/events?after=0&kinds="+url.QueryEscape("KIND_SOLUTION"), nil)
	if err != nil {
		p.tb.Fatal(err)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		p.tb.Fatal(err)
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		data, is := strings.CutPrefix(lines.Text(), "data:")
		var e toldEvent
		if !is || json.Unmarshal([]byte(data), &e) != nil || !strings.HasPrefix(e.Resource, "solutions/loesung-") {
			continue
		}
		number, err := strconv.ParseUint(e.Sequence, 10, 64)
		if err != nil {
			continue
		}
		e.Sequence = fmt.Sprintf("%020d", number)
		if found = append(found, e); len(found) == n {
			return found
		}
	}
	p.tb.Fatalf("%d events, want %d", len(found), n)
	return nil
}

// await waits until the receiver took everything.
func (f *fragile) await(events []toldEvent) {
	f.tb.Helper()
	for limit := time.Now().Add(10 * time.Minute); ; time.Sleep(100 * time.Millisecond) {
		f.mu.Lock()
		missing := slices.DeleteFunc(slices.Clone(events), func(e toldEvent) bool { return f.taken[e.Sequence] > 0 })
		f.mu.Unlock()
		if len(missing) == 0 {
			return
		}
		if time.Now().After(limit) {
			f.tb.Fatalf("%d of %d messages never came, the first is %v", len(missing), len(events), missing[0])
		}
	}
}
