package gateway

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/test/bufconn"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
)

// replica is a municipality service elsewhere that knows one implementation; every change is a revision.
type replica struct {
	municipalityv1.UnimplementedMunicipalityServiceServer
	revision atomic.Int64
	asked    atomic.Int64 // reads
}

func (r *replica) GetImplementation(ctx context.Context, req *municipalityv1.GetImplementationRequest) (*municipalityv1.Implementation, error) {
	r.asked.Add(1)
	revision := r.revision.Load()
	time.Sleep(time.Millisecond) // so that changes happen meanwhile
	return r.answer(ctx, req.GetName(), revision)
}

func (r *replica) UpdateImplementation(ctx context.Context, req *municipalityv1.UpdateImplementationRequest) (*municipalityv1.Implementation, error) {
	return r.answer(ctx, req.GetImplementation().GetName(), r.revision.Add(1))
}

func (r *replica) answer(ctx context.Context, name string, revision int64) (*municipalityv1.Implementation, error) {
	_ = grpc.SetHeader(ctx, metadata.Pairs(mdRevision, fmt.Sprint("r", revision)))
	return &municipalityv1.Implementation{Name: name, Note: strconv.FormatInt(revision, 10)}, nil
}

// newElsewhere starts edges in front of one service that runs elsewhere.
func newElsewhere(t *testing.T, edges int) (*replica, []string) {
	t.Helper()
	r, server, listener := &replica{}, grpc.NewServer(), bufconn.Listen(1<<20)
	municipalityv1.RegisterMunicipalityServiceServer(server, r)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	var urls []string
	for range edges {
		conn, err := grpc.NewClient("passthrough:///elsewhere", grpc.WithTransportCredentials(insecure.NewCredentials()),
			grpc.WithContextDialer(func(ctx context.Context, _ string) (net.Conn, error) { return listener.DialContext(ctx) }))
		if err != nil {
			t.Fatal(err)
		}
		h, err := New(t.Context(), Options{Municipality: conn, Stale: 500 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		s := httptest.NewServer(h)
		t.Cleanup(func() { s.Close(); _ = conn.Close() })
		urls = append(urls, s.URL+implementation)
	}
	return r, urls
}

// noteAt reads what a get shows.
func noteAt(t *testing.T, url string, headers ...string) (note int64, revision string) {
	t.Helper()
	answer, body := ask(t, http.MethodGet, url, "", headers...)
	_, rest, _ := strings.Cut(string(body), `"note":"`)
	text, _, _ := strings.Cut(rest, `"`)
	note, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Errorf("%d %s", answer.StatusCode, body)
	}
	return note, answer.Header.Get(headerRevision)
}

// TestServicesElsewhere: of a service in another process answers are kept for half a second, and never beyond a change that went
// through the same edge; who carries a revision gets nothing else.
func TestServicesElsewhere(t *testing.T) {
	t.Parallel()
	r, urls := newElsewhere(t, 2)
	here, there := urls[0], urls[1]
	ctx, stop := context.WithCancel(t.Context())
	var readers sync.WaitGroup
	for n := range 4 {
		readers.Go(func() {
			for ctx.Err() == nil {
				noteAt(t, urls[n%2])
			}
		})
	}
	var reads, late int64
	var longest time.Duration
	for end := time.Now().Add(3 * time.Second); time.Now().Before(end); {
		answer, _ := ask(t, http.MethodPatch, here, `{"note":"x"}`, "Content-Type", contentJSON)
		written, token := time.Now(), answer.Header.Get(headerRevision)
		want, _ := strconv.ParseInt(strings.TrimPrefix(token, "r"), 10, 64)
		if got, _ := noteAt(t, here); got < want {
			t.Fatalf("change %d: the same edge shows %d", want, got)
		}
		reads++
		if reads%5 == 0 {
			if got, _ := noteAt(t, there, headerRevision, token); got < want {
				t.Fatalf("change %d: who carries its revision gets %d", want, got)
			}
			continue
		}
		for {
			got, revision := noteAt(t, there)
			if revision != fmt.Sprint("r", got) {
				t.Fatalf("%d has the revision %s", got, revision)
			}
			if got >= want {
				break
			}
			late++
		}
		longest = max(longest, time.Since(written))
	}
	stop()
	readers.Wait()
	if longest > time.Second || late == 0 {
		t.Errorf("the other edge was up to %v behind, %d times", longest, late)
	}
	asked, began := r.asked.Load(), time.Now()
	for range 100 {
		noteAt(t, there)
	}
	if more, took := r.asked.Load()-asked, time.Since(began); more > 2+int64(took/(500*time.Millisecond)) {
		t.Errorf("100 reads within %v asked the service %d times", took, more)
	}
}
