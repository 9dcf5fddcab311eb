package marketplace

import (
	"fmt"
	"regexp"
	"strings"

	"kompass.krz.de/services/platform/importreport"
	"kompass.krz.de/services/platform/tabular"
)

const publicServices = "publicServices/"

const (
	leikaDigits = 14
	maxKeys     = 2000 // of an offer, as the contract has it
)

// publicServiceID is what the id of a public service looks like: a LeiKa key, or that of a service without one.
var publicServiceID = regexp.MustCompile(`^([0-9]{14}|ohne-[a-z0-9]+)$`)

var keySeparators = strings.NewReplacer(" ", "", ".", "", "-", "", "_", "", "/", "")

// readKey reads a LeiKa key, or the id or resource name of a public service, and answers the resource name. Separators
// between digits go; the zero that a spreadsheet ate comes back, which is a warning. False when it is no key.
func (f *offerFile) readKey(at importreport.Spot) (string, bool) {
	text := tabular.CleanText(at.Value)
	id := strings.TrimPrefix(text, publicServices)
	if !strings.HasPrefix(id, "ohne-") {
		id = keySeparators.Replace(strings.TrimSuffix(id, ".0"))
	}
	switch {
	case publicServiceID.MatchString(id):
		return publicServices + id, true
	case len(id) == leikaDigits-1 && strings.Trim(id, "0123456789") == "" && id[0] != '0' && !strings.HasPrefix(id, "99"):
		// A key begins with its instance: 01 to 16 are the states, so one zero at most can be missing.
		f.Warn(at, "LEADING_ZERO_RESTORED", "Führende Null ergänzt: 0"+id+".", "Leading zero restored: 0"+id+".")
		return publicServices + "0" + id, true
	case strings.ContainsAny(text, "eE") && strings.Trim(text, "0123456789.,eE+ ") == "":
		f.Fail(at, "SCIENTIFIC_NOTATION", "Die Tabellenkalkulation hat den Schlüssel in eine Zahl verwandelt; Ziffern sind verloren. Bitte die Spalte als Text formatieren.",
			"The spreadsheet turned the key into a number; digits are lost. Format the column as text.")
	default:
		f.Fail(at, "BAD_KEY", "Ein LeiKa-Schlüssel hat 14 Ziffern.", "A LeiKa key has 14 digits.")
	}
	return "", false
}

// tooManyKeys is the finding for an offer whose public services are more than the contract allows: a part of them would pass
// for all.
func tooManyKeys(f *importreport.Findings, at importreport.Spot) {
	f.Fail(at, "TOO_MANY_KEYS", fmt.Sprintf("Mehr als %d Leistungen eines Angebots werden nicht übernommen; ab hier sind es mehr.", maxKeys),
		fmt.Sprintf("More than %d public services of one offer are not taken; from here on there are more.", maxKeys))
}
