package webhook

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestScheduleSpansThreeDays follows one message whose every attempt fails.
func TestScheduleSpansThreeDays(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var elapsed, last time.Duration
		attempts := 0
		for {
			chance := rapid.Float64Range(0, 0.999999).Draw(t, "random")
			wait, again := Next(attempts+1, elapsed, 0, chance)
			if !again {
				break
			}
			attempts++
			base := waits[min(attempts, len(waits))-1]
			if wait < base*9/10 || wait > base*11/10 {
				t.Fatalf("failure %d: %v around %v", attempts, wait, base)
			}
			if wait < last*9/11 {
				t.Fatalf("failure %d: %v after %v", attempts, wait, last)
			}
			elapsed, last = elapsed+wait, wait
		}
		if elapsed < Persistence || elapsed >= Persistence+waits[len(waits)-1]*11/10 {
			t.Fatalf("ends after %v", elapsed)
		}
		if attempts < 16 || attempts > 18 {
			t.Fatalf("%d attempts", attempts)
		}
	})
}

func TestNext(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		failures       int
		elapsed, asked time.Duration
		random         float64
		wait           time.Duration
		again          bool
	}{
		"first":                 {1, 0, 0, 0.5, 5 * time.Second, true},
		"early":                 {1, 0, 0, 0, 4500 * time.Millisecond, true},
		"none counted":          {0, 0, 0, 0.5, 5 * time.Second, true},
		"asked for more":        {1, 0, time.Hour, 0.5, time.Hour, true},
		"asked for less":        {6, 0, time.Second, 0.5, time.Hour, true},
		"asked for too much":    {1, 0, 1000 * time.Hour, 0.5, maxRetryAfter, true},
		"late":                  {100, Persistence - 1, 0, 0.5, 8 * time.Hour, true},
		"over":                  {3, Persistence, 0, 0.5, 0, false},
		"over whatever it asks": {3, Persistence, time.Second, 0.5, 0, false},
	} {
		if wait, again := Next(c.failures, c.elapsed, c.asked, c.random); wait != c.wait || again != c.again {
			t.Errorf("%s: %v %v", name, wait, again)
		}
	}
}
