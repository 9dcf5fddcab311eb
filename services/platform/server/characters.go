package server

import (
	"fmt"
	"strings"
	"unicode"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/links"
	"kompass.krz.de/services/platform/names"
)

// characters blames texts of a message, at any depth: those with a control character other than tab and line break, which
// nobody writes and what comes after (exports, terminals, XML) cannot carry; display names with more than one line, because they stand
// in subjects of mails and cells of tables; links that are none; and what names a person
// where the contract wants a role. Bytes are no text; requests have no maps.
type characters struct {
	fault *fault.Error
	found int // violations so far; at most maxViolations
	// skipLists passes over the lists of the request itself.
	skipLists bool
}

func (c *characters) message(prefix string, m protoreflect.Message) {
	fields := m.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		if fd.Kind() != protoreflect.StringKind && fd.Message() == nil || fd.IsMap() || !m.Has(fd) {
			continue
		}
		if !fd.IsList() {
			c.value(prefix, fd, -1, m.Get(fd))
			continue
		}
		if c.skipLists && prefix == "" {
			continue
		}
		list := m.Get(fd).List()
		for n := range list.Len() {
			c.value(prefix, fd, n, list.Get(n))
		}
	}
}

// value looks at the value of a field, or at the one of that index in a list: a text, or a message below.
func (c *characters) value(prefix string, fd protoreflect.FieldDescriptor, index int, v protoreflect.Value) {
	var de, en string
	if fd.Message() == nil {
		if de, en = wrongText(fd, v.String()); de == "" || c.found >= maxViolations {
			return
		}
	}
	path := prefix + string(fd.Name()) // only now: it costs more than the look
	if index >= 0 {
		path = fmt.Sprintf("%s[%d]", path, index)
	}
	if de == "" {
		c.message(path+".", v.Message())
		return
	}
	c.fault.Field(path, de, en)
	c.found++
}

// wrongText says in German and English what is wrong with the text of a field; empty when nothing is.
func wrongText(fd protoreflect.FieldDescriptor, text string) (de, en string) {
	bad := strings.IndexFunc(text, isForbiddenControl)
	if bad < 0 && fd.Name() == "display_name" {
		bad = strings.IndexAny(text, "\t\n\r\u2028\u2029")
	}
	if bad >= 0 {
		r := []rune(text[bad:])[0]
		return fmt.Sprintf("enthält ein Steuerzeichen (%U)", r), fmt.Sprintf("contains a control character (%U)", r)
	}
	switch options := fd.Options(); {
	case text == "":
	case proto.GetExtension(options, commonv1.E_Link) == true:
		return links.Check(text)
	case proto.GetExtension(options, commonv1.E_Impersonal) == true && names.Person(text):
		return names.PersonDE, names.PersonEN
	}
	return "", ""
}

func isForbiddenControl(r rune) bool {
	return unicode.IsControl(r) && r != '\t' && r != '\n' && r != '\r'
}
