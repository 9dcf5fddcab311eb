package search

import (
	"slices"
	"strings"
)

// spelling is a word that may have been meant, and the form in which slips are looked for: ss and s are the same there,
// because who writes s for ß makes one slip, not two.
type spelling struct {
	form, word string
}

const (
	leastSlip     = 4 // letters of a term, before chance hits become rare enough
	leastSlipPart = 5 // letters of a misspelt part of a compound
	// mostScans of the speller for parts of compounds, in one query.
	mostScans = 8
)

// spell collects what may have been meant, by the letters of its form: the vocabulary and what the package knows.
func (b *builder) spell() {
	x, l := b.x, theLexicon()
	add := func(word string) {
		if len(word) < leastSlip-1 || l.stops[word] || isNumber(word) {
			return
		}
		form := squeeze(word)
		for len(x.speller) <= len(form) {
			x.speller = append(x.speller, nil)
		}
		x.speller[len(form)] = append(x.speller[len(form)], spelling{form, word})
	}
	for _, word := range x.words {
		add(word)
	}
	for _, word := range l.spelled {
		if _, there := b.numbers[word]; !there {
			add(word)
		}
	}
}

func squeeze(word string) string { return strings.ReplaceAll(word, "ss", "s") }

// matchSlips adds what a term may be a slip of, or a compound of it with one slip in one of its parts.
func (x *Index) matchSlips(s *scratch, term string) {
	if len(term) < leastSlip || isNumber(term) {
		return
	}
	forms := s.formsOf(term)
	for _, word := range x.meantBy(forms...) {
		x.collectMeant(&s.part, word)
		s.term.absorb(&s.part, qualityTypo)
	}
	if len(s.term.docs) > 0 {
		return
	}
	for _, form := range forms {
		x.matchSlippedParts(s, form)
	}
}

// formsOf is a term as folded and, where it differs, as it was typed.
func (s *scratch) formsOf(term string) []string {
	forms := []string{term}
	for _, typed := range words(plainFold(s.typed)) {
		if typed != term && fold(typed) == term {
			return append(forms, typed)
		}
	}
	return forms
}

// meantBy lists the words at most one slip away from any of the forms of a word.
func (x *Index) meantBy(forms ...string) []string {
	var list []string
	for _, form := range forms {
		form = squeeze(form)
		for n := max(0, len(form)-1); n <= len(form)+1 && n < len(x.speller); n++ {
			for _, known := range x.speller[n] {
				if oneSlip(form, known.form) && !slices.Contains(list, known.word) {
					list = append(list, known.word)
				}
			}
		}
	}
	return list
}

// matchSlippedParts adds documents that have both parts of a compound of which one is misspelt: "Gewebeanmeldung" finds
// "Gewerbe Anmeldung".
func (x *Index) matchSlippedParts(s *scratch, word string) {
	if len(word) > mostLetters {
		return
	}
	for i := leastSlipPart - 1; i <= len(word)-leastSlipPart+1 && s.scans < mostScans; i++ {
		first, last := word[:i], word[i:]
		if head := lastPart(last, x.isPart); len(head) >= leastOuter && len(first) >= leastSlipPart {
			s.scans++
			for _, meant := range x.meantBy(unlinked(first)...) {
				x.matchApart(s, []string{meant, head}, qualityTypoPart)
			}
		}
		if len(last) >= leastSlipPart && x.isPart(first) {
			s.scans++
			for _, meant := range x.meantBy(last) {
				x.matchApart(s, []string{first, meant}, qualityTypoPart)
			}
		}
	}
}

// unlinked is the first part of a compound as it stands, and without the s that may join it to the next.
func unlinked(part string) []string {
	if bare, ok := strings.CutSuffix(part, "s"); ok && len(bare) >= leastSlipPart {
		return []string{part, bare}
	}
	return []string{part}
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
