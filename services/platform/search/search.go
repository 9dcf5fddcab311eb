package search

import (
	"cmp"
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

// Search ranks the documents that answer query, by score, then folded title, then ID. What counts is the core of the query:
// its objects, not the procedures and adjectives, unless there is nothing else ("hunde anmelden" is about dogs).
// Documents whose title and keywords answer all of the core come first, then those where the body has to help, then
// those that match some; of the latter only those that match the weightier words remain. A title or keyword of several
// words that is just what was asked for comes before all these. Digits, with or without spaces, also match keys by their prefix. A query without any letter or digit
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
		x.match(s, term.term)
		s.settle(term.class, x.rarity(len(s.term.docs)))
	}
	x.matchKeys(s, query)
	for _, doc := range x.phrases[strings.TrimSpace(s.query)] {
		s.pin(doc, pinPrefix)
	}
	return x.page(s, o)
}

// parse reads the words of the query, each once, objects first, without stop words unless there is nothing else.
func (s *scratch) parse(query string) {
	s.typed, s.buf = query, appendFold(s.buf[:0], query)
	s.query = string(s.buf)
	stops := theLexicon().stops
	for _, withStops := range [...]bool{false, true} {
		for term := range strings.FieldsSeq(s.query) {
			if (withStops || !stops[term]) && len(s.terms) < mostTerms && !s.asks(term) {
				s.terms = append(s.terms, asked{term, classOf(term)})
			}
		}
		slices.SortStableFunc(s.terms, func(a, b asked) int { return cmp.Compare(b.class, a.class) })
		if len(s.terms) > 0 {
			return
		}
	}
}

func (s *scratch) asks(term string) bool {
	return slices.ContainsFunc(s.terms, func(a asked) bool { return a.term == term })
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
	root, complete := x.collectMeant(&s.term, term)
	x.collectPrefixed(&s.term, term, complete)
	x.matchApart(s, x.partsOf(term), qualityApart)
	if !s.term.solid && root != term && len(root) >= leastRoot {
		x.collectStarts(&s.term, root)
	}
	if len(s.term.docs) == 0 {
		x.matchInside(&s.term, term)
	}
	if len(s.term.docs) == 0 {
		x.matchSlips(s, term)
	}
}

// collectMeant adds what matches a word or its other names; it returns the stem, and whether the word is an everyday one.
func (x *Index) collectMeant(acc *tally, term string) (root string, everyday bool) {
	names := theLexicon().everyday
	root = x.collectWord(acc, term)
	meant, ok := names[term]
	if !ok {
		meant, ok = names[root]
	}
	for _, m := range meant {
		if n, found := x.stems[m.stem]; found {
			for _, w := range x.family[n].words {
				acc.add(x.postings(w), m.quality)
			}
			x.collectCompounds(acc, n, m.quality)
		}
	}
	return root, ok
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
		x.collectInflected(acc, n, derived(term))
		x.collectCompounds(acc, n, one)
	}
	return root
}

// collectPrefixed adds the words that begin with the term. A complete everyday word is hardly meant as the beginning
// of another: who types "auto" does not want "automatisiert".
func (x *Index) collectPrefixed(acc *tally, term string, complete bool) {
	lo, hi := x.prefixed(term)
	adjective := derived(term)
	for w := lo; w < hi; w++ {
		quality := uint32(qualityInside)
		switch {
		case complete:
		case x.derived[w] && !adjective:
			quality = qualityDerived
		default:
			quality = uint32(qualityPrefix + prefixSpan*len(term)/len(x.words[w]))
		}
		acc.add(x.postings(w), quality)
	}
}

// collectStarts adds the words that begin with a stem: "fischen" has no other way to "Fischereischein".
func (x *Index) collectStarts(acc *tally, root string) {
	lo, hi := x.prefixed(root)
	for w := lo; w < hi; w++ {
		acc.add(x.postings(w), qualityStemStart)
	}
}

// collectInflected adds the words of a family; adjectives weigh less unless one was asked for, and then the others.
func (x *Index) collectInflected(acc *tally, n uint32, adjective bool) {
	for _, w := range x.family[n].words {
		quality := uint32(qualityStem)
		if x.derived[w] != adjective {
			quality = qualityDerived
		}
		acc.add(x.postings(w), quality)
	}
}

// collectCompounds adds the compounds of a family with share 256ths of their quality.
func (x *Index) collectCompounds(acc *tally, n, share uint32) {
	for _, c := range x.family[n].compounds {
		acc.addCompound(x.postings(c.word), uint32(c.quality)*share/one, uint32(c.leading)*share/one)
	}
}

// matchApart adds documents that have all the parts of a compound, though not the compound: "Hundeanmeldung" finds
// "Hundehaltung Anmeldung".
func (x *Index) matchApart(s *scratch, parts []string, quality uint32) {
	if len(parts) < 2 {
		return
	}
	x.collectWord(&s.common, parts[0])
	for _, part := range parts[1:] {
		x.collectWord(&s.part, part)
		s.common.intersect(&s.part)
		s.part.reset()
	}
	s.term.absorb(&s.common, quality)
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

// leastInside and leastRoot are the letters a term and its stem need before chance hits become rare enough.
const (
	leastInside = 4
	leastRoot   = 5
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
