package gateway

import (
	"crypto/sha256"
	"maps"
	"sync"
	"time"
)

// admissionTime is for how long a service's word counts that it lets somebody read: so long a key may work at most after it
// was withdrawn.
const admissionTime = time.Second

// admissions remember whom services let in, so that what was kept is sent to nobody else: the edge cannot judge a key, and
// where reads are not open, having none is to be judged, too. Only who was let in is remembered, so their number is bounded by
// that of the keys.
type admissions struct {
	mu    sync.RWMutex
	since map[admission]time.Time
}

// admission is somebody at a service: the SHA-256 of the Authorization header, zero without one. Whom it lets in to its public
// methods, which is everybody, it has not let in to the others.
type admission struct {
	service string
	public  bool
	key     [sha256.Size]byte
}

func newAdmissions() *admissions { return &admissions{since: map[admission]time.Time{}} }

func admissionOf(x *exchange) admission {
	a := admission{service: x.endpoint.source.service, public: x.endpoint.public}
	if header := x.req.Header.Get("Authorization"); header != "" {
		a.key = sha256.Sum256([]byte(header))
	}
	return a
}

// holds tells whether the service let them in lately.
func (l *admissions) holds(a admission, now time.Time) bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	since, ok := l.since[a]
	return ok && now.Sub(since) < admissionTime
}

// grant notes that the service let them in.
func (l *admissions) grant(a admission, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.since) >= 1024 {
		maps.DeleteFunc(l.since, func(_ admission, since time.Time) bool { return now.Sub(since) >= admissionTime })
	}
	l.since[a] = now
}
