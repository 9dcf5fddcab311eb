package webhook

import "time"

const (
	breakAfter = 5                // failures in a row that open a breaker
	firstBreak = 30 * time.Second // doubles with every probe that fails
	maxBreak   = 10 * time.Minute // so soon a receiver that came back is noticed
	probeLease = time.Minute      // a probe that reports nothing by then counts as lost
)

// Breaker decides whether a receiver is called at all, so that one that fails costs little. It is a value without a clock of
// its own: every method gives the breaker as it stands afterwards. Five failures in a row open it; then one probe at a time goes
// through, after 30 s, 1 min, 2 min … at most 10 min; a success closes it. The zero value is closed. One goroutine at a time.
// (sony/gobreaker reads the clock itself and cannot be told a state, so it cannot be replayed after a restart.)
type Breaker struct {
	failures int       // in a row
	breaks   int       // times in a row it opened; 0 is closed
	until    time.Time // while open: when the next probe may go
	probing  bool      // a probe is on its way; until is the end of its lease
}

// Allow tells whether a request may go now. While the breaker is open, a yes is for one probe; report what became of it.
func (b Breaker) Allow(now time.Time) (Breaker, bool) {
	if b.breaks == 0 {
		return b, true
	}
	if now.Before(b.until) {
		return b, false
	}
	b.probing, b.until = true, now.Add(probeLease)
	return b, true
}

// After is the breaker after the result of a request. A result that does not count (see Result.Counts) gives a probe back.
func (b Breaker) After(r Result, now time.Time) Breaker {
	switch {
	case r.Delivered():
		return Breaker{}
	case !r.Counts():
		if b.probing {
			b.probing, b.until = false, now
		}
		return b
	}
	b.failures++
	if b.breaks > 0 && !b.probing {
		return b.quiet(now, r.RetryAfter) // a request that left before it opened
	}
	if b.probing || b.failures >= breakAfter || r.RetryAfter > 0 {
		b.until = now.Add(min(firstBreak<<min(b.breaks, 10), maxBreak))
		b.breaks, b.probing = b.breaks+1, false
	}
	return b.quiet(now, r.RetryAfter)
}

// quiet keeps the breaker open at least as long as the receiver asked for.
func (b Breaker) quiet(now time.Time, asked time.Duration) Breaker {
	if asked = min(asked, maxRetryAfter); asked > 0 && now.Add(asked).After(b.until) {
		b.until = now.Add(asked)
	}
	return b
}

// Failures counts the failures in a row.
func (b Breaker) Failures() int { return b.failures }

// RetryTime says when the next probe may go; zero when the breaker is closed.
func (b Breaker) RetryTime() time.Time {
	if b.breaks == 0 {
		return time.Time{}
	}
	return b.until
}
