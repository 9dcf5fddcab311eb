package webhook

import (
	"slices"
	"time"
)

// paceWindow is what a rate counts by: a receiver allows so many requests a minute.
const paceWindow = time.Minute

// Pace keeps to the rate that a receiver allows (see [Sender.Ask]): never more requests than that within a minute, wherever the
// minute begins. Like [Breaker] it has no clock and is made of what was noted, so that every process that reads the notes
// knows it, also after a restart. The zero value allows everything. One goroutine at a time. (golang.org/x/time/rate keeps its
// bucket in memory: a restart, or the next process to call the receiver, would begin with a full one.)
type Pace struct {
	rate   int     // requests a minute; 0 is any number
	starts []int64 // of the noted requests of the last minute, in order, in nanoseconds since 1970
}

// Allow sets how many requests a minute may go; 0 is any number, and forgets.
func (p *Pace) Allow(rate int) {
	if p.rate = rate; rate == 0 {
		p.starts = nil
	}
}

// Began notes a request by when it began.
func (p *Pace) Began(at time.Time) {
	if p.rate == 0 {
		return
	}
	start := at.UnixNano()
	i, _ := slices.BinarySearch(p.starts, start)
	p.starts = slices.Insert(p.starts, i, start)
	p.starts = p.after(time.Unix(0, p.starts[len(p.starts)-1]))
}

// Wait says how long it is until one more request may go, beside those on their way that are not noted yet; 0 is now.
func (p *Pace) Wait(now time.Time, flying int) time.Duration {
	if p.rate == 0 {
		return 0
	}
	recent := p.after(now)
	switch over := len(recent) + flying + 1 - p.rate; { // so many have to leave the minute first
	case over <= 0:
		return 0
	case over > len(recent):
		return paceWindow // what is on its way is noted long before
	default:
		return time.Unix(0, recent[over-1]).Add(paceWindow).Sub(now)
	}
}

// after is what counts within the minute up to a time, and later.
func (p *Pace) after(now time.Time) []int64 {
	i, _ := slices.BinarySearch(p.starts, now.Add(-paceWindow).UnixNano()+1)
	return p.starts[i:]
}
