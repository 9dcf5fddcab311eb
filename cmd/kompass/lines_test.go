package main

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// slowFile takes its time and counts what arrives.
type slowFile struct {
	bytes.Buffer
	writes int
}

func (f *slowFile) Write(p []byte) (int, error) {
	time.Sleep(time.Millisecond)
	f.writes++
	return f.Buffer.Write(p)
}

// TestLines: every line arrives whole, those of one writer in order, many with one write, and all of them by the end.
func TestLines(t *testing.T) {
	t.Parallel()
	const writers, each = 8, 2000
	file := &slowFile{}
	l := newLines(file)
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := range each {
				fmt.Fprintf(l, "%d %d %s\n", w, i, strings.Repeat("x", 200))
			}
		})
	}
	group.Wait()
	l.Flush()
	next := [writers]int{}
	for line := range strings.Lines(file.String()) {
		var w, i int
		var rest string
		if n, err := fmt.Sscan(line, &w, &i, &rest); n != 3 || err != nil || len(rest) != 200 || i != next[w] {
			t.Fatalf("line %q after %v", line, next)
		}
		next[w]++
	}
	for w, n := range next {
		if n != each {
			t.Errorf("writer %d: %d lines", w, n)
		}
	}
	if file.writes > writers*each/10 {
		t.Errorf("%d writes", file.writes)
	}
	fmt.Fprintln(l, "last")
	l.Flush()
	if !strings.HasSuffix(file.String(), "last\n") {
		t.Error("the last line is missing")
	}
}
