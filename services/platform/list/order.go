package list

import (
	"bytes"
	"cmp"
	"strings"
	"sync"
	"sync/atomic"

	"go.einride.tech/aip/ordering"
	"golang.org/x/text/collate"
	"golang.org/x/text/language"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"kompass.krz.de/services/platform/fault"
)

// maxTerms bounds the fields of one order_by.
const maxTerms = 5

// Order is a compiled AIP-132 order_by. It is immutable and safe for use by several goroutines.
type Order struct{ terms []orderTerm }

type orderTerm struct {
	path    []protoreflect.FieldDescriptor
	desc    bool
	german  bool
	compare func(a, b protoreflect.Value) int
}

// CompileOrder reads an order_by over the fields of a message: "display_name desc, name". Fields are spelled as in proto or
// JSON and may be nested ("maturity.level"); lists and messages other than timestamps cannot be ordered by. Names for
// people are compared by German collation, other strings by bytes. It returns [fault.InvalidOrder].
func CompileOrder(orderBy string, md protoreflect.MessageDescriptor) (*Order, error) {
	var parsed ordering.OrderBy
	if err := parsed.UnmarshalString(orderBy); err != nil {
		return nil, invalidOrder(orderBy, "ist keine Liste von Feldern mit „asc“ oder „desc“", "is not a list of fields with asc or desc")
	}
	if len(parsed.Fields) > maxTerms {
		return nil, invalidOrder(orderBy, "nennt mehr als fünf Felder", "names more than five fields")
	}
	order := &Order{terms: make([]orderTerm, 0, len(parsed.Fields))}
	for _, field := range parsed.Fields {
		path, _ := resolve(md, field.SubFields())
		if path == nil {
			return nil, invalidOrder(field.Path, "nennt ein unbekanntes Feld: "+field.Path, "names an unknown field: "+field.Path)
		}
		term := orderTerm{path: path, desc: field.Desc}
		if term.compare = comparison(path); term.compare == nil {
			return nil, invalidOrder(field.Path, "nennt ein Feld, nach dem nicht sortiert werden kann: "+field.Path,
				"names a field that cannot be ordered by: "+field.Path)
		}
		leaf := path[len(path)-1]
		term.german = leaf.Kind() == protoreflect.StringKind && strings.HasSuffix(string(leaf.Name()), "_name")
		order.terms = append(order.terms, term)
	}
	return order, nil
}

func invalidOrder(order, de, en string) error {
	return fault.New(fault.InvalidOrder, "order", order).Field("order_by", de, en)
}

// Compare is negative when a comes before b, positive when after, 0 when the order does not tell them apart.
func (o *Order) Compare(a, b proto.Message) int { return o.compare(a.ProtoReflect(), b.ProtoReflect()) }

func (o *Order) compare(a, b protoreflect.Message) int {
	for i := range o.terms {
		if c := o.terms[i].order(a, b); c != 0 {
			return c
		}
	}
	return 0
}

// order puts items without a value first.
func (t *orderTerm) order(a, b protoreflect.Message) int {
	va, hasA := value(a, t.path)
	vb, hasB := value(b, t.path)
	var c int
	switch {
	case hasA && hasB && t.german:
		c = bytes.Compare(collationKey(va.String()), collationKey(vb.String()))
	case hasA && hasB:
		c = t.compare(va, vb)
	case hasA:
		c = 1
	case hasB:
		c = -1
	}
	if t.desc {
		return -c
	}
	return c
}

// value follows a path; false when a message on the way, or an optional field at its end, is absent.
func value(m protoreflect.Message, path []protoreflect.FieldDescriptor) (protoreflect.Value, bool) {
	last := len(path) - 1
	for _, fd := range path[:last] {
		if !m.Has(fd) {
			return protoreflect.Value{}, false
		}
		m = m.Get(fd).Message()
	}
	if path[last].HasPresence() && !m.Has(path[last]) {
		return protoreflect.Value{}, false
	}
	return m.Get(path[last]), true
}

// comparison returns how values at the end of the path compare, nil when they have no order.
func comparison(path []protoreflect.FieldDescriptor) func(a, b protoreflect.Value) int {
	for _, fd := range path {
		if fd.IsList() || fd.IsMap() {
			return nil
		}
	}
	switch leaf := path[len(path)-1]; leaf.Kind() {
	case protoreflect.StringKind:
		return func(a, b protoreflect.Value) int { return strings.Compare(a.String(), b.String()) }
	case protoreflect.BoolKind:
		return func(a, b protoreflect.Value) int { return cmp.Compare(truth(a), truth(b)) }
	case protoreflect.EnumKind:
		return func(a, b protoreflect.Value) int { return cmp.Compare(a.Enum(), b.Enum()) }
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return func(a, b protoreflect.Value) int { return cmp.Compare(a.Float(), b.Float()) }
	case protoreflect.Uint32Kind, protoreflect.Uint64Kind, protoreflect.Fixed32Kind, protoreflect.Fixed64Kind:
		return func(a, b protoreflect.Value) int { return cmp.Compare(a.Uint(), b.Uint()) }
	case protoreflect.BytesKind, protoreflect.GroupKind:
		return nil
	case protoreflect.MessageKind:
		if leaf.Message().FullName() != timestampName {
			return nil
		}
		return func(a, b protoreflect.Value) int { return instantOf(a.Message()).compare(instantOf(b.Message())) }
	default:
		return func(a, b protoreflect.Value) int { return cmp.Compare(a.Int(), b.Int()) }
	}
}

func truth(v protoreflect.Value) int {
	if v.Bool() {
		return 1
	}
	return 0
}

// Collation keys cost a microsecond each and names repeat with every request, so they are kept, up to a bound.
const maxCollated = 100_000

var (
	collators = sync.Pool{New: func() any { return collate.New(language.German) }}
	collated  sync.Map // name → its collation key, []byte
	collateds atomic.Int64
)

func collationKey(s string) []byte {
	if key, ok := collated.Load(s); ok {
		return key.([]byte)
	}
	c := collators.Get().(*collate.Collator)
	var buf collate.Buffer
	key := bytes.Clone(c.KeyFromString(&buf, s))
	collators.Put(c)
	if collateds.Add(1) > maxCollated {
		collated.Clear()
		collateds.Store(0)
	}
	collated.Store(strings.Clone(s), key)
	return key
}
