package search

import "slices"

// scratch is the working memory of one search, sized for one index and reused.
type scratch struct {
	buf    []byte
	typed  string
	query  string
	terms  []asked
	term   tally // answers to the current term
	common tally // documents that have all parts of a compound
	part   tally // answers to one part
	total  []standing
	docs   []uint32       // with a standing
	weight uint32         // of all terms that match anything
	counts [classes]uint8 // of these terms
	object uint32         // weight of the heaviest object
	scans  int            // for slips in parts of compounds, over all terms
	ranked []uint64
}

// standing is what a document has gathered from all terms.
type standing struct {
	score   uint32
	covered uint32         // weight of the terms it matches
	matched [classes]uint8 // number of these terms
	solid   [classes]uint8 // number of those that it is called by
	known   bool           // listed in scratch.docs
	pinned  uint8
}

// class says how much a word of a query weighs: the object is what is asked for, the others qualify it.
type class uint8

const (
	procedure class = iota // a procedure: "abmelden"
	attribute              // an adjective: "gefährlich"
	object
	classes = 3
)

// asked is a word of a query, folded.
type asked struct {
	term  string
	class class
}

// classOf finds the class of a folded word.
func classOf(term string) class {
	switch {
	case theLexicon().acts[stem(term)]:
		return procedure
	case derived(term), adjective(term, "ig"):
		return attribute
	}
	return object
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
	s.weight, s.object, s.counts, s.scans = 0, 0, [classes]uint8{}, 0
}

// settle adds the answers to one term, of the given class and rarity, to the standings. A qualifier counts half,
// but at most half of the object: what is done is often rarer than what it is done to, and still not what is sought.
func (s *scratch) settle(c class, rarity uint32) {
	if len(s.term.docs) == 0 {
		return
	}
	if c == object {
		s.object = max(s.object, rarity)
	} else if rarity = (rarity + 1) / 2; s.object > 0 {
		rarity = min(rarity, s.object/2)
	}
	s.weight += rarity
	s.counts[c]++
	for _, doc := range s.term.docs {
		t := s.standing(doc)
		best := s.term.best[doc]
		t.score += rarity * (best & bareWeight)
		t.covered += rarity
		t.matched[c]++
		if best&solid != 0 {
			t.solid[c]++
		}
	}
	s.term.reset()
}

func (s *scratch) standing(doc uint32) *standing {
	t := &s.total[doc]
	if !t.known {
		t.known = true
		s.docs = append(s.docs, doc)
	}
	return t
}

func (s *scratch) pin(doc uint32, how uint8) {
	t := s.standing(doc)
	t.pinned = max(t.pinned, how)
}

// A rank is a number that sorts descending: 2 bits for a key, 2 for what it matches of the query's core, 28 for the
// score, 32 for the document, inverted.
const (
	pinShift   = 62
	solidShift = 61 // is called by all of the core
	allShift   = 60 // matches all of the core
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
	core := s.core()
	if t.matched[core] == s.counts[core] {
		r |= 1 << allShift
	}
	if t.solid[core] == s.counts[core] {
		r |= 1 << solidShift
	}
	score := uint64(t.score) * uint64(t.covered) / uint64(s.weight)
	return r | min(score, mostScore)<<scoreShift
}

// core is the weightiest class of the words that match anything.
func (s *scratch) core() class {
	for c := object; c > procedure; c-- {
		if s.counts[c] > 0 {
			return c
		}
	}
	return procedure
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

// tally keeps the best weight that each document reached, marked if it is solid, and then above all that are not.
type tally struct {
	best  []uint32 // by document; zero means not there
	docs  []uint32
	solid bool // of any
}

func newTally(docs int) tally { return tally{best: make([]uint32, docs)} }

func (t *tally) add(posts []posting, quality uint32) {
	for _, p := range posts {
		t.raise(p.doc, scaled(p.weight, quality))
	}
}

// addCompound adds the places of a compound, with another quality where it begins the title.
func (t *tally) addCompound(posts []posting, quality, leading uint32) {
	for _, p := range posts {
		if p.weight&begins != 0 {
			t.raise(p.doc, scaled(p.weight, leading))
		} else {
			t.raise(p.doc, scaled(p.weight, quality))
		}
	}
}

// absorb moves all of another tally over with a share of its weights.
func (t *tally) absorb(other *tally, quality uint32) {
	for _, doc := range other.docs {
		t.raise(doc, scaled(other.best[doc], quality))
	}
	other.reset()
}

// scaled is a weight with the given share; whether it is solid stays, and it does not vanish.
func scaled(weight, quality uint32) uint32 {
	return max(1, weight&bareWeight*quality/one) | weight&solid
}

func (t *tally) raise(doc, weight uint32) {
	had := t.best[doc]
	if had == 0 {
		t.docs = append(t.docs, doc)
	}
	if weight > had {
		t.best[doc] = weight
		t.solid = t.solid || weight&solid != 0
	}
}

// intersect keeps the documents of both, each with its lesser weight.
func (t *tally) intersect(other *tally) {
	kept := t.docs[:0]
	t.solid = false
	for _, doc := range t.docs {
		if t.best[doc] = min(t.best[doc], other.best[doc]); t.best[doc] > 0 {
			kept = append(kept, doc)
			t.solid = t.solid || t.best[doc]&solid != 0
		}
	}
	t.docs = kept
}

func (t *tally) reset() {
	for _, doc := range t.docs {
		t.best[doc] = 0
	}
	t.docs, t.solid = t.docs[:0], false
}
