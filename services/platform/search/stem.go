package search

import (
	"strings"

	"github.com/blevesearch/snowballstem"
	"github.com/blevesearch/snowballstem/german"
)

// stem reduces a folded word to what its inflections and its verb and noun share: "anmelden" and "Anmeldung" meet in
// "anmeld". Snowball leaves endings alone that stand too near to the word's start ("Steuern", "Meldung") or that another
// ending covered ("Verlängerung"), and these are the bread and butter of an administration: endings takes them off too.
func stem(word string) string {
	if len(word) < 4 || strings.ContainsAny(word, "0123456789") {
		return word
	}
	env := snowballstem.NewEnv(word)
	german.Stem(env)
	return endings(env.Current())
}

// derived tells whether a folded word is an adjective made of another word, as "steuerlich" is of "Steuer".
func derived(word string) bool {
	return adjective(word, "lich") || adjective(word, "isch")
}

// adjective tells whether a folded word has an ending, inflected or not, after a stem of some letters ("Fisch" has none).
func adjective(word, ending string) bool {
	for _, inflection := range [...]string{"", "e", "en", "er", "es", "em"} {
		if t, ok := strings.CutSuffix(word, inflection); ok && strings.HasSuffix(t, ending) {
			return len(t) >= leastStem+len(ending)
		}
	}
	return false
}

// leastStem is the number of letters that endings leaves at least.
const leastStem = 4

func endings(s string) string {
	if t, ok := strings.CutSuffix(s, "ung"); ok && len(t) >= leastStem {
		s = t
	}
	for _, ending := range [...]string{"ern", "er", "en"} {
		if t, ok := strings.CutSuffix(s, ending); ok && len(t) >= leastStem {
			return t
		}
	}
	return s
}
