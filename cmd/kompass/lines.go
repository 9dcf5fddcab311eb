package main

import (
	"io"
	"sync"
)

// maxWaiting bounds the bytes of log lines that wait to be written; who logs more than that waits, too.
const maxWaiting = 1 << 20

// lines writes log lines without making those wait who log: what comes in while a write is under way goes out with the next one,
// in order. A write is always under way while there is something to write, so that a quiet process logs at once, and one that is
// killed loses what it logged in its last moment at most.
type lines struct {
	to io.Writer

	mu       sync.Mutex
	progress sync.Cond // something was written
	waiting  []byte
	spare    []byte
	writing  bool
}

func newLines(to io.Writer) *lines {
	l := &lines{to: to}
	l.progress.L = &l.mu
	return l
}

// Write takes whole lines; it never fails.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.waiting) > maxWaiting {
		l.progress.Wait()
	}
	l.waiting = append(l.waiting, p...)
	if !l.writing {
		l.writing = true
		go l.drain()
	}
	return len(p), nil
}

// drain writes until nothing waits.
func (l *lines) drain() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.waiting) > 0 {
		out := l.waiting
		l.waiting = l.spare[:0]
		l.mu.Unlock()
		_, _ = l.to.Write(out) // where could that be told?
		l.mu.Lock()
		l.spare = out
		l.progress.Broadcast()
	}
	l.writing = false
	l.progress.Broadcast()
}

// Flush waits until everything is written.
func (l *lines) Flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.writing {
		l.progress.Wait()
	}
}
