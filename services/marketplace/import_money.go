package marketplace

import (
	"strconv"
	"strings"

	"kompass.krz.de/services/platform/tabular"
)

const (
	mostEuroDigits = 12              // of the whole part, so that nothing overflows
	mostCents      = 100_000_000_000 // of a price, as the contract has it
)

// readAmount reads an amount of money as people write it: "1.234,50", "1234.5", "12,- €". It counts in digits, never in
// floating point, and refuses what may mean two things: "1.234" is a thousand in German and one euro in English. The
// currency is what stands beside the amount, else empty.
func readAmount(text string) (cents int64, currency, de, en string) {
	number, currency := withoutCurrency(tabular.CleanText(text))
	whole, fraction, ambiguous := splitAmount(number)
	if strings.Trim(fraction, "-–—") == "" { // "12,-"
		fraction = ""
	}
	switch {
	case ambiguous:
		return 0, "", "Mehrdeutig: „" + number + "“ kann Tausender oder Nachkommastellen meinen; bitte mit zwei Nachkommastellen schreiben, etwa 1.234,00.",
			"Ambiguous: " + number + " may mean thousands or decimals; write two decimals, such as 1.234,00."
	case strings.HasPrefix(number, "-"):
		return 0, "", "Ein Preis ist nicht negativ.", "A price is not negative."
	case len(fraction) > 2 && strings.Trim(fraction, "0123456789") == "":
		return 0, "", "Ein Betrag hat höchstens zwei Nachkommastellen.", "An amount has two decimals at most."
	case whole == "" || strings.Trim(whole+fraction, "0123456789") != "":
		return 0, "", "Kein Betrag: 1.234,50 erwartet.", "Not an amount: 1.234,50 expected."
	}
	if whole = strings.TrimLeft(whole, "0"); len(whole) <= mostEuroDigits {
		cents, _ = strconv.ParseInt(whole+(fraction + "00")[:2], 10, 64) // digits alone, 14 at most
	}
	if len(whole) > mostEuroDigits || cents > mostCents {
		return 0, "", "Ein Preis ist höchstens 1.000.000.000,00 Euro.", "A price is 1.000.000.000,00 euros at most."
	}
	return cents, currency, "", ""
}

// withoutCurrency cuts a currency off an amount, before or behind it.
func withoutCurrency(s string) (number, currency string) {
	number = strings.TrimSpace(strings.Trim(s, "€"))
	if number != s {
		return number, "EUR"
	}
	isLetter := func(r rune) bool { return r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' }
	if behind := strings.TrimRightFunc(s, isLetter); behind != s {
		return strings.TrimSpace(behind), currencyCode(s[len(behind):])
	}
	if before := strings.TrimLeftFunc(s, isLetter); before != s {
		return strings.TrimSpace(before), currencyCode(s[:len(s)-len(before)])
	}
	return s, ""
}

// currencyCode is the ISO 4217 code of a currency as tables spell it.
func currencyCode(s string) string {
	if s == "€" || strings.EqualFold(s, "euro") {
		return "EUR"
	}
	return strings.ToUpper(s)
}

// splitAmount splits a number at its decimal separator and drops the separators of the thousands. A number whose parts
// do not add up comes back as it is; ambiguous are one separator and three digits behind it.
func splitAmount(s string) (whole, fraction string, ambiguous bool) {
	comma, dot := strings.Count(s, ","), strings.Count(s, ".")
	decimal, thousands := ",", "."
	switch {
	case comma == 1 && strings.LastIndexByte(s, ',') > strings.LastIndexByte(s, '.'):
		// The German form.
	case dot == 1 && strings.LastIndexByte(s, '.') > strings.LastIndexByte(s, ','):
		decimal, thousands = ".", ","
		if _, thousands := joinThousands(s, "."); comma == 0 && thousands && s[0] != '0' {
			return s, "", true
		}
	case comma == 0:
		decimal = ""
	default:
		decimal, thousands = "", ","
	}
	whole = s
	if decimal != "" {
		whole, fraction, _ = strings.Cut(s, decimal)
	}
	for _, separator := range []string{thousands, " ", "'", "’"} {
		if joined, ok := joinThousands(whole, separator); ok {
			return joined, fraction, false
		}
	}
	return whole, fraction, false
}

// joinThousands drops a separator that stands before every three digits.
func joinThousands(s, separator string) (string, bool) {
	groups := strings.Split(s, separator)
	for i, g := range groups {
		if i > 0 && len(g) != 3 || i == 0 && (len(g) == 0 || len(g) > 3) {
			return s, false
		}
	}
	return strings.Join(groups, ""), true
}
