package search

import "slices"

// scratch is the working memory of one search, sized for one index and reused.
type scratch struct {
	buf    []byte
	query  string
	terms  []string
	term   tally // answers to the current term
	common tally // documents that have all parts of a compound
	part   tally // answers to one part
	total  []standing
	docs   []uint32 // with a standing
	weight uint32   // of all terms that match anything
	counts uint8    // of these terms
	ranked []uint64
}

// standing is what a document has gathered from all terms.
type standing struct {
	score   uint32
	covered uint32 // weight of the terms it matches
	matched uint8  // number of these terms
	pinned  uint8
}

const (
	pinPrefix = 1
	pinExact  = 2
)

func newScratch(docs int) *scratch {
	return &scratch{
		term: newTally(docs), common: newTally(docs), part: newTally(docs), total: make([]standing, docs),
	}
}

func (s *scratch) reset() {
	for _, doc := range s.docs {
		s.total[doc] = standing{}
	}
	s.docs, s.terms, s.ranked = s.docs[:0], s.terms[:0], s.ranked[:0]
	s.weight, s.counts = 0, 0
}

// settle adds the answers to one term, of the given rarity, to the standings.
func (s *scratch) settle(rarity uint32) {
	if len(s.term.docs) == 0 {
		return
	}
	s.weight += rarity
	s.counts++
	for _, doc := range s.term.docs {
		t := &s.total[doc]
		if t.matched == 0 {
			s.docs = append(s.docs, doc)
		}
		t.score += rarity * s.term.best[doc]
		t.covered += rarity
		t.matched++
	}
	s.term.reset()
}

func (s *scratch) pin(doc uint32, how uint8) {
	t := &s.total[doc]
	if t.matched == 0 && t.pinned == 0 {
		s.docs = append(s.docs, doc)
	}
	t.pinned = max(t.pinned, how)
}

// A rank is a number that sorts descending: 2 bits for a key, 1 for "matches all", 29 for the score, 32 for the document, inverted.
const (
	pinShift   = 62
	allShift   = 61
	scoreShift = 32
	mostScore  = 1<<(allShift-scoreShift) - 1
)

// page ranks the standings and cuts the wanted page out of them.
func (x *Index) page(s *scratch, o Options) Result {
	most := uint32(0)
	for _, doc := range s.docs {
		most = max(most, s.total[doc].covered)
	}
	for _, doc := range s.docs {
		t := &s.total[doc]
		if t.pinned == 0 && t.covered*2 <= most || o.Keep != nil && !o.Keep(int(x.origin[doc])) {
			continue
		}
		s.ranked = append(s.ranked, s.rank(t, doc))
	}
	total := len(s.ranked)
	from := min(max(o.Offset, 0), total)
	to := total
	if o.Limit > 0 {
		to = min(total, from+min(o.Limit, total))
	}
	best := highest(s.ranked, to)[from:]
	hits := make([]Hit, len(best))
	for i, r := range best {
		doc := ^uint32(r)
		hits[i] = Hit{Doc: int(x.origin[doc]), ID: x.ids[doc], Score: uint32(r >> scoreShift)}
	}
	return Result{Hits: hits, Total: total}
}

func (s *scratch) rank(t *standing, doc uint32) uint64 {
	r := uint64(t.pinned)<<pinShift | uint64(^doc)
	if s.weight == 0 {
		return r
	}
	if t.matched == s.counts {
		r |= 1 << allShift
	}
	score := uint64(t.score) * uint64(t.covered) / uint64(s.weight)
	return r | min(score, mostScore)<<scoreShift
}

// highest sorts the n greatest numbers of all to its front, descending, and returns them. A page is short and the hits
// may be many, so it keeps a heap of n with the least on top instead of sorting all.
func highest(all []uint64, n int) []uint64 {
	heap := all[:n]
	if n > 0 && n < len(all) {
		for i := n/2 - 1; i >= 0; i-- {
			sink(heap, i)
		}
		for _, r := range all[n:] {
			if r > heap[0] {
				heap[0] = r
				sink(heap, 0)
			}
		}
	}
	slices.Sort(heap)
	slices.Reverse(heap)
	return heap
}

func sink(heap []uint64, i int) {
	for {
		child := 2*i + 1
		if child >= len(heap) {
			return
		}
		if child+1 < len(heap) && heap[child+1] < heap[child] {
			child++
		}
		if heap[i] <= heap[child] {
			return
		}
		heap[i], heap[child] = heap[child], heap[i]
		i = child
	}
}

// tally keeps the best weight that each document reached.
type tally struct {
	best []uint32 // by document; zero means not there
	docs []uint32
}

func newTally(docs int) tally { return tally{best: make([]uint32, docs)} }

func (t *tally) add(posts []posting, quality uint32) {
	for _, p := range posts {
		t.raise(p.doc, uint32(p.weight)*quality/one)
	}
}

func (t *tally) raise(doc, weight uint32) {
	had := t.best[doc]
	if had == 0 {
		t.docs = append(t.docs, doc)
	}
	if weight > had {
		t.best[doc] = weight
	}
}

// intersect keeps the documents of both, each with its lesser weight.
func (t *tally) intersect(other *tally) {
	kept := t.docs[:0]
	for _, doc := range t.docs {
		if t.best[doc] = min(t.best[doc], other.best[doc]); t.best[doc] > 0 {
			kept = append(kept, doc)
		}
	}
	t.docs = kept
}

func (t *tally) reset() {
	for _, doc := range t.docs {
		t.best[doc] = 0
	}
	t.docs = t.docs[:0]
}
