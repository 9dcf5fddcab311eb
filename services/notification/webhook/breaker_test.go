package webhook

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

var (
	good = Result{Status: 204}
	bad  = Result{Class: ServerError, Status: 500}
	ours = Result{Class: Cancelled}
	noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
)

func TestBreakerOpensProbesAndCloses(t *testing.T) {
	t.Parallel()
	var b Breaker
	now, ok := noon, false
	for range breakAfter {
		if b, ok = b.Allow(now); !ok || !b.RetryTime().IsZero() {
			t.Fatalf("%+v", b)
		}
		b = b.After(bad, now)
	}
	for i, pause := range []time.Duration{30, 60, 120, 240, 480, 600, 600, 600} {
		pause *= time.Second
		if b.RetryTime() != now.Add(pause) || b.Failures() != breakAfter+i {
			t.Fatalf("%d: %v, %d failures", i, b.RetryTime().Sub(now), b.Failures())
		}
		if _, ok := b.Allow(now.Add(pause - 1)); ok {
			t.Fatal("open, and lets through")
		}
		now = now.Add(pause)
		if b, ok = b.Allow(now); !ok {
			t.Fatal("no probe")
		}
		if _, ok := b.Allow(now); ok {
			t.Fatal("two probes")
		}
		b = b.After(bad, now)
	}
	b, _ = b.Allow(b.RetryTime())
	if b = b.After(good, now); b != (Breaker{}) {
		t.Errorf("%+v", b)
	}
}

func TestBreakerForgetsNoProbe(t *testing.T) {
	t.Parallel()
	open := Breaker{failures: 5, breaks: 1, until: noon}
	probing, ok := open.Allow(noon)
	if !ok {
		t.Fatal("no probe")
	}
	if _, ok := probing.Allow(noon.Add(probeLease - 1)); ok {
		t.Error("a second probe beside the first")
	}
	if _, ok := probing.Allow(noon.Add(probeLease)); !ok {
		t.Error("a lost probe blocks for ever")
	}
	if _, ok := probing.After(ours, noon.Add(1)).Allow(noon.Add(1)); !ok {
		t.Error("a probe that we broke off blocks the next")
	}
	if b := open.After(ours, noon); b != open {
		t.Errorf("what we broke off counts: %+v", b)
	}
	if b := open.After(bad, noon); b.RetryTime() != noon || b.breaks != 1 {
		t.Errorf("a request that left earlier prolongs the pause: %+v", b)
	}
}

func TestBreakerKeepsQuietWhenAsked(t *testing.T) {
	t.Parallel()
	asked := Result{Class: Throttled, Status: 429, RetryAfter: time.Hour}
	b := Breaker{}.After(asked, noon)
	if b.RetryTime() != noon.Add(time.Hour) || b.Failures() != 1 {
		t.Errorf("%+v", b)
	}
	asked.RetryAfter = time.Second
	if b = b.After(asked, noon); b.RetryTime() != noon.Add(time.Hour) {
		t.Errorf("a shorter wish shortens the pause: %+v", b)
	}
	asked.RetryAfter = 1000 * time.Hour
	if b = b.After(asked, noon); b.RetryTime() != noon.Add(maxRetryAfter) {
		t.Errorf("%+v", b)
	}
}

// TestBreakerProperties drives it with anything in any order: a success always closes, a receiver that is not asked for quiet waits ten
// minutes at most, an open breaker lets one request through a lease at most, and a closed one has had fewer than five failures.
func TestBreakerProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var b Breaker
		now, failures := noon, 0
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.Int64Range(0, int64(20*time.Minute)).Draw(t, "pause")))
			before := b
			switch rapid.IntRange(0, 3).Draw(t, "step") {
			case 0:
				var ok bool
				b, ok = b.Allow(now)
				if open := !before.RetryTime().IsZero(); ok != (!open || !now.Before(before.RetryTime())) {
					t.Fatalf("%+v at %v: %v", before, now, ok)
				}
				if _, again := b.Allow(now); again && !b.RetryTime().IsZero() {
					t.Fatalf("two probes: %+v", b)
				}
			case 1:
				b, failures = b.After(bad, now), failures+1
			case 2:
				b, failures = b.After(good, now), 0
				if b != (Breaker{}) {
					t.Fatalf("a success leaves %+v", b)
				}
			case 3:
				b = b.After(ours, now)
			}
			if b.Failures() != failures || b.RetryTime().IsZero() != (failures < breakAfter) {
				t.Fatalf("%d failures, %+v", failures, b)
			}
			if wait := b.RetryTime().Sub(now); wait > maxBreak {
				t.Fatalf("waits %v", wait)
			}
		}
	})
}
