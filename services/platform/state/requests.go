package state

import (
	"sync"
	"time"

	"kompass.krz.de/services/platform/ledger"
)

// RequestMemory is how long a repeated request is recognised, in the time of the stream's own records.
const RequestMemory = 24 * time.Hour

// Outcome is what an earlier request with the same id did.
type Outcome struct {
	Digest   []byte
	Sequence uint64 // of its last record
}

// requestMemory remembers the requests whose clients chose an id.
type requestMemory struct {
	mu    sync.RWMutex
	known map[string]Outcome
	order []remembered
	head  int
}

type remembered struct {
	id   string
	time time.Time
}

func newRequestMemory() *requestMemory { return &requestMemory{known: map[string]Outcome{}} }

func (m *requestMemory) add(entries []ledger.Entry) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, e := range entries {
		if len(e.Record.RequestDigest) == 0 {
			continue
		}
		id, now := e.Record.RequestId, e.Record.GetTime().AsTime()
		if _, ok := m.known[id]; !ok {
			m.order = append(m.order, remembered{id, now})
		}
		m.known[id] = Outcome{Digest: e.Record.RequestDigest, Sequence: e.Visible}
		for m.head < len(m.order) && now.Sub(m.order[m.head].time) > RequestMemory {
			delete(m.known, m.order[m.head].id)
			m.head++
		}
	}
	if m.head > 1024 && m.head > len(m.order)/2 {
		m.order, m.head = append([]remembered(nil), m.order[m.head:]...), 0
	}
}

func (m *requestMemory) find(id string) (Outcome, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	o, ok := m.known[id]
	return o, ok
}
