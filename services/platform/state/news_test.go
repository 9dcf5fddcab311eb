package state_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/state"
)

// TestChanged: who asks before looking sees every change sooner or later, however many writers there are, and nobody wakes
// without one.
func TestChanged(t *testing.T) {
	t.Parallel()
	r := ready(t, embedded(t))
	if r.Changed("municipality") != nil {
		t.Error("a stream that is not followed changes")
	}
	const writers, each = 4, 25
	go func() {
		for w := range writers {
			go func() {
				for i := range each {
					if _, err := r.Write(t.Context(), cause("x"), func(themes) ([]ledger.Draft, error) {
						return []ledger.Draft{draft(r, fmt.Sprintf("%d-%d", w, i), "x")}, nil
					}); err != nil {
						t.Error(err)
						return
					}
				}
			}()
		}
	}()
	wakes := 0
	for deadline := time.After(30 * time.Second); ; wakes++ {
		news := r.Changed("catalogue")
		if s, err := r.Read(); err != nil || s.Len() == writers*each {
			break
		}
		select {
		case <-news:
		case <-deadline:
			t.Fatal("never woke for the last change")
		}
	}
	if wakes > writers*each {
		t.Errorf("woke %d times for %d records", wakes, writers*each)
	}
	select {
	case <-r.Changed("catalogue"):
		t.Error("woke without a change")
	case <-time.After(20 * time.Millisecond):
	}
}

// TestCatchUp: after it, what others wrote before is there.
func TestCatchUp(t *testing.T) {
	t.Parallel()
	site := embedded(t)
	writer, reader := ready(t, site), ready(t, site)
	for i := range 20 {
		if _, err := writer.Write(t.Context(), cause("x"), func(themes) ([]ledger.Draft, error) {
			return []ledger.Draft{draft(writer, fmt.Sprint(i), "x")}, nil
		}); err != nil {
			t.Fatal(err)
		}
		if err := reader.CatchUp(t.Context()); err != nil {
			t.Fatal(err)
		}
		if s, _ := reader.Read(); s.Len() != i+1 {
			t.Fatalf("%d records, want %d", s.Len(), i+1)
		}
	}
	ended, end := context.WithCancel(t.Context())
	end()
	idle, stop := replica(t, site)
	stop()
	if err := idle.CatchUp(ended); !errors.Is(err, state.ErrBehind) && !errors.Is(err, context.Canceled) {
		t.Errorf("a replica that has stopped catches up: %v", err)
	}
}
