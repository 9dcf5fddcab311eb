package search

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// folder turns text into lower-case words of letters and digits, separated by one space, such that "Müll", "MUELL" and
// "mull" become the same. The letter e vanishes after a, o and u because it is how an umlaut is spelt without one;
// a u that follows a vowel or a q does not count, or "neue", "Steuer" and "Quelle" would lose theirs.
// Both documents and queries pass through it, so what it loses, it loses on both sides.
type folder struct {
	dst   []byte
	state foldState
	plain bool // leaves every e where it is
}

type foldState uint8

const (
	neutral foldState = iota // after a consonant, a digit or a gap
	umlaut                   // after a, o or u: an e here is part of an umlaut
	vowel                    // after any other vowel: a u here starts no umlaut
)

// appendFold appends the folded form of s to dst. Folding what is folded changes nothing.
func appendFold(dst []byte, s string) []byte { return folder{dst: dst}.appendText(s) }

// plainFold is fold without the umlauts spelt with an e: a slip such as "stuer" for "steuer" makes one by chance.
func plainFold(s string) string {
	return string(folder{dst: make([]byte, 0, len(s)+8), plain: true}.appendText(s))
}

func (f folder) appendText(s string) []byte {
	start := len(f.dst)
	for i := 0; i < len(s); {
		if c := s[i]; c < utf8.RuneSelf {
			f.ascii(c, start)
			i++
			continue
		}
		r, n := utf8.DecodeRuneInString(s[i:])
		f.wide(r, start)
		i += n
	}
	if n := len(f.dst); n > start && f.dst[n-1] == ' ' {
		f.dst = f.dst[:n-1]
	}
	return f.dst
}

// fold is appendFold into a string of its own.
func fold(s string) string { return string(appendFold(make([]byte, 0, len(s)+8), s)) }

// words lists the words of a folded text.
func words(folded string) []string { return strings.Fields(folded) }

func (f *folder) ascii(c byte, start int) {
	if 'A' <= c && c <= 'Z' {
		c += 'a' - 'A'
	}
	switch {
	case c == 'e' && f.state == umlaut && !f.plain:
		return // the state stays, so that "aee" folds to what "ae" folds to
	case c == 'a' || c == 'o' || (c == 'u' && f.state == neutral):
		f.state = umlaut
	case c == 'e' || c == 'i' || c == 'u' || c == 'q' || c == 'y':
		f.state = vowel
	case ('a' <= c && c <= 'z') || ('0' <= c && c <= '9'):
		f.state = neutral
	default:
		f.gap(start)
		return
	}
	f.dst = append(f.dst, c)
}

func (f *folder) gap(start int) {
	f.state = neutral
	if n := len(f.dst); n > start && f.dst[n-1] != ' ' {
		f.dst = append(f.dst, ' ')
	}
}

// wide folds a rune beyond ASCII: the German ones directly, others by their compatibility decomposition without marks.
func (f *folder) wide(r rune, start int) {
	switch r {
	case 'ä', 'Ä':
		f.ascii('a', start)
		return
	case 'ö', 'Ö':
		f.ascii('o', start)
		return
	case 'ü', 'Ü':
		f.ascii('u', start)
		return
	case 'ß', 'ẞ':
		f.ascii('s', start)
		f.ascii('s', start)
		return
	}
	r = unicode.ToLower(r)
	if r < utf8.RuneSelf {
		f.ascii(byte(r), start)
		return
	}
	var raw [utf8.UTFMax]byte
	if d := norm.NFKD.Properties(raw[:utf8.EncodeRune(raw[:], r)]).Decomposition(); len(d) > 0 {
		for len(d) > 0 {
			part, n := utf8.DecodeRune(d)
			d = d[n:]
			f.base(unicode.ToLower(part), start)
		}
		return
	}
	f.base(r, start)
}

// base appends a rune that does not decompose further.
func (f *folder) base(r rune, start int) {
	switch {
	case r < utf8.RuneSelf:
		f.ascii(byte(r), start)
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		// accents, soft hyphens and joiners stand inside a word and do not part it
	case unicode.IsLetter(r), unicode.IsNumber(r):
		f.state = neutral
		f.dst = utf8.AppendRune(f.dst, r)
	default:
		f.gap(start)
	}
}
