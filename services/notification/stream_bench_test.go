package notification

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
)

// BenchmarkChangeToStream is the time from a durable change until a gRPC stream has its event, at 500 changes/s with 1,000 open
// streams, each for a municipality of its own.
func BenchmarkChangeToStream(b *testing.B) {
	const streams, rate = 1000, 500
	s := newStage(b).serve(time.Hour)
	var began [streams]atomic.Int64
	var arriving sync.WaitGroup
	var mu sync.Mutex
	var took []time.Duration
	for place := range streams {
		ags := fmt.Sprintf("%08d", 5100000+place)
		l := s.listen(&notificationv1.StreamEventsRequest{Topics: []string{"municipalities/" + ags}})
		go func() {
			for {
				piece, err := l.stream.Recv()
				if err != nil {
					return
				}
				if piece.GetEvent() == nil {
					continue
				}
				d := time.Duration(time.Now().UnixNano() - began[place].Load())
				mu.Lock()
				took = append(took, d)
				mu.Unlock()
				arriving.Done()
			}
		}()
	}
	tick := time.NewTicker(time.Second / rate)
	defer tick.Stop()
	for i := 0; b.Loop(); i++ {
		<-tick.C
		began[i%streams].Store(time.Now().UnixNano())
		arriving.Add(1)
		s.write(implementationChange(fmt.Sprintf("%08d", 5100000+i%streams), "1", i))
	}
	arriving.Wait()
	slices.Sort(took)
	b.ReportMetric(took[len(took)/2].Seconds()*1000, "p50-ms")
	b.ReportMetric(took[len(took)*99/100].Seconds()*1000, "p99-ms")
	b.ReportMetric(0, "ns/op")
}
