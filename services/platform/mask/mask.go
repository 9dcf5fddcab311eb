// Package mask applies the update masks of PATCH requests to resources (AIP-134, AIP-161).
// It decides which fields a client may set from google.api.FieldBehavior alone, so the contract is the only place to say it.
// It must never let a client write an identifier, an output-only field or an etag, whatever the mask names.
package mask

import (
	"slices"
	"strings"
	"sync"

	"go.einride.tech/aip/fieldbehavior"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"kompass.krz.de/services/platform/fault"
)

// Apply copies from src to dst what the mask names, and returns the proto names of the top-level fields of dst that differ
// afterwards, in the order of the message; dst must be a copy of the caller's own, for instance a clone of what the state holds.
//
//   - No mask or an empty one: every field that src has; nothing is cleared.
//   - "*": every field; what src lacks is cleared.
//   - Paths, nested with dots, in proto or JSON spelling: these fields; what src lacks is cleared.
//
// Identifiers and output-only fields keep the value of dst. A path that names one is refused unless src has the same value
// (who sends back what they read does no harm); so is an unknown path, a path into a list or map, and a change of an immutable
// field that has a value: [fault.InvalidFieldMask]. The etag is never copied. On an error dst is unchanged.
func Apply(dst, src proto.Message, m *fieldmaskpb.FieldMask) (changed []string, err error) {
	to, from := dst.ProtoReflect(), proto.Clone(src).ProtoReflect()
	paths := m.GetPaths()
	after := proto.Clone(dst).ProtoReflect()
	switch {
	case len(paths) == 0:
		err = merge(after, from)
	case slices.Contains(paths, "*"):
		if len(paths) > 1 {
			return nil, refuse("*", "steht nur allein", "stands alone or not at all")
		}
		err = replace(after, from)
	default:
		for _, path := range paths {
			if err = set(after, from, path); err != nil {
				break
			}
		}
	}
	if err != nil {
		return nil, err
	}
	fields := to.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		if same(to, after, fd) {
			continue
		}
		changed = append(changed, string(fd.Name()))
		assign(to, after, fd)
	}
	return changed, nil
}

// merge copies what src has; fields that clients cannot set are passed over.
func merge(dst, src protoreflect.Message) (err error) {
	src.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case closed(fd):
		case fd.Message() != nil && !fd.IsList() && !fd.IsMap() && !whole(fd.Message()):
			err = merge(dst.Mutable(fd).Message(), v.Message())
		default:
			err = put(dst, src, fd, string(fd.Name()))
		}
		return err == nil
	})
	return err
}

// replace copies every field that clients can set, absent ones included.
func replace(dst, src protoreflect.Message) error {
	fields := dst.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		if closed(fd) {
			continue
		}
		if err := descend(dst, src, fd, string(fd.Name())); err != nil {
			return err
		}
	}
	return nil
}

// descend replaces one field; inside a message the fields that clients cannot set stay as they are.
func descend(dst, src protoreflect.Message, fd protoreflect.FieldDescriptor, path string) error {
	if fd.Message() != nil && !fd.IsList() && !fd.IsMap() && !whole(fd.Message()) && src.Has(fd) {
		return replace(dst.Mutable(fd).Message(), src.Get(fd).Message())
	}
	return put(dst, src, fd, path)
}

// set copies what one path of the mask names.
func set(dst, src protoreflect.Message, path string) error {
	segments := strings.Split(path, ".")
	for i, segment := range segments {
		fd := dst.Descriptor().Fields().ByName(protoreflect.Name(segment))
		if fd == nil {
			fd = dst.Descriptor().Fields().ByJSONName(segment)
		}
		if fd == nil {
			return refuse(path, "gibt es nicht", "does not exist")
		}
		if closed(fd) {
			if fd.Name() == etag || same(dst, src, fd) {
				return nil
			}
			return refuse(path, "wird vom System vergeben", "is set by the system")
		}
		if i == len(segments)-1 {
			return descend(dst, src, fd, path)
		}
		if fd.Message() == nil || fd.IsList() || fd.IsMap() {
			return refuse(path, "führt in kein einzelnes Unterfeld", "does not lead into a single nested message")
		}
		if !src.Has(fd) && !dst.Has(fd) {
			return known(fd.Message(), segments[i+1:], path)
		}
		dst, src = dst.Mutable(fd).Message(), src.Get(fd).Message()
	}
	return nil
}

// known checks the rest of a path that leads through a message absent on both sides: there is nothing to copy.
func known(md protoreflect.MessageDescriptor, segments []string, path string) error {
	for _, segment := range segments {
		if md == nil {
			return refuse(path, "gibt es nicht", "does not exist")
		}
		fd := md.Fields().ByName(protoreflect.Name(segment))
		if fd == nil {
			fd = md.Fields().ByJSONName(segment)
		}
		if fd == nil {
			return refuse(path, "gibt es nicht", "does not exist")
		}
		md = fd.Message()
	}
	return nil
}

// put copies one field, guarding immutable ones.
func put(dst, src protoreflect.Message, fd protoreflect.FieldDescriptor, path string) error {
	if conductOf(fd).immutable && dst.Has(fd) && !same(dst, src, fd) {
		return refuse(path, "steht nach dem Anlegen fest", "cannot change after creation")
	}
	assign(dst, src, fd)
	return nil
}

func assign(dst, src protoreflect.Message, fd protoreflect.FieldDescriptor) {
	if src.Has(fd) {
		dst.Set(fd, src.Get(fd))
	} else {
		dst.Clear(fd)
	}
}

func same(a, b protoreflect.Message, fd protoreflect.FieldDescriptor) bool {
	has := a.Has(fd)
	return has == b.Has(fd) && (!has || a.Get(fd).Equal(b.Get(fd)))
}

const etag protoreflect.Name = "etag"

// conduct is what the contract says about a field.
type conduct struct{ closed, immutable bool }

// conducts remembers what was read from the contract by field descriptor, because reading it costs more than all the rest.
var conducts sync.Map

func conductOf(fd protoreflect.FieldDescriptor) conduct {
	if known, ok := conducts.Load(fd); ok {
		return known.(conduct)
	}
	b := conduct{
		closed: fd.Name() == etag || fieldbehavior.Has(fd, annotations.FieldBehavior_OUTPUT_ONLY) ||
			fieldbehavior.Has(fd, annotations.FieldBehavior_IDENTIFIER),
		immutable: fieldbehavior.Has(fd, annotations.FieldBehavior_IMMUTABLE),
	}
	conducts.Store(fd, b)
	return b
}

// closed tells whether clients cannot set the field.
func closed(fd protoreflect.FieldDescriptor) bool { return conductOf(fd).closed }

// whole tells whether a message is one value: timestamps and the other well-known types.
func whole(md protoreflect.MessageDescriptor) bool {
	return md.ParentFile().Package() == "google.protobuf"
}

func refuse(path, de, en string) error {
	return fault.New(fault.InvalidFieldMask, "path", path).Field("update_mask", path+": "+de, path+": "+en)
}
