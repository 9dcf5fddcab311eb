package broker_test

import (
	"errors"
	"log/slog"
	"testing"

	"kompass.krz.de/services/platform/broker"
)

func TestOneProcessADirectory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	release, err := broker.Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := broker.Lock(dir); !errors.Is(err, broker.ErrInUse) {
		t.Errorf("second lock: %v", err)
	}
	release()
	release, err = broker.Lock(dir)
	if err != nil {
		t.Fatalf("after release: %v", err)
	}
	release()
}

// TestStartAgain: what Stop returns from can be started again, and nothing listens on a port.
func TestStartAgain(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for range 2 {
		e, err := broker.Start(dir, slog.New(slog.DiscardHandler))
		if err != nil {
			t.Fatal(err)
		}
		if addr := e.Conn.ConnectedAddr(); addr != "pipe" && addr != "" {
			t.Errorf("connected over %q", addr)
		}
		e.Stop()
	}
}
