// Package plainjson writes messages of the contract as JSON, byte for byte as protojson with EmitDefaultValues does, but
// for protojson's random spaces. protojson asks every field anew what it is; here a plan is made once for each type, and
// fields are read where the Go struct has them: by reflection that was a third of the work.
// It must never write anything that protojson would not, nor to a message: what it has no plan for, protojson writes.
package plainjson

import (
	"reflect"
	"strconv"
	"strings"
	"sync"
	"unsafe"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Append appends the JSON of a message to b. Errors are those of protojson: text that is no UTF-8, times out of range.
func Append(b []byte, m proto.Message) ([]byte, error) {
	v := reflect.ValueOf(m)
	return planOf(v.Type(), m.ProtoReflect().Descriptor()).append(b, v.UnsafePointer())
}

// writer appends the JSON of what lies at an address; its type is known to whoever made the writer.
type writer func(b []byte, at unsafe.Pointer) ([]byte, error)

// plan says how a message of one Go type is written.
type plan struct {
	append writer
	zero   unsafe.Pointer // what a nil pointer stands for
	fields []field
}

// field is one field of a message, in the order of the contract.
type field struct {
	offset uintptr // in the Go struct
	name   string  // `,"displayName":`
	absent bool    // a nil pointer is left out
	empty  string  // name and value of an empty text, `,"displayName":""`; empty for other kinds
	append writer
}

var (
	plans    sync.Map // reflect.Type → *plan
	planning sync.Mutex
)

func planOf(t reflect.Type, message protoreflect.MessageDescriptor) *plan {
	if p, ok := plans.Load(t); ok {
		return p.(*plan)
	}
	planning.Lock()
	defer planning.Unlock()
	made := map[reflect.Type]*plan{}
	p := makePlan(t, message, made)
	for t, p := range made {
		plans.LoadOrStore(t, p)
	}
	return p
}

// makePlan makes the plan of a type and of all that it contains; made keeps types that contain themselves finite.
func makePlan(t reflect.Type, message protoreflect.MessageDescriptor, made map[reflect.Type]*plan) *plan {
	if p := made[t]; p != nil {
		return p
	}
	p := &plan{append: foreignWriter(t)}
	made[t] = p
	if t.Kind() != reflect.Pointer || t.Elem().Kind() != reflect.Struct {
		return p
	}
	p.zero = reflect.New(t.Elem()).UnsafePointer()
	if t == reflect.TypeFor[*timestamppb.Timestamp]() {
		p.append = appendTimestamp
		return p
	}
	if message.FullName().Parent() == "google.protobuf" {
		return p // JSON spells these in ways of their own
	}
	if fields, ok := planFields(t.Elem(), message, made); ok {
		p.fields, p.append = fields, p.appendFields
	}
	return p
}

// planFields finds the Go field of every field; false when there is one that has no plan.
func planFields(t reflect.Type, message protoreflect.MessageDescriptor, made map[reflect.Type]*plan) ([]field, bool) {
	byNumber := map[int]int{}
	for i := range t.NumField() {
		// The generator notes `protobuf:"bytes,NUMBER,…"`; members of a oneof lie deeper.
		if parts := strings.Split(t.Field(i).Tag.Get("protobuf"), ","); len(parts) > 1 {
			if number, err := strconv.Atoi(parts[1]); err == nil {
				byNumber[number] = i
			}
		}
	}
	fields := make([]field, message.Fields().Len())
	for i := range fields {
		fd := message.Fields().Get(i)
		at, found := byNumber[int(fd.Number())]
		if !found || fd.IsMap() || message.ExtensionRanges().Len() > 0 {
			return nil, false
		}
		goType := t.Field(at).Type
		f := field{offset: t.Field(at).Offset, name: "," + strconv.Quote(fd.JSONName()) + ":", absent: fd.HasPresence()}
		if f.absent && goType.Kind() != reflect.Pointer {
			return nil, false
		}
		if goType.Kind() == reflect.String {
			f.empty = f.name + `""`
		}
		if f.append = planValue(goType, fd, made); f.append == nil {
			return nil, false
		}
		fields[i] = f
	}
	return fields, true
}

// planValue is how the value of a field is written, be it a list, optional or plain; nil when there is no plan.
func planValue(t reflect.Type, fd protoreflect.FieldDescriptor, made map[reflect.Type]*plan) writer {
	if fd.IsList() {
		element := planElement(t.Elem(), fd, made)
		if element == nil {
			return nil
		}
		size := t.Elem().Size()
		return func(b []byte, at unsafe.Pointer) ([]byte, error) { return appendList(b, at, size, element) }
	}
	if t.Kind() == reflect.Pointer && fd.Message() == nil {
		pointed := planElement(t.Elem(), fd, made)
		if pointed == nil {
			return nil
		}
		return func(b []byte, at unsafe.Pointer) ([]byte, error) { return pointed(b, *(*unsafe.Pointer)(at)) }
	}
	return planElement(t, fd, made)
}

// planElement is how one value is written.
func planElement(t reflect.Type, fd protoreflect.FieldDescriptor, made map[reflect.Type]*plan) writer {
	if fd.Message() != nil {
		p := makePlan(t, fd.Message(), made)
		return func(b []byte, at unsafe.Pointer) ([]byte, error) { return p.append(b, *(*unsafe.Pointer)(at)) }
	}
	switch fd.Kind() {
	case protoreflect.BoolKind:
		return appendBool
	case protoreflect.StringKind:
		return func(b []byte, at unsafe.Pointer) ([]byte, error) { return appendString(b, *(*string)(at), fd) }
	case protoreflect.Int32Kind, protoreflect.Sint32Kind, protoreflect.Sfixed32Kind:
		return appendInt32
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind:
		return appendInt64
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		return appendUint32
	case protoreflect.Uint64Kind, protoreflect.Fixed64Kind:
		return appendUint64
	case protoreflect.DoubleKind:
		return appendDouble
	case protoreflect.EnumKind:
		return planEnum(fd.Enum())
	}
	return nil
}

// planEnum writes values by name, and unknown ones as numbers.
func planEnum(enum protoreflect.EnumDescriptor) writer {
	if enum.FullName() == "google.protobuf.NullValue" {
		return nil
	}
	names := map[int32]string{}
	for i := range enum.Values().Len() {
		value := enum.Values().Get(i)
		if number := int32(value.Number()); names[number] == "" { // of aliases the first counts
			names[number] = strconv.Quote(string(value.Name()))
		}
	}
	return func(b []byte, at unsafe.Pointer) ([]byte, error) {
		if name := names[*(*int32)(at)]; name != "" {
			return append(b, name...), nil
		}
		return appendInt32(b, at)
	}
}
