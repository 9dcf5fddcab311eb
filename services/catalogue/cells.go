package catalogue

import (
	"slices"
	"strings"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
)

// leikaTypes reads a set of LeiKa types: "1, 2/3" is [1 2 3]. What is no type is left out and reported.
func leikaTypes(cell string) (types []int32, f finding) {
	for part := range strings.FieldsFuncSeq(cell, func(r rune) bool { return strings.ContainsRune(" ,;/+|&", r) }) {
		switch strings.ToLower(part) {
		case "typ", "und", "oder":
			continue
		}
		if len(part) != 1 || part[0] < '1' || part[0] > '6' {
			f = finding{
				reason: "BAD_LEIKA_TYPE",
				de:     "Kein LeiKa-Typ, er wird nicht übernommen; erwartet werden Ziffern von 1 bis 6 wie 4 oder 2/3.",
				en:     "Not a LeiKa type, it is not taken; digits from 1 to 6 such as 4 or 2/3 are expected.",
				repair: true,
			}
		} else if t := int32(part[0] - '0'); !slices.Contains(types, t) {
			types = append(types, t)
		}
	}
	slices.Sort(types)
	return types, f
}

// flag reads yes or no as tables write it; empty is no.
func flag(cell string) (bool, finding) {
	switch strings.ToLower(cell) {
	case "1", "ja", "j", "x", "true", "wahr", "yes", "y":
		return true, finding{}
	case "", "0", "nein", "n", "false", "falsch", "no", "-":
		return false, finding{}
	}
	return false, finding{
		reason: "BAD_FLAG",
		de:     "Erwartet wird ja oder nein (1 oder 0).",
		en:     "Yes or no (1 or 0) is expected.",
		repair: true,
	}
}

// words reads a list: parts between ";" or "|", and between commas where commas says so. Each part once.
func words(cell string, commas bool) []string {
	var list []string
	for part := range strings.FieldsFuncSeq(cell, func(r rune) bool {
		return r == ';' || r == '|' || commas && r == ','
	}) {
		if part = strings.TrimSpace(part); part != "" && !slices.Contains(list, part) {
			list = append(list, part)
		}
	}
	return list
}

// obligation reads one cell of a relevance table; empty is no rule of its own.
func obligation(cell string) (cataloguev1.Obligation, finding) {
	switch strings.ToLower(cell) {
	case "":
		return cataloguev1.Obligation_OBLIGATION_UNSPECIFIED, finding{}
	case "ja", "j", "1", "x", "true", "wahr", "owed", "obligation_owed":
		return cataloguev1.Obligation_OBLIGATION_OWED, finding{}
	case "nein", "n", "0", "false", "falsch", "not_owed", "obligation_not_owed":
		return cataloguev1.Obligation_OBLIGATION_NOT_OWED, finding{}
	case "offen", "nicht bewertet", "?", "not_assessed", "obligation_not_assessed":
		return cataloguev1.Obligation_OBLIGATION_NOT_ASSESSED, finding{}
	}
	return 0, finding{
		reason: "BAD_OBLIGATION",
		de:     "Erwartet wird ja, nein, offen oder eine leere Zelle.",
		en:     "Expected is ja, nein, offen (not assessed) or an empty cell.",
	}
}
