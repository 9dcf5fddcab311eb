package gateway

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/test/bufconn"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
)

// notification is a service whose stream sends what the test hands it.
type notification struct {
	notificationv1.UnimplementedNotificationServiceServer
	asked  chan *notificationv1.StreamEventsRequest
	header chan metadata.MD
	pieces chan *notificationv1.StreamEventsResponse
	ended  chan error
}

func (n *notification) StreamEvents(req *notificationv1.StreamEventsRequest, stream grpc.ServerStreamingServer[notificationv1.StreamEventsResponse]) error {
	if slices.Contains(req.GetTopics(), "solutions/refused") {
		return refusal(codes.InvalidArgument, "INVALID_FIELD", "Ungültig.", "Invalid.")
	}
	md, _ := metadata.FromIncomingContext(stream.Context())
	n.asked <- req
	n.header <- md
	if err := stream.Send(&notificationv1.StreamEventsResponse{Sequence: req.GetAfter()}); err != nil {
		return err
	}
	for {
		select {
		case p := <-n.pieces:
			if err := stream.Send(p); err != nil {
				return err
			}
			if p.GetEnd() != 0 {
				return nil
			}
		case <-stream.Context().Done():
			n.ended <- stream.Context().Err()
			return stream.Context().Err()
		}
	}
}

// newEventEdge serves an edge in front of a notification service.
func newEventEdge(t *testing.T) (*httptest.Server, *notification) {
	t.Helper()
	n := &notification{asked: make(chan *notificationv1.StreamEventsRequest, 9), header: make(chan metadata.MD, 9), pieces: make(chan *notificationv1.StreamEventsResponse), ended: make(chan error, 9)}
	server := grpc.NewServer()
	notificationv1.RegisterNotificationServiceServer(server, n)
	listener := bufconn.Listen(1 << 20)
	go func() { _ = server.Serve(listener) }()
	conn, err := grpc.NewClient("passthrough:///buf", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(); server.Stop() })
	s, _ := newEdge(t, func(o *Options) { o.Notification = conn; o.AllowedOrigins = []string{"https://portal.example"} })
	return s, n
}

// eventStream is an open stream of server-sent events.
type eventStream struct {
	t        *testing.T
	response *http.Response
	lines    *bufio.Reader
}

// listen opens a stream; headers are names and values in turn.
func listen(t *testing.T, url string, headers ...string) *eventStream {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := (&http.Client{Transport: &http.Transport{}}).Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	return &eventStream{t, response, bufio.NewReader(response.Body)}
}

// block reads up to an empty line; io.EOF's text at the end.
func (s *eventStream) block() string {
	s.t.Helper()
	var b strings.Builder
	for {
		line, err := s.lines.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return b.String() + "EOF"
		}
		if err != nil {
			s.t.Fatal(err)
		}
		if line == "\n" {
			return b.String()
		}
		b.WriteString(line)
	}
}

func TestServerSentEvents(t *testing.T) {
	t.Parallel()
	s, n := newEventEdge(t)
	stream := listen(t, s.URL+"/v1/events?topics=themes/bauen&topics=municipalities/05758004&kinds=online&kinds=KIND_PLAN&after=7",
		"Last-Event-ID", "9", "Authorization", "Bearer k", "Accept-Encoding", "gzip", "Origin", "https://portal.example")
	req, md := <-n.asked, <-n.header
	if want := []string{"themes/bauen", "municipalities/05758004"}; !slices.Equal(req.GetTopics(), want) || len(req.GetKinds()) != 2 || req.GetAfter() != 9 {
		t.Errorf("asked for %v", req)
	}
	if !slices.Equal(md.Get("authorization"), []string{"Bearer k"}) {
		t.Errorf("metadata %v", md)
	}
	for name, want := range map[string]string{"Content-Type": "text/event-stream", "Cache-Control": "no-store", "Content-Encoding": "", "X-Content-Type-Options": "nosniff", "Access-Control-Allow-Origin": "https://portal.example"} {
		if got := stream.response.Header.Get(name); got != want {
			t.Errorf("%s is %q, want %q", name, got, want)
		}
	}
	if got := stream.block() + "|" + stream.block(); got != "retry: 3000\n|: heartbeat\nid: 9\n" {
		t.Errorf("begins with %q", got)
	}
	n.pieces <- &notificationv1.StreamEventsResponse{Sequence: 12, Event: &notificationv1.Event{
		Sequence: 12, Id: "krz.municipality.4", Kind: notificationv1.Event_KIND_ONLINE, SummaryDe: "Zeile\nnoch eine", Resources: []string{"a/b"}}}
	lines := strings.Split(stream.block(), "\n")
	var event struct{ Sequence, Id, Kind, SummaryDe string }
	if len(lines) != 3 || lines[1] != "id: 12" {
		t.Fatalf("an event is %q", lines)
	}
	if err := json.Unmarshal([]byte(strings.TrimPrefix(lines[0], "data: ")), &event); err != nil || event.Sequence != "12" || event.Kind != "KIND_ONLINE" || event.SummaryDe != "Zeile\nnoch eine" {
		t.Errorf("data %q: %+v, %v", lines[0], event, err)
	}
	n.pieces <- &notificationv1.StreamEventsResponse{Sequence: 12, End: notificationv1.StreamEventsResponse_END_TOO_SLOW}
	if got := stream.block() + "|" + stream.block(); got != "event: end\ndata: {\"reason\":\"TOO_SLOW\"}\n|EOF" {
		t.Errorf("ends with %q", got)
	}
}

// TestEventsRefused answers with problems before a stream begins.
func TestEventsRefused(t *testing.T) {
	t.Parallel()
	s, _ := newEventEdge(t)
	for path, want := range map[string]int{
		"/v1/events?topics=solutions/refused": http.StatusBadRequest,
		"/v1/events?kinds=unheard":            http.StatusBadRequest,
		"/v1/events?after=-1":                 http.StatusBadRequest,
		"/v1/events?topic=themes/a":           http.StatusBadRequest,
	} {
		response, body := ask(t, http.MethodGet, s.URL+path, "")
		if response.StatusCode != want || response.Header.Get("Content-Type") != contentProblem {
			t.Errorf("%s: %d %s", path, response.StatusCode, body)
		}
	}
	response, body := ask(t, http.MethodGet, s.URL+"/v1/events", "", "Last-Event-ID", "x")
	if response.StatusCode != http.StatusBadRequest || !strings.Contains(string(body), "Last-Event-ID") {
		t.Errorf("a bad id: %d %s", response.StatusCode, body)
	}
	if response, _ := ask(t, http.MethodPost, s.URL+"/v1/events", "{}"); response.StatusCode != http.StatusMethodNotAllowed {
		t.Errorf("POST: %d", response.StatusCode)
	}
}

// TestEventsOutliveTimeouts keeps a stream open for longer than any other request may take, and ends the service's side when the
// client leaves.
func TestEventsOutliveTimeouts(t *testing.T) {
	t.Parallel()
	s, n := newEventEdge(t)
	s = hasty(t, s)
	stream := listen(t, s.URL+"/v1/events")
	stream.block()
	for i := range 4 {
		time.Sleep(60 * time.Millisecond)
		n.pieces <- &notificationv1.StreamEventsResponse{Sequence: uint64(i)}
		if got := stream.block(); !strings.Contains(got, "heartbeat") {
			t.Fatalf("after %d ms: %q", 60*(i+1), got)
		}
	}
	_ = stream.response.Body.Close()
	select {
	case <-n.ended:
	case <-time.After(30 * time.Second):
		t.Error("the service still sends to a client that has left")
	}
}

// hasty serves the same edge with very short timeouts.
func hasty(t *testing.T, s *httptest.Server) *httptest.Server {
	h, _ := s.Config.Handler.(*edge)
	h.options.Timeout = 50 * time.Millisecond
	again := httptest.NewUnstartedServer(h)
	again.Config = NewServer(h, nil)
	again.Config.ReadTimeout, again.Config.WriteTimeout = 100*time.Millisecond, 100*time.Millisecond
	again.Start()
	t.Cleanup(again.Close)
	return again
}

// TestEventsEndWithTheServer tells clients that it stops, so that Shutdown need not wait for them.
func TestEventsEndWithTheServer(t *testing.T) {
	t.Parallel()
	s, _ := newEventEdge(t)
	var streams []*eventStream
	for range 5 {
		streams = append(streams, listen(t, s.URL+"/v1/events"))
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if err := s.Config.Shutdown(ctx); err != nil {
		t.Errorf("shutdown: %v", err)
	}
	for i, stream := range streams {
		stream.block()
		stream.block()
		if got := stream.block() + "|" + stream.block(); got != "event: end\ndata: {\"reason\":\"STOPPING\"}\n|EOF" {
			t.Errorf("stream %s ends with %q", strconv.Itoa(i), got)
		}
	}
}
