package state_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	"kompass.krz.de/services/platform/broker"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/state"
)

type themes = state.Table[*cataloguev1.Theme]

func applyThemes(before themes, _ ledger.Name, batch []ledger.Entry) (themes, error) {
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

func open(tb testing.TB, dir string) (*state.Replica[themes], func()) {
	tb.Helper()
	nats, err := broker.Start(dir, slog.New(slog.DiscardHandler))
	if err != nil {
		tb.Fatal(err)
	}
	site := ledger.Site{Conn: nats.Conn, Origin: "test", Replicas: 1}
	own, err := site.Open(context.Background(), "catalogue")
	if err != nil {
		tb.Fatal(err)
	}
	r := state.New(slog.New(slog.DiscardHandler), state.NewTable[*cataloguev1.Theme](), applyThemes, own)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	if err := r.Ready(ctx); err != nil {
		tb.Fatal(err)
	}
	return r, func() { cancel(); <-done; nats.Stop() }
}

func drafts(r *state.Replica[themes], prefix string, n int) []ledger.Draft {
	d := make([]ledger.Draft, n)
	for i := range d {
		id := fmt.Sprintf("%s-%06d", prefix, i)
		d[i] = ledger.Draft{
			Subject: r.Own().Subject("theme", id), Resource: "themes/" + id,
			Entity: &cataloguev1.Theme{Name: "themes/" + id, DisplayName: "Bauen & Wohnen und noch ein ziemlich langer Name " + id},
		}
	}
	return d
}

func TestLargeWriteAndReplay(t *testing.T) {
	dir := t.TempDir()
	r, stop := open(t, dir)
	start := time.Now()
	res, err := r.Write(t.Context(), ledger.Cause{Actor: "t", RequestID: "x", Digest: []byte{1}, Time: time.Now()}, func(themes) ([]ledger.Draft, error) { return drafts(r, "a", 8557), nil })
	if err != nil {
		t.Fatal(err)
	}
	t.Log("write", time.Since(start), res.State.Len())
	for i := range 30 {
		_, err := r.Write(t.Context(), ledger.Cause{Actor: "t", Time: time.Now()}, func(themes) ([]ledger.Draft, error) { return drafts(r, fmt.Sprint("b", i), 8000), nil })
		if err != nil {
			t.Fatal(err)
		}
	}
	t.Log("write", time.Since(start))
	stop()
	start = time.Now()
	r, stop = open(t, dir)
	t.Log("replay", time.Since(start))
	s, _ := r.Read()
	t.Log(s.Len())
	stop()
}
