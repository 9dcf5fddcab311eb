package main

import "testing"

func TestRoomFollowsTheState(t *testing.T) {
	t.Parallel()
	for live, want := range map[uint64]struct {
		percent int
		limit   int64
	}{
		0: {300, 3200 << 20}, 64 << 20: {300, 3200 << 20}, 256 << 20: {200, 3200 << 20}, 512 << 20: {100, 3200 << 20},
		1800 << 20: {100, 3200 << 20}, 10 << 30: {100, 16 << 30},
	} {
		if percent, limit := roomFor(live); percent != want.percent || limit != want.limit {
			t.Errorf("%d MiB alive: %d %%, %d MiB; want %d %%, %d MiB", live>>20, percent, limit>>20, want.percent, want.limit>>20)
		}
	}
}
