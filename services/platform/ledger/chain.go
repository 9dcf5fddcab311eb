package ledger

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"fmt"
	"hash"
	"maps"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// StagingExpiry is how long staged records wait for their commit, in the time of the stream's own records. Writers
// give up long before; what is older is the rest of a writer that died.
const StagingExpiry = time.Hour

// Chain checks the records of one stream in their order and knows the head of every subject. It also holds staged
// records back until their commit arrives. The zero value is not usable; see NewChain.
type Chain struct {
	stream string

	mu     sync.RWMutex
	last   uint64
	end    Hash // of the record at last
	heads  heads
	staged map[string]*staging
	// committed holds the ids of stagings that count, for readers of a single subject.
	committed map[string]struct{}
}

type staging struct {
	entries []Entry
	digest  hash.Hash
	since   time.Time
}

func (s *staging) expired(now time.Time) bool { return now.Sub(s.since) > StagingExpiry }

// NewChain is a chain at the beginning of the stream.
func NewChain(n Name) *Chain {
	return &Chain{stream: n.Stream(), heads: newHeads(), staged: map[string]*staging{}, committed: map[string]struct{}{}}
}

// Head is the newest record of a subject, staged ones included; the zero Head when there is none.
func (c *Chain) Head(subject string) Head {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.heads.get(subject)
}

// Counts tells whether an entry read on its own is visible: it is, unless its staging was never committed.
func (c *Chain) Counts(e Entry) bool {
	c.mu.RLock()
	defer c.mu.RUnlock()
	_, ok := c.committed[e.Record.Staging]
	return ok || e.Record.Staging == ""
}

// End is the newest record of the stream; the zero Head while there is none.
func (c *Chain) End() Head {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return Head{Sequence: c.last, Hash: c.end}
}

// Message is a stored record before it is decoded.
type Message struct {
	Subject  string
	Sequence uint64
	Data     []byte
	Header   nats.Header // nil unless it names a span
}

// Add checks the next messages of the stream and returns the entries that become visible by them, in order.
// An error is a *Damage; the chain then stays where it was before the damaged record.
func (c *Chain) Add(messages []Message) ([]Entry, error) {
	read, damage := c.decode(messages)
	entries, err := c.addAll(read)
	return entries, cmp.Or(err, damage)
}

// decode reads messages, which needs no order and takes longer than adding them; it ends at the first that cannot be read.
func (c *Chain) decode(messages []Message) ([]Entry, error) {
	entries := make([]Entry, 0, len(messages))
	for _, m := range messages {
		e, err := decode(c.stream, m.Subject, m.Sequence, m.Data)
		if err != nil {
			return entries, err
		}
		e.header = m.Header
		entries = append(entries, e)
	}
	return entries, nil
}

func (c *Chain) addAll(read []Entry) (visible []Entry, err error) {
	visible = make([]Entry, 0, len(read))
	for _, e := range read {
		c.mu.Lock()
		visible, err = c.add(visible, e)
		c.mu.Unlock()
		if err != nil {
			return visible, err
		}
	}
	return visible, nil
}

func (c *Chain) add(visible []Entry, e Entry) ([]Entry, error) {
	damage := func(format string, args ...any) error {
		return &Damage{Stream: c.stream, Sequence: e.Sequence, Subject: e.Subject, Problem: fmt.Sprintf(format, args...)}
	}
	if e.Sequence != c.last+1 {
		return visible, damage("follows record %d: records between are missing or out of order", c.last)
	}
	key := c.heads.key(e.Subject)
	if err := follows(c.stream, e, c.heads.known[key]); err != nil {
		return visible, err
	}
	visible, err := c.release(visible, e, damage)
	if err != nil {
		return visible, err
	}
	c.last, c.end = e.Sequence, e.Hash
	c.heads.known[key] = Head{Sequence: e.Sequence, Hash: e.Hash}
	return visible, nil
}

// follows checks that an entry is the next one of its subject after head.
func follows(stream string, e Entry, head Head) error {
	var want []byte
	if head.Sequence != 0 {
		want = head.Hash[:]
	}
	if bytes.Equal(e.Record.Previous, want) {
		return nil
	}
	problem := fmt.Sprintf("does not follow record %d of its subject: one of the two was altered", head.Sequence)
	if head.Sequence == 0 {
		problem = "has a predecessor that is missing"
	}
	return &Damage{Stream: stream, Sequence: e.Sequence, Subject: e.Subject, Problem: problem}
}

// release holds a staged entry back, or returns it, and what it commits, as visible.
func (c *Chain) release(visible []Entry, e Entry, damage func(string, ...any) error) ([]Entry, error) {
	now := e.Record.GetTime().AsTime()
	if id := e.Record.Staging; id != "" {
		s := c.staged[id]
		if s == nil || s.expired(now) {
			maps.DeleteFunc(c.staged, func(_ string, s *staging) bool { return s.expired(now) })
			s = &staging{digest: sha256.New(), since: now}
			c.staged[id] = s
		}
		s.entries = append(s.entries, e)
		s.digest.Write(e.Hash[:])
		return visible, nil
	}
	if commit := e.Record.Commit; commit != nil {
		s := c.staged[commit.Staging]
		if s == nil || s.expired(now) {
			s = &staging{digest: sha256.New()}
		}
		if len(s.entries) != int(commit.Records) || !bytes.Equal(s.digest.Sum(nil), commit.Digest) {
			return visible, damage("commits %d staged records, but %d other ones are there", commit.Records, len(s.entries))
		}
		delete(c.staged, commit.Staging)
		c.committed[commit.Staging] = struct{}{}
		for _, staged := range s.entries {
			staged.Visible = e.Sequence
			visible = append(visible, staged)
		}
	}
	return append(visible, e), nil
}
