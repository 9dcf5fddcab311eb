package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

const (
	openWebhooks    = 10 // each for a tenth of the places
	webhookDeadline = 100 * time.Millisecond
)

// hearers are the receivers of a benchmark: each has a path of its own, and "/hangs" never answers.
type hearers struct {
	tb    testing.TB
	began []atomic.Int64
	got   events
	over  chan struct{}
}

func (h *hearers) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodOptions {
		w.Header().Set("WebHook-Allowed-Origin", "kompass.example.de")
		return
	}
	if r.URL.Path == "/hangs" {
		<-h.over
		return
	}
	var event struct{ Subject string }
	body, err := io.ReadAll(r.Body)
	if err == nil {
		err = json.Unmarshal(body, &event)
	}
	var place int
	if _, scanned := fmt.Sscanf(strings.TrimPrefix(event.Subject, "municipalities/"), "%08d/", &place); err != nil || scanned != nil {
		h.tb.Errorf("%q, %v", event.Subject, err)
		return
	}
	h.got.arrived(&h.began[place-5100000])
}

// webhooks measures the time from the request of a change over REST until a receiver has the webhook's request about it, while
// another receiver, that everything is for, hangs.
func (b *bench) webhooks() {
	w := &bench{t: b.t, dir: b.t.TempDir()}
	w.p = start(b.t, w.dir, "--webhook-allow-net", "127.0.0.1/32", "--public-url", "https://kompass.example.de")
	defer w.p.stop()
	w.p.do(http.StatusOK, http.MethodPost, "/v1/catalogue:import", catalogueFile(0))
	w.fill(openStreams, writeKeys)
	h := &hearers{tb: b.t, began: make([]atomic.Int64, openStreams), over: make(chan struct{})}
	server := httptest.NewServer(h)
	defer server.Close()
	defer close(h.over)
	w.hook("hangs", server.URL+"/hangs", nil)
	for n := range openWebhooks {
		var places []string
		for place := n; place < openStreams; place += openWebhooks {
			places = append(places, fmt.Sprintf("municipalities/%08d", 5100000+place))
		}
		w.hook(fmt.Sprint("hook-", n), fmt.Sprint(server.URL, "/", n), places)
	}
	before := resident(w.p.cmd.Process.Pid)
	for _, rate := range []int{100, eventRate} {
		h.got = events{}
		patches := w.changeAll(h.began, rate)
		took := h.got.await(b.t, len(patches))
		what := fmt.Sprintf("change over REST → webhook request, %d receivers and one that hangs, %d changes/s", openWebhooks, rate)
		b.add(row{what: what + ", median", value: median(took), beside: "the change itself", base: median(patches)})
		value := percentile(took, 99)
		b.add(row{what: what + ", 99th percentile", value: value, beside: "the change itself", base: percentile(patches, 99), target: "< 100 ms", met: value < webhookDeadline})
	}
	waiting := w.p.do(http.StatusOK, http.MethodGet, "/v1/webhooks/hangs", nil).json(b.t)["waiting"]
	b.add(row{what: fmt.Sprintf("resident memory before: %s, with %v messages that wait for the one that hangs: %s", before, waiting, resident(w.p.cmd.Process.Pid))})
}

// hook makes a webhook that is called for what concerns topics; everything without.
func (b *bench) hook(id, url string, topics []string) {
	b.t.Helper()
	b.p.do(http.StatusOK, http.MethodPost, "/v1/webhooks?webhookId="+id, fmt.Sprintf(`{"displayName":%q,"url":%q}`, id, url))
	b.p.do(http.StatusOK, http.MethodPost, "/v1/webhooks/"+id+":verify", `{}`)
	subscription, err := json.Marshal(map[string]any{"displayName": id, "webhook": "webhooks/" + id, "topics": topics})
	if err != nil {
		b.t.Fatal(err)
	}
	b.p.do(http.StatusOK, http.MethodPost, "/v1/subscriptions?subscriptionId="+id, string(subscription))
}
