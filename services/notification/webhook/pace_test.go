package webhook

import (
	"slices"
	"testing"
	"time"
)

// TestPace sends as fast as the pace allows, also over a restart in the middle: no minute has more requests than the rate, and none
// waits longer than it must.
func TestPace(t *testing.T) {
	t.Parallel()
	for _, rate := range []int{1, 2, 7, 120} {
		var p Pace
		p.Allow(rate)
		begin := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
		now, sent := begin, []time.Time(nil)
		for n := range 4 * rate {
			if n == rate+rate/2 { // another process, which read the notes
				p = Pace{}
				p.Allow(rate)
				for _, at := range sent {
					p.Began(at)
				}
			}
			if wait := p.Wait(now, 0); wait > 0 {
				if p.Wait(now.Add(wait-time.Nanosecond), 0) != time.Nanosecond {
					t.Errorf("rate %d: the wait of request %d does not end when it said", rate, n)
				}
				now = now.Add(wait)
			}
			sent = append(sent, now)
			p.Began(now)
			now = now.Add(time.Millisecond)
		}
		for i, at := range sent {
			within, _ := slices.BinarySearchFunc(sent, at.Add(time.Minute), time.Time.Compare)
			if within-i > rate {
				t.Fatalf("rate %d: %d requests in the minute from %v", rate, within-i, at.Sub(begin))
			}
		}
		if took := sent[len(sent)-1].Sub(begin); took > 3*time.Minute+time.Second {
			t.Errorf("rate %d: %d requests took %v", rate, len(sent), took)
		}
		if len(p.starts) > rate {
			t.Errorf("rate %d: it remembers %d requests", rate, len(p.starts))
		}
	}
}

// TestPaceOfRequestsOnTheirWay: what is not noted yet counts, too, and so does what another process notes late.
func TestPaceOfRequestsOnTheirWay(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	var p Pace
	if p.Began(now); p.Wait(now, 1000) != 0 {
		t.Error("a receiver that allows everything is made to wait")
	}
	p.Allow(3)
	p.Began(now.Add(-10 * time.Second))
	p.Began(now.Add(-50 * time.Second)) // out of order
	for flying, want := range map[int]time.Duration{0: 0, 1: 10 * time.Second, 2: 50 * time.Second, 3: time.Minute} {
		if got := p.Wait(now, flying); got != want {
			t.Errorf("with %d on their way: %v, want %v", flying, got, want)
		}
	}
	if p.Allow(0); p.Wait(now, 3) != 0 {
		t.Error("a rate that was taken back still counts")
	}
}
