package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// The collector runs when the heap has grown by a share of what is alive. A small state is small beside what requests
// allocate, so it may grow fourfold; one of the size of a country may not, or it would not fit. Between the two the heap
// grows by about half a gigabyte.
const (
	mostGrowth  = 300 // percent
	leastGrowth = 50
	growth      = 512 << 20 // bytes
)

// tuneMemory adapts the collector to the state after every cycle. GOGC overrules it; GOMEMLIMIT works beside it.
func tuneMemory() {
	if os.Getenv("GOGC") != "" {
		return
	}
	debug.SetGCPercent(mostGrowth)
	afterCycle(mostGrowth)
}

// afterCycle waits for the next cycle: an object that nothing holds is gone by then.
func afterCycle(percent int) {
	runtime.AddCleanup(new([16]byte), func(before int) {
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(live)
		now := growthFor(live[0].Value.Uint64())
		if now != before {
			debug.SetGCPercent(now)
		}
		afterCycle(now)
	}, percent)
}

// growthFor is by how many percent a heap with so many live bytes may grow, in steps of ten.
func growthFor(live uint64) int {
	percent := int(growth * 100 / max(live, 1) / 10 * 10)
	return min(max(percent, leastGrowth), mostGrowth)
}
