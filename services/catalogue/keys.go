package catalogue

import (
	"crypto/sha256"
	"encoding/base32"
	"strings"

	"kompass.krz.de/services/platform/tabular"
)

// Lengths of the keys of the field, in digits.
const (
	leikaDigits = 14
	ozgDigits   = 5
)

// Collections, as resource names begin.
const (
	themesPrefix      = "themes/"
	situationsPrefix  = "situations/"
	ozgPrefix         = "ozgServices/"
	proceduresPrefix  = "procedures/"
	publicPrefix      = "publicServices/"
	revisionsPrefix   = "catalogueRevisions/"
	relevanceSuffix   = "/relevance"
	successionSuffix  = "/succession"
	keylessPrefix     = "ohne-"
	keylessDigestSize = 12 // characters of base32, 60 bits: ten thousand names collide once in 20 billion catalogues
)

// finding says what was wrong with a cell, or what was repaired; the zero finding is none.
type finding struct {
	reason string // machine-readable, as in ImportIssue.reason
	de, en string
	repair bool // the value was taken after a repair
	note   bool // the value was taken as it is
}

func (f finding) none() bool  { return f.reason == "" }
func (f finding) fatal() bool { return f.reason != "" && !f.repair && !f.note }

// leikaKey reads a LeiKa key of 14 digits. Spaces and the usual separators go, the zero that a spreadsheet ate comes back;
// an empty cell is an entry without key: "", no finding.
func leikaKey(cell string) (string, finding) {
	digits, problem := keyDigits(cell)
	if !problem.none() || digits == "" {
		return "", problem
	}
	switch {
	case len(digits) == leikaDigits:
		return digits, finding{}
	case len(digits) == leikaDigits-1 && plausibleInstance(digits):
		return "0" + digits, zeroRestored("0" + digits)
	}
	return "", finding{
		reason: "BAD_KEY",
		de:     "Ein LeiKa-Schlüssel hat 14 Ziffern.",
		en:     "A LeiKa key has 14 digits.",
	}
}

// noKey recognises what people write where there is no key; the zero finding for anything else, an empty cell included.
func noKey(cell string) finding {
	switch folded := tabular.NormalizeHeader(cell); folded {
	case "":
		if cell == "" || strings.Trim(cell, "-–—") != "" {
			return finding{}
		}
	case "nicht_im_leika", "kein_leika", "ohne", "ohne_schluessel", "kein", "keiner", "kein_schluessel", "keine_angabe", "k_a", "ka", "n_a", "na",
		"nicht_vorhanden", "entfaellt":
	default:
		return finding{}
	}
	return finding{
		reason: "NO_KEY",
		de:     "Als Leistung ohne LeiKa-Schlüssel übernommen.",
		en:     "Taken as a public service without LeiKa key.",
		note:   true,
	}
}

// plausibleInstance tells whether 13 digits are a key whose first zero was eaten. A key begins with its instance: 01 to
// 16 are the states, so one zero at most can be missing; 13 digits that begin with 99, the federal instance, lost a
// digit elsewhere, and nobody can say which.
func plausibleInstance(digits string) bool {
	return digits[0] != '0' && !strings.HasPrefix(digits, "99")
}

// ozgID reads an OZG id of 5 digits, with or without "OZG" before it; empty is "".
func ozgID(cell string) (string, finding) {
	text := strings.TrimSpace(cell)
	if len(text) > 3 && strings.EqualFold(text[:3], "ozg") {
		text = strings.TrimLeft(text[3:], " -_:.")
	}
	digits, problem := keyDigits(text)
	if !problem.none() || digits == "" {
		return "", problem
	}
	switch len(digits) {
	case ozgDigits:
		return digits, finding{}
	case ozgDigits - 1:
		return "0" + digits, zeroRestored("0" + digits)
	}
	return "", finding{
		reason: "BAD_OZG_ID",
		de:     "Eine OZG-Nummer hat 5 Ziffern.",
		en:     "An OZG id has 5 digits.",
	}
}

// procedureCode reads the three digits of a procedure.
func procedureCode(cell string) (string, finding) {
	digits, problem := keyDigits(cell)
	if !problem.none() {
		return "", problem
	}
	if n := len(digits); n == 1 || n == 2 {
		code := strings.Repeat("0", 3-n) + digits
		return code, zeroRestored(code)
	} else if n != 3 {
		return "", finding{
			reason: "BAD_PROCEDURE",
			de:     "Eine Verrichtung hat 3 Ziffern.",
			en:     "A procedure code has 3 digits.",
		}
	}
	return digits, finding{}
}

// keyDigits reduces a cell to its digits, or says why it is no key.
func keyDigits(cell string) (string, finding) {
	text := strings.TrimSpace(tabular.CleanText(cell))
	if isScientific(text) {
		return "", finding{
			reason: "SCIENTIFIC_NOTATION",
			de:     "Die Tabellenkalkulation hat den Schlüssel in eine Zahl verwandelt; Ziffern sind verloren. Bitte die Spalte als Text formatieren.",
			en:     "The spreadsheet turned the key into a number; digits are lost. Format the column as text.",
		}
	}
	// "99012001001000.0" is what programs write that read the key as a number.
	if whole, ok := strings.CutSuffix(text, ".0"); ok && !strings.Contains(whole, ".") {
		text = whole
	}
	var b strings.Builder
	for _, r := range text {
		switch {
		case r >= '0' && r <= '9':
			b.WriteByte(byte(r))
		case strings.ContainsRune(" .-_/", r):
		default:
			return "", finding{
				reason: "BAD_KEY",
				de:     "Ein Schlüssel besteht aus Ziffern.",
				en:     "A key consists of digits.",
			}
		}
	}
	if b.Len() == 0 && text != "" && text != "-" {
		return "", finding{reason: "BAD_KEY", de: "Ein Schlüssel besteht aus Ziffern.", en: "A key consists of digits."}
	}
	return b.String(), finding{}
}

// isScientific recognises "9,9012E+13".
func isScientific(text string) bool {
	mantissa, exponent, ok := strings.Cut(strings.ToUpper(text), "E")
	if !ok || mantissa == "" || exponent == "" {
		return false
	}
	return strings.Trim(mantissa, "0123456789.,") == "" && strings.Trim(exponent, "0123456789+-") == ""
}

func zeroRestored(key string) finding {
	return finding{
		reason: "LEADING_ZERO_RESTORED",
		de:     "Führende Null ergänzt: " + key + ".",
		en:     "Leading zero restored: " + key + ".",
		repair: true,
	}
}

// foldedID is the id that a name leads to: "Bauen & Wohnen" is "bauen-wohnen"; empty when the name has no letter or digit
// of the Latin alphabet.
func foldedID(name string) string {
	var b strings.Builder
	for part := range strings.SplitSeq(tabular.NormalizeHeader(name), "_") {
		if part = asciiOnly(part); part == "" {
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('-')
		}
		b.WriteString(part)
	}
	return b.String()
}

// asciiOnly drops what a resource id cannot hold.
func asciiOnly(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
}

// sameName is the form in which names count as equal: letters and digits alone, folded.
func sameName(name string) string {
	return strings.ReplaceAll(tabular.NormalizeHeader(name), "_", "")
}

var lowerBase32 = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// keylessID is the id of an entry without key. It depends on the folded name alone, so that the next import finds the
// entry again; empty when nothing of the name is left.
func keylessID(name string) string {
	folded := sameName(name)
	if folded == "" {
		return ""
	}
	sum := sha256.Sum256([]byte(folded))
	return keylessPrefix + lowerBase32.EncodeToString(sum[:])[:keylessDigestSize]
}

// isPublicID tells whether id can be that of a public service.
func isPublicID(id string) bool {
	if rest, ok := strings.CutPrefix(id, keylessPrefix); ok {
		return rest != "" && asciiOnly(rest) == rest
	}
	return isDigits(id, leikaDigits)
}

func isDigits(s string, n int) bool {
	return len(s) == n && strings.Trim(s, "0123456789") == ""
}
