package list

import (
	"errors"
	"io"
	"strings"

	"go.einride.tech/aip/filtering"
)

// rewrite puts values that the grammar of AIP-160 would tear apart into quotes, because keys, dates and resource names
// are what people compare with here: ags = 05758004, target_date < 2027-03-31, theme = themes/bauen-wohnen.
// It also drops the blanks before a closing parenthesis, which the parser does not take.
func rewrite(text string) (source, error) {
	tokens, err := lex(text)
	if err != nil {
		return source{}, err
	}
	s := source{text: text}
	var out strings.Builder
	emit := func(original int, piece string) {
		if shift := out.Len() - original; len(s.edits) == 0 || s.edits[len(s.edits)-1].shift != shift {
			s.edits = append(s.edits, edit{out.Len(), shift})
		}
		out.WriteString(piece)
	}
	value := false
	for i := 0; i < len(tokens); {
		t := tokens[i]
		at := int(t.Position.Offset)
		run := valueRun(tokens[i:])
		switch {
		case t.Type == filtering.TokenTypeWhitespace && i+1 < len(tokens) && tokens[i+1].Type == filtering.TokenTypeRightParen,
			t.Type == filtering.TokenTypeWhitespace && out.Len() == 0:
			i++
		case value && needsQuotes(tokens[i:i+run]):
			emit(at, `"`+join(tokens[i:i+run])+`"`)
			i, value = i+run, false
		default:
			value = t.Type.IsComparator() || value && t.Type == filtering.TokenTypeWhitespace
			emit(at, t.Value)
			i++
		}
	}
	s.rewritten = strings.TrimRight(out.String(), " \t\r\n")
	return s, nil
}

func lex(text string) ([]filtering.Token, error) {
	var lexer filtering.Lexer
	lexer.Init(text)
	var tokens []filtering.Token
	for {
		token, err := lexer.Lex()
		if errors.Is(err, io.EOF) {
			return tokens, nil
		}
		if err != nil {
			s := source{text: text}
			return nil, invalidFilter(s.column(int(lexer.Position().Offset)),
				"enthält einen Text ohne schließendes Anführungszeichen oder unlesbare Zeichen",
				"has a string without closing quote or unreadable characters")
		}
		tokens = append(tokens, token)
	}
}

// valueRun is the number of tokens that belong to one unquoted value.
func valueRun(tokens []filtering.Token) int {
	for i, t := range tokens {
		switch t.Type {
		case filtering.TokenTypeText, filtering.TokenTypeNumber, filtering.TokenTypeHexNumber, filtering.TokenTypeMinus,
			filtering.TokenTypeDot, filtering.TokenTypeHas, filtering.TokenTypeAnd, filtering.TokenTypeOr, filtering.TokenTypeNot:
		default:
			return i
		}
	}
	return len(tokens)
}

// needsQuotes tells whether a run is a value that the parser would not read as one text or number.
func needsQuotes(run []filtering.Token) bool {
	if len(run) == 0 {
		return false
	}
	if len(run) == 1 {
		t := run[0]
		return t.Type == filtering.TokenTypeHexNumber ||
			t.Type == filtering.TokenTypeNumber && (len(t.Value) > 18 || len(t.Value) > 1 && t.Value[0] == '0')
	}
	// "-5" goes as text as well: the field decides whether it is a number.
	return true
}

func join(tokens []filtering.Token) string {
	var b strings.Builder
	for _, t := range tokens {
		b.WriteString(t.Value)
	}
	return strings.ReplaceAll(b.String(), `\`, `\\`)
}
