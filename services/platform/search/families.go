package search

import (
	"slices"
	"strings"
)

// How well a word of the vocabulary answers a word of the query, in 256ths. The order is the promise of the package:
// the word itself, its inflections, its other names, what begins with it, what contains it, what it may be about, the
// adjectives made of it, what it may be a slip of.
const (
	one              = 256
	qualityStem      = 236
	qualitySame      = 200 // another name of the same thing
	qualityLead      = 164 // first part of a compound: a prefix that is a word
	qualityHead      = 162 // last part of a compound that begins the title: a Hundesteuer is a Steuer
	qualityPrefix    = 120 // plus up to prefixSpan, by the share of the word that was typed
	prefixSpan       = 30
	qualityPart      = 116 // a later part
	qualityLoosePart = 100 // a part whose neighbour is unknown
	qualityDeepPart  = 96  // a part of a part
	qualityApart     = 108 // the parts of a compound, each for itself
	qualityRelated   = 90  // what it may be about
	qualityStemStart = 80  // what begins with its stem
	qualityDerived   = 72  // an adjective made of it: "steuerlich"
	qualityInside    = 64  // anywhere inside a word
	qualityTypo      = 56
	qualityTypoPart  = 40 // the parts of a compound, each for itself, of which one may be misspelt
)

// relate groups the vocabulary by stem and enters every compound with the stems of its parts.
func (b *builder) relate() {
	x := b.x
	x.stems = make(map[string]uint32, len(x.words))
	x.stemOf = make([]uint32, len(x.words))
	x.derived = make([]bool, len(x.words))
	x.splits = make(map[uint32][]string)
	for w, word := range x.words {
		s := b.familyOf(word)
		x.stemOf[w], x.derived[w] = s, derived(word)
		x.family[s].words = append(x.family[s].words, uint32(w))
	}
	cache := make(map[string]compound, len(x.words))
	for w, word := range x.words {
		c := b.splitOnce(cache, word)
		if c.whole {
			x.splits[uint32(w)] = c.parts
		}
		for i, part := range c.parts {
			last := c.endsWith(i, word)
			b.contain(part, uint32(w), partQuality(c, i), last)
			inner := b.splitOnce(cache, part)
			for j, deep := range inner.parts {
				b.contain(deep, uint32(w), qualityDeepPart, last && inner.endsWith(j, part))
			}
		}
	}
}

// endsWith tells whether the part at i is the last of the word: the one that says what kind of thing it is.
func (c compound) endsWith(i int, word string) bool {
	return i == len(c.parts)-1 && (c.whole || !strings.HasPrefix(word, c.parts[i]))
}

func partQuality(c compound, i int) uint16 {
	switch {
	case !c.whole:
		return qualityLoosePart
	case i == 0:
		return qualityLead
	}
	return qualityPart
}

func (b *builder) splitOnce(cache map[string]compound, word string) compound {
	c, ok := cache[word]
	if !ok {
		c = split(word, b.isPart)
		cache[word] = c
	}
	return c
}

// contain enters a compound with one of its parts, unless it has it already; last is for the part that it ends with.
func (b *builder) contain(part string, word uint32, quality uint16, last bool) {
	leading := quality
	if last {
		leading = qualityHead
	}
	f := &b.x.family[b.familyOf(part)]
	if n := len(f.compounds); n == 0 || f.compounds[n-1].word != word {
		f.compounds = append(f.compounds, member{word, quality, leading})
	}
}

// familyOf finds or founds the family of a word.
func (b *builder) familyOf(word string) uint32 {
	s, ok := b.stemmed[word]
	if !ok {
		s = stem(word)
		b.stemmed[word] = s
	}
	n, ok := b.x.stems[s]
	if !ok {
		n = uint32(len(b.x.family))
		b.x.stems[s] = n
		b.x.family = append(b.x.family, family{stem: s})
	}
	return n
}

// isPart tells whether a word may be a part of a compound: the package knows it as one, or the documents use it alone.
func (x *Index) isPart(word string) bool {
	return theLexicon().mayBePart(word, func(w string) bool {
		_, alone := slices.BinarySearch(x.words, w)
		return alone
	})
}

// isPart is Index.isPart by the faster way that only the builder has.
func (b *builder) isPart(word string) bool {
	return theLexicon().mayBePart(word, func(w string) bool { _, alone := b.numbers[w]; return alone })
}

func (l *lexicon) mayBePart(word string, alone func(string) bool) bool {
	return l.parts[word] || len(word) >= leastOuter && alone(word) && !l.noParts[word] && !l.stops[word]
}
