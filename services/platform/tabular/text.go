package tabular

import (
	"html"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// NormalizeHeader gives the form in which column names are compared: "LeiKa-Schlüssel" and "leika_schluessel" are one.
// Lower case, umlauts written out, other accents dropped, every run of anything else one "_", none at the ends.
func NormalizeHeader(s string) string {
	var b strings.Builder
	gap := false
	for _, r := range CleanText(s) {
		out := fold(unicode.ToLower(r))
		if out == "" {
			gap = true
			continue
		}
		if gap && b.Len() > 0 {
			b.WriteByte('_')
		}
		gap = false
		b.WriteString(out)
	}
	return b.String()
}

// fold spells one lower-case letter or digit in the letters column names are compared in; "" for anything else.
func fold(r rune) string {
	switch r {
	case 'ä':
		return "ae"
	case 'ö':
		return "oe"
	case 'ü':
		return "ue"
	case 'ß':
		return "ss"
	}
	if r >= utf8.RuneSelf {
		r, _ = utf8.DecodeRuneInString(norm.NFD.String(string(r)))
	}
	if !unicode.IsLetter(r) && !unicode.IsDigit(r) {
		return ""
	}
	return string(r)
}

// CleanText is a cell as a person reads it: HTML entities decoded (even when encoded twice), every run of white space,
// non-breaking ones included, one blank, none at the ends; invisible characters dropped; composed form (NFC).
func CleanText(s string) string {
	if isPlain(s) {
		return s
	}
	// Two editors in a row leave &amp;auml;, a third one never occurred; the bound keeps hostile nesting cheap.
	for range 3 {
		decoded := decodeEntities(s)
		if decoded == s {
			break
		}
		s = decoded
	}
	var b strings.Builder
	b.Grow(len(s))
	gap := false
	for _, r := range s {
		switch {
		case r > ' ' && r <= '~': // nearly everything
			if gap && b.Len() > 0 {
				b.WriteByte(' ')
			}
			gap = false
			b.WriteByte(byte(r))
		case unicode.IsSpace(r):
			gap = true
		case isInvisible(r):
		default:
			if gap && b.Len() > 0 {
				b.WriteByte(' ')
			}
			gap = false
			b.WriteRune(r)
		}
	}
	return norm.NFC.String(b.String())
}

// isPlain is the common case in which CleanText has nothing to do: printable ASCII, single blanks, no entity.
func isPlain(s string) bool {
	last := byte(' ')
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c < ' ' || c > '~' || c == '&' || c == ' ' && last == ' ' {
			return false
		}
		last = c
	}
	return s == "" || last != ' '
}

// isInvisible: soft hyphens and zero-width characters, which word processors leave inside words.
func isInvisible(r rune) bool {
	switch r {
	case '\u00AD', '\u200B', '\u200C', '\u200D', '\u2060', '\uFEFF':
		return true
	}
	return unicode.IsControl(r)
}

// longestEntity bounds how far a ";" may be from its "&"; the longest HTML name has 31 letters.
const longestEntity = 33

// decodeEntities decodes what ends with ";" only: HTML would also read "&reg" in "Kinder&region".
func decodeEntities(s string) string {
	if !strings.Contains(s, "&") {
		return s
	}
	var b strings.Builder
	b.Grow(len(s))
	for {
		i := strings.IndexByte(s, '&')
		if i < 0 {
			b.WriteString(s)
			return b.String()
		}
		b.WriteString(s[:i])
		s = s[i:]
		n := 1 + strings.IndexByte(s[:min(len(s), longestEntity)], ';')
		if n == 0 {
			n = 1
		}
		b.WriteString(html.UnescapeString(s[:n]))
		s = s[n:]
	}
}

// isBlank reports whether nothing of s would be left by CleanText, short of entities.
func isBlank(s string) bool {
	for _, r := range s {
		if !unicode.IsSpace(r) && !isInvisible(r) {
			return false
		}
	}
	return true
}
