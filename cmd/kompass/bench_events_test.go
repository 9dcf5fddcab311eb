package main

import (
	"bufio"
	"flag"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

var benchEvents = flag.Bool("bench-events", false, "measure and print the live stream and webhooks of make bench alone")

// TestBenchEvents measures the live stream and webhooks alone, for work on it.
func TestBenchEvents(t *testing.T) {
	if !*benchEvents {
		t.Skip("part of make bench; alone with -bench-events")
	}
	b := &bench{t: t}
	b.events()
	b.webhooks()
	b.print()
}

const (
	openStreams   = 1000 // each for a municipality of its own
	eventWriters  = 20
	eventRate     = 500 // changes a second, of all municipalities in turn
	eventTime     = 12 * time.Second
	eventDeadline = 25 * time.Millisecond
)

// events measures the time from the request of a change over REST until a client has the server-sent event of it.
func (b *bench) events() {
	w := &bench{t: b.t, dir: b.t.TempDir()}
	w.p = start(b.t, w.dir)
	defer w.p.stop()
	w.p.do(http.StatusOK, http.MethodPost, "/v1/catalogue:import", catalogueFile(0))
	w.fill(openStreams, writeKeys)
	var began [openStreams]atomic.Int64 // when the change was asked for, by place: one at a time is on its way
	var got events
	for place := range openStreams {
		stream := w.listen(fmt.Sprintf("/v1/events?topics=municipalities/%08d", 5100000+place))
		go got.read(stream, &began[place])
	}
	patches := w.changeAll(began[:], eventRate)
	took := got.await(b.t, len(patches))
	what := fmt.Sprintf("change over REST → server-sent event, %d streams (each for a municipality), %d changes/s", openStreams, eventRate)
	b.add(row{what: what + ", median", value: median(took), beside: "the change itself", base: median(patches)})
	value := percentile(took, 99)
	b.add(row{what: what + ", 99th percentile", value: value, beside: "the change itself", base: percentile(patches, 99), target: "< 25 ms", met: value < eventDeadline})
	b.t.Logf("resident %s", resident(w.p.cmd.Process.Pid))
}

// changeAll changes implementations of all places in turn, so many a second, and notes when each was asked for.
func (b *bench) changeAll(began []atomic.Int64, rate int) (took []time.Duration) {
	writers := b.patchers(eventWriters)
	for _, p := range writers {
		p.turn = rate // other values than at another rate
	}
	period := eventWriters * time.Second / time.Duration(rate)
	each := int(eventTime / period)
	return pacedClients(b.t, eventWriters, each, period, func(call int) error {
		p := writers[call/each]
		p.place = (call/each + call%each*eventWriters) % len(began)
		began[p.place].Store(time.Now().UnixNano())
		return p.patch()
	})
}

// listen opens a stream without a client library and waits until it has begun.
func (b *bench) listen(path string) *bufio.Reader {
	b.t.Helper()
	address := strings.TrimPrefix(b.p.url, "http://")
	conn, err := net.Dial("tcp", address)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = conn.Close() })
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, address); err != nil {
		b.t.Fatal(err)
	}
	lines := bufio.NewReader(conn)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			b.t.Fatal(err)
		}
		if strings.HasPrefix(line, "id: ") { // the first heartbeat
			return lines
		}
	}
}

// events are the times that changes took to arrive.
type events struct {
	mu   sync.Mutex
	took []time.Duration
}

func (e *events) read(stream *bufio.Reader, began *atomic.Int64) {
	for {
		line, err := stream.ReadString('\n')
		if err != nil {
			return
		}
		if strings.HasPrefix(line, "data: ") {
			e.arrived(began)
		}
	}
}

func (e *events) arrived(began *atomic.Int64) {
	took := time.Duration(time.Now().UnixNano() - began.Load())
	e.mu.Lock()
	defer e.mu.Unlock()
	e.took = append(e.took, took)
}

// await waits until as many have arrived, and answers their times.
func (e *events) await(tb testing.TB, want int) []time.Duration {
	tb.Helper()
	for end := time.Now().Add(10 * time.Second); e.count() < want && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	took := e.all()
	if len(took) != want {
		tb.Errorf("%d changes, %d events", want, len(took))
	}
	return took
}

func (e *events) count() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.took)
}

func (e *events) all() []time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.Clone(e.took)
}
