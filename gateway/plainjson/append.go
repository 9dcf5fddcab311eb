package plainjson

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"time"
	"unicode/utf8"
	"unsafe"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// appendFields writes a message by its plan. Every member begins with a comma; the first one becomes the brace.
func (p *plan) appendFields(b []byte, message unsafe.Pointer) ([]byte, error) {
	if message == nil {
		message = p.zero
	}
	start := len(b)
	for i := range p.fields {
		f := &p.fields[i]
		at := unsafe.Add(message, f.offset)
		switch {
		case f.absent && *(*unsafe.Pointer)(at) == nil:
			continue
		case f.empty != "" && *(*string)(at) == "": // the most frequent value of all
			b = append(b, f.empty...)
			continue
		}
		var err error
		if b, err = f.append(append(b, f.name...), at); err != nil {
			return nil, err
		}
	}
	if len(b) == start {
		return append(b, "{}"...), nil
	}
	b[start] = '{'
	return append(b, '}'), nil
}

// appendList writes the elements of a slice, each of a size in bytes.
func appendList(b []byte, slice unsafe.Pointer, size uintptr, element writer) ([]byte, error) {
	b = append(b, '[')
	// All slices begin alike: with the address of their elements, and their number.
	elements, n := *(*unsafe.Pointer)(slice), len(*(*[]struct{})(slice))
	for i := range n {
		if i > 0 {
			b = append(b, ',')
		}
		var err error
		if b, err = element(b, unsafe.Add(elements, uintptr(i)*size)); err != nil {
			return nil, err
		}
	}
	return append(b, ']'), nil
}

func appendBool(b []byte, at unsafe.Pointer) ([]byte, error) {
	return strconv.AppendBool(b, *(*bool)(at)), nil
}

func appendInt32(b []byte, at unsafe.Pointer) ([]byte, error) {
	return strconv.AppendInt(b, int64(*(*int32)(at)), 10), nil
}

// appendInt64 writes a string: not every reader has 64 bits for a number.
func appendInt64(b []byte, at unsafe.Pointer) ([]byte, error) {
	return append(strconv.AppendInt(append(b, '"'), *(*int64)(at), 10), '"'), nil
}

func appendUint32(b []byte, at unsafe.Pointer) ([]byte, error) {
	return strconv.AppendUint(b, uint64(*(*uint32)(at)), 10), nil
}

func appendUint64(b []byte, at unsafe.Pointer) ([]byte, error) {
	return append(strconv.AppendUint(append(b, '"'), *(*uint64)(at), 10), '"'), nil
}

// appendDouble writes the shortest form that reads as the same number, with an exponent where encoding/json has one.
func appendDouble(b []byte, at unsafe.Pointer) ([]byte, error) {
	f := *(*float64)(at)
	switch {
	case math.IsNaN(f):
		return append(b, `"NaN"`...), nil
	case math.IsInf(f, 1):
		return append(b, `"Infinity"`...), nil
	case math.IsInf(f, -1):
		return append(b, `"-Infinity"`...), nil
	}
	if abs := math.Abs(f); abs == 0 || abs >= 1e-6 && abs < 1e21 {
		return strconv.AppendFloat(b, f, 'f', -1, 64), nil
	}
	b = strconv.AppendFloat(b, f, 'e', -1, 64)
	if n := len(b); n >= 4 && string(b[n-4:n-1]) == "e-0" { // e-07 is e-7
		b[n-2] = b[n-1]
		b = b[:n-1]
	}
	return b, nil
}

// The seconds of the years 1 to 9999, which RFC 3339 can spell.
const minSecond, maxSecond = -62135596800, 253402300799

// appendTimestamp writes RFC 3339 in UTC with 0, 3, 6 or 9 digits of the second's fraction.
func appendTimestamp(b []byte, message unsafe.Pointer) ([]byte, error) {
	t := (*timestamppb.Timestamp)(message)
	seconds, nanos := t.GetSeconds(), t.GetNanos()
	if seconds < minSecond || seconds > maxSecond || nanos < 0 || nanos >= 1e9 {
		return appendForeign(b, t)
	}
	b = time.Unix(seconds, 0).UTC().AppendFormat(append(b, '"'), time.RFC3339)
	if nanos > 0 {
		digits, places := int(nanos), 9
		for digits%1000 == 0 {
			digits, places = digits/1000, places-3
		}
		b[len(b)-1] = '.' // was the Z
		at := len(b)
		b = append(b, "000000000"[:places]...)
		for i := at + places - 1; i >= at; i-- {
			b[i] = byte('0' + digits%10)
			digits /= 10
		}
		b = append(b, 'Z')
	}
	return append(b, '"'), nil
}

var foreign = protojson.MarshalOptions{EmitDefaultValues: true}

// foreignWriter leaves messages of a type to protojson.
func foreignWriter(t reflect.Type) writer {
	return func(b []byte, message unsafe.Pointer) ([]byte, error) {
		if t.Kind() != reflect.Pointer {
			return nil, fmt.Errorf("plainjson: %s is no pointer to a message", t)
		}
		m, ok := reflect.NewAt(t.Elem(), message).Interface().(proto.Message)
		if !ok {
			return nil, fmt.Errorf("plainjson: %s is no message", t)
		}
		return appendForeign(b, m)
	}
}

// appendForeign appends what protojson writes, without its random spaces.
func appendForeign(b []byte, m proto.Message) ([]byte, error) {
	spelled, err := foreign.Marshal(m)
	if err != nil {
		return nil, err
	}
	buffer := bytes.NewBuffer(b)
	err = json.Compact(buffer, spelled)
	return buffer.Bytes(), err
}

// Eight bytes at once: each of low, the highest bit of each.
const (
	low  = 0x0101010101010101
	high = 0x8080808080808080
)

// appendString writes a text between quotes.
func appendString(b []byte, s string, fd protoreflect.FieldDescriptor) ([]byte, error) {
	b = append(b, '"')
	var beyond uint64 // ASCII
	i, from := 0, 0
	for i < len(s) {
		if i+8 <= len(s) {
			x := eight(s[i:])
			beyond |= x
			if escapes(x) == 0 {
				i += 8
				continue
			}
		}
		for end := min(i+8, len(s)); i < end; i++ {
			c := s[i]
			beyond |= uint64(c)
			if c >= ' ' && c != '"' && c != '\\' {
				continue
			}
			b = appendEscape(append(b, s[from:i]...), c)
			from = i + 1
		}
	}
	if beyond&high != 0 && !utf8.ValidString(s) {
		return nil, fmt.Errorf("plainjson: field %s contains invalid UTF-8", fd.FullName())
	}
	return append(append(b, s[from:]...), '"'), nil
}

// eight reads eight bytes; the compiler makes one load of it.
func eight(s string) uint64 {
	_ = s[7]
	return uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
		uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56
}

// escapes is not zero when one of eight bytes is a control character, a quote or a backslash: subtracting sets the highest
// bit of a byte that is less, and of no other below it.
func escapes(x uint64) uint64 {
	quote, backslash := x^low*'"', x^low*'\\'
	return ((x-low*' ')&^x | (quote-low)&^quote | (backslash-low)&^backslash) & high
}

// appendEscape writes a character that cannot stand in a JSON string as it is.
func appendEscape(b []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(b, '\\', c)
	case '\b':
		return append(b, '\\', 'b')
	case '\f':
		return append(b, '\\', 'f')
	case '\n':
		return append(b, '\\', 'n')
	case '\r':
		return append(b, '\\', 'r')
	case '\t':
		return append(b, '\\', 't')
	}
	const digits = "0123456789abcdef"
	return append(b, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
}
