package state_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/grpc/status"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	"kompass.krz.de/services/platform/broker"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/state"
)

var quiet = slog.New(slog.DiscardHandler)

// themes is a state of the simplest kind: resource name to theme.
type themes = state.Table[*cataloguev1.Theme]

func applyThemes(before themes, _ ledger.Name, batch []ledger.Entry, _ bool) (themes, error) {
	edit := before.Edit()
	for _, e := range batch {
		if e.Entity == nil {
			edit.Delete(e.Record.Resource)
			continue
		}
		edit.Set(e.Record.Resource, e.Entity.(*cataloguev1.Theme))
	}
	return edit.Done(), nil
}

// platform is an embedded server on a directory.
func platform(tb testing.TB, dir string) (ledger.Site, *broker.Embedded) {
	tb.Helper()
	nats, err := broker.Start(dir, quiet)
	if err != nil {
		tb.Fatal(err)
	}
	witness, err := ledger.NewWitness(ledger.WitnessDir(dir))
	if err != nil {
		tb.Fatal(err)
	}
	return ledger.Site{Conn: nats.Conn, Origin: "test", Replicas: 1, Witness: witness, Store: broker.StoreDir(dir)}, nats
}

// replica runs a replica of the stream "catalogue"; stop ends it.
func replica(tb testing.TB, site ledger.Site) (r *state.Replica[themes], stop func()) {
	tb.Helper()
	own, err := site.Open(tb.Context(), "catalogue")
	if err != nil {
		tb.Fatal(err)
	}
	r = state.New(quiet, state.NewTable[*cataloguev1.Theme](), applyThemes, own)
	ctx, cancel := context.WithCancel(tb.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	return r, func() { cancel(); <-done }
}

func ready(tb testing.TB, site ledger.Site) *state.Replica[themes] {
	tb.Helper()
	r, stop := replica(tb, site)
	tb.Cleanup(stop)
	if err := r.Ready(tb.Context()); err != nil {
		tb.Fatal(err)
	}
	return r
}

func embedded(tb testing.TB) ledger.Site {
	tb.Helper()
	site, nats := platform(tb, tb.TempDir())
	tb.Cleanup(nats.Stop)
	return site
}

func draft(r *state.Replica[themes], id, text string) ledger.Draft {
	return ledger.Draft{Subject: r.Own().Subject("theme", id), Resource: "themes/" + id, Entity: &cataloguev1.Theme{Name: "themes/" + id, DisplayName: text}}
}

func cause(id string, digest ...byte) ledger.Cause {
	return ledger.Cause{Actor: "test", RequestID: id, Digest: digest, Time: time.Unix(1000, 0)}
}

func TestWriteIsThereWhenItReturns(t *testing.T) {
	t.Parallel()
	r := ready(t, embedded(t))
	result, err := r.Write(t.Context(), cause("1"), func(themes) ([]ledger.Draft, error) { return []ledger.Draft{draft(r, "a", "x")}, nil })
	if err != nil {
		t.Fatal(err)
	}
	current, _ := r.Read()
	for name, s := range map[string]themes{"result": result.State, "read": current} {
		if got, ok := s.Get("themes/a"); !ok || got.DisplayName != "x" {
			t.Errorf("%s holds %v", name, got)
		}
	}
	if nothing, err := r.Write(t.Context(), cause("2"), func(themes) ([]ledger.Draft, error) { return nil, nil }); err != nil || nothing.Sequence != 0 {
		t.Errorf("a decision for nothing: %v, %v", nothing.Sequence, err)
	}
	if refusal := errors.New("no"); true {
		if _, err := r.Write(t.Context(), cause("3"), func(themes) ([]ledger.Draft, error) { return nil, refusal }); !errors.Is(err, refusal) {
			t.Errorf("a refusal became %v", err)
		}
	}
}

// TestNoUpdateIsLost lets many writers count the same entity up: every acknowledged step must be in the end.
func TestNoUpdateIsLost(t *testing.T) {
	t.Parallel()
	r := ready(t, embedded(t))
	const writers, each = 8, 12
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := range each {
				_, err := r.Write(t.Context(), cause(fmt.Sprint(w, "-", i)), func(s themes) ([]ledger.Draft, error) {
					n := 0
					if old, ok := s.Get("themes/n"); ok {
						n, _ = strconv.Atoi(old.DisplayName)
					}
					return []ledger.Draft{draft(r, "n", strconv.Itoa(n+1))}, nil
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	s, _ := r.Read()
	if got, _ := s.Get("themes/n"); got.GetDisplayName() != strconv.Itoa(writers*each) {
		t.Errorf("counted to %q, want %d", got.GetDisplayName(), writers*each)
	}
}

// TestOthersKeepWinning: a writer that is overtaken every time gives up and names what it was about.
func TestOthersKeepWinning(t *testing.T) {
	t.Parallel()
	site := embedded(t)
	slow, fast := ready(t, site), ready(t, site)
	n := 0
	_, err := slow.Write(t.Context(), cause("slow"), func(themes) ([]ledger.Draft, error) {
		n++
		_, err := fast.Write(t.Context(), cause(fmt.Sprint("fast", n)), func(themes) ([]ledger.Draft, error) {
			return []ledger.Draft{draft(fast, "a", fmt.Sprint(n))}, nil
		})
		return []ledger.Draft{draft(slow, "a", "mine")}, err
	})
	if !fault.Is(err, fault.Conflict) || !strings.HasPrefix(status.Convert(err).Message(), "themes/a ") || n < 2 {
		t.Errorf("after %d decisions: %v", n, err)
	}
}

func TestRepeatedRequestHasOneEffect(t *testing.T) {
	t.Parallel()
	site := embedded(t)
	r := ready(t, site)
	decide := func(s themes) ([]ledger.Draft, error) {
		return []ledger.Draft{draft(r, fmt.Sprint("t", s.Len()), "x")}, nil
	}
	first, err := r.Write(t.Context(), cause("same", 1), decide)
	if err != nil || first.Repeated {
		t.Fatal(first.Repeated, err)
	}
	// A second replica has not been asked before and knows the request from the log alone.
	for i, other := range []*state.Replica[themes]{r, ready(t, site)} {
		again, err := other.Write(t.Context(), cause("same", 1), decide)
		if err != nil || !again.Repeated || again.State.Len() != 1 {
			t.Errorf("replica %d: repeated %v, %d themes, %v", i, again.Repeated, again.State.Len(), err)
		}
	}
	if _, err := r.Write(t.Context(), cause("same", 2), decide); !fault.Is(err, fault.RequestIDReused) ||
		!strings.Contains(err.Error(), "The request id same already belongs") {
		t.Errorf("another request with the same id: %v", err)
	}
}

// TestReplay: after a restart the state is the same, and until the replay is over nothing is answered.
func TestReplay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	site, nats := platform(t, dir)
	r, stop := replica(t, site)
	if err := r.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	const n = 3000
	if _, err := r.Write(t.Context(), cause("1"), func(themes) ([]ledger.Draft, error) {
		var drafts []ledger.Draft
		for i := range n {
			drafts = append(drafts, draft(r, fmt.Sprint("t", i), "x"))
		}
		return drafts, nil
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Write(t.Context(), cause("2"), func(themes) ([]ledger.Draft, error) {
		d := draft(r, "t0", "")
		d.Entity = nil
		return []ledger.Draft{d}, nil
	}); err != nil {
		t.Fatal(err)
	}
	stop()
	nats.Stop()

	site, nats = platform(t, dir)
	t.Cleanup(nats.Stop)
	own, err := site.Open(t.Context(), "catalogue")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := state.New(quiet, state.NewTable[*cataloguev1.Theme](), applyThemes, own).Read(); !fault.Is(err, fault.NotCaughtUp) {
		t.Errorf("a replica that never ran answers %v", err)
	}
	s, err := ready(t, site).Read()
	if err != nil || s.Len() != n-1 {
		t.Errorf("after the restart: %d themes, %v, want %d", s.Len(), err, n-1)
	}
}

// TestUnreadableRecordStopsTheReplica: what cannot be decoded is never skipped, and nothing is answered behind it.
func TestUnreadableRecordStopsTheReplica(t *testing.T) {
	t.Parallel()
	site := embedded(t)
	r, stop := replica(t, site)
	defer stop()
	if err := r.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.New(site.Conn)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), r.Own().Subject("theme", "a"), []byte("no record")); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(10 * time.Second)
	for {
		if ok, broken := r.IsReady(); !ok && errors.Is(broken, ledger.ErrDamaged) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("the replica did not notice")
		}
		time.Sleep(5 * time.Millisecond)
	}
	if _, err := r.Read(); !fault.Is(err, fault.StreamBroken) {
		t.Errorf("read: %v", err)
	}
	if _, err := r.Write(t.Context(), cause("1"), func(themes) ([]ledger.Draft, error) { return []ledger.Draft{draft(r, "b", "x")}, nil }); !fault.Is(err, fault.StreamBroken) {
		t.Errorf("write: %v", err)
	}
}

// TestSharedStreams: the owner and a follower in one process read the stream once and agree.
func TestSharedStreams(t *testing.T) {
	t.Parallel()
	site := embedded(t)
	site.Shared = &ledger.Shared{}
	log, err := site.Open(t.Context(), "catalogue")
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := site.Open(t.Context(), "municipality")
	if err != nil {
		t.Fatal(err)
	}
	owner := state.New(quiet, state.NewTable[*cataloguev1.Theme](), applyThemes, log)
	follower := state.New(quiet, state.NewTable[*cataloguev1.Theme](), applyThemes, foreign, log)
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for _, r := range []*state.Replica[themes]{owner, follower} {
		group.Go(func() {
			if err := r.Run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	defer group.Wait()
	defer cancel()
	if err := errors.Join(owner.Ready(ctx), follower.Ready(ctx)); err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		id := fmt.Sprint("t", i)
		if _, err := owner.Write(t.Context(), cause(id), func(themes) ([]ledger.Draft, error) { return []ledger.Draft{draft(owner, id, "x")}, nil }); err != nil {
			t.Fatal(err)
		}
		if err := follower.WaitFor(t.Context(), owner.Token()); err != nil {
			t.Fatal(err)
		}
		s, _ := follower.Read()
		if _, ok := s.Get("themes/" + id); !ok {
			t.Fatalf("the follower misses %s", id)
		}
	}
}

// TestRevision: a client that carries the token of one replica reads its own writes on another.
func TestRevision(t *testing.T) {
	t.Parallel()
	site := embedded(t)
	writer, reader := ready(t, site), ready(t, site)
	for i := range 20 {
		id := fmt.Sprint("t", i)
		if _, err := writer.Write(t.Context(), cause(id), func(themes) ([]ledger.Draft, error) { return []ledger.Draft{draft(writer, id, "x")}, nil }); err != nil {
			t.Fatal(err)
		}
		if err := reader.WaitFor(t.Context(), writer.Token()); err != nil {
			t.Fatal(err)
		}
		s, _ := reader.Read()
		if _, ok := s.Get("themes/" + id); !ok {
			t.Fatalf("%s is not there after waiting for its revision", id)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	future := "S09NUEFTU19URVNUX0NBVEFMT0dVRT16eno" // KOMPASS_TEST_CATALOGUE=zzz
	if err := reader.WaitFor(ctx, future); !fault.Is(err, fault.NotCaughtUp) {
		t.Errorf("a revision of the future: %v", err)
	}
	for _, bad := range []string{"", "%", "eA", "S09NUEFTUw"} {
		if err := reader.WaitFor(t.Context(), bad); !fault.Is(err, fault.InvalidRevision) {
			t.Errorf("token %q: %v", bad, err)
		}
	}
}

func TestHistoryLeavesOutWhatNeverCounted(t *testing.T) {
	t.Parallel()
	site := embedded(t)
	r := ready(t, site)
	for i := range 3 {
		if _, err := r.Write(t.Context(), cause(fmt.Sprint(i)), func(themes) ([]ledger.Draft, error) {
			return []ledger.Draft{draft(r, "a", fmt.Sprint(i)), draft(r, "b", fmt.Sprint(i))}, nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	history, err := r.History(t.Context(), r.Own().Subject("theme", "a"))
	if err != nil || len(history) != 3 || history[0].Entity.(*cataloguev1.Theme).DisplayName != "2" {
		t.Errorf("history %v, %v", history, err)
	}
	histories, err := r.Histories(t.Context(), r.Own().Subject("theme", ">"), 0)
	if err != nil || len(histories) != 6 || histories[0].Entity.(*cataloguev1.Theme).DisplayName != "0" || histories[5].Entity.(*cataloguev1.Theme).DisplayName != "2" {
		t.Errorf("histories %v, %v", histories, err)
	}
}

func BenchmarkWrite(b *testing.B) {
	r := ready(b, embedded(b))
	i := 0
	for b.Loop() {
		i++
		if _, err := r.Write(b.Context(), cause("x"), func(themes) ([]ledger.Draft, error) { return []ledger.Draft{draft(r, "a", strconv.Itoa(i))}, nil }); err != nil {
			b.Fatal(err)
		}
	}
}
