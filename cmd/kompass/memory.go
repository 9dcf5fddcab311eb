package main

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// The collector runs when the heap has grown by a share of what is alive. A small state is small beside what requests
// allocate, so it may grow fourfold, a large one twofold; but all memory together stays below a limit for as long as that
// leaves room to work, which a state of the size of Germany does.
const (
	mostGrowth  = 300 // percent
	leastGrowth = 100
	growth      = 512 << 20  // bytes, between the two
	memoryLimit = 3200 << 20 // bytes
)

// tuneMemory adapts the collector to the state after every cycle. GOGC and GOMEMLIMIT overrule it.
func tuneMemory() {
	if os.Getenv("GOGC") != "" || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	adapt(0)
	afterCycle()
}

// afterCycle waits for the next cycle: an object that nothing holds is gone by then.
func afterCycle() {
	runtime.AddCleanup(new([16]byte), func(struct{}) {
		live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
		metrics.Read(live)
		adapt(live[0].Value.Uint64())
		afterCycle()
	}, struct{}{})
}

func adapt(live uint64) {
	percent, limit := roomFor(live)
	debug.SetGCPercent(percent)
	debug.SetMemoryLimit(limit)
}

// roomFor is by how many percent a heap with so many live bytes may grow, in steps of ten, and how much memory there may be
// at most: a limit close to what is alive would leave nothing but collecting.
func roomFor(live uint64) (percent int, limit int64) {
	percent = int(growth * 100 / max(live, 1) / 10 * 10)
	return min(max(percent, leastGrowth), mostGrowth), max(memoryLimit, int64(live)/10*16)
}
