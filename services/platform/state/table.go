package state

import (
	"iter"

	iradix "github.com/hashicorp/go-immutable-radix/v2"
)

// Table is an immutable ordered map by string key: copies are free, an edit shares what it does not change.
// The zero Table is not usable; see NewTable.
type Table[V any] struct{ tree *iradix.Tree[V] }

// NewTable is an empty table.
func NewTable[V any]() Table[V] { return Table[V]{iradix.New[V]()} }

// Get returns the value of a key.
func (t Table[V]) Get(key string) (V, bool) { return t.tree.Get([]byte(key)) }

// Len is the number of keys.
func (t Table[V]) Len() int { return t.tree.Len() }

// All yields everything in the order of the keys.
func (t Table[V]) All() iter.Seq2[string, V] { return t.Prefix("") }

// Prefix yields what has a key with the prefix, in the order of the keys.
func (t Table[V]) Prefix(prefix string) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		it := t.tree.Root().Iterator()
		it.SeekPrefix([]byte(prefix))
		for key, value, ok := it.Next(); ok && yield(string(key), value); key, value, ok = it.Next() {
		}
	}
}

// From yields what has a key at or after the given one, in the order of the keys.
func (t Table[V]) From(key string) iter.Seq2[string, V] {
	return func(yield func(string, V) bool) {
		it := t.tree.Root().Iterator()
		it.SeekLowerBound([]byte(key))
		for key, value, ok := it.Next(); ok && yield(string(key), value); key, value, ok = it.Next() {
		}
	}
}

// Values lists all values in the order of the keys.
func (t Table[V]) Values() []V {
	values := make([]V, 0, t.Len())
	for _, v := range t.All() {
		values = append(values, v)
	}
	return values
}

// Edit starts a change; the table stays as it is.
func (t Table[V]) Edit() *Edit[V] { return &Edit[V]{t.tree.Txn()} }

// Edit is a change of a table under way; for one goroutine.
type Edit[V any] struct{ txn *iradix.Txn[V] }

// Get returns the value of a key, changes included.
func (e *Edit[V]) Get(key string) (V, bool) { return e.txn.Get([]byte(key)) }

// Set puts a value at a key.
func (e *Edit[V]) Set(key string, value V) { e.txn.Insert([]byte(key), value) }

// Delete removes a key.
func (e *Edit[V]) Delete(key string) { e.txn.Delete([]byte(key)) }

// Done returns the changed table.
func (e *Edit[V]) Done() Table[V] { return Table[V]{e.txn.CommitOnly()} }
