package tabular

import (
	"encoding/xml"
	"errors"
	"io"
	"strconv"
	"strings"

	"kompass.krz.de/services/platform/tabular/safexml"
)

// maxStrings bounds the shared strings: each costs memory even when it is empty.
const maxStrings = 4_000_000

// readStrings loads the texts that cells refer to by number.
func (w *workbook) readStrings() *Error {
	return w.walk("xl/sharedStrings.xml", func(d *safexml.Decoder, e xml.StartElement) error {
		if e.Name.Local != "si" {
			return nil
		}
		if len(w.strings) == maxStrings {
			return fail(TooLarge, 0, "Die Arbeitsmappe hat mehr als %d Texte.", "The workbook has more than %d texts.", maxStrings)
		}
		text, err := richText(d)
		w.strings = append(w.strings, text)
		return err
	})
}

// richText joins the runs of a text, without the phonetic guides (rPh) of East Asian workbooks.
func richText(d *safexml.Decoder) (string, error) {
	text := ""
	for depth := 1; depth > 0; {
		tok, err := d.Token()
		if err != nil {
			return "", err
		}
		switch t := tok.(type) {
		case xml.EndElement:
			depth--
		case xml.StartElement:
			switch t.Name.Local {
			case "t":
				run, err := d.Text()
				if err != nil {
					return "", err
				}
				text += run
			case "rPh":
				if err := d.Skip(); err != nil {
					return "", err
				}
			default:
				depth++
			}
		}
	}
	return unescape(text), nil
}

// unescape decodes _x000D_, the way the format writes characters that XML cannot.
func unescape(s string) string {
	i := strings.Index(s, "_x")
	if i < 0 {
		return s
	}
	var b strings.Builder
	for ; i >= 0; i = strings.Index(s, "_x") {
		b.WriteString(s[:i])
		s = s[i:]
		if len(s) >= 7 && s[6] == '_' {
			if code, err := strconv.ParseUint(s[2:6], 16, 16); err == nil {
				b.WriteRune(rune(code))
				s = s[7:]
				continue
			}
		}
		b.WriteString("_x")
		s = s[2:]
	}
	b.WriteString(s)
	return b.String()
}

// sheetReader follows one worksheet row by row.
type sheetReader struct {
	*workbook
	sheet sheetRef
	line  int
	cells []string // of the row, reused
}

// readSheet gives every row of a sheet to add, in their order, until add refuses one.
func (w *workbook) readSheet(sheet sheetRef, add func(line int, cells []string) *Error) *Error {
	s := sheetReader{workbook: w, sheet: sheet}
	return w.walk(sheet.part, func(d *safexml.Decoder, e xml.StartElement) error {
		if e.Name.Local != "row" {
			return nil
		}
		line := s.line + 1
		if r := attr(e, "r"); r != "" {
			n, err := strconv.Atoi(r)
			if err != nil || n < line {
				return fail(BadRow, s.line, "Auf diese Zeile folgt die Zeilennummer „%s“.", "This row is followed by the row number %q.", r)
			}
			line = n
		}
		s.line = line
		if err := s.row(d); err != nil {
			return err
		}
		if err := add(s.line, s.cells); err != nil {
			return err
		}
		return nil
	})
}

// row collects the cells up to the end of the row.
func (s *sheetReader) row(d *safexml.Decoder) error {
	s.cells = s.cells[:0]
	column := 0
	for {
		tok, err := d.Token()
		if err != nil {
			return err
		}
		switch t := tok.(type) {
		case xml.EndElement:
			return nil
		case xml.StartElement:
			if t.Name.Local != "c" {
				if err := d.Skip(); err != nil {
					return err
				}
				continue
			}
			if column, err = s.place(t, column); err != nil {
				return err
			}
			if err := s.cell(d, t, column); err != nil {
				return err
			}
			column++
		}
	}
}

// place gives the 0-based column of a cell: its reference, or the one after the cell before.
func (s *sheetReader) place(e xml.StartElement, next int) (int, error) {
	ref := attr(e, "r")
	if ref == "" {
		return next, nil
	}
	column, ok := columnOf(ref)
	if !ok || column < next {
		return 0, fail(BadRow, s.line, "Der Zellbezug „%s“ passt nicht in die Zeile.", "The cell reference %q does not fit into the row.", ref)
	}
	return column, nil
}

// columnOf reads the letters of a reference such as "AB12": A is 0.
func columnOf(ref string) (int, bool) {
	n, i := 0, 0
	for ; i < len(ref) && ref[i] >= 'A' && ref[i] <= 'Z'; i++ {
		if i == 3 {
			return 0, false
		}
		n = n*26 + int(ref[i]-'A') + 1
	}
	return n - 1, i > 0
}

// columnName is the inverse of columnOf, for messages.
func columnName(column int) string {
	name := ""
	for n := column + 1; n > 0; n = (n - 1) / 26 {
		name = string(rune('A'+(n-1)%26)) + name
	}
	return name
}

// cell reads one cell's value and stores it where it is not blank.
func (s *sheetReader) cell(d *safexml.Decoder, e xml.StartElement, column int) error {
	value, err := s.value(d, e)
	if err != nil {
		var own *Error
		if errors.As(err, &own) {
			own.Line, own.Column = s.line, columnName(column)
		}
		return err
	}
	if isBlank(value) {
		return nil
	}
	if column >= s.opts.MaxColumns {
		return fail(TooLarge, s.line, "Die Zeile hat mehr als %d Spalten.", "The row has more than %d columns.", s.opts.MaxColumns)
	}
	for len(s.cells) < column {
		s.cells = append(s.cells, "")
	}
	s.cells = append(s.cells, value)
	return nil
}

// value reads up to the end of the cell and gives its text.
func (s *sheetReader) value(d *safexml.Decoder, e xml.StartElement) (string, error) {
	var raw, inline string
	for {
		tok, err := d.Token()
		if err == io.EOF { //nolint:errorlint // Token gives it bare, as .golangci.yml says; err is assigned again below
			return "", io.ErrUnexpectedEOF
		}
		if err != nil {
			return "", err
		}
		switch t := tok.(type) {
		case xml.EndElement:
			return s.interpret(attr(e, "t"), attr(e, "s"), raw, inline)
		case xml.StartElement:
			switch t.Name.Local {
			case "v":
				raw, err = d.Text()
			case "is":
				inline, err = richText(d)
			default:
				err = d.Skip()
			}
			if err != nil {
				return "", err
			}
		}
	}
}

// interpret turns a stored value into text, by the cell's type and style.
func (s *sheetReader) interpret(kind, style, raw, inline string) (string, error) {
	switch kind {
	case "inlineStr":
		return inline, nil
	case "str":
		return unescape(raw), nil
	case "s":
		i, err := strconv.Atoi(strings.TrimSpace(raw))
		if err != nil || i < 0 || i >= len(s.strings) {
			return "", fail(BadRow, 0, "Die Zelle verweist auf einen Text „%s“, den es nicht gibt.", "The cell refers to a text %q that does not exist.", raw)
		}
		return s.strings[i], nil
	case "", "n":
		format := cellFormat{}
		if i, err := strconv.Atoi(style); err == nil && i >= 0 && i < len(s.formats) {
			format = s.formats[i]
		}
		return format.text(strings.TrimSpace(raw), s.epoch), nil
	}
	return raw, nil
}
