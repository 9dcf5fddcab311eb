package ledger

import (
	"errors"
	"slices"
	"testing"
)

// TestCut: the first two readings in a row that agree count; when none do, the last one.
func TestCut(t *testing.T) {
	t.Parallel()
	equal := func(a, b int) bool { return a == b }
	turn := 0
	got, err := cut(func() ([]int, error) {
		turn++
		return []int{min(turn, 4), min(turn/2, 3)}, nil
	}, equal)
	if err != nil || !slices.Equal(got, []int{4, 2}) || turn != 5 {
		t.Errorf("%v after %d readings, %v", got, turn, err)
	}
	turn = 0
	got, err = cut(func() ([]int, error) { turn++; return []int{turn}, nil }, equal)
	if err != nil || turn != cutTries+1 || !slices.Equal(got, []int{turn}) {
		t.Errorf("without rest: %v after %d readings, %v", got, turn, err)
	}
	gone := errors.New("gone")
	if _, err := cut(func() ([]int, error) {
		if turn++; turn%3 == 0 {
			return nil, gone
		}
		return []int{turn}, nil
	}, equal); !errors.Is(err, gone) {
		t.Errorf("a reading failed: %v", err)
	}
}
