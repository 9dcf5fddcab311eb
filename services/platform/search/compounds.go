package search

import "strings"

// compound is a word taken apart. Whole means that its parts cover it; otherwise only an outer part is a known word.
type compound struct {
	parts []string
	whole bool
}

const (
	leastPart  = 3 // letters of a part that stands beside other known parts
	leastOuter = 4 // letters of a part whose neighbour is unknown
	leastAlien = 5 // letters of that neighbour: fewer are mostly an ending ("Schuldner" is no "Schul")
	mostParts  = 4
	// mostLetters of a word to be taken apart; the longest names of German laws have some 70.
	mostLetters = 80
)

// links are the sounds that German puts between the parts of a compound.
var links = [...]string{"", "s", "n", "e", "en", "es", "er"}

// inflections are what may follow the last part.
var inflections = [...]string{"", "n", "s", "e", "en", "es", "er"}

// split takes a folded word apart with the words that known accepts. Of several ways the one with the fewest parts
// wins, and of these the one with the longest first part, because long parts are seldom accidents. Parts that are
// compounds themselves are left whole.
func split(word string, known func(string) bool) compound {
	if len(word) < 2*leastPart || len(word) > mostLetters {
		return compound{}
	}
	c := cutter{known: known}
	for n := 2; n <= mostParts; n++ {
		if parts := c.cut(word, n); parts != nil {
			return compound{parts: parts, whole: true}
		}
	}
	if part := outer(word, known); part != "" {
		return compound{parts: []string{part}}
	}
	return compound{}
}

// cutter remembers which ends of a word, by their length, do not fall into how many parts: without it a vocabulary made
// for the purpose would cost 100 ms a query.
type cutter struct {
	known func(string) bool
	dead  [mostParts + 1][mostLetters + 1]bool
}

// cut divides a word into n known parts, tries every link after the first and goes on with the rest.
func (c *cutter) cut(word string, n int) []string {
	if c.dead[n][len(word)] {
		return nil
	}
	if n == 1 {
		if last := lastPart(word, c.known); last != "" {
			return []string{last}
		}
		return nil
	}
	for i := len(word) - leastPart*(n-1); i >= leastPart; i-- {
		if !c.known(word[:i]) {
			continue
		}
		for _, link := range links {
			tail, ok := strings.CutPrefix(word[i:], link)
			if !ok || len(tail) < leastPart*(n-1) {
				continue
			}
			if parts := c.cut(tail, n-1); parts != nil {
				return append([]string{word[:i]}, parts...)
			}
		}
	}
	c.dead[n][len(word)] = true
	return nil
}

func lastPart(s string, known func(string) bool) string {
	for _, ending := range inflections {
		if t, ok := strings.CutSuffix(s, ending); ok && len(t) >= leastPart && known(t) {
			return t
		}
	}
	return ""
}

// outer finds the longest known head, or else the longest known modifier, of a compound whose other side is unknown.
func outer(word string, known func(string) bool) string {
	for i := leastAlien; i <= len(word)-leastOuter; i++ {
		if head := lastPart(word[i:], known); len(head) >= leastOuter {
			return head
		}
	}
	for i := len(word) - leastAlien; i >= leastOuter; i-- {
		if known(word[:i]) {
			return word[:i]
		}
	}
	return ""
}
