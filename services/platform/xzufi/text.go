package xzufi

import (
	"strings"

	"kompass.krz.de/services/platform/tabular"
)

// Codes of the list urn:de:xzufi:codeliste:leistungstextmodulleika.
const (
	moduleName       = "02" // Leistungsbezeichnung
	moduleNameII     = "03" // Leistungsbezeichnung II
	moduleShortText  = "05" // Kurztext
	moduleFullText   = "06" // Volltext
	moduleLegalBasis = "07" // Handlungsgrundlage
	moduleTeaser     = "24" // Teaser
)

// module is the German text of one text module.
func (n *node) module(code string) string {
	for _, m := range n.all("modulText") {
		if m.at("leikaTextmodul").code() == code {
			if text := m.german("inhalt"); text != "" {
				return text
			}
		}
	}
	return ""
}

// german is the text of the child of that name in the best language: German, plain before easy language, then what says no
// language, then any.
func (n *node) german(name string) string {
	best, bestRank := "", 0
	for _, k := range n.all(name) {
		if rank := languageRank(k.attr("languageCode")); rank > bestRank {
			if text := plain(k.text); text != "" {
				best, bestRank = text, rank
			}
		}
	}
	return best
}

func languageRank(code string) int {
	code = strings.ReplaceAll(strings.ToLower(code), "_", "-")
	switch {
	case code == "de":
		return 5
	case code == "de-de":
		return 4
	case code == "":
		return 2
	case strings.HasPrefix(code, "de-"):
		return 3
	}
	return 1
}

// plain makes plain text of what is often HTML: tags become blanks, entities characters.
func plain(s string) string {
	if !strings.Contains(s, "<") {
		return tabular.CleanText(s)
	}
	var b strings.Builder
	b.Grow(len(s))
	for {
		i := strings.IndexByte(s, '<')
		if i < 0 {
			b.WriteString(s)
			return tabular.CleanText(b.String())
		}
		b.WriteString(s[:i])
		s = s[i:]
		n := tagLength(s)
		if n == 0 {
			b.WriteByte('<')
			n = 1
		} else if !isInline(s[:n]) {
			b.WriteByte(' ')
		}
		s = s[n:]
	}
}

// tagLength is the length of the tag or comment s begins with; 0 for a mere "<", as in "unter < 18 Jahren".
func tagLength(s string) int {
	if strings.HasPrefix(s, "<!--") {
		if end := strings.Index(s, "-->"); end > 0 {
			return end + 3
		}
	}
	if len(s) < 3 || s[1] != '/' && s[1] != '!' && !isLetter(s[1]) {
		return 0
	}
	for _, hidden := range [...]string{"script", "style"} {
		if len(s) > len(hidden) && strings.EqualFold(s[1:1+len(hidden)], hidden) {
			if end := strings.Index(strings.ToLower(s), "</"+hidden+">"); end > 0 {
				return end + len(hidden) + 3
			}
		}
	}
	return strings.IndexByte(s, '>') + 1
}

// isInline: tags inside a word; every other one separates words.
func isInline(tag string) bool {
	name := strings.ToLower(strings.TrimLeft(tag, "</"))
	name = name[:len(name)-len(strings.TrimLeftFunc(name, func(r rune) bool { return r >= 'a' && r <= 'z' }))]
	switch name {
	case "b", "i", "u", "em", "strong", "span", "a", "abbr", "sub", "sup", "font", "wbr":
		return true
	}
	return false
}

func isLetter(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' }
