package search

import (
	"iter"
	"math"
	"slices"
	"sort"
	"strings"
)

// Options choose the part of the answer to return. The zero value returns all hits.
type Options struct {
	// Offset is the number of best hits to skip.
	Offset int
	// Limit is the greatest number of hits to return; zero or less means all.
	Limit int
	// Keep, if set, is asked for the position of a candidate in the documents given to Build; what it refuses is
	// neither returned nor counted. It must be safe for concurrent use if searches are.
	Keep func(doc int) bool
}

// Result is a page of hits.
type Result struct {
	// Hits are the hits of the page, best first.
	Hits []Hit
	// Total is the number of hits on all pages.
	Total int
}

// Hit is one found document.
type Hit struct {
	// Doc is its position in the documents given to Build.
	Doc int
	// ID is its Document.ID.
	ID string
	// Score is higher for better hits; it compares hits of one result only.
	Score uint32
}

// Bounds on what a query may cost; what lies beyond them is ignored.
const (
	mostBytes = 256
	mostTerms = 12
)

// Search ranks the documents that answer query, by score, then folded title, then ID. Documents that match every word
// come before those that match some; of the latter only those that match the weightier words remain ("hunde anmelden"
// is about dogs). A title or keyword of several words that is just what was asked for comes before both. Digits, with or without spaces, also match keys by their prefix. A query without any letter or digit
// finds nothing.
func (x *Index) Search(query string, o Options) Result {
	if len(query) > mostBytes {
		query = query[:mostBytes]
	}
	s := x.scratch.Get().(*scratch)
	defer x.scratch.Put(s)
	defer s.reset()
	s.parse(query)
	for _, term := range s.terms {
		x.match(s, term)
		s.settle(x.rarity(len(s.term.docs)))
	}
	x.matchKeys(s, query)
	for _, doc := range x.phrases[strings.TrimSpace(s.query)] {
		s.pin(doc, pinPrefix)
	}
	return x.page(s, o)
}

// parse reads the words of the query, each once, without stop words unless there is nothing else.
func (s *scratch) parse(query string) {
	s.buf = appendFold(s.buf[:0], query)
	s.query = string(s.buf)
	stops := theLexicon().stops
	for _, withStops := range [...]bool{false, true} {
		for term := range strings.FieldsSeq(s.query) {
			if (withStops || !stops[term]) && len(s.terms) < mostTerms && !slices.Contains(s.terms, term) {
				s.terms = append(s.terms, term)
			}
		}
		if len(s.terms) > 0 {
			return
		}
	}
}

// rarity weighs a term by how few documents match it: 16 times the binary logarithm, rounded, so that all machines agree.
func (x *Index) rarity(found int) uint32 {
	if found == 0 {
		return 0
	}
	return uint32(math.Round(16 * math.Log2(1+float64(len(x.ids))/float64(found))))
}

// match collects in s.term every document that answers a word, with the weight of its best answer.
func (x *Index) match(s *scratch, term string) {
	everyday := theLexicon().everyday
	meant, ok := everyday[term]
	root := x.collectWord(&s.term, term)
	if !ok {
		meant, ok = everyday[root]
	}
	x.collectPrefixed(&s.term, term, ok)
	for _, m := range meant {
		if n, ok := x.stems[m.stem]; ok {
			x.collectFamily(&s.term, n, m.quality, m.quality)
		}
	}
	x.matchApart(s, term)
	if len(s.term.docs) == 0 {
		x.matchInside(&s.term, term)
	}
	if len(s.term.docs) == 0 {
		x.matchTypos(&s.term, term)
	}
}

// collectWord adds what matches a word by itself, by its stem or as a part of compounds, and returns the stem.
func (x *Index) collectWord(acc *tally, term string) string {
	var root string
	if w, ok := slices.BinarySearch(x.words, term); ok {
		acc.add(x.postings(uint32(w)), one)
		root = x.family[x.stemOf[w]].stem
	} else {
		root = stem(term)
	}
	if n, ok := x.stems[root]; ok {
		x.collectFamily(acc, n, qualityStem, one)
	}
	return root
}

// collectPrefixed adds the words that begin with the term. A complete everyday word is hardly meant as the beginning
// of another: who types "auto" does not want "automatisiert".
func (x *Index) collectPrefixed(acc *tally, term string, complete bool) {
	lo, hi := x.prefixed(term)
	for w := lo; w < hi; w++ {
		quality := uint32(qualityInside)
		if !complete {
			quality = uint32(qualityPrefix + prefixSpan*len(term)/len(x.words[w]))
		}
		acc.add(x.postings(w), quality)
	}
}

// collectFamily adds the words of a family with the quality whole and its compounds with share 256ths of their own.
func (x *Index) collectFamily(acc *tally, n uint32, whole, share uint32) {
	f := &x.family[n]
	for _, w := range f.words {
		acc.add(x.postings(w), whole)
	}
	for _, c := range f.compounds {
		acc.add(x.postings(c.word), uint32(c.quality)*share/one)
	}
}

// matchApart adds documents that have all the parts of a compound, though not the compound: "Hundeanmeldung" finds
// "Hundehaltung Anmeldung".
func (x *Index) matchApart(s *scratch, term string) {
	parts := x.partsOf(term)
	if len(parts) < 2 {
		return
	}
	x.collectWord(&s.common, parts[0])
	for _, part := range parts[1:] {
		x.collectWord(&s.part, part)
		s.common.intersect(&s.part)
		s.part.reset()
	}
	for _, doc := range s.common.docs {
		s.term.raise(doc, s.common.best[doc]*qualityApart/one)
	}
	s.common.reset()
}

func (x *Index) partsOf(term string) []string {
	if w, ok := slices.BinarySearch(x.words, term); ok {
		return x.splits[uint32(w)]
	}
	if c := split(term, x.isPart); c.whole {
		return c.parts
	}
	return nil
}

// leastInside and leastTypo are the letters a term needs before chance hits become rare enough.
const (
	leastInside = 4
	leastTypo   = 4
)

// matchInside adds the words that contain the term anywhere.
func (x *Index) matchInside(acc *tally, term string) {
	if len(term) < leastInside {
		return
	}
	for at := 0; ; {
		i := strings.Index(x.text[at:], term)
		if i < 0 {
			return
		}
		from := strings.LastIndexByte(x.text[:at+i], '\n') + 1
		to := at + i + strings.IndexByte(x.text[at+i:], '\n')
		w, _ := slices.BinarySearch(x.words, x.text[from:to])
		acc.add(x.postings(uint32(w)), qualityInside)
		at = to
	}
}

// matchTypos adds the words one slip away from the term.
func (x *Index) matchTypos(acc *tally, term string) {
	if len(term) < leastTypo {
		return
	}
	for w, word := range x.words {
		if oneSlip(term, word) {
			acc.add(x.postings(uint32(w)), qualityTypo)
		}
	}
}

// oneSlip tells whether one letter too many, too few, wrong, or two swapped part a from b.
func oneSlip(a, b string) bool {
	if len(a) < len(b) {
		a, b = b, a
	}
	if len(a)-len(b) > 1 {
		return false
	}
	i := 0
	for i < len(b) && a[i] == b[i] {
		i++
	}
	switch {
	case len(a) > len(b):
		return a[i+1:] == b[i:]
	case i == len(a), a[i+1:] == b[i+1:]:
		return true
	}
	return i+1 < len(a) && a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
}

// matchKeys finds documents by what the whole query says of their key; they come before all others.
func (x *Index) matchKeys(s *scratch, query string) {
	term := strings.ToLower(strings.TrimSpace(query))
	if digits := strings.ReplaceAll(term, " ", ""); isNumber(digits) {
		term = digits
	} else if term == "" {
		return
	}
	number := isNumber(term)
	at := sort.Search(len(x.keys), func(i int) bool { return x.keys[i].text >= term })
	for ; at < len(x.keys) && strings.HasPrefix(x.keys[at].text, term); at++ {
		switch exact := x.keys[at].text == term; {
		case exact:
			s.pin(x.keys[at].doc, pinExact)
		case number:
			s.pin(x.keys[at].doc, pinPrefix)
		default:
			return
		}
	}
}

// eachWord yields the words of a folded text.
func eachWord(folded []byte) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for start, i := 0, 0; i <= len(folded); i++ {
			if i < len(folded) && folded[i] != ' ' {
				continue
			}
			if i > start && !yield(folded[start:i]) {
				return
			}
			start = i + 1
		}
	}
}
