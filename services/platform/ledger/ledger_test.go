package ledger_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	"kompass.krz.de/services/platform/broker"
	"kompass.krz.de/services/platform/ledger"
)

var quiet = slog.New(slog.DiscardHandler)

// conformance is what the ledger promises, on whatever server it stands. disturb is called in the middle of load.
func conformance(t *testing.T, site ledger.Site, disturb func()) {
	t.Run("one record", func(t *testing.T) {
		t.Parallel()
		log := open(t, site, "one")
		seq := mustAppend(t, log, draft(log, "a", "1", ledger.Head{}))
		entries := read(t, log, seq)
		if got := entries[len(entries)-1]; got.Sequence != seq || got.Entity.(*cataloguev1.Theme).DisplayName != "1" || got.Record.Actor != "test" {
			t.Errorf("read %v", got)
		}
	})
	t.Run("a record that the decision did not see is a conflict", func(t *testing.T) {
		t.Parallel()
		log := open(t, site, "conflict")
		mustAppend(t, log, draft(log, "a", "1", ledger.Head{}))
		if _, err := log.Append(t.Context(), cause("c2"), []ledger.Draft{draft(log, "a", "2", ledger.Head{})}); !errors.Is(err, ledger.ErrConflict) {
			t.Errorf("append on an outdated head: %v, want ErrConflict", err)
		}
		chain, _ := follow(t, log, 1)
		mustAppend(t, log, draft(log, "a", "2", chain.Head(log.Name().Subject("theme", "a"))))
		other := draft(log, "b", "1", ledger.Head{})
		if _, err := log.Append(t.Context(), cause("c3"), []ledger.Draft{other, draft(log, "a", "3", ledger.Head{})}); !errors.Is(err, ledger.ErrConflict) {
			t.Errorf("several drafts, one outdated: %v, want ErrConflict", err)
		}
		if last, _ := log.LastSequence(t.Context()); last != 2 {
			t.Errorf("a refused write left %d records, want 2", last)
		}
	})
	t.Run("more than one atomic batch becomes visible at one moment", func(t *testing.T) {
		t.Parallel()
		log := open(t, site, "large")
		var drafts []ledger.Draft
		for i := range 2*ledger.BatchSize + 17 {
			drafts = append(drafts, draft(log, fmt.Sprintf("t%d", i), "x", ledger.Head{}))
		}
		seq := mustAppend(t, log, drafts...)
		if seq != uint64(len(drafts)) {
			t.Errorf("last sequence %d, want %d", seq, len(drafts))
		}
		chain := ledger.NewChain(log.Name())
		visible := 0
		collect(t, log, seq, func(batch []ledger.Message) error {
			for _, m := range batch {
				entries, err := chain.Add([]ledger.Message{m})
				if err != nil {
					return err
				}
				if m.Sequence < seq && len(entries) > 0 {
					return fmt.Errorf("record %d is visible before the commit", m.Sequence)
				}
				visible += len(entries)
			}
			return nil
		})
		if visible != len(drafts) {
			t.Errorf("%d entries visible after the commit, want %d", visible, len(drafts))
		}
	})
	t.Run("the same request id is written once", func(t *testing.T) {
		t.Parallel()
		log := open(t, site, "dedupe")
		c := ledger.Cause{Actor: "test", RequestID: "r1", Digest: []byte{1}, Time: time.Unix(1, 0)}
		if _, err := log.Append(t.Context(), c, []ledger.Draft{draft(log, "a", "1", ledger.Head{})}); err != nil {
			t.Fatal(err)
		}
		if _, err := log.Append(t.Context(), c, []ledger.Draft{draft(log, "a", "1", ledger.Head{})}); !errors.Is(err, ledger.ErrConflict) {
			t.Errorf("repeated: %v, want ErrConflict", err)
		}
		if last, _ := log.LastSequence(t.Context()); last != 1 {
			t.Errorf("%d records, want 1", last)
		}
	})
	t.Run("history of one subject", func(t *testing.T) {
		t.Parallel()
		log := open(t, site, "history")
		head := ledger.Head{}
		for i := range 5 {
			mustAppend(t, log, draft(log, "other"+fmt.Sprint(i), "x", ledger.Head{}))
			seq := mustAppend(t, log, draft(log, "a", fmt.Sprint(i), head))
			chain, _ := follow(t, log, seq)
			head = chain.Head(log.Name().Subject("theme", "a"))
		}
		entries, err := log.History(t.Context(), log.Name().Subject("theme", "a"))
		if err != nil || len(entries) != 5 || entries[4].Entity.(*cataloguev1.Theme).DisplayName != "4" {
			t.Errorf("history %v, %v", entries, err)
		}
	})
	t.Run("histories of many subjects", func(t *testing.T) {
		t.Parallel()
		log := open(t, site, "histories")
		mustAppend(t, log, ledger.Draft{Subject: log.Name().Subject("other", "x", "y"), Resource: "others/y", Entity: &cataloguev1.Theme{}})
		var drafts []ledger.Draft
		for i := range ledger.BatchSize + 5 {
			drafts = append(drafts, draft(log, fmt.Sprintf("x.t%d", i), "1", ledger.Head{}))
		}
		seq := mustAppend(t, log, append(drafts, draft(log, "xx.a", "1", ledger.Head{}))...)
		chain, _ := follow(t, log, seq)
		newest := mustAppend(t, log, draft(log, "x.t7", "2", chain.Head(log.Name().Subject("theme", "x.t7"))))
		entries, err := log.Histories(t.Context(), log.Name().Subject("theme", "x", ">"), newest)
		if err != nil || len(entries) != len(drafts)+1 {
			t.Fatalf("%d entries, %v; want %d", len(entries), err, len(drafts)+1)
		}
		if last := entries[len(drafts)]; last.Sequence != newest || last.Entity.(*cataloguev1.Theme).DisplayName != "2" {
			t.Errorf("newest %v", last)
		}
		if none, err := log.Histories(t.Context(), log.Name().Subject("theme", "y", ">"), 0); err != nil || len(none) != 0 {
			t.Errorf("nothing there: %v, %v", none, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, err := log.Histories(ctx, log.Name().Subject("theme", "x", ">"), newest+1); !errors.Is(err, ledger.ErrUnavailable) {
			t.Errorf("a record that is not there yet: %v, want ErrUnavailable", err)
		}
	})
	t.Run("writers side by side lose nothing that was acknowledged", func(t *testing.T) { load(t, site, disturb) })
}

// load lets several writers append while the server is disturbed; what was acknowledged must be there, in a whole chain.
func load(t *testing.T, site ledger.Site, disturb func()) {
	log := open(t, site, "load")
	const writers, each = 8, 60
	var mu sync.Mutex
	acknowledged := map[string]uint64{}
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := range each {
				id := fmt.Sprintf("w%d-%d", w, i)
				if seq, ok := persist(t, log, id); ok {
					mu.Lock()
					acknowledged[id] = seq
					mu.Unlock()
				}
				if w == 0 && i == each/3 {
					disturb()
				}
			}
		})
	}
	group.Wait()
	last := uint64(0)
	for _, seq := range acknowledged {
		last = max(last, seq)
	}
	_, entries := follow(t, log, last)
	found := map[string]uint64{}
	for _, e := range entries {
		found[e.Entity.(*cataloguev1.Theme).DisplayName] = e.Sequence
	}
	for id, seq := range acknowledged {
		if found[id] != seq {
			t.Errorf("%s was acknowledged as record %d, found at %d", id, seq, found[id])
		}
	}
	if len(acknowledged) < writers*each*9/10 {
		t.Errorf("only %d of %d writes were acknowledged", len(acknowledged), writers*each)
	}
}

// persist appends one record and repeats it while the server does not answer, as a service would.
func persist(t *testing.T, log *ledger.Log, id string) (uint64, bool) {
	c := ledger.Cause{Actor: "test", RequestID: id, Digest: []byte{1}, Time: time.Unix(1, 0)}
	for range 40 {
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		seq, err := log.Append(ctx, c, []ledger.Draft{draft(log, id, id, ledger.Head{})})
		cancel()
		if err == nil {
			return seq, true
		}
		if errors.Is(err, ledger.ErrConflict) { // an earlier try arrived after all
			return 0, false
		}
		time.Sleep(100 * time.Millisecond)
	}
	return 0, false
}

func TestEmbedded(t *testing.T) {
	t.Parallel()
	site := embedded(t, t.TempDir())
	conformance(t, site, func() {})
}

func TestStreamWithOtherPromisesIsRefused(t *testing.T) {
	t.Parallel()
	site := embedded(t, t.TempDir())
	open(t, site, "catalogue")
	site.Replicas = 3
	if _, err := site.Open(t.Context(), "catalogue"); !errors.Is(err, ledger.ErrConfig) {
		t.Errorf("open with other replicas: %v, want ErrConfig", err)
	}
	if _, err := site.Open(t.Context(), "Not A Token"); err == nil {
		t.Error("a service name with spaces was accepted")
	}
}

func embedded(t *testing.T, dir string) ledger.Site {
	t.Helper()
	nats, err := broker.Start(dir, quiet)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nats.Stop)
	return siteOf(t, nats.Conn, dir)
}

func siteOf(t *testing.T, nc *nats.Conn, dir string) ledger.Site {
	t.Helper()
	witness, err := ledger.NewWitness(ledger.WitnessDir(dir))
	if err != nil {
		t.Fatal(err)
	}
	return ledger.Site{Conn: nc, Origin: "test", Replicas: 1, Witness: witness}
}

func open(t *testing.T, site ledger.Site, service string) *ledger.Log {
	t.Helper()
	log, err := site.Open(t.Context(), service)
	if err != nil {
		t.Fatal(err)
	}
	return log
}

func cause(id string) ledger.Cause {
	return ledger.Cause{Actor: "test", RequestID: id, Time: time.Unix(1, 0)}
}

func draft(log *ledger.Log, id, text string, head ledger.Head) ledger.Draft {
	return ledger.Draft{
		Subject: log.Name().Subject("theme", id), Resource: "themes/" + id, Head: head,
		Entity: &cataloguev1.Theme{Name: "themes/" + id, DisplayName: text},
	}
}

func mustAppend(t *testing.T, log *ledger.Log, drafts ...ledger.Draft) uint64 {
	t.Helper()
	seq, err := log.Append(t.Context(), cause("c"), drafts)
	if err != nil {
		t.Fatal(err)
	}
	return seq
}

// collect hands over the messages up to record last.
func collect(t *testing.T, log *ledger.Log, last uint64, apply func([]ledger.Message) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	done := errors.New("done")
	err := log.Follow(ctx, 0, func(batch []ledger.Message) error {
		if err := apply(batch); err != nil {
			return err
		}
		if batch[len(batch)-1].Sequence >= last {
			return done
		}
		return nil
	})
	if !errors.Is(err, done) {
		t.Fatalf("follow up to record %d: %v", last, err)
	}
}

func follow(t *testing.T, log *ledger.Log, last uint64) (*ledger.Chain, []ledger.Entry) {
	t.Helper()
	chain := ledger.NewChain(log.Name())
	var all []ledger.Entry
	collect(t, log, last, func(batch []ledger.Message) error {
		entries, err := chain.Add(batch)
		all = append(all, entries...)
		return err
	})
	return chain, all
}

func read(t *testing.T, log *ledger.Log, last uint64) []ledger.Entry {
	t.Helper()
	_, entries := follow(t, log, last)
	return entries
}
