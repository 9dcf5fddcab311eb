package main

import (
	"bufio"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
)

// sse is a stream of server-sent events.
type sse struct {
	tb       testing.TB
	response *http.Response
	lines    *bufio.Reader
}

// sseEvent is one of them.
type sseEvent struct {
	id, event string
	data      map[string]any
}

// listen opens GET /v1/events with a query, going on after an event if last is not empty.
func (p *process) listen(query, last string) *sse {
	p.tb.Helper()
	request, err := http.NewRequestWithContext(p.tb.Context(), http.MethodGet, p.url+"/v1/events"+query, nil)
	if err != nil {
		p.tb.Fatal(err)
	}
	if last != "" {
		request.Header.Set("Last-Event-ID", last)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		p.tb.Fatal(err)
	}
	p.tb.Cleanup(func() { _ = response.Body.Close() })
	if response.StatusCode != http.StatusOK || response.Header.Get("Content-Type") != "text/event-stream" {
		p.tb.Fatalf("status %d, %s", response.StatusCode, response.Header.Get("Content-Type"))
	}
	s := &sse{p.tb, response, bufio.NewReader(response.Body)}
	if first := s.next(); first.id == "" || first.event != "" {
		p.tb.Fatalf("begins with %v", first)
	}
	return s
}

// next reads the next event or heartbeat.
func (s *sse) next() (e sseEvent) {
	s.tb.Helper()
	guard := time.AfterFunc(30*time.Second, func() { _ = s.response.Body.Close() })
	defer guard.Stop()
	for {
		line, err := s.lines.ReadString('\n')
		if err != nil {
			s.tb.Fatalf("no event: %v", err)
		}
		field, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		switch field {
		case "id":
			e.id = value
		case "event":
			e.event = value
		case "data":
			if err := json.Unmarshal([]byte(value), &e.data); err != nil {
				s.tb.Fatal(err)
			}
		case "":
			if e.id != "" || e.event != "" {
				return e
			}
		}
	}
}

// TestLiveStream follows changes of a place while the process is killed and stopped in between: a client that comes back with the
// last id it has misses nothing and gets nothing twice.
func TestLiveStream(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p := start(t, dir, "--demo")
	change := func(note string) {
		p.do(http.StatusOK, http.MethodPatch, buende+"/implementations/"+hundesteuer, `{"note":"`+note+`"}`)
		p.do(http.StatusOK, http.MethodPatch, "/v1/municipalities/05758012/implementations/"+hundesteuer, `{"note":"`+note+`"}`) // for others
	}
	stream := p.listen("?topics=municipalities/05758004&kinds=implementation", "")
	change("eins")
	first := stream.next()
	if first.event != "" || first.data["kind"] != "KIND_IMPLEMENTATION" || first.data["summaryDe"] != "Bünde: Umsetzungsstand von „Hundesteuer Festsetzung“ geändert" || first.data["sequence"] != first.id {
		t.Fatalf("got %v", first)
	}
	change("zwei") // nobody reads it
	p.kill()
	p = start(t, dir)
	stream = p.listen("?topics=municipalities/05758004&kinds=implementation", first.id)
	change("drei")
	ids := map[string]bool{first.id: true}
	for range 2 {
		e := stream.next()
		if ids[e.id] || e.data["resource"] != "municipalities/05758004/implementations/"+hundesteuer {
			t.Fatalf("after the restart: %v", e)
		}
		ids[e.id] = true
	}
	stopping := make(chan time.Duration, 1)
	go func() { begin := time.Now(); p.stop(); stopping <- time.Since(begin) }()
	if last := stream.next(); last.event != "end" || last.data["reason"] != "STOPPING" {
		t.Errorf("the last event is %v", last)
	}
	if took := <-stopping; took > 8*time.Second {
		t.Errorf("stopped after %v, with a stream open", took)
	}
}
