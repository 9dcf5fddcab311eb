package list

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode/utf8"

	"go.einride.tech/aip/filtering"
	expr "google.golang.org/genproto/googleapis/api/expr/v1alpha1"
	"google.golang.org/protobuf/reflect/protoreflect"

	"kompass.krz.de/services/platform/fault"
)

// compiler turns the parsed filter into one predicate.
type compiler struct {
	md       protoreflect.MessageDescriptor
	source   source
	position map[int64]int32
	fields   map[protoreflect.Name]bool
}

func compile(text string, md protoreflect.MessageDescriptor) (*Filter, error) {
	if strings.TrimSpace(text) == "" {
		return &Filter{match: func(protoreflect.Message) bool { return true }}, nil
	}
	if len(text) > maxFilter {
		return nil, invalidFilter(maxFilter+1, "ist länger als 2000 Zeichen", "is longer than 2,000 characters")
	}
	c := &compiler{md: md, fields: map[protoreflect.Name]bool{}}
	var err error
	if c.source, err = rewrite(text); err != nil {
		return nil, err
	}
	var parser filtering.Parser
	parser.Init(c.source.rewritten)
	parsed, err := parser.Parse()
	if err != nil {
		return nil, c.syntax(err)
	}
	c.position = parsed.GetSourceInfo().GetPositions()
	match, err := c.condition(parsed.GetExpr())
	if err != nil {
		return nil, err
	}
	return &Filter{match: match, fields: c.fields}, nil
}

// condition compiles what is true or false.
func (c *compiler) condition(e *expr.Expr) (predicate, error) {
	call := e.GetCallExpr()
	if call == nil {
		return c.search(e)
	}
	args := call.GetArgs()
	switch call.GetFunction() {
	case filtering.FunctionAnd, filtering.FunctionFuzzyAnd, filtering.FunctionOr, filtering.FunctionNot:
		return combine(call.GetFunction(), args, c.condition)
	case filtering.FunctionEquals, filtering.FunctionNotEquals, filtering.FunctionLessThan, filtering.FunctionLessEquals,
		filtering.FunctionGreaterThan, filtering.FunctionGreaterEquals, filtering.FunctionHas:
		path, err := c.field(args[0])
		if err != nil {
			return nil, err
		}
		return c.restriction(path, call.GetFunction(), args[1])
	}
	return nil, c.invalid(e, "kennt die Funktion "+call.GetFunction()+" nicht", "has the unknown function "+call.GetFunction())
}

// combine joins conditions by AND, OR or NOT.
func combine(function string, args []*expr.Expr, each func(*expr.Expr) (predicate, error)) (predicate, error) {
	left, err := each(args[0])
	if err != nil {
		return nil, err
	}
	if function == filtering.FunctionNot {
		return func(m protoreflect.Message) bool { return !left(m) }, nil
	}
	right, err := each(args[1])
	if err != nil {
		return nil, err
	}
	if function == filtering.FunctionOr {
		return func(m protoreflect.Message) bool { return left(m) || right(m) }, nil
	}
	return func(m protoreflect.Message) bool { return left(m) && right(m) }, nil
}

// restriction compiles "field comparator value", where the value may itself be a combination.
func (c *compiler) restriction(path []protoreflect.FieldDescriptor, comparator string, arg *expr.Expr) (predicate, error) {
	if call := arg.GetCallExpr(); call != nil {
		switch call.GetFunction() {
		case filtering.FunctionAnd, filtering.FunctionFuzzyAnd, filtering.FunctionOr, filtering.FunctionNot:
			return combine(call.GetFunction(), call.GetArgs(), func(e *expr.Expr) (predicate, error) {
				return c.restriction(path, comparator, e)
			})
		}
	}
	text, err := c.literal(arg)
	if err != nil {
		return nil, err
	}
	if comparator == filtering.FunctionNotEquals {
		equal, err := c.test(path, filtering.FunctionEquals, text, arg)
		if err != nil {
			return nil, err
		}
		return func(m protoreflect.Message) bool { return !equal(m) }, nil
	}
	return c.test(path, comparator, text, arg)
}

// field resolves the left side of a comparison.
func (c *compiler) field(e *expr.Expr) ([]protoreflect.FieldDescriptor, error) {
	segments := pathOf(e)
	if segments == nil {
		return nil, c.invalid(e, "hat links vom Vergleich kein Feld", "has no field left of a comparison")
	}
	path, unknown := resolve(c.md, segments)
	if path == nil {
		name := strings.Join(segments, ".")
		return nil, c.invalid(e, fmt.Sprintf("nennt das unbekannte Feld „%s“ (%s)", name, unknown),
			fmt.Sprintf("names the unknown field %q (%s)", name, unknown))
	}
	c.fields[path[0].Name()] = true
	return path, nil
}

// pathOf reads a field path such as maturity.level; nil when e is something else.
func pathOf(e *expr.Expr) []string {
	switch {
	case e.GetIdentExpr() != nil:
		return []string{e.GetIdentExpr().GetName()}
	case e.GetSelectExpr() != nil:
		if rest := pathOf(e.GetSelectExpr().GetOperand()); rest != nil {
			return append(rest, e.GetSelectExpr().GetField())
		}
	}
	return nil
}

// literal reads the right side of a comparison as text; the field decides what it means.
func (c *compiler) literal(e *expr.Expr) (string, error) {
	if path := pathOf(e); path != nil {
		return strings.Join(path, "."), nil
	}
	if constant := e.GetConstExpr(); constant != nil {
		switch kind := constant.GetConstantKind().(type) {
		case *expr.Constant_StringValue:
			return kind.StringValue, nil
		case *expr.Constant_Int64Value:
			return strconv.FormatInt(kind.Int64Value, 10), nil
		case *expr.Constant_DoubleValue:
			return strconv.FormatFloat(kind.DoubleValue, 'g', -1, 64), nil
		}
	}
	if call := e.GetCallExpr(); call.GetFunction() == filtering.FunctionTimestamp && len(call.GetArgs()) == 1 {
		return c.literal(call.GetArgs()[0])
	}
	return "", c.invalid(e, "hat rechts vom Vergleich keinen Wert", "has no value right of a comparison")
}

// search compiles a bare word: it is looked for in the display name.
func (c *compiler) search(e *expr.Expr) (predicate, error) {
	text, err := c.literal(e)
	if err != nil {
		return nil, err
	}
	if lower := strings.ToLower(text); e.GetIdentExpr() != nil && (lower == "and" || lower == "or" || lower == "not") {
		return nil, c.invalid(e, "muss „"+strings.ToUpper(text)+"“ groß schreiben", "must spell "+strings.ToUpper(text)+" in capitals")
	}
	fd := c.md.Fields().ByName("display_name")
	if fd == nil {
		return nil, c.invalid(e, "hat ein Wort ohne Feld: "+text, "has a word without a field: "+text)
	}
	needle := fold(nil, text)
	return func(m protoreflect.Message) bool { return containsFolded(m.Get(fd).String(), needle) }, nil
}

// invalid makes the error for an expression.
func (c *compiler) invalid(e *expr.Expr, de, en string) error {
	return invalidFilter(c.source.column(int(c.position[e.GetId()])), de, en)
}

// syntax makes the error for a filter that the parser refused; the innermost message is the one that helps.
func (c *compiler) syntax(err error) error {
	offset, found := len(c.source.rewritten), unexpectedEnd
	type positioned interface {
		error
		Position() filtering.Position
		Message() string
	}
	var p positioned
	for errors.As(err, &p) {
		offset, found = int(p.Position().Offset), p.Message()
		err = errors.Unwrap(p)
	}
	if errors.Is(err, io.EOF) { // of what it noticed on the way the parser only says which rule it was at
		found = unexpectedEnd
	}
	return invalidFilter(c.source.column(offset), "ist nicht lesbar: "+syntaxInGerman(found), "cannot be read: "+found)
}

func invalidFilter(column int, de, en string) *fault.Error {
	at := strconv.Itoa(column)
	return fault.New(fault.InvalidFilter, "position", at).Field("filter", "Stelle "+at+": "+de, "position "+at+": "+en)
}

// source is a filter as the client wrote it and as the parser reads it.
type source struct {
	text, rewritten string
	edits           []edit
}

// edit notes that from this offset of the rewritten text on, the original is that much further left.
type edit struct{ from, shift int }

// column is the position in the client's text, in characters from 1, of an offset in the rewritten one.
func (s *source) column(offset int) int {
	shift := 0
	for _, e := range s.edits {
		if offset < e.from {
			break
		}
		shift = e.shift
	}
	offset = max(0, min(offset-shift, len(s.text)))
	return utf8.RuneCountInString(s.text[:offset]) + 1
}
