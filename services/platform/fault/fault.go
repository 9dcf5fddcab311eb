package fault

import (
	"errors"
	"maps"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/protoadapt"
)

// Domain stands in the ErrorInfo of every fault.
const Domain = "kompass.krz.de"

// maxText bounds every text that comes from outside, in bytes: a status travels in headers.
const maxText = 1000

// Reason is one row of the table in reasons.go: what went wrong, as machines and people name it.
type Reason struct {
	// Name is the machine-readable name in UPPER_SNAKE_CASE; clients branch on it, so it never changes.
	Name string
	// Code is the gRPC code; the edge derives the HTTP status from it (and 412 from ETAG_MISMATCH).
	Code codes.Code
	// DE and EN are the texts for people, with {placeholders}.
	DE, EN string
}

var table []*Reason

func register(name string, code codes.Code, de, en string) *Reason {
	r := &Reason{Name: name, Code: code, DE: de, EN: en}
	table = append(table, r)
	return r
}

// Reasons returns all reasons in the order of the table.
func Reasons() []*Reason { return slices.Clone(table) }

// Error is an error that owns its status. Build it with [New] and its chained methods, then leave it alone:
// it is not safe for changes from several goroutines.
type Error struct {
	reason     *Reason
	metadata   map[string]string
	violations []*errdetails.BadRequest_FieldViolation
	details    []proto.Message
	cause      error
}

// New makes a fault. pairs are keys and values that fill the placeholders of the reason's texts and travel as metadata
// of the ErrorInfo; a last key without value is dropped.
func New(reason *Reason, pairs ...string) *Error {
	e := &Error{reason: reason}
	if len(pairs) > 1 {
		e.metadata = make(map[string]string, len(pairs)/2)
		for i := 0; i+1 < len(pairs); i += 2 {
			e.metadata[pairs[i]] = clean(pairs[i+1])
		}
	}
	return e
}

// Field adds a violation: the path of the field in proto or JSON spelling (it is sent in JSON spelling, and may point
// into lists and nested messages: "requests[2].implementation.url") and what is wrong with it, German and English.
func (e *Error) Field(field, de, en string) *Error {
	e.violations = append(e.violations, &errdetails.BadRequest_FieldViolation{
		Field:       JSONPath(clean(field)),
		Description: clean(de) + " / " + clean(en),
		Reason:      e.reason.Name,
	})
	return e
}

// Detail attaches a message to the status, for instance the report of a refused import.
func (e *Error) Detail(m proto.Message) *Error {
	e.details = append(e.details, m)
	return e
}

// Cause notes what lies behind the fault. It is logged and answers [errors.Is]; clients never see it.
func (e *Error) Cause(err error) *Error {
	e.cause = err
	return e
}

// Reason returns the row of the table.
func (e *Error) Reason() *Reason { return e.reason }

// Texts returns the German and the English text with the placeholders filled.
func (e *Error) Texts() (de, en string) {
	return fill(e.reason.DE, e.metadata), fill(e.reason.EN, e.metadata)
}

// Error is the text for logs, cause included; it is not what clients see.
func (e *Error) Error() string {
	_, text := e.Texts()
	text = e.reason.Name + ": " + text
	for _, v := range e.violations {
		text += " " + v.GetField() + ": " + v.GetDescription() + "."
	}
	if e.cause != nil {
		text += ": " + e.cause.Error()
	}
	return text
}

// Unwrap returns the cause, or nil.
func (e *Error) Unwrap() error { return e.cause }

// GRPCStatus is what clients see: the code, the English text, and as details ErrorInfo, LocalizedMessage (de, en),
// BadRequest when fields are to blame, and what [Error.Detail] attached.
func (e *Error) GRPCStatus() *status.Status {
	de, en := e.Texts()
	details := []protoadapt.MessageV1{
		&errdetails.ErrorInfo{Reason: e.reason.Name, Domain: Domain, Metadata: maps.Clone(e.metadata)},
		&errdetails.LocalizedMessage{Locale: "de", Message: de},
		&errdetails.LocalizedMessage{Locale: "en", Message: en},
	}
	if len(e.violations) > 0 {
		details = append(details, &errdetails.BadRequest{FieldViolations: e.violations})
	}
	for _, d := range e.details {
		details = append(details, protoadapt.MessageV1Of(d))
	}
	s := status.New(e.reason.Code, en)
	// WithDetails fails only for code OK and for messages that cannot be marshalled; the plain status still says enough.
	if with, err := s.WithDetails(details...); err == nil {
		return with
	}
	return s
}

// Is tells whether err is or wraps a fault of that reason.
func Is(err error, reason *Reason) bool {
	var e *Error
	return errors.As(err, &e) && e.reason == reason
}

// unfilled stands where a text has a placeholder that nobody filled: people read on, machines have the reason.
const unfilled = "…"

// fill replaces {key} by its value, or by [unfilled] when there is none.
func fill(template string, values map[string]string) string {
	if !strings.Contains(template, "{") {
		return template
	}
	var b strings.Builder
	for {
		before, rest, found := strings.Cut(template, "{")
		b.WriteString(before)
		if !found {
			return b.String()
		}
		key, after, _ := strings.Cut(rest, "}") // a test holds the table to pairs of braces
		value, known := values[key]
		if !known {
			value = unfilled
		}
		b.WriteString(value)
		template = after
	}
}

// clean makes text from outside fit for a proto string: valid UTF-8 of bounded length.
func clean(s string) string {
	if len(s) > maxText {
		s = s[:maxText] + "…"
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// JSONPath spells a field path as JSON does: "size_class" becomes "sizeClass".
func JSONPath(path string) string {
	if !strings.Contains(path, "_") {
		return path
	}
	var b strings.Builder
	b.Grow(len(path))
	upper := false
	for _, r := range path {
		switch {
		case r == '_':
			upper = true
		case upper && r >= 'a' && r <= 'z':
			b.WriteRune(r - 'a' + 'A')
			upper = false
		default:
			b.WriteRune(r)
			upper = false
		}
	}
	return b.String()
}
