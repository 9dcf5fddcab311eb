package xzufi

import (
	"errors"
	"fmt"

	"kompass.krz.de/services/platform/tabular/safexml"
)

// Reason is the stable code of an Error.
type Reason string

// The reasons a delivery, or one object of it, is refused.
const (
	Empty       Reason = "EMPTY"        // no object written or deleted
	TooLarge    Reason = "TOO_LARGE"    // beyond one of the Options' limits
	Truncated   Reason = "TRUNCATED"    // the document ends in the middle
	BadEncoding Reason = "BAD_ENCODING" // bytes that fit no accepted encoding
	BadXML      Reason = "BAD_XML"      // not well-formed
	NotXZuFi    Reason = "NOT_XZUFI"    // XML of another kind or version
	Unsafe      Reason = "UNSAFE"       // DOCTYPE or entity declaration
	Unreadable  Reason = "UNREADABLE"   // the source failed while it was read
	BadObject   Reason = "BAD_OBJECT"   // one object lacks what identifies it
)

// ErrEmpty is what errors.Is finds when a delivery holds nothing: it must abort an import, never delete.
var ErrEmpty = &Error{Reason: Empty, Message: "Die Lieferung enthält keine Objekte.", English: "The delivery holds no objects."}

// Error is what Read returns, and what Delivery.Problems lists.
type Error struct {
	Line    int    // 1-based line of the document; 0 when the whole is meant
	Object  string // the object's id, or the name of its element; empty when the whole is meant
	Reason  Reason
	Message string // German, for the person who sent the file
	English string // the same in English
	cause   error
}

// Error gives both languages, German first, with the line where known.
func (e *Error) Error() string {
	if e.Line == 0 {
		return e.Message + " / " + e.English
	}
	return fmt.Sprintf("Zeile %d: %s / line %d: %s", e.Line, e.Message, e.Line, e.English)
}

// Unwrap gives the reader's or parser's own error.
func (e *Error) Unwrap() error { return e.cause }

// Is lets errors.Is compare by Reason.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Reason == e.Reason
}

// explain turns what the parser said into words for the sender.
func explain(err error) *Error {
	var own *Error
	if errors.As(err, &own) {
		return own
	}
	e := &Error{Reason: BadXML, Message: "Das XML ist nicht wohlgeformt.", English: "The XML is not well-formed.", cause: err}
	var parser *safexml.Error
	if errors.As(err, &parser) {
		e.Line = parser.Line
	}
	for _, c := range []struct {
		cause  error
		reason Reason
		de, en string
	}{
		{safexml.ErrTooLarge, TooLarge, "Das Dokument überschreitet eine Grenze (Größe, Textlänge oder Tiefe).", "The document exceeds a limit (size, length of a text or depth)."},
		{safexml.ErrUnsafe, Unsafe, "DOCTYPE- und Entity-Deklarationen sind nicht erlaubt.", "DOCTYPE and entity declarations are not allowed."},
		{safexml.ErrTruncated, Truncated, "Das Dokument bricht hier ab.", "The document breaks off here."},
		{safexml.ErrEncoding, BadEncoding, "Die Zeichenkodierung ist unbekannt oder verletzt; erlaubt sind UTF-8, ISO-8859-1 und Windows-1252.", "The encoding is unknown or violated; UTF-8, ISO-8859-1 and Windows-1252 are accepted."},
		{safexml.ErrRead, Unreadable, "Das Dokument konnte nicht zu Ende gelesen werden.", "The document could not be read to its end."},
	} {
		if errors.Is(err, c.cause) {
			e.Reason, e.Message, e.English = c.reason, c.de, c.en
		}
	}
	return e
}
