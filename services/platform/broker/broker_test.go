package broker_test

import (
	"errors"
	"log/slog"
	"os"
	"testing"
	"time"

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

// TestStartFailsAtOnce: a store that cannot be written ends the start with the reason, instead of hanging.
func TestStartFailsAtOnce(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.WriteFile(broker.StoreDir(dir), []byte("a file where the directory should be"), 0o600); err != nil {
		t.Fatal(err)
	}
	begin := time.Now()
	e, err := broker.Start(dir, slog.New(slog.DiscardHandler))
	if err == nil {
		e.Stop()
		t.Fatal("started")
	}
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("it took %v to say %v", took, err)
	}
}
