package tabular

import (
	"bufio"
	"io"
	"iter"
	"strings"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"
)

// bom makes Excel read UTF-8 as such.
const bom = "\uFEFF"

// WriteCSV writes a table as German Excel opens it by a double click: UTF-8 with byte order mark, ";" and CRLF. Keys are
// shielded (="05758004"), or Excel would eat zeros and round; text that Excel would run as a formula gets an apostrophe in
// front. Read undoes both. A cell that no table can hold is an *Error, after part of the output has been written.
func WriteCSV(w io.Writer, header []string, rows iter.Seq[[]string]) error {
	out := bufio.NewWriter(w)
	out.WriteString(bom)
	line := 0
	for cells := range withHeader(header, rows) {
		line++
		for i, cell := range cells {
			if err := writable(cell, line, i); err != nil {
				return err
			}
			if i > 0 {
				out.WriteByte(';')
			}
			out.WriteString(quote(protect(cell)))
		}
		out.WriteString("\r\n")
	}
	return out.Flush()
}

// WriteXLSX writes a table as a workbook with one sheet of that name (at most 31 characters). Every cell is text, and stays text when it is
// edited, so keys survive. Cells beyond Excel's 32,767 characters are an *Error rather than cut.
func WriteXLSX(w io.Writer, sheet string, header []string, rows iter.Seq[[]string]) error {
	f := excelize.NewFile()
	defer f.Close()
	if err := f.SetSheetName("Sheet1", sheet); err != nil {
		return err
	}
	const asText = 49 // the built-in number format "@"
	text, err := f.NewStyle(&excelize.Style{NumFmt: asText})
	if err != nil {
		return err
	}
	title, err := f.NewStyle(&excelize.Style{NumFmt: asText, Font: &excelize.Font{Bold: true}})
	if err != nil {
		return err
	}
	stream, err := f.NewStreamWriter(sheet)
	if err != nil {
		return err
	}
	if err := layout(stream, len(header), text); err != nil {
		return err
	}
	line, style := 0, title
	for cells := range withHeader(header, rows) {
		line++
		if err := writeRow(stream, line, cells, style); err != nil {
			return err
		}
		style = text
	}
	if err := stream.Flush(); err != nil {
		return err
	}
	return f.Write(w)
}

// layout makes whole columns text and keeps the header in sight.
func layout(stream *excelize.StreamWriter, columns, style int) error {
	if columns > 0 {
		if err := stream.SetColStyle(1, columns, style); err != nil {
			return err
		}
		if err := stream.SetColWidth(1, columns, 24); err != nil {
			return err
		}
	}
	return stream.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"})
}

func writeRow(stream *excelize.StreamWriter, line int, cells []string, style int) error {
	const most = excelize.TotalCellChars
	values := make([]any, len(cells))
	for i, cell := range cells {
		if err := writable(cell, line, i); err != nil {
			return err
		}
		if len(cell) > most && len(utf16.Encode([]rune(cell))) > most {
			e := fail(TooLarge, line, "Die Zelle hat mehr als %d Zeichen.", "The cell has more than %d characters.", most)
			e.Column = columnName(i)
			return e
		}
		values[i] = excelize.Cell{StyleID: style, Value: cell}
	}
	start, err := excelize.CoordinatesToCellName(1, line)
	if err != nil {
		return err
	}
	return stream.SetRow(start, values)
}

func withHeader(header []string, rows iter.Seq[[]string]) iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		if yield(header) {
			rows(yield)
		}
	}
}

// writable refuses what one of the formats cannot hold: control characters, non-characters and broken UTF-8.
func writable(cell string, line, column int) error {
	if utf8.ValidString(cell) && refuseBinary(cell) == nil && !strings.ContainsAny(cell, "\v\f\uFFFE\uFFFF") {
		return nil
	}
	e := fail(BadEncoding, line, "Die Zelle enthält Zeichen, die keine Tabelle speichern kann.",
		"The cell holds characters that no table can store.")
	e.Column = columnName(column)
	return e
}

// protect makes a cell safe to open in Excel; restore is its inverse.
func protect(cell string) string {
	switch {
	case isKey(cell):
		return `="` + cell + `"`
	case runsAsFormula(cell):
		return "'" + cell
	}
	return cell
}

// restore gives back what protect was given, and leaves other files' cells alone.
func restore(cell string) string {
	switch {
	case cell == "" || cell[0] != '=' && cell[0] != '\'':
		return cell
	case len(cell) > 3 && cell[:2] == `="` && cell[len(cell)-1] == '"' && isDigits(cell[2:len(cell)-1]):
		return cell[2 : len(cell)-1]
	case cell[0] == '\'' && runsAsFormula(cell[1:]):
		return cell[1:]
	}
	return cell
}

// isKey: digits that Excel would change, by their leading zero or because it shows 12 digits and more as 9,9E+13.
func isKey(cell string) bool {
	return isDigits(cell) && (len(cell) >= 12 || len(cell) > 1 && cell[0] == '0')
}

func isDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

// runsAsFormula: what a spreadsheet would compute instead of show, even behind blanks; an apostrophe counts as a blank, so
// that protect can be undone. A negative number is harmless and must stay a number.
func runsAsFormula(cell string) bool {
	bare := strings.TrimLeft(cell, "' \u00A0")
	if bare == "" || isNegative(cell) {
		return false
	}
	r, _ := utf8.DecodeRuneInString(bare)
	return strings.ContainsRune("=+-@\t\r\n\uFF1D\uFF0B\uFF0D\uFF20", r)
}

func isNegative(cell string) bool {
	number, minus := strings.CutPrefix(cell, "-")
	if i := strings.IndexAny(number, ".,"); i > 0 {
		return minus && isDigits(number[:i]) && isDigits(number[i+1:])
	}
	return minus && isDigits(number)
}

// quote puts quotes around what could be misread: anything that does not begin with a letter or digit, or has special characters inside.
func quote(cell string) string {
	if cell == "" {
		return ""
	}
	c := cell[0]
	plain := c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= utf8.RuneSelf
	if plain && !strings.ContainsAny(cell, "\";,\t|\r\n") && cell[len(cell)-1] != ' ' {
		return cell
	}
	return `"` + strings.ReplaceAll(cell, `"`, `""`) + `"`
}
