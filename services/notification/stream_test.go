package notification

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/test/bufconn"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/platform/identity"
	"kompass.krz.de/services/platform/journal"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/server"
)

// served is a service that follows the stage, behind gRPC.
type served struct {
	*stage
	service *Service
	client  notificationv1.NotificationServiceClient
	stop    func() // before the test ends it
}

func (st *stage) serve(every time.Duration) *served {
	st.tb.Helper()
	return st.serveWith(every, Settings{}, quiet, func() time.Time { return st.now })
}

// serveWith is serve with settings, a log and a clock.
func (st *stage) serveWith(every time.Duration, settings Settings, log *slog.Logger, clock func() time.Time) *served {
	st.tb.Helper()
	must := func(err error) {
		if err != nil {
			st.tb.Helper()
			st.tb.Fatal(err)
		}
	}
	s, err := New(st.tb.Context(), st.site, log, clock, settings)
	must(err)
	s.heartbeat = every
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	must(s.Ready(st.tb.Context()))
	g, err := server.New(server.Options{Logger: quiet, Authenticator: identity.New("key").OpenReads(true)})
	must(err)
	s.Register(g)
	l := bufconn.Listen(1 << 20)
	go func() { _ = g.Serve(l) }()
	conn, err := grpc.NewClient("passthrough:///test", grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return l.DialContext(ctx) }))
	must(err)
	stop := sync.OnceFunc(func() {
		_ = conn.Close()
		g.Stop()
		cancel()
		must(<-done)
	})
	st.tb.Cleanup(stop)
	return &served{st, s, notificationv1.NewNotificationServiceClient(conn), stop}
}

// listening is an open stream.
type listening struct {
	tb     testing.TB
	stream grpc.ServerStreamingClient[notificationv1.StreamEventsResponse]
	from   uint64
	stop   func()
}

// listen opens a stream and waits until it has begun.
func (s *served) listen(req *notificationv1.StreamEventsRequest) *listening {
	s.tb.Helper()
	ctx, cancel := context.WithCancel(s.tb.Context())
	stream, err := s.client.StreamEvents(ctx, req)
	if err != nil {
		s.tb.Fatal(err)
	}
	l := &listening{s.tb, stream, 0, cancel}
	l.from = l.piece().GetSequence()
	return l
}

func (l *listening) piece() *notificationv1.StreamEventsResponse {
	l.tb.Helper()
	piece, err := l.stream.Recv()
	if err != nil {
		l.tb.Fatal(err)
	}
	return piece
}

// next is the next event.
func (l *listening) next() *notificationv1.Event {
	l.tb.Helper()
	for {
		if e := l.piece().GetEvent(); e != nil {
			return e
		}
	}
}

func (l *listening) resources(n int) (names []string) {
	l.tb.Helper()
	for range n {
		names = append(names, l.next().GetResource())
	}
	return names
}

func TestStreamFilters(t *testing.T) {
	t.Parallel()
	s := newStage(t).serve(time.Hour)
	all := s.listen(&notificationv1.StreamEventsRequest{})
	place := s.listen(&notificationv1.StreamEventsRequest{Topics: []string{"municipalities/05758008", "solutions/none"}})
	kind := s.listen(&notificationv1.StreamEventsRequest{Kinds: []notificationv1.Event_Kind{notificationv1.Event_KIND_SOLUTION}})
	both := s.listen(&notificationv1.StreamEventsRequest{Topics: []string{"municipalities/05758008", "publicServices/2"}, Kinds: []notificationv1.Event_Kind{notificationv1.Event_KIND_IMPLEMENTATION}})
	s.write(implementationChange("05758004", "1", 1))
	s.published(1) // events of different ledgers have no order but that of their publication
	s.write(implementationChange("05758008", "2", 1))
	s.published(2)
	s.write(solutionChange("a", 1))
	const one, two, three = "municipalities/05758004/implementations/1", "municipalities/05758008/implementations/2", "solutions/a"
	for name, c := range map[string]struct {
		l    *listening
		want []string
	}{
		"all": {all, []string{one, two, three}}, "place": {place, []string{two}}, "kind": {kind, []string{three}}, "both": {both, []string{two}},
	} {
		if got := c.l.resources(len(c.want)); !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

// TestStreamResumes leaves a stream and comes back with what it had last, while events go on: there is no gap, and nothing twice.
func TestStreamResumes(t *testing.T) {
	t.Parallel()
	s := newStage(t).serve(time.Hour)
	first := s.listen(&notificationv1.StreamEventsRequest{})
	const events = 600 // more than a buffer and a page
	go func() {
		for i := range events {
			s.write(solutionChange("s"+strconv.Itoa(i), i))
		}
	}()
	var got []uint64
	l, after := first, uint64(0)
	for len(got) < events {
		for range 1 + len(got)%170 {
			e := l.next()
			after = e.GetSequence()
			if got = append(got, after); len(got) == events {
				break
			}
		}
		l.stop()
		l = s.listen(&notificationv1.StreamEventsRequest{After: &after})
		if l.from != after {
			t.Fatalf("begins after %d, want %d", l.from, after)
		}
	}
	for i, sequence := range got {
		if sequence != got[0]+uint64(i) {
			t.Fatalf("event %d has sequence %d, after %d", i, sequence, got[max(i-1, 0)])
		}
	}
}

// TestHeartbeat says how far the stream has looked, also past events that it does not want: who comes back with that misses
// nothing.
func TestHeartbeat(t *testing.T) {
	t.Parallel()
	s := newStage(t).serve(10 * time.Millisecond)
	l := s.listen(&notificationv1.StreamEventsRequest{Topics: []string{"solutions/mine"}})
	for i := range 5 {
		s.write(solutionChange("other"+strconv.Itoa(i), i))
	}
	events := s.published(5)
	looked := l.from
	for looked < events[4].GetSequence() {
		piece := l.piece()
		if piece.GetEvent() != nil || piece.GetSequence() < looked {
			t.Fatalf("after %d came %v", looked, piece)
		}
		looked = piece.GetSequence()
	}
	s.write(solutionChange("mine", 1))
	if e := l.next(); e.GetResource() != "solutions/mine" || e.GetSequence() <= looked {
		t.Errorf("got %v after %d", e, looked)
	}
}

func TestStreamRefusals(t *testing.T) {
	t.Parallel()
	s := newStage(t).serve(time.Hour)
	tooFar := uint64(99)
	for name, c := range map[string]struct {
		req  *notificationv1.StreamEventsRequest
		key  string
		want codes.Code
	}{
		"a sequence to come": {&notificationv1.StreamEventsRequest{After: &tooFar}, "", codes.InvalidArgument},
		"no resource name":   {&notificationv1.StreamEventsRequest{Topics: []string{"Bünde"}}, "", codes.InvalidArgument},
		"an unknown kind":    {&notificationv1.StreamEventsRequest{Kinds: []notificationv1.Event_Kind{99}}, "", codes.InvalidArgument},
		"a wrong key":        {&notificationv1.StreamEventsRequest{}, "Bearer wrong", codes.Unauthenticated},
	} {
		ctx := t.Context()
		if c.key != "" {
			ctx = metadata.AppendToOutgoingContext(ctx, "authorization", c.key)
		}
		stream, err := s.client.StreamEvents(ctx, c.req)
		if err == nil {
			_, err = stream.Recv()
		}
		if status.Code(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
}

// TestStreamEnds tells readers that the service stops, and takes no new ones.
func TestStreamEnds(t *testing.T) {
	t.Parallel()
	s := newStage(t).serve(time.Hour)
	l := s.listen(&notificationv1.StreamEventsRequest{})
	s.service.Leave()
	if piece := l.piece(); piece.GetEnd() != notificationv1.StreamEventsResponse_END_STOPPING {
		t.Errorf("the last piece is %v", piece)
	}
	if _, err := l.stream.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("after the end: %v", err)
	}
}

// stuck is a stream whose reader takes nothing until it is let go.
type stuck struct {
	grpc.ServerStreamingServer[notificationv1.StreamEventsResponse]
	ctx    context.Context
	pieces chan *notificationv1.StreamEventsResponse
}

func (s *stuck) Context() context.Context { return s.ctx }

func (s *stuck) Send(piece *notificationv1.StreamEventsResponse) error {
	s.pieces <- piece
	return nil
}

// TestSlowReader is cut off with a last piece that says so, and with which it may come back; others notice nothing.
func TestSlowReader(t *testing.T) {
	t.Parallel()
	s := newStage(t).serve(time.Hour)
	slow := &stuck{ctx: t.Context(), pieces: make(chan *notificationv1.StreamEventsResponse)}
	done := make(chan error, 1)
	go func() { done <- s.service.StreamEvents(&notificationv1.StreamEventsRequest{}, slow) }()
	from := (<-slow.pieces).GetSequence()
	quick := s.listen(&notificationv1.StreamEventsRequest{})
	const events = readerBuffer + 10
	go func() {
		for i := range events {
			s.write(solutionChange("s"+strconv.Itoa(i), i))
		}
	}()
	quick.resources(events)
	var last *notificationv1.StreamEventsResponse
	sent := from
	for last = <-slow.pieces; last.GetEvent() != nil; last = <-slow.pieces {
		sent++
	}
	if last.GetEnd() != notificationv1.StreamEventsResponse_END_TOO_SLOW || last.GetSequence() != sent || sent > from+2 {
		t.Errorf("%d events, then %v", sent-from, last)
	}
	if err := <-done; err != nil || s.service.hub.slow.Load() != 1 {
		t.Errorf("%d streams cut off, %v", s.service.hub.slow.Load(), err)
	}
	if l := s.listen(&notificationv1.StreamEventsRequest{After: &sent}); len(l.resources(events-int(sent-from))) == 0 {
		t.Error("nothing missed?")
	}
}

// TestPrivateEvents are in no stream, neither live nor from the journal, whatever is asked for.
func TestPrivateEvents(t *testing.T) {
	t.Parallel()
	s := newStage(t).serve(time.Hour)
	asked := map[string]*notificationv1.StreamEventsRequest{
		"everything": {},
		"by topic":   {Topics: []string{"webhooks/w", "recipients/r", "solutions/a"}},
		"by kind":    {Kinds: []notificationv1.Event_Kind{notificationv1.Event_KIND_WEBHOOK_FAILING, notificationv1.Event_KIND_SOLUTION}},
	}
	live := map[string]*listening{}
	for name, req := range asked {
		live[name] = s.listen(req)
	}
	event := &notificationv1.Event{Id: "test.notification.1", Kind: notificationv1.Event_KIND_WEBHOOK_FAILING, Resource: "webhooks/w", Topics: []string{"webhooks/w", "recipients/r"}}
	m, err := eventMessage(s.events.Subject, "kompass.test.notification.webhook.w", event, position{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.events.Append(t.Context(), m, journal.Guard{}); err != nil {
		t.Fatal(err)
	}
	s.write(solutionChange("a", 1))
	for name, req := range asked {
		if got := live[name].resources(1); got[0] != "solutions/a" {
			t.Errorf("%s: got %v live", name, got)
		}
		req.After = new(uint64)
		if got := s.listen(req).resources(1); got[0] != "solutions/a" {
			t.Errorf("%s: got %v from the journal", name, got)
		}
	}
}

var _ ledger.Subscriber = (*source)(nil)
