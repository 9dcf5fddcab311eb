package journal_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"kompass.krz.de/services/platform/broker"
	"kompass.krz.de/services/platform/journal"
	"kompass.krz.de/services/platform/ledger"
)

// BenchmarkFollow is the time from the beginning of an append (guarded, with fsync) until a follower has the message, at 200
// messages a second.
func BenchmarkFollow(b *testing.B) {
	j, all := benchmarked(b)
	arrived := make(chan time.Time, 1)
	go func() {
		err := j.Follow(b.Context(), 0, all, func(batch []journal.Message) error {
			for range batch {
				arrived <- time.Now()
			}
			return nil
		})
		if err != nil {
			b.Error(err)
		}
	}()
	var took []time.Duration
	g := journal.Guard{Filter: all}
	m := journal.Message{Data: make([]byte, 300)}
	m.Subject, _ = j.Subject("x", "y")
	for b.Loop() {
		begin := time.Now()
		last, err := j.Append(b.Context(), m, g)
		if err != nil {
			b.Fatal(err)
		}
		g.Last = last
		took = append(took, (<-arrived).Sub(begin))
		time.Sleep(time.Until(begin.Add(5 * time.Millisecond)))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds())/1000, "ms-p99")
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "ms-p50")
}

// BenchmarkAppendAll writes a hundred messages of 300 bytes at once.
func BenchmarkAppendAll(b *testing.B) {
	j, all := benchmarked(b)
	messages := make([]journal.Message, 100)
	for i := range messages {
		messages[i].Subject, _ = j.Subject("x", "y")
		messages[i].Data = make([]byte, 300)
	}
	g, n := journal.Guard{Filter: all}, 0
	for b.Loop() {
		last, err := j.AppendAll(b.Context(), messages, g)
		if err != nil {
			b.Fatal(err)
		}
		g.Last, n = last, n+len(messages)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "messages/s")
}

func benchmarked(b *testing.B) (*journal.Journal, string) {
	b.Helper()
	e, err := broker.Start(b.TempDir(), quiet)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(e.Stop)
	j, err := journal.Open(b.Context(), ledger.Site{Conn: e.Conn, Origin: "test", Replicas: 1}, journal.Config{Name: "bench", MaxAge: time.Hour})
	all, bad := j.Filter()
	if err := errors.Join(err, bad); err != nil {
		b.Fatal(err)
	}
	return j, all
}
