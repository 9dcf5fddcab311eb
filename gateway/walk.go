package gateway

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"strconv"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// Bounds of what is read: nesting beyond the contract's own, and violations that anybody would read.
const (
	maxNesting    = 32
	maxViolations = 50
)

// timestampName is the type of times.
const timestampName = "google.protobuf.Timestamp"

// walker compares JSON with a message of the contract, token by token: protojson would name neither the path of a
// field nor more than the first mistake.
type walker struct {
	decoder    *json.Decoder
	source     []byte
	fields     []protoreflect.FieldDescriptor // named at the top
	name       string                         // value of "name" at the top
	violations []violation
	syntax     error
}

// errNesting: deeper than any message of the contract.
var errNesting = errors.New("nested too deeply")

// walk reads one JSON object that stands for a message.
func walk(source []byte, message protoreflect.MessageDescriptor) *walker {
	w := &walker{decoder: json.NewDecoder(bytes.NewReader(source)), source: source}
	w.decoder.UseNumber()
	w.syntax = w.value("", message, nil, 0)
	if w.syntax == nil {
		if _, err := w.decoder.Token(); !errors.Is(err, io.EOF) {
			w.syntax = errors.New("more than one value")
		}
	}
	return w
}

// where names the place of a syntax error.
func (w *walker) where(prefix string) string {
	read := w.source[:min(int(w.decoder.InputOffset()), len(w.source))]
	line := bytes.Count(read, []byte("\n")) + 1
	column := len(read) - bytes.LastIndexByte(read, '\n')
	return fmt.Sprintf("%s %d:%d", prefix, line, column)
}

func (w *walker) blame(path string, reason *Reason, de, en string) {
	if len(w.violations) < maxViolations {
		w.violations = append(w.violations, violate(path, reason, de, en))
	}
}

// value reads one value. message is what an object has to be; field is where the value goes, nil at the top.
func (w *walker) value(path string, message protoreflect.MessageDescriptor, field protoreflect.FieldDescriptor, depth int) error {
	if depth > maxNesting {
		return errNesting
	}
	from := w.decoder.InputOffset()
	token, err := w.decoder.Token()
	if err != nil {
		return err
	}
	switch token := token.(type) {
	case string:
		if !w.encoded(path, from, token) {
			return nil
		}
	case json.Delim:
		if token == '{' {
			if message != nil && !wellKnown(message) {
				return w.object(path, message, depth)
			}
			w.blame(path, reasonInvalidField, "darf kein Objekt sein", "cannot be an object")
			return w.skip(token)
		}
		w.blame(path, reasonInvalidField, "darf keine Liste sein", "cannot be a list")
		return w.skip(token)
	case nil:
		if field == nil {
			w.blame(path, reasonInvalidField, "muss ein Objekt sein", "has to be an object")
		}
		return nil
	}
	if message != nil && !wellKnown(message) {
		w.blame(path, reasonInvalidField, "muss ein Objekt sein", "has to be an object")
		return nil
	}
	if field != nil {
		w.scalar(path, field, token)
		if text, ok := token.(string); ok && depth == 1 && field.Name() == "name" {
			w.name = text
		} else if ok && message != nil {
			w.spelled(path, message, from, text)
		}
	}
	return nil
}

// spelled checks the text of a message that JSON spells as text, and that was read from an offset on.
func (w *walker) spelled(path string, message protoreflect.MessageDescriptor, from int64, text string) {
	switch message.FullName() {
	case fieldMaskName:
		w.mask(path, from, text)
	case timestampName:
		w.moment(path, w.source[from:w.decoder.InputOffset()])
	}
}

// moment refuses a time that protojson would not read. raw is how it is spelled, with what stands before it.
func (w *walker) moment(path string, raw []byte) {
	if protojson.Unmarshal(raw[bytes.IndexByte(raw, '"'):], &timestamppb.Timestamp{}) != nil {
		w.blame(path, reasonInvalidField, "muss ein Zeitpunkt sein wie „2026-11-23T07:00:00Z“", "has to be a time such as \"2026-11-23T07:00:00Z\"")
	}
}

// encoded refuses text that no message can carry and that the decoder has repaired on the way: bytes that are no UTF-8,
// and halves of surrogate pairs. from is where the reading of the token began.
func (w *walker) encoded(path string, from int64, decoded string) bool {
	marks := strings.Count(decoded, "\uFFFD")
	if marks == 0 {
		return true
	}
	raw := w.source[from:w.decoder.InputOffset()]
	if at := invalidUTF8(raw); at >= 0 {
		offset := strconv.FormatInt(from+int64(at), 10)
		w.blame(path, reasonInvalidField, notUTF8DE+" ab Byte "+offset, notUTF8EN+" from byte "+offset)
		return false
	}
	if marks > sentMarks(raw) {
		w.blame(path, reasonInvalidField, "enthält ein halbes Zeichen (\\ud800 bis \\udfff ohne Gegenstück)",
			"has half of a surrogate pair (\\ud800 to \\udfff without its other half)")
		return false
	}
	return true
}

// sentMarks counts the replacement characters that stand in raw JSON text, plain or escaped.
func sentMarks(raw []byte) int {
	n := bytes.Count(raw, []byte("\uFFFD"))
	for i := 0; i+5 < len(raw); i++ {
		if raw[i] != '\\' {
			continue
		}
		if strings.EqualFold(string(raw[i:i+6]), `\ufffd`) {
			n++
		}
		i++ // what is escaped, a backslash included
	}
	return n
}

// invalidUTF8 is the index of the first byte that is no UTF-8, or -1.
func invalidUTF8(b []byte) int {
	for i := 0; i < len(b); {
		r, size := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && size == 1 {
			return i
		}
		i += size
	}
	return -1
}

// object reads the members of an object whose brace is read.
func (w *walker) object(path string, message protoreflect.MessageDescriptor, depth int) error {
	seen := map[protoreflect.FieldNumber]bool{}
	for w.decoder.More() {
		token, err := w.decoder.Token()
		if err != nil {
			return err
		}
		name, _ := token.(string)
		field := fieldOf(message, name)
		if err := w.member(join(path, name), field, seen, depth); err != nil {
			return err
		}
	}
	_, err := w.decoder.Token()
	return err
}

// member reads the value of a member.
func (w *walker) member(path string, field protoreflect.FieldDescriptor, seen map[protoreflect.FieldNumber]bool, depth int) error {
	if field == nil {
		w.blame(cut(path), reasonUnknownField, "Dieses Feld gibt es nicht", "there is no such field")
		return w.skipValue()
	}
	if seen[field.Number()] {
		w.blame(path, reasonInvalidField, "ist doppelt angegeben", "is given twice")
	}
	seen[field.Number()] = true
	if depth == 0 {
		w.fields = append(w.fields, field)
	}
	switch {
	case field.IsList():
		return w.list(path, field, depth+1)
	case field.IsMap():
		return w.skipValue()
	}
	return w.value(path, field.Message(), field, depth+1)
}

// list reads a list, or the null that clears it.
func (w *walker) list(path string, field protoreflect.FieldDescriptor, depth int) error {
	token, err := w.decoder.Token()
	switch {
	case err != nil:
		return err
	case token == nil:
		return nil
	case token != json.Delim('['):
		w.blame(path, reasonInvalidField, "muss eine Liste sein", "has to be a list")
		return w.skip(token)
	}
	for i := 0; w.decoder.More(); i++ {
		if rest := bytes.TrimLeft(w.source[w.decoder.InputOffset():], ", \t\r\n"); bytes.HasPrefix(rest, []byte("null")) {
			w.blame(path+"["+strconv.Itoa(i)+"]", reasonInvalidField, "darf nicht null sein", "cannot be null")
		}
		if err := w.value(path+"["+strconv.Itoa(i)+"]", field.Message(), field, depth+1); err != nil {
			return err
		}
	}
	_, err = w.decoder.Token()
	return err
}

// scalar checks a plain value against its field.
func (w *walker) scalar(path string, field protoreflect.FieldDescriptor, token json.Token) {
	_, isText := token.(string)
	switch kind := field.Kind(); kind {
	case protoreflect.BoolKind:
		if _, ok := token.(bool); !ok {
			w.blame(path, reasonInvalidField, "muss true oder false sein", "has to be true or false")
		}
	case protoreflect.StringKind, protoreflect.BytesKind, protoreflect.MessageKind:
		if !isText {
			w.blame(path, reasonInvalidField, "muss Text sein", "has to be text")
		}
	case protoreflect.EnumKind:
		text, _ := token.(string)
		if field.Enum().Values().ByName(protoreflect.Name(text)) == nil {
			choices := enumNames(field.Enum())
			w.blame(path, reasonInvalidField, "muss einer dieser Werte sein: "+choices, "has to be one of: "+choices)
		}
	default:
		if text := fmt.Sprint(token); !fitsJSONNumber(kind, text) {
			w.blame(path, reasonInvalidField, "muss eine Zahl sein, die in das Feld passt", "has to be a number that fits the field")
		}
	}
}

// maxSpelling bounds how long an integer with a fraction or an exponent may be spelled, in characters: so many of its digits
// are compared.
const maxSpelling = 64

// fitsJSONNumber is [fitsNumber] for JSON, which may spell an integer as 3.0 or 3e2; one with anything behind the point is none,
// however little.
func fitsJSONNumber(kind protoreflect.Kind, text string) bool {
	if fitsNumber(kind, text) {
		return true
	}
	f, err := strconv.ParseFloat(text, 64)
	digits, _, _ := strings.Cut(strings.ToLower(text), "e")
	if err != nil || f != float64(int64(f)) || f == 0 && strings.ContainsAny(digits, "123456789") || len(text) > maxSpelling {
		return false
	}
	exact, _, err := big.ParseFloat(text, 10, 4*maxSpelling, big.ToNearestEven)
	return err == nil && exact.IsInt() && fitsNumber(kind, strconv.FormatInt(int64(f), 10))
}

// enumNames lists the values that say something: the unspecified one is what an absent field has.
func enumNames(enum protoreflect.EnumDescriptor) string {
	var names []string
	for i := range enum.Values().Len() {
		if name := string(enum.Values().Get(i).Name()); !strings.HasSuffix(name, "_UNSPECIFIED") {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// wellKnown tells whether JSON spells the message as text.
func wellKnown(message protoreflect.MessageDescriptor) bool {
	switch message.FullName() {
	case fieldMaskName, timestampName, "google.protobuf.Duration":
		return true
	}
	return false
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// skipValue reads a value of any shape and forgets it.
func (w *walker) skipValue() error {
	token, err := w.decoder.Token()
	if err != nil {
		return err
	}
	return w.skip(token)
}

// skip reads to the end of what the token began.
func (w *walker) skip(token json.Token) error {
	depth := 0
	for {
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
		var err error
		if token, err = w.decoder.Token(); err != nil {
			return err
		}
	}
}
