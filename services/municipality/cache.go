package municipality

import (
	"sync"
	"sync/atomic"
)

// lazy is a value that is derived once, on first use. It must not be copied.
type lazy[T any] struct {
	once  sync.Once
	value T
}

func (l *lazy[T]) get(build func() T) T {
	l.once.Do(func() { l.value = build() })
	return l.value
}

// memo keeps the last value that was derived, together with what it was derived from. Two readers may both derive it;
// as derivations are pure, either result will do. It must not be copied.
type memo[K comparable, V any] struct {
	last atomic.Pointer[memoised[K, V]]
}

type memoised[K comparable, V any] struct {
	key   K
	value V
}

func (m *memo[K, V]) get(key K, build func() V) V {
	if last := m.last.Load(); last != nil && last.key == key {
		return last.value
	}
	value := build()
	m.last.Store(&memoised[K, V]{key, value})
	return value
}
