package marketplace

import (
	"strings"
	"sync"
)

// numbers gives names small dense numbers, so that what many records refer to costs four bytes each. It only grows and
// a number never changes, so all snapshots of a state share one. 0 is the number of the empty name.
type numbers struct {
	mu     sync.RWMutex
	number map[string]uint32
}

func newNumbers() *numbers { return &numbers{number: map[string]uint32{"": 0}} }

// of is the number of a name; a new name gets the next one.
func (n *numbers) of(name string) uint32 {
	if number, known := n.find(name); known {
		return number
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	number, known := n.number[name]
	if !known {
		number = uint32(len(n.number))
		n.number[strings.Clone(name)] = number
	}
	return number
}

// find is the number of a name that has one.
func (n *numbers) find(name string) (uint32, bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	number, known := n.number[name]
	return number, known
}
