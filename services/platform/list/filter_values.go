package list

import (
	"bytes"
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"go.einride.tech/aip/filtering"
	expr "google.golang.org/genproto/googleapis/api/expr/v1alpha1"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// test compiles "field comparator text" for one value, by the type of the field.
func (c *compiler) test(path []protoreflect.FieldDescriptor, comparator, text string, at *expr.Expr) (predicate, error) {
	leaf := path[len(path)-1]
	if comparator == filtering.FunctionHas && text == "*" {
		return isSet(path), nil
	}
	if leaf.IsMap() || leaf.Kind() == protoreflect.BytesKind || leaf.Kind() == protoreflect.GroupKind {
		return nil, c.mismatch(path, at, "kann nicht gefiltert werden", "cannot be filtered by")
	}
	if leaf.IsList() && comparator != filtering.FunctionHas {
		return nil, c.mismatch(path, at, "ist eine Liste; dafür gibt es „:“", `is a list; use ":"`)
	}
	check, err := c.valueTest(path, comparator, text, at)
	if err != nil {
		return nil, err
	}
	return anyValue(path, check), nil
}

// isSet compiles "field:*".
func isSet(path []protoreflect.FieldDescriptor) predicate {
	last := path[len(path)-1]
	if len(path) == 1 {
		return func(m protoreflect.Message) bool { return m.Has(last) }
	}
	return anyValue(path[:len(path)-1], func(v protoreflect.Value) bool { return v.Message().Has(last) })
}

// anyValue applies a check to what a path leads to: to each element of a list, to nothing where a message or an optional
// field is absent.
func anyValue(path []protoreflect.FieldDescriptor, check func(protoreflect.Value) bool) predicate {
	fd := path[0]
	if len(path) > 1 {
		rest := anyValue(path[1:], check)
		check = func(v protoreflect.Value) bool { return rest(v.Message()) }
	}
	switch {
	case fd.IsMap():
		return func(protoreflect.Message) bool { return false }
	case fd.IsList():
		return func(m protoreflect.Message) bool {
			l := m.Get(fd).List()
			for i := range l.Len() {
				if check(l.Get(i)) {
					return true
				}
			}
			return false
		}
	case fd.HasPresence():
		return func(m protoreflect.Message) bool { return m.Has(fd) && check(m.Get(fd)) }
	}
	return func(m protoreflect.Message) bool { return check(m.Get(fd)) }
}

// valueTest compiles the check of one value.
func (c *compiler) valueTest(path []protoreflect.FieldDescriptor, comparator, text string, at *expr.Expr) (func(protoreflect.Value) bool, error) {
	leaf := path[len(path)-1]
	switch leaf.Kind() {
	case protoreflect.StringKind:
		return stringTest(comparator, text, leaf.IsList()), nil
	case protoreflect.BoolKind:
		return c.boolTest(path, comparator, text, at)
	case protoreflect.EnumKind:
		return c.enumTest(path, comparator, text, at)
	case protoreflect.MessageKind:
		if leaf.Message().FullName() == timestampName {
			return c.timeTest(path, comparator, text, at)
		}
		return nil, c.mismatch(path, at, "hat Unterfelder; nur „:*“ fragt nach dem Ganzen", `has fields of its own; only ":*" asks for the whole`)
	}
	return c.numberTest(path, comparator, text, at)
}

// stringTest compares by bytes; ":" searches within a single text and compares with elements of a list. An empty text has
// no place in an order.
func stringTest(comparator, text string, list bool) func(protoreflect.Value) bool {
	if comparator == filtering.FunctionHas && !list {
		needle := fold(nil, strings.Trim(text, "*"))
		return func(v protoreflect.Value) bool { return containsFolded(v.String(), needle) }
	}
	if comparator == filtering.FunctionHas || comparator == filtering.FunctionEquals {
		if !strings.Contains(text, "*") {
			return func(v protoreflect.Value) bool { return v.String() == text }
		}
		parts := strings.Split(text, "*")
		return func(v protoreflect.Value) bool { return wildcard(v.String(), parts) }
	}
	holds := outcome(comparator)
	return func(v protoreflect.Value) bool {
		s := v.String()
		return s != "" && holds(strings.Compare(s, text)) // what is absent, a date for example, lies before and after nothing
	}
}

// wildcard matches a text against the parts between the asterisks.
func wildcard(s string, parts []string) bool {
	first, last := parts[0], parts[len(parts)-1]
	if len(s) < len(first)+len(last) || !strings.HasPrefix(s, first) || !strings.HasSuffix(s, last) {
		return false
	}
	s = s[len(first) : len(s)-len(last)]
	for _, part := range parts[1 : len(parts)-1] {
		_, after, found := strings.Cut(s, part)
		if !found {
			return false
		}
		s = after
	}
	return true
}

func (c *compiler) boolTest(path []protoreflect.FieldDescriptor, comparator, text string, at *expr.Expr) (func(protoreflect.Value) bool, error) {
	if text != "true" && text != "false" || !isEquality(comparator) {
		return nil, c.mismatch(path, at, "vergleicht sich nur mit „= true“ oder „= false“", "only compares by = true or = false")
	}
	want := text == "true"
	return func(v protoreflect.Value) bool { return v.Bool() == want }, nil
}

func (c *compiler) enumTest(path []protoreflect.FieldDescriptor, comparator, text string, at *expr.Expr) (func(protoreflect.Value) bool, error) {
	values := path[len(path)-1].Enum().Values()
	prefix := strings.TrimSuffix(string(values.Get(0).Name()), "UNSPECIFIED")
	name := strings.ToUpper(text)
	want := values.ByName(protoreflect.Name(name))
	if want == nil {
		want = values.ByName(protoreflect.Name(prefix + name))
	}
	if want == nil || !isEquality(comparator) {
		allowed := make([]string, 0, values.Len())
		for i := range values.Len() {
			allowed = append(allowed, strings.TrimPrefix(string(values.Get(i).Name()), prefix))
		}
		list := strings.Join(allowed, ", ")
		return nil, c.mismatch(path, at, "kennt nur = und != mit "+list, "only takes = and != with "+list)
	}
	number := want.Number()
	return func(v protoreflect.Value) bool { return v.Enum() == number }, nil
}

func (c *compiler) timeTest(path []protoreflect.FieldDescriptor, comparator, text string, at *expr.Expr) (func(protoreflect.Value) bool, error) {
	t, err := time.Parse(time.RFC3339Nano, text)
	if err != nil {
		t, err = time.Parse(time.DateOnly, text)
	}
	holds := outcome(comparator)
	if err != nil || holds == nil {
		return nil, c.mismatch(path, at, "ist ein Zeitpunkt, zum Beispiel 2026-01-31T12:00:00Z oder 2026-01-31",
			"is a time, for example 2026-01-31T12:00:00Z or 2026-01-31")
	}
	want := instant{t.Unix(), int64(t.Nanosecond())}
	return func(v protoreflect.Value) bool { return holds(instantOf(v.Message()).compare(want)) }, nil
}

func (c *compiler) numberTest(path []protoreflect.FieldDescriptor, comparator, text string, at *expr.Expr) (func(protoreflect.Value) bool, error) {
	leaf := path[len(path)-1]
	holds := outcome(comparator)
	number, err := strconv.ParseFloat(text, 64)
	if holds == nil || err != nil || math.IsNaN(number) || math.IsInf(number, 0) {
		return nil, c.mismatch(path, at, "ist eine Zahl", "is a number")
	}
	switch leaf.Kind() {
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return func(v protoreflect.Value) bool { return holds(cmp.Compare(v.Float(), number)) }, nil
	case protoreflect.Uint32Kind, protoreflect.Uint64Kind, protoreflect.Fixed32Kind, protoreflect.Fixed64Kind:
		if whole, err := strconv.ParseUint(text, 10, 64); err == nil {
			return func(v protoreflect.Value) bool { return holds(cmp.Compare(v.Uint(), whole)) }, nil
		}
		return func(v protoreflect.Value) bool { return holds(cmp.Compare(float64(v.Uint()), number)) }, nil
	}
	if whole, err := strconv.ParseInt(text, 10, 64); err == nil {
		return func(v protoreflect.Value) bool { return holds(cmp.Compare(v.Int(), whole)) }, nil
	}
	return func(v protoreflect.Value) bool { return holds(cmp.Compare(float64(v.Int()), number)) }, nil
}

// outcome says which results of a three-way comparison satisfy the comparator.
func outcome(comparator string) func(int) bool {
	switch comparator {
	case filtering.FunctionLessThan:
		return func(c int) bool { return c < 0 }
	case filtering.FunctionLessEquals:
		return func(c int) bool { return c <= 0 }
	case filtering.FunctionGreaterThan:
		return func(c int) bool { return c > 0 }
	case filtering.FunctionGreaterEquals:
		return func(c int) bool { return c >= 0 }
	}
	return func(c int) bool { return c == 0 }
}

func isEquality(comparator string) bool {
	return comparator == filtering.FunctionEquals || comparator == filtering.FunctionHas
}

// mismatch is the error for a value or comparator that does not fit the field.
func (c *compiler) mismatch(path []protoreflect.FieldDescriptor, at *expr.Expr, de, en string) error {
	names := make([]string, len(path))
	for i, fd := range path {
		names[i] = fd.JSONName()
	}
	field := strings.Join(names, ".")
	return c.invalid(at, fmt.Sprintf("das Feld „%s“ %s", field, de), fmt.Sprintf("the field %s %s", field, en))
}

// fold appends the text in lower case with umlauts written out, so that "MUELL" finds "Müll".
func fold(dst []byte, s string) []byte {
	for _, r := range s {
		if r < utf8.RuneSelf {
			if 'A' <= r && r <= 'Z' {
				r += 'a' - 'A'
			}
			dst = append(dst, byte(r))
			continue
		}
		switch unicode.ToLower(r) {
		case 'ä':
			dst = append(dst, "ae"...)
		case 'ö':
			dst = append(dst, "oe"...)
		case 'ü':
			dst = append(dst, "ue"...)
		case 'ß':
			dst = append(dst, "ss"...)
		default:
			dst = utf8.AppendRune(dst, unicode.ToLower(r))
		}
	}
	return dst
}

// containsFolded tells whether the folded text has the folded needle; short texts are folded on the stack.
func containsFolded(s string, needle []byte) bool {
	var buf [256]byte
	return bytes.Contains(fold(buf[:0], s), needle)
}
