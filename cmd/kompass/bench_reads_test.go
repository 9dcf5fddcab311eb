package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime/debug"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"kompass.krz.de/gateway"
)

var benchReads = flag.Bool("bench-reads", false, "measure and print the reads of make bench alone")

// TestBenchReads measures the reads alone, for work on them.
func TestBenchReads(t *testing.T) {
	if !*benchReads {
		t.Skip("part of make bench; alone with -bench-reads")
	}
	b := &bench{t: t}
	b.reads()
	b.print()
}

const (
	readClients = 16
	readRounds  = 9  // of both sides in turn; the median counts
	readPlaces  = 64 // that the reads go over
)

// reads compares what people and portals read with a handler of net/http that answers the same bytes, in a process of its own.
func (b *bench) reads() {
	dir := b.t.TempDir()
	r := &bench{t: b.t, p: start(b.t, dir, "--log-level", "info"), dir: dir}
	r.p.do(http.StatusOK, http.MethodPost, "/v1/catalogue:import", catalogueFile(0))
	r.fill(readPlaces, 575)
	place := func(n int) string { return fmt.Sprintf("/v1/municipalities/%08d", 5100000+n%readPlaces) }
	// Who carries another revision than that of the state is always passed on to the service.
	old := "Kompass-Revision: " + r.p.do(http.StatusOK, http.MethodGet, place(0)+"/implementations", nil).header.Get("Kompass-Revision") + "\r\n"
	r.p.do(http.StatusOK, http.MethodPatch, place(0), []byte(`{"population": "1"}`))
	key := "Authorization: Bearer " + r.p.key() + "\r\n"
	var turn atomic.Int64
	words := []string{"steuer", "genehmigung", "ausweis", "abfall", "hunde"}
	for _, c := range []struct {
		what, head string
		path       func() string
		least      float64
	}{
		{"portal read: onlineServices, 50 entries", "", func() string { return place(int(turn.Add(1))) + "/onlineServices?pageSize=50" }, 0.6},
		{"portal read, gzip", "Accept-Encoding: gzip\r\n", func() string { return place(int(turn.Add(1))) + "/onlineServices?pageSize=50" }, 0.6},
		{"portal read, with a key", key, func() string { return place(int(turn.Add(1))) + "/onlineServices?pageSize=50" }, 0.6},
		{"nothing kept: implementations, 50 entries", old, func() string { return place(int(turn.Add(1))) + "/implementations?pageSize=50" }, 0.2},
		{"nothing kept: onlineServices, no query twice", "", func() string {
			n := int(turn.Add(1))
			return fmt.Sprintf("%s/onlineServices?pageSize=50&q=%s+%d", place(n), words[n%len(words)], n)
		}, 0.2},
	} {
		r.compare(c.what, c.head, c.path, c.least)
	}
	b.rows = append(b.rows, r.rows...)
	r.p.stop()
}

// compare measures rounds of Kompass and of the static handler in turn.
func (b *bench) compare(what, head string, path func() string, least float64) {
	b.t.Helper()
	static := b.startStatic(path(), head)
	ours, theirs := readers(b.t, b.p.url, head), readers(b.t, static, head)
	var rates, staticRates []time.Duration
	for range readRounds {
		rates = append(rates, perCall(b.t, readClients, func(c int) error { return ours[c].get(path()) }))
		staticRates = append(staticRates, perCall(b.t, readClients, func(c int) error { return theirs[c].get(path()) }))
	}
	value, base := median(rates), median(staticRates)
	b.add(row{what: fmt.Sprintf("%s, %d connections over REST, time a read (%d/s, %.2f × static)", what, readClients, int(time.Second/value), float64(base)/float64(value)), value: value,
		beside: fmt.Sprintf("static handler, same bytes (%d/s)", int(time.Second/base)), base: base,
		target: fmt.Sprintf("≥ %.1f × the rate", least), met: float64(base) >= least*float64(value)})
}

// fixed is what the static handler answers.
type fixed struct {
	Header http.Header
	Body   []byte
}

// essential are the headers without which the answer would mean something else.
var essential = []string{"Content-Type", "Content-Encoding", "Content-Length", "Etag", "Cache-Control", "Vary", "Kompass-Revision", "X-Content-Type-Options"}

// startStatic starts the static handler with what Kompass answers and returns its address.
func (b *bench) startStatic(path, head string) string {
	b.t.Helper()
	headers := []string{"Accept-Encoding", "identity"}
	if name, value, found := strings.Cut(strings.TrimSpace(head), ": "); found {
		headers = append(headers, name, value)
	}
	answered := b.p.do(http.StatusOK, http.MethodGet, path, nil, headers...)
	f := fixed{Header: http.Header{}, Body: answered.body}
	for _, name := range essential {
		if values := answered.header.Values(name); len(values) > 0 {
			f.Header[name] = values
		}
	}
	file, err := os.CreateTemp(b.t.TempDir(), "")
	if err != nil {
		b.t.Fatal(err)
	}
	if err := json.NewEncoder(file).Encode(f); err != nil {
		b.t.Fatal(err)
	}
	_ = file.Close()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), staticEnv+"="+file.Name())
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		b.t.Fatal(err)
	}
	return strings.TrimSpace(address)
}

// staticEnv names the file that makes this test binary the static handler.
const staticEnv = "KOMPASS_BENCH_STATIC"

// serveStatic serves what the file says, with the settings of Kompass's own server, until the process is killed.
func serveStatic(name string) error {
	debug.SetGCPercent(mostGrowth)
	data, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	var f fixed
	if err := json.Unmarshal(data, &f); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("http://" + listener.Addr().String())
	return gateway.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		header := w.Header()
		for name, values := range f.Header {
			header[name] = values
		}
		_, _ = w.Write(f.Body)
	}), nil).Serve(listener)
}

// reader is a client with a connection of its own. It writes requests and reads answers without a client library, so that the
// measured process has the processor.
type reader struct {
	conn    net.Conn
	answers *bufio.Reader
	request bytes.Buffer
	head    string
}

func readers(tb testing.TB, url, head string) []*reader {
	tb.Helper()
	address := strings.TrimPrefix(url, "http://")
	var all []*reader
	for range readClients {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			tb.Fatal(err)
		}
		tb.Cleanup(func() { _ = conn.Close() })
		all = append(all, &reader{conn: conn, answers: bufio.NewReaderSize(conn, 64<<10), head: "Host: " + address + "\r\n" + head + "\r\n"})
	}
	return all
}

// get asks and reads the answer to its end; anything but a 200 with a body is an error.
func (r *reader) get(path string) error {
	r.request.Reset()
	r.request.WriteString("GET ")
	r.request.WriteString(path)
	r.request.WriteString(" HTTP/1.1\r\n")
	r.request.WriteString(r.head)
	if _, err := r.conn.Write(r.request.Bytes()); err != nil {
		return err
	}
	line, err := r.answers.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(line, []byte("HTTP/1.1 200")) {
		return fmt.Errorf("%s: %s", path, line)
	}
	length := 0
	for len(line) > 2 {
		if line, err = r.answers.ReadSlice('\n'); err != nil {
			return err
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			length, _ = strconv.Atoi(string(bytes.TrimSpace(value)))
		}
	}
	if length == 0 {
		return fmt.Errorf("%s: no length", path)
	}
	_, err = r.answers.Discard(length)
	return err
}
