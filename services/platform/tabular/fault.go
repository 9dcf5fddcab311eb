package tabular

import "fmt"

// Reason is the stable code of an Error, for callers that translate it into their own status.
type Reason string

// The reasons a table is refused.
const (
	Empty           Reason = "EMPTY"            // no header, or no row below it
	TooLarge        Reason = "TOO_LARGE"        // beyond one of the Options' limits
	Truncated       Reason = "TRUNCATED"        // the file ends in the middle
	BadEncoding     Reason = "BAD_ENCODING"     // bytes that fit no accepted encoding
	BadRow          Reason = "BAD_ROW"          // a row that does not fit the header, a quote that never ends
	NotATable       Reason = "NOT_A_TABLE"      // another kind of file
	Unsafe          Reason = "UNSAFE"           // archive bomb, XML with a DOCTYPE or entities
	UnknownHeader   Reason = "UNKNOWN_HEADER"   // no record at the beginning is one that Options.Accept knows
	DuplicateColumn Reason = "DUPLICATE_COLUMN" // two columns claim one field
)

// Error is what Read, Map and the writers return.
type Error struct {
	Line    int    // 1-based line in the file, or row of the sheet; 0 when the whole file is meant
	Column  string // header of the column as written, or its letter; empty when the row is meant
	Reason  Reason
	Message string // German, for the person who sent the file
	English string // the same in English
}

// Error gives both languages, German first, with line and column where known.
func (e *Error) Error() string {
	de, en := "", ""
	if e.Line > 0 {
		de, en = fmt.Sprintf("Zeile %d: ", e.Line), fmt.Sprintf("line %d: ", e.Line)
	}
	if e.Column != "" {
		de, en = fmt.Sprintf("%sSpalte %s: ", de, e.Column), fmt.Sprintf("%scolumn %s: ", en, e.Column)
	}
	return de + e.Message + " / " + en + e.English
}

// Is lets errors.Is compare by Reason: errors.Is(err, &Error{Reason: Truncated}).
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Reason == e.Reason && (t.Line == 0 || t.Line == e.Line)
}

// fail formats both texts with the same arguments, those that come from the file cleaned, as German quotes escape nothing.
func fail(reason Reason, line int, de, en string, args ...any) *Error {
	for i, arg := range args {
		if s, ok := arg.(string); ok {
			args[i] = CleanText(s)
		}
	}
	return &Error{Line: line, Reason: reason, Message: fmt.Sprintf(de, args...), English: fmt.Sprintf(en, args...)}
}
