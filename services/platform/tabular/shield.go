package tabular

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// protect makes a cell safe to open in Excel; restore is its inverse.
func protect(cell string) string {
	switch {
	case isKey(cell), looksLikeValue(cell):
		return `="` + cell + `"`
	case runsAsFormula(cell):
		return "'" + cell
	}
	return cell
}

// restore gives back what protect was given, and leaves other files' cells alone.
func restore(cell string) string {
	switch {
	case cell == "" || cell[0] != '=' && cell[0] != '\'':
		return cell
	case len(cell) > 3 && cell[:2] == `="` && cell[len(cell)-1] == '"' && (isDigits(cell[2:len(cell)-1]) || looksLikeValue(cell[2:len(cell)-1])):
		return cell[2 : len(cell)-1]
	case cell[0] == '\'' && runsAsFormula(cell[1:]):
		return cell[1:]
	}
	return cell
}

// isKey: digits that Excel would change, by their leading zero or because it shows 12 digits and more as 9,9E+13.
func isKey(cell string) bool {
	return isDigits(cell) && (len(cell) >= 12 || len(cell) > 1 && cell[0] == '0')
}

// valueWords are the letters that dates, times, amounts and truth values have, beside what months are called.
var valueWords = map[string]bool{
	"e": true, "am": true, "pm": true, "a": true, "p": true, "eur": true, "wahr": true, "falsch": true, "true": true, "false": true,
	"jan": true, "januar": true, "january": true, "feb": true, "februar": true, "february": true, "mrz": true, "mär": true, "mar": true,
	"märz": true, "march": true, "apr": true, "april": true, "mai": true, "may": true, "jun": true, "juni": true, "june": true,
	"jul": true, "juli": true, "july": true, "aug": true, "august": true, "sep": true, "sept": true, "september": true, "okt": true,
	"oct": true, "oktober": true, "october": true, "nov": true, "november": true, "dez": true, "dec": true, "dezember": true, "december": true,
}

// looksLikeValue tells whether Excel would take a text for a date, a time, an amount or a truth value and write it back in
// another form: "1.1", "2/3", "1e5", "3 Mai", "sept2", "wahr". Whole numbers stay what they are.
func looksLikeValue(cell string) bool {
	const longest, longestWord = 40, len("september")
	if cell == "" || len(cell) > longest || isDigits(strings.TrimPrefix(cell, "-")) {
		return false
	}
	digits, word := 0, 0
	for _, r := range cell {
		switch {
		case r >= '0' && r <= '9':
			digits++
		case unicode.IsLetter(r):
			if word++; word > longestWord {
				return false
			}
		case !strings.ContainsRune(" .,:/-+%€$()\u00A0", r):
			return false
		}
	}
	if word == 0 {
		return digits > 0
	}
	letters := strings.FieldsFunc(strings.ToLower(cell), func(r rune) bool { return !unicode.IsLetter(r) })
	return len(letters) == 1 && valueWords[letters[0]] && (digits > 0 || len(letters[0]) > 3)
}

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// runsAsFormula: what a spreadsheet would compute instead of show, even behind blanks; an apostrophe counts as a blank, so
// that protect can be undone. A negative number is harmless and must stay a number.
func runsAsFormula(cell string) bool {
	bare := strings.TrimLeft(cell, "' \u00A0")
	if bare == "" || isNegative(cell) {
		return false
	}
	r, _ := utf8.DecodeRuneInString(bare)
	return strings.ContainsRune("=+-@\t\r\n\uFF1D\uFF0B\uFF0D\uFF20", r)
}

func isNegative(cell string) bool {
	number, minus := strings.CutPrefix(cell, "-")
	if i := strings.IndexAny(number, ".,"); i > 0 {
		return minus && isDigits(number[:i]) && isDigits(number[i+1:])
	}
	return minus && isDigits(number)
}

// quote puts quotes around what could be misread: anything that does not begin with a letter or digit, or has special characters inside.
func quote(cell string) string {
	if cell == "" {
		return ""
	}
	c := cell[0]
	plain := c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= utf8.RuneSelf
	if plain && !strings.ContainsAny(cell, "\";,\t|\r\n") && cell[len(cell)-1] != ' ' {
		return cell
	}
	return `"` + strings.ReplaceAll(cell, `"`, `""`) + `"`
}
