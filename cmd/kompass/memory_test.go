package main

import "testing"

func TestGrowthFollowsTheState(t *testing.T) {
	t.Parallel()
	for live, want := range map[uint64]int{0: 300, 64 << 20: 300, 256 << 20: 200, 512 << 20: 100, 1 << 30: 50, 8 << 30: 50} {
		if got := growthFor(live); got != want {
			t.Errorf("%d MiB alive may grow by %d %%, want %d %%", live>>20, got, want)
		}
	}
}
