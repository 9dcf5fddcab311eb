package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// binary is the program under test, built once.
var binary string

func TestMain(m *testing.M) {
	if file := os.Getenv(staticEnv); file != "" { // started by a benchmark
		panic(serveStatic(file))
	}
	if config := os.Getenv(nodeEnv); config != "" { // started by TestSplit
		os.Exit(serveNode(config))
	}
	dir, err := os.MkdirTemp("", "kompass")
	if err != nil {
		panic(err)
	}
	binary = build(filepath.Join(dir, "kompass"), raceFlags...)
	plainBinary = sync.OnceValue(func() string {
		if len(raceFlags) == 0 {
			return binary
		}
		return build(filepath.Join(dir, "kompass-plain"))
	})
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// plainBinary is the same without the race detector, for tests that run many processes side by side.
var plainBinary func() string

func build(path string, flags ...string) string {
	build := exec.Command("go", append([]string{"build", "-o", path}, append(flags, ".")...)...)
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		os.RemoveAll(filepath.Dir(path))
		panic(err)
	}
	return path
}

// process is a running kompass.
type process struct {
	tb   testing.TB
	cmd  *exec.Cmd
	dir  string
	url  string // of the REST edge
	grpc string // address of the gRPC port
	log  *bytes.Buffer
	done chan struct{} // closed when the process has ended
	err  error         // of its end
}

var readyLine = regexp.MustCompile(`^Kompass is ready at (http://\S+)`)

// startLimit bounds a start, starter data included, on a busy machine.
const startLimit = 90 * time.Second

// start runs `kompass serve` on dir and waits for its ready line.
func start(tb testing.TB, dir string, flags ...string) *process {
	tb.Helper()
	p, ready := launch(tb, dir, flags...)
	select {
	case p.url = <-ready:
	case <-p.done:
		tb.Fatalf("ended before it was ready: %v\n%s", p.err, p.log)
	case <-time.After(startLimit):
		p.kill()
		tb.Fatalf("not ready within %v\n%s", startLimit, p.log)
	}
	return p
}

// launch runs `kompass serve` on dir; ready gets the address of the REST edge.
func launch(tb testing.TB, dir string, flags ...string) (*process, <-chan string) {
	tb.Helper()
	return launchBinary(tb, binary, dir, flags...)
}

func launchBinary(tb testing.TB, binary, dir string, flags ...string) (*process, <-chan string) {
	tb.Helper()
	p := &process{tb: tb, dir: dir, grpc: freeAddress(tb), log: &bytes.Buffer{}, done: make(chan struct{})}
	p.cmd = exec.Command(binary, append([]string{"serve", "--data", dir, "--http", "127.0.0.1:0", "--grpc", p.grpc}, flags...)...)
	p.cmd.Stderr = p.log
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := p.cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(p.kill)
	ready := make(chan string, 1)
	go func() {
		for lines := bufio.NewScanner(out); lines.Scan(); {
			if m := readyLine.FindStringSubmatch(lines.Text()); m != nil {
				ready <- m[1]
			}
		}
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, ready
}

// kill ends the process as a power cut would.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.done
}

// stop ends the process as an operator would.
func (p *process) stop() {
	p.tb.Helper()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
		if p.err != nil || strings.Contains(p.log.String(), "WARNING: DATA RACE") {
			p.tb.Errorf("stopped with %v\n%s", p.err, p.log)
		}
	case <-time.After(60 * time.Second):
		p.kill()
		p.tb.Errorf("did not stop within 60 s\n%s", p.log)
	}
}

func (p *process) key() string {
	p.tb.Helper()
	key, err := os.ReadFile(filepath.Join(p.dir, "admin.token"))
	if err != nil {
		p.tb.Fatal(err)
	}
	return strings.TrimSpace(string(key))
}

// answer is what the REST edge said.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// json reads the body as an object.
func (a answer) json(tb testing.TB) map[string]any {
	tb.Helper()
	var m map[string]any
	if err := json.Unmarshal(a.body, &m); err != nil {
		tb.Fatalf("not JSON: %v: %.300s", err, a.body)
	}
	return m
}

var client = &http.Client{Timeout: 2 * time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

// try sends a request with the administrator's key; body is a string or a []byte.
func (p *process) try(method, path string, body any, headers ...string) (answer, error) {
	var reader io.Reader
	switch b := body.(type) {
	case string:
		reader = strings.NewReader(b)
	case []byte:
		reader = bytes.NewReader(b)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, p.url+path, reader)
	if err != nil {
		return answer{}, err
	}
	if method != http.MethodGet {
		req.Header.Set("Authorization", "Bearer "+p.key())
	}
	if s, ok := body.(string); ok && strings.HasPrefix(s, "{") {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	res, err := client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close()
	data, err := io.ReadAll(res.Body)
	return answer{res.StatusCode, res.Header, data}, err
}

// do sends a request and expects a status.
func (p *process) do(want int, method, path string, body any, headers ...string) answer {
	p.tb.Helper()
	a, err := p.try(method, path, body, headers...)
	if err != nil {
		p.tb.Fatalf("%s %s: %v", method, path, err)
	}
	if a.status != want {
		p.tb.Fatalf("%s %s: status %d, want %d: %.600s", method, path, a.status, want, a.body)
	}
	return a
}

// get reads an object.
func (p *process) get(path string) map[string]any {
	p.tb.Helper()
	return p.do(http.StatusOK, http.MethodGet, path, nil).json(p.tb)
}

// kompass carries out another verb and returns its output and exit code.
func kompass(tb testing.TB, args ...string) (string, int) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, binary, args...)
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		tb.Fatal(err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// at walks through nested JSON: at(m, "gaps", 0, "kind").
func at(v any, path ...any) any {
	for _, step := range path {
		switch s := step.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[s]
		case int:
			l, _ := v.([]any)
			if s >= len(l) {
				return nil
			}
			v = l[s]
		}
	}
	return v
}

// names collects one field of each entry of a list.
func names(v any, field string) []string {
	var out []string
	list, _ := v.([]any)
	for _, e := range list {
		out = append(out, fmt.Sprint(at(e, field)))
	}
	return out
}

// sharedData is a file of the folder with real data beside the project; the test is skipped where it is missing.
func sharedData(tb testing.TB, name string) string {
	tb.Helper()
	dir, err := os.Getwd()
	if err != nil {
		tb.Fatal(err)
	}
	path := filepath.Join(dir, "..", "..", "..", "shared", "data", name)
	if _, err := os.Stat(path); err != nil {
		tb.Skipf("no real data: %v", err)
	}
	return path
}

// writeKey puts an administrator's key into a data directory.
func writeKey(tb testing.TB, dir, key string) {
	tb.Helper()
	if err := os.WriteFile(filepath.Join(dir, "admin.token"), []byte(key+"\n"), 0o600); err != nil {
		tb.Fatal(err)
	}
}
