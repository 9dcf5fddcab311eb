// Package safexml reads XML that strangers send: it is encoding/xml behind a guard that bounds what one document may cost.
// The guard looks at the bytes before the parser does, so an endless run of blanks or one huge attribute is
// refused while it streams in. It must never resolve an entity a document declares, and never buffer more than one token.
package safexml

import (
	"bufio"
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/text/encoding/charmap"
)

// What a document can do wrong. An *Error wraps exactly one of them.
var (
	// ErrTooLarge: more bytes, a longer token or deeper nesting than the limits allow.
	ErrTooLarge = errors.New("too large")
	// ErrUnsafe: a DOCTYPE or another declaration that could define entities.
	ErrUnsafe = errors.New("declaration not allowed")
	// ErrTruncated: the document ends inside an element.
	ErrTruncated = errors.New("truncated")
	// ErrEncoding: an encoding other than UTF-8, Windows-1252, ISO-8859-1 and ISO-8859-15, or bytes that do not fit it.
	ErrEncoding = errors.New("bad encoding")
	// ErrSyntax: not well-formed XML.
	ErrSyntax = errors.New("not well-formed")
	// ErrRead: the source failed; the reader's own error is wrapped too.
	ErrRead = errors.New("cannot be read")
)

// Error is the one kind of error a Decoder returns besides io.EOF.
type Error struct {
	Line   int    // 1-based line the parser had reached
	Reason error  // one of the Err… values above
	Detail string // English, for a developer
	cause  error
}

// Error says where and what, in English.
func (e *Error) Error() string {
	return fmt.Sprintf("xml line %d: %v: %s", e.Line, e.Reason, e.Detail)
}

// Unwrap gives the reason and, for ErrRead, what the source said.
func (e *Error) Unwrap() []error {
	if e.cause == nil {
		return []error{e.Reason}
	}
	return []error{e.Reason, e.cause}
}

// Limits bound one document; every field must be positive.
type Limits struct {
	Bytes int64 // of the whole document
	Token int   // bytes of one text, tag, comment or CDATA section
	Depth int   // of nested elements
}

// Decoder is a pull parser over one document.
type Decoder struct {
	xml   *xml.Decoder
	depth int
	limit Limits
}

// readAhead is how much of the source is asked for at a time, in bytes.
const readAhead = 32 << 10

// New starts reading r, which is consumed as the tokens are asked for.
func New(r io.Reader, limit Limits) *Decoder {
	d := xml.NewDecoder(bufio.NewReaderSize(&guard{in: r, limit: limit}, readAhead))
	d.CharsetReader = charset
	// Editors paste &nbsp; into XML that declares nothing; the HTML names are constants, not declarations.
	d.Entity = xml.HTMLEntity
	return &Decoder{xml: d, limit: limit}
}

// Token returns the next token, io.EOF after the last, or an *Error. As in encoding/xml, the bytes of
// character data are only valid until the next call.
func (d *Decoder) Token() (xml.Token, error) {
	tok, err := d.xml.Token()
	if err != nil {
		return nil, d.explain(err)
	}
	switch tok.(type) {
	case xml.StartElement:
		if d.depth++; d.depth > d.limit.Depth {
			return nil, d.fail(ErrTooLarge, fmt.Sprintf("elements nested deeper than %d", d.limit.Depth))
		}
	case xml.EndElement:
		d.depth--
	}
	return tok, nil
}

// Line is the 1-based line the parser has reached.
func (d *Decoder) Line() int {
	line, _ := d.xml.InputPos()
	return line
}

// Skip reads up to the end of the element whose start was returned last.
func (d *Decoder) Skip() error {
	for depth := d.depth; d.depth >= depth; {
		if _, err := d.Token(); err != nil {
			return err
		}
	}
	return nil
}

// Text gathers the character data of the element whose start was returned last, up to its end;
// the text of elements inside it counts too.
func (d *Decoder) Text() (string, error) {
	var b strings.Builder
	for depth := d.depth; d.depth >= depth; {
		tok, err := d.Token()
		if err != nil {
			return "", err
		}
		if data, ok := tok.(xml.CharData); ok {
			if b.Len()+len(data) > d.limit.Token {
				return "", d.fail(ErrTooLarge, fmt.Sprintf("text longer than %d bytes", d.limit.Token))
			}
			b.Write(data)
		}
	}
	return b.String(), nil
}

func (d *Decoder) fail(reason error, detail string) *Error {
	return &Error{Line: d.Line(), Reason: reason, Detail: detail}
}

// explain turns what the parser or the guard said into an *Error.
func (d *Decoder) explain(err error) error {
	if err == io.EOF { //nolint:errorlint // a wrapped EOF is a read that failed, not the end of the document
		return err
	}
	var own *Error
	if errors.As(err, &own) {
		return &Error{Line: d.Line(), Reason: own.Reason, Detail: own.Detail, cause: own.cause}
	}
	var syntax *xml.SyntaxError
	if !errors.As(err, &syntax) {
		return d.fail(ErrEncoding, err.Error())
	}
	switch {
	case strings.Contains(syntax.Msg, "unexpected EOF"):
		return d.fail(ErrTruncated, syntax.Msg)
	case strings.Contains(syntax.Msg, "invalid UTF-8"):
		return d.fail(ErrEncoding, syntax.Msg)
	}
	return d.fail(ErrSyntax, syntax.Msg)
}

// charset accepts the encodings in which markup bytes are ASCII: only then has the guard seen what the parser sees.
func charset(label string, in io.Reader) (io.Reader, error) {
	switch strings.ToLower(strings.TrimSpace(label)) {
	case "utf-8", "utf8", "us-ascii", "ascii":
		return in, nil
	// As browsers do: what calls itself Latin-1 in practice carries the quotes and dashes of Windows-1252.
	case "windows-1252", "cp1252", "iso-8859-1", "iso8859-1", "latin1":
		return charmap.Windows1252.NewDecoder().Reader(in), nil
	case "iso-8859-15", "latin9":
		return charmap.ISO8859_15.NewDecoder().Reader(in), nil
	}
	return nil, &Error{Reason: ErrEncoding, Detail: fmt.Sprintf("encoding %q", label)}
}

// utf16Marks start a document whose markup the guard could not see.
var utf16Marks = [][]byte{{0xFE, 0xFF}, {0xFF, 0xFE}, {0, '<'}, {'<', 0}}

func looksUTF16(head []byte) bool {
	for _, mark := range utf16Marks {
		if bytes.HasPrefix(head, mark) {
			return true
		}
	}
	return false
}
