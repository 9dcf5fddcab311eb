package webhook

import "time"

// Persistence is how long a message is tried, from its first attempt.
const Persistence = 72 * time.Hour

// waits are the delays after the first failures; the last one repeats.
var waits = []time.Duration{
	5 * time.Second, 30 * time.Second, 2 * time.Minute, 10 * time.Minute, 30 * time.Minute,
	time.Hour, 2 * time.Hour, 4 * time.Hour, 8 * time.Hour,
}

// spread is how much of a delay is left to chance, so that what failed together does not return together.
const spread = 0.2

// Next says how long to wait after a failure, and whether to try again at all. failures counts the failed attempts (from 1), elapsed is the
// time since the first one, asked what the receiver wants (Result.RetryAfter), random lies in [0,1). It waits 5 s, 30 s, 2 min, …, 8 h,
// up to a tenth more or less, never shorter than asked, and ends three days after the first attempt.
func Next(failures int, elapsed, asked time.Duration, random float64) (wait time.Duration, again bool) {
	if elapsed >= Persistence {
		return 0, false
	}
	base := waits[min(max(failures, 1), len(waits))-1]
	wait = time.Duration(float64(base) * (1 - spread/2 + spread*random))
	return max(wait, min(asked, maxRetryAfter)), true
}
