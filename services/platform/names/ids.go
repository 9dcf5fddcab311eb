// Package names makes the ids in resource names from the names that people give. It must never learn about one kind of
// resource, or look at what is stored.
package names

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"kompass.krz.de/services/platform/fault"
)

// maxID is the longest id, in characters.
const maxID = 63

var umlauts = strings.NewReplacer("ä", "ae", "ö", "oe", "ü", "ue", "ß", "ss", "æ", "ae", "ø", "oe", "œ", "oe", "ł", "l", "đ", "d")

// Folded makes an id of a display name: lower case, umlauts spelled out, accents dropped, everything else that is no
// letter or digit a hyphen. Empty when the name has no letter or digit of the Latin script.
func Folded(displayName string) string {
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

// ID is the id that a request asks for, or one made from the display name; field is the request's field for it.
// The error is fault.InvalidField: none was asked for and the name has no letter or digit of the Latin script.
func ID(asked, displayName, field string) (string, error) {
	if asked != "" {
		return asked, nil
	}
	if id := Folded(displayName); id != "" {
		return id, nil
	}
	return "", fault.New(fault.InvalidField).Field(field,
		"fehlt und lässt sich aus dem Namen nicht bilden", "is missing and cannot be made from the name")
}
