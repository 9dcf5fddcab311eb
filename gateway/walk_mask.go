package gateway

import (
	"bytes"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
)

// mask checks a field mask within a body, whose value was read from an offset on. As in a query, fields may be spelled as
// in proto, too; JSON of the contract knows lowerCamelCase alone, so such a mask is respelled where it stands.
func (w *walker) mask(path string, from int64, text string) {
	if strings.TrimSpace(text) == "" {
		return
	}
	for _, name := range strings.Split(text, ",") {
		if !protoreflect.FullName(name).IsValid() {
			w.blame(path, reasonInvalidField, "muss Namen von Feldern nennen, durch Kommas getrennt", "has to name fields, separated by commas")
			return
		}
	}
	if !strings.Contains(text, "_") {
		return
	}
	raw := w.source[from:w.decoder.InputOffset()]
	raw = raw[bytes.IndexByte(raw, '"'):]
	n := copy(raw, `"`+camel(text)+`"`) // never longer than what was sent
	for i := range raw[n:] {
		raw[n+i] = ' '
	}
}
