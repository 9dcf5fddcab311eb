package municipality

import (
	"math"
	"strconv"
	"strings"
)

// parseAGS reads an Amtlicher Gemeindeschlüssel as tables have it: 8 digits, 5 for a Kreis (padded with zeros), one less
// where a spreadsheet ate the leading zero, which restored reports. Blanks between the digits are passed over.
func parseAGS(text string) (ags string, restored, ok bool) {
	key := strings.ReplaceAll(text, " ", "")
	if !allDigits(key) {
		return "", false, false
	}
	if len(key) == 7 || len(key) == 4 {
		key, restored = "0"+key, true
	}
	if len(key) == 5 {
		key += "000"
	}
	if len(key) != agsLength || !isState(key) {
		return "", false, false
	}
	return key, restored, true
}

// parseARS reads an Amtlicher Regionalschlüssel: 12 digits, or 11 where the leading zero was eaten.
func parseARS(text string) (ars string, restored, ok bool) {
	key := strings.ReplaceAll(text, " ", "")
	if len(key) == 11 {
		key, restored = "0"+key, true
	}
	if len(key) != 12 || !allDigits(key) || !isState(key) {
		return "", false, false
	}
	return key, restored, true
}

// isState tells whether a key begins with one of the 16 Länder.
func isState(key string) bool { return key[:2] >= "01" && key[:2] <= "16" }

// sameBody tells whether an AGS (LLRKKGGG) and an ARS (LLRKKVVVVGGG) name the same municipality or Kreis.
func sameBody(ags, ars string) bool {
	return len(ags) == agsLength && len(ars) == 12 && ags[:5] == ars[:5] && ags[5:] == ars[9:]
}

// agsOfARS leaves out the association of municipalities (VVVV).
func agsOfARS(ars string) string { return ars[:5] + ars[9:] }

// maxCount bounds inhabitants; nothing on earth that is counted here has more.
const maxCount = 1_000_000_000

// countSeparators stand between thousands.
const countSeparators = ".,' \u00a0\u202f’"

// parseCount reads a whole number that may have thousands separators ("46.030", "46 030", "46,030"), as long as they
// stand where thousands are.
func parseCount(text string) (int64, bool) {
	digits, ok := joinThousands(text, countSeparators)
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(digits, 10, 64)
	return n, err == nil && n <= maxCount
}

// joinThousands drops one kind of separator between groups of three digits.
func joinThousands(text, separators string) (string, bool) {
	i := strings.IndexAny(text, separators)
	if i < 0 {
		return text, allDigits(text)
	}
	separator := string([]rune(text[i:])[0])
	groups := strings.Split(text, separator)
	for n, g := range groups {
		if !allDigits(g) || n > 0 && len(g) != 3 || n == 0 && len(g) > 3 {
			return "", false
		}
	}
	return strings.Join(groups, ""), true
}

// notCount says in German and English what is wrong with a text that parseCount refuses: numbers are told their bounds.
func notCount(text string) (de, en string) {
	if _, isNumber := joinThousands(strings.TrimPrefix(text, "-"), countSeparators); isNumber {
		return "Muss zwischen 0 und 1.000.000.000 liegen.", "Must lie between 0 and 1,000,000,000."
	}
	return "Keine ganze Zahl.", "Not a whole number."
}

// parseDecimal reads a number with a decimal point or comma; with both, the first one separates thousands.
func parseDecimal(text string) (float64, bool) {
	sign := ""
	if rest, negative := strings.CutPrefix(text, "-"); negative {
		sign, text = "-", rest
	}
	whole, fraction := text, ""
	if i := strings.LastIndexAny(text, ".,"); i >= 0 {
		whole, fraction = text[:i], text[i+1:]
		if !allDigits(fraction) {
			return 0, false
		}
	}
	whole, ok := joinThousands(whole, ".,' \u00a0")
	if !ok {
		return 0, false
	}
	f, err := strconv.ParseFloat(sign+whole+"."+fraction, 64)
	return f, err == nil && !math.IsInf(f, 0)
}
