package ledger

import (
	"context"
	"errors"
	"fmt"
)

// errIncomplete says that a source gave other records at the second reading.
var errIncomplete = errors.New("the records changed while they were read")

// Current hands over the newest entry of every entity that a source holds, stream by stream in the order of their
// records; deleted entities are left out. The same state gives the same entries in the same order. The source is read
// twice, so that only some numbers are kept for each entity. Errors: a *Damage, that of visit, or one of reading.
func Current(ctx context.Context, src Source, visit func(stream Name, e Entry) error) error {
	newest, err := newestRecords(ctx, src)
	if err != nil {
		return err
	}
	names := src.Extents()
	err = src.Walk(ctx, func(stream int, m Message) error {
		if !newest[stream].has(m.Sequence) {
			return nil
		}
		newest[stream].count--
		e, err := decode(names[stream].Name.Stream(), m.Subject, m.Sequence, m.Data)
		if err != nil {
			return err
		}
		return visit(names[stream].Name, e)
	})
	for i, set := range newest {
		if err == nil && set.count != 0 {
			err = fmt.Errorf("%s: %w", names[i].Name.Stream(), errIncomplete)
		}
	}
	return err
}

// newestRecords checks the chains and finds, for each stream, the records that are the newest of their entity and no
// tombstones.
func newestRecords(ctx context.Context, src Source) ([]*sequenceSet, error) {
	extents := src.Extents()
	subjects := newHeads() // for its keys, which are shorter than subjects
	chains, newest := make([]*Chain, len(extents)), make([]map[[2]uint64]uint64, len(extents))
	for i, e := range extents {
		chains[i], newest[i] = NewChain(e.Name), map[[2]uint64]uint64{}
	}
	one := make([]Message, 1)
	err := src.Walk(ctx, func(stream int, m Message) error {
		one[0] = m
		entries, err := chains[stream].Add(one)
		for _, e := range entries {
			if key := subjects.key(e.Subject); e.Record.GetDeleted() {
				delete(newest[stream], key)
			} else {
				newest[stream][key] = e.Sequence
			}
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	sets := make([]*sequenceSet, len(extents))
	for i, e := range extents {
		sets[i] = newSequenceSet(e.Last)
		for _, sequence := range newest[i] {
			sets[i].add(sequence)
		}
	}
	return sets, nil
}

// sequenceSet is a set of sequences, a bit each.
type sequenceSet struct {
	bits  []uint64
	count int
}

func newSequenceSet(last uint64) *sequenceSet { return &sequenceSet{bits: make([]uint64, last/64+1)} }

func (s *sequenceSet) add(n uint64) {
	s.bits[n/64] |= 1 << (n % 64)
	s.count++
}

func (s *sequenceSet) has(n uint64) bool {
	return n/64 < uint64(len(s.bits)) && s.bits[n/64]&(1<<(n%64)) != 0
}
