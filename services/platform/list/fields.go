package list

import (
	"cmp"

	"google.golang.org/protobuf/reflect/protoreflect"
)

const timestampName protoreflect.FullName = "google.protobuf.Timestamp"

// resolve finds the fields of a path, each segment spelled as in proto or JSON. On failure the path is nil and the
// segment that is unknown is returned.
func resolve(md protoreflect.MessageDescriptor, segments []string) (path []protoreflect.FieldDescriptor, unknown string) {
	for _, segment := range segments {
		if md == nil {
			return nil, segment
		}
		fd := md.Fields().ByName(protoreflect.Name(segment))
		if fd == nil {
			fd = md.Fields().ByJSONName(segment)
		}
		if fd == nil {
			return nil, segment
		}
		path = append(path, fd)
		if md = fd.Message(); fd.IsMap() {
			md = nil
		}
	}
	return path, ""
}

// instant is a google.protobuf.Timestamp as two numbers that compare.
type instant struct{ seconds, nanos int64 }

func (a instant) compare(b instant) int {
	if c := cmp.Compare(a.seconds, b.seconds); c != 0 {
		return c
	}
	return cmp.Compare(a.nanos, b.nanos)
}

// instantOf reads a Timestamp through reflection, so that dynamic messages work as well.
func instantOf(m protoreflect.Message) instant {
	fields := m.Descriptor().Fields()
	return instant{m.Get(fields.ByNumber(1)).Int(), m.Get(fields.ByNumber(2)).Int()}
}
