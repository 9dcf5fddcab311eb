package list

import (
	"cmp"
	"strings"
)

// unexpectedEnd is what is wrong with a filter that ends in the middle.
const unexpectedEnd = "unexpected end"

// syntaxPhrases are the beginnings of what the parser says, before a token, with the same in German.
var syntaxPhrases = []struct{ english, german string }{
	{"expected ", "es fehlt "},
	{"unexpected trailing token ", "unerwartet ist "},
	{"unexpected token ", "unerwartet ist "},
}

// syntaxWords are what the parser says, and tokens that it calls by a name, in German.
var syntaxWords = map[string]string{
	unexpectedEnd: "endet mittendrin", "unterminated string": "ein Text in Anführungszeichen endet nicht", "invalid UTF-8": "kein gültiges UTF-8",
	"int or fraction": "eine Zahl", "WS": "ein Leerzeichen", "TEXT": "ein Wort", "STRING": "ein Text in Anführungszeichen",
	"NUM": "eine Zahl", "HEX": "eine hexadezimale Zahl",
}

// syntaxInGerman translates what the parser says about a filter; what it does not know is no more than "unverständlich".
func syntaxInGerman(message string) string {
	for _, phrase := range syntaxPhrases {
		if token, ok := strings.CutPrefix(message, phrase.english); ok {
			return phrase.german + cmp.Or(syntaxWords[token], "„"+token+"“")
		}
	}
	return cmp.Or(syntaxWords[message], "unverständlich")
}
