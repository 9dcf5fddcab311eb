package list

import (
	"strings"

	lru "github.com/hashicorp/golang-lru/v2"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

const (
	// maxFilter bounds a filter, in bytes; the parser recurses.
	maxFilter = 2000
	// maxCompiled bounds the cache of compiled filters.
	maxCompiled = 512
)

// Filter is a compiled AIP-160 filter. It is immutable and safe for use by several goroutines.
type Filter struct {
	match  predicate
	fields map[protoreflect.Name]bool
}

type predicate func(protoreflect.Message) bool

type filterKey struct {
	message protoreflect.FullName
	text    string
}

// Portals send the same few filters again and again; a bounded cache spares the parser.
var compiled, _ = lru.New[filterKey, *Filter](maxCompiled)

// CompileFilter reads an AIP-160 filter over the fields of a message. An empty filter matches everything.
//
//   - comparisons =, !=, <, <=, >, >=; "!=" is the negation of "=", so it is true where the field is absent
//   - ":" has: a string contains (without regard to case, ä and ae alike), a list has the element, anything is set (":*")
//   - AND, OR (binds tighter, as AIP-160 has it), NOT, "-", parentheses; "field = (a OR b)"
//   - a bare word searches display_name
//   - "*" in the text of "=" stands for any text; enums by name or by the name without its prefix, in any case;
//     timestamps as RFC 3339 or as a date; strings, ISO dates among them, compare by bytes, and an empty one is neither
//     less nor greater than anything; a list field in the middle of a path matches when any element does
//   - values with "-", ".", ":" or leading zeros need no quotes; values with spaces do
//
// Fields are spelled as in proto or JSON. It returns [fault.InvalidFilter] with the position and the field.
func CompileFilter(text string, md protoreflect.MessageDescriptor) (*Filter, error) {
	key := filterKey{md.FullName(), text}
	if f, ok := compiled.Get(key); ok {
		return f, nil
	}
	f, err := compile(text, md)
	if err != nil {
		return nil, err
	}
	key.text = strings.Clone(text)
	compiled.Add(key, f)
	return f, nil
}

// Matches tells whether the message, which must be of the type the filter was compiled for, passes.
func (f *Filter) Matches(m proto.Message) bool { return f.matches(m.ProtoReflect()) }

func (f *Filter) matches(m protoreflect.Message) bool { return f.match(m) }

// Names tells whether the filter mentions a top-level field (by its proto name), so that a handler can drop a default:
// "withdrawn entries are left out unless the filter names the state".
func (f *Filter) Names(field protoreflect.Name) bool { return f.fields[field] }
