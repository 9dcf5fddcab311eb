package server

import (
	"fmt"
	"strings"
	"unicode"

	"google.golang.org/protobuf/reflect/protoreflect"

	"kompass.krz.de/services/platform/fault"
)

// controls blames every text of a message, at any depth, that has a control character other than tab and line break:
// nobody writes one, and what comes after (exports, terminals, XML) cannot carry it. Bytes are no text; requests have no maps.
type controls struct {
	fault *fault.Error
	found int // violations so far; at most maxViolations
	// skipLists passes over the lists of the request itself.
	skipLists bool
}

func (c *controls) message(prefix string, m protoreflect.Message) {
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
func (c *controls) value(prefix string, fd protoreflect.FieldDescriptor, index int, v protoreflect.Value) {
	bad := -1
	if fd.Message() == nil {
		if bad = strings.IndexFunc(v.String(), isForbiddenControl); bad < 0 || c.found >= maxViolations {
			return
		}
	}
	path := prefix + string(fd.Name()) // only now: it costs more than the look
	if index >= 0 {
		path = fmt.Sprintf("%s[%d]", path, index)
	}
	if bad < 0 {
		c.message(path+".", v.Message())
		return
	}
	r := []rune(v.String()[bad:])[0]
	c.fault.Field(path, fmt.Sprintf("enthält ein Steuerzeichen (%U)", r), fmt.Sprintf("contains a control character (%U)", r))
	c.found++
}

func isForbiddenControl(r rune) bool {
	return unicode.IsControl(r) && r != '\t' && r != '\n' && r != '\r'
}
