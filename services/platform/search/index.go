package search

import (
	"cmp"
	"slices"
	"sort"
	"strings"
	"sync"
)

// Document is one text to be found.
type Document struct {
	// ID names the document, for instance "publicServices/99102013002000"; what follows its last slash is also found
	// as a key: digits by their prefix, anything else if typed in full.
	ID string
	// Title is the name that people know; it weighs most, its first word most of all.
	Title string
	// Keywords are further names and keys: synonyms, the OZG service and its number, short names of laws.
	Keywords []string
	// Body is the surroundings, such as theme and situation; it weighs least.
	Body string
}

// Index answers searches over the documents it was built from. It never changes and is safe for concurrent use.
type Index struct {
	ids     []string          // by rank: the documents ordered by folded title, then ID
	origin  []uint32          // rank -> position in the slice given to Build
	words   []string          // the vocabulary, folded and sorted: a prefix is a range of it
	stemOf  []uint32          // word -> stem
	first   []uint32          // word -> its first posting; one more entry closes the last
	posts   []posting         // by word, then rank
	stems   map[string]uint32 // stem -> position in family
	family  []family
	derived []bool              // word -> whether it is an adjective made of another
	splits  map[uint32][]string // compound -> its parts, where they cover it
	text    string              // the vocabulary in one string, every word between newlines, for searches inside of words
	keys    []key               // sorted
	phrases map[string][]uint32 // folded titles and keywords of several words -> documents
	speller [][]spelling        // what a slip may have been meant as, by letters
	scratch sync.Pool
}

// posting says how well a word of a document stands for that document: a weight with the marks of its place.
type posting struct {
	doc    uint32
	weight uint32
}

// Marks beside a weight. A solid answer comes from what a document is called; the rest from its surroundings, which many
// others share.
const (
	solid      = 1 << 16 // in the title or a keyword
	begins     = 1 << 17 // first word of the title
	bareWeight = solid - 1
)

// family is what shares a stem: the words that inflect it and the compounds that contain it.
type family struct {
	stem      string
	words     []uint32
	compounds []member
}

type member struct {
	word    uint32
	quality uint16
	leading uint16 // the quality where the compound begins the title
}

type key struct {
	text string
	doc  uint32
}

// Weights of a word by the field it stands in.
const (
	weightFirst   = 1000 // first word of the title
	weightTitle   = 900
	weightKeyword = 450
	weightBody    = 180
	// brevity makes a title of 1+brevity words half as heavy as one word, so that the plain service comes first.
	brevity = 20
)

// Build makes the index of docs; it keeps no reference to the slice. 8,557 services take some 50 ms, 600 take 6 ms.
func Build(docs []Document) *Index {
	b := newBuilder(docs)
	for rank, at := range b.x.origin {
		b.add(uint32(rank), &docs[at])
	}
	b.sortWords()
	b.relate()
	b.spell()
	slices.SortFunc(b.x.keys, func(a, c key) int {
		return cmp.Or(strings.Compare(a.text, c.text), cmp.Compare(a.doc, c.doc))
	})
	b.x.scratch.New = func() any { return newScratch(len(docs)) }
	return b.x
}

// Len is the number of documents.
func (x *Index) Len() int { return len(x.ids) }

// builder holds what only building needs; words have provisional numbers in the order of their appearance.
type builder struct {
	x       *Index
	numbers map[string]uint32
	seen    []string            // number -> word
	fields  map[string][]uint32 // text of a field -> its words, because themes and OZG services recur by the hundred
	hits    []hit               // every word of every document once
	at      []int               // number -> its hit in the current document, plus one
	buf     []byte
	stemmed map[string]string
}

type hit struct {
	word   uint32
	weight uint32
	doc    uint32
}

func newBuilder(docs []Document) *builder {
	type titled struct {
		title string
		at    uint32
	}
	order := make([]titled, len(docs))
	for i := range docs {
		order[i] = titled{fold(docs[i].Title), uint32(i)}
	}
	slices.SortStableFunc(order, func(a, b titled) int {
		return cmp.Or(strings.Compare(a.title, b.title), strings.Compare(docs[a.at].ID, docs[b.at].ID))
	})
	x := &Index{ids: make([]string, len(docs)), origin: make([]uint32, len(docs)), phrases: map[string][]uint32{}}
	for rank, t := range order {
		x.ids[rank], x.origin[rank] = docs[t.at].ID, t.at
	}
	return &builder{
		x: x, numbers: make(map[string]uint32, len(docs)), fields: make(map[string][]uint32, len(docs)),
		hits: make([]hit, 0, 16*len(docs)), stemmed: make(map[string]string, len(docs)),
	}
}

func (b *builder) add(rank uint32, d *Document) {
	from := len(b.hits)
	title := b.wordsOf(d.Title)
	b.phrase(d.Title, rank)
	for i, w := range title {
		weight, marks := weightTitle, uint32(solid)
		if i == 0 {
			weight, marks = weightFirst, solid|begins
		}
		b.note(from, rank, w, uint32(max(weightBody, weight*brevity/(brevity+len(title)-1)))|marks)
	}
	for _, k := range d.Keywords {
		for _, w := range b.wordsOf(k) {
			b.note(from, rank, w, weightKeyword|solid)
		}
		if isNumber(k) {
			b.x.keys = append(b.x.keys, key{k, rank})
		}
		b.phrase(k, rank)
	}
	for _, w := range b.wordsOf(d.Body) {
		b.note(from, rank, w, weightBody)
	}
	if k := keyOf(d.ID); k != "" {
		b.x.keys = append(b.x.keys, key{k, rank})
	}
}

// phrase remembers a name of several words, to be found first when it is all that is asked for.
func (b *builder) phrase(text string, rank uint32) {
	if p := strings.TrimSpace(fold(text)); strings.Contains(p, " ") && !slices.Contains(b.x.phrases[p], rank) {
		b.x.phrases[p] = append(b.x.phrases[p], rank)
	}
}

// note keeps the greatest weight and all marks of a word in a document; from is where the document's hits begin.
func (b *builder) note(from int, doc, word, weight uint32) {
	if at := b.at[word]; at > from {
		had := b.hits[at-1].weight
		b.hits[at-1].weight = max(had&bareWeight, weight&bareWeight) | (had|weight)&^bareWeight
		return
	}
	b.hits = append(b.hits, hit{word, weight, doc})
	b.at[word] = len(b.hits)
}

func (b *builder) wordsOf(text string) []uint32 {
	if text == "" {
		return nil
	}
	if list, ok := b.fields[text]; ok {
		return list
	}
	b.buf = appendFold(b.buf[:0], text)
	var list []uint32
	for w := range eachWord(b.buf) {
		n, ok := b.numbers[string(w)]
		if !ok {
			n = uint32(len(b.seen))
			word := string(w)
			b.numbers[word], b.seen, b.at = n, append(b.seen, word), append(b.at, 0)
		}
		list = append(list, n)
	}
	b.fields[text] = list
	return list
}

// sortWords gives the words their final numbers, in the order of the alphabet, and lays the postings out by word.
func (b *builder) sortWords() {
	x := b.x
	x.words = slices.Clone(b.seen)
	slices.Sort(x.words)
	final := make([]uint32, len(b.seen))
	for n, w := range x.words {
		final[b.numbers[w]] = uint32(n)
		b.numbers[w] = uint32(n)
	}
	x.first = make([]uint32, len(x.words)+1)
	for _, h := range b.hits {
		x.first[final[h.word]+1]++
	}
	for i := 1; i < len(x.first); i++ {
		x.first[i] += x.first[i-1]
	}
	next := slices.Clone(x.first)
	x.posts = make([]posting, len(b.hits))
	for _, h := range b.hits {
		w := final[h.word]
		x.posts[next[w]] = posting{h.doc, h.weight}
		next[w]++
	}
	x.text = "\n" + strings.Join(x.words, "\n") + "\n"
}

func isNumber(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// keyOf is the last segment of a resource name.
func keyOf(id string) string { return strings.ToLower(id[strings.LastIndexByte(id, '/')+1:]) }

// postings lists where a word stands.
func (x *Index) postings(word uint32) []posting { return x.posts[x.first[word]:x.first[word+1]] }

// prefixed is the range of words that begin with prefix.
func (x *Index) prefixed(prefix string) (lo, hi uint32) {
	from := sort.SearchStrings(x.words, prefix)
	n := sort.Search(len(x.words)-from, func(i int) bool { return !strings.HasPrefix(x.words[from+i], prefix) })
	return uint32(from), uint32(from + n)
}
