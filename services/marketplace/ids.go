package marketplace

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"kompass.krz.de/services/platform/fault"
)

// maxID is the longest id of a provider or solution, in characters.
const maxID = 63

var umlauts = strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "ß", "ss", "æ", "ae", "ø", "oe", "œ", "oe", "ł", "l", "đ", "d")

// foldedID makes an id of a display name: lower case, umlauts spelled out, accents dropped, everything else that is no
// letter or digit a hyphen. Empty when the name has no letter or digit of the Latin script.
func foldedID(displayName string) string {
	var b strings.Builder
	for _, r := range norm.NFD.String(umlauts.Replace(norm.NFC.String(strings.ToLower(displayName)))) {
		switch {
		case r >= 'a' && r <= 'z' || r >= '0' && r <= '9':
			b.WriteRune(r)
		case unicode.Is(unicode.Mn, r): // an accent belongs to the letter before
		case b.Len() > 0 && !strings.HasSuffix(b.String(), "-"):
			b.WriteByte('-')
		}
	}
	id := b.String()
	return strings.Trim(id[:min(len(id), maxID)], "-")
}

// newID is the id that a request asks for, or one made from the display name; field is the request's field for it.
func newID(asked, displayName, field string) (string, error) {
	if asked != "" {
		return asked, nil
	}
	if id := foldedID(displayName); id != "" {
		return id, nil
	}
	return "", fault.New(fault.InvalidField).Field(field,
		"fehlt und lässt sich aus dem Namen nicht bilden", "is missing and cannot be made from the name")
}
