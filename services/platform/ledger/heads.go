package ledger

import "hash/maphash"

// heads are the newest records of all subjects. A country has millions of subjects of some 70 bytes, so their names are
// not kept: what stands for them is 128 bits of two keyed hashes, which no two subjects of any ledger share.
type heads struct {
	seeds [2]maphash.Seed
	known map[[2]uint64]Head
}

func newHeads() heads {
	return heads{[2]maphash.Seed{maphash.MakeSeed(), maphash.MakeSeed()}, map[[2]uint64]Head{}}
}

func (h heads) key(subject string) [2]uint64 {
	return [2]uint64{maphash.String(h.seeds[0], subject), maphash.String(h.seeds[1], subject)}
}

func (h heads) get(subject string) Head       { return h.known[h.key(subject)] }
func (h heads) set(subject string, head Head) { h.known[h.key(subject)] = head }
func (h heads) remove(subject string)         { delete(h.known, h.key(subject)) }
