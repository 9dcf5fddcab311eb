package tabular

import (
	"bufio"
	"io"
	"iter"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"
)

// bom makes Excel read UTF-8 as such.
const bom = "\uFEFF"

// Kind is what a spreadsheet shall take the cells of a column for. A cell that is none of it is written as text.
type Kind uint8

// The kinds of columns.
const (
	Text   Kind = iota
	Number      // whole numbers
	Date        // "2027-03-31"; people see 31.03.2027
)

// WriteCSV writes a table as German Excel opens it by a double click: UTF-8 with byte order mark, ";" and CRLF. Keys and
// texts that Excel would take for numbers or dates are shielded (="05758004"), or it would eat zeros, round and rewrite
// them; text that Excel would run as a formula gets an apostrophe in front. Read undoes both. kinds are those of the columns, Text
// where there is none; dates come back in the German form. A cell that no table can hold is an *Error, after part of
// the output has been written.
func WriteCSV(w io.Writer, header []string, rows iter.Seq[[]string], kinds ...Kind) error {
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
			if t, ok := kindAt(kinds, i).date(cell); ok {
				out.WriteString(t.Format("02.01.2006"))
				continue
			}
			out.WriteString(quote(protect(cell)))
		}
		out.WriteString("\r\n")
	}
	return out.Flush()
}

func kindAt(kinds []Kind, column int) Kind {
	if column < len(kinds) {
		return kinds[column]
	}
	return Text
}

// date reads a cell of a column of dates.
func (k Kind) date(cell string) (time.Time, bool) {
	if k != Date || len(cell) != len(time.DateOnly) {
		return time.Time{}, false
	}
	t, err := time.Parse(time.DateOnly, cell)
	return t, err == nil && !t.Before(firstDate)
}

// firstDate is the first day that Excel and the calendar number alike.
var firstDate = time.Date(1900, 3, 1, 0, 0, 0, 0, time.UTC)

// number reads a cell of a column of numbers, as far as Excel computes with all of its digits.
func (k Kind) number(cell string) (int64, bool) {
	if k != Number || len(cell) > exactDigits || isKey(cell) {
		return 0, false
	}
	n, err := strconv.ParseInt(cell, 10, 64)
	return n, err == nil && cell[0] != '+'
}

// WriteXLSX writes a table as a workbook with one sheet of that name (at most 31 characters). Columns of numbers and
// dates are such in Excel too; every other cell is text, and stays text when it is edited, so keys survive. kinds are
// as in WriteCSV. Cells beyond Excel's 32,767 characters are an *Error rather than cut.
func WriteXLSX(w io.Writer, sheet string, header []string, rows iter.Seq[[]string], kinds ...Kind) error {
	return WriteWorkbook(w, Sheet{sheet, header, rows, kinds}, "", nil)
}

// Sheet is a table of a workbook.
type Sheet struct {
	// Name is on its tab, at most 31 characters.
	Name string
	// Header is its first row.
	Header []string
	// Rows are the others, each valid until the next one.
	Rows iter.Seq[[]string]
	// Kinds are those of the columns, Text where there is none.
	Kinds []Kind
}

// WriteWorkbook is [WriteXLSX] with a second sheet of some texts about the table; without texts there is none.
func WriteWorkbook(w io.Writer, table Sheet, about string, texts [][]string) error {
	f := excelize.NewFile()
	defer f.Close()
	if err := f.SetSheetName("Sheet1", table.Name); err != nil {
		return err
	}
	if err := table.write(f); err != nil {
		return err
	}
	if len(texts) > 0 {
		if err := addTexts(f, about, texts); err != nil {
			return err
		}
	}
	return f.Write(w)
}

func (t Sheet) write(f *excelize.File) error {
	s := sheetWriter{kinds: t.Kinds}
	if err := s.makeStyles(f); err != nil {
		return err
	}
	var err error
	if s.stream, err = f.NewStreamWriter(t.Name); err != nil {
		return err
	}
	if err := s.layout(len(t.Header)); err != nil {
		return err
	}
	for cells := range withHeader(t.Header, t.Rows) {
		if err := s.row(cells); err != nil {
			return err
		}
	}
	return s.stream.Flush()
}

// addTexts writes cell by cell: excelize puts several streams into the file in any order, and the same table shall be the same
// bytes.
func addTexts(f *excelize.File, name string, texts [][]string) error {
	if _, err := f.NewSheet(name); err != nil {
		return err
	}
	for i, row := range texts {
		start, err := excelize.CoordinatesToCellName(1, i+1)
		if err != nil {
			return err
		}
		if err := f.SetSheetRow(name, start, &row); err != nil {
			return err
		}
	}
	return f.SetColWidth(name, "A", "B", 24)
}

// sheetWriter writes the rows of a sheet, the header first.
type sheetWriter struct {
	stream *excelize.StreamWriter
	kinds  []Kind
	title  int    // style of the header
	styles [3]int // by kind
	line   int
	values []any // of the row, reused
}

func (s *sheetWriter) makeStyles(f *excelize.File) error {
	const asText = 49 // the built-in number format "@"
	german := "dd.mm.yyyy"
	for _, style := range []struct {
		to *int
		excelize.Style
	}{
		{&s.title, excelize.Style{NumFmt: asText, Font: &excelize.Font{Bold: true}}},
		{&s.styles[Text], excelize.Style{NumFmt: asText}},
		{&s.styles[Number], excelize.Style{NumFmt: 1}}, // "0"
		{&s.styles[Date], excelize.Style{CustomNumFmt: &german}},
	} {
		id, err := f.NewStyle(&style.Style)
		if err != nil {
			return err
		}
		*style.to = id
	}
	return nil
}

// layout makes whole columns what they are and keeps the header in sight.
func (s *sheetWriter) layout(columns int) error {
	for i := range columns {
		kind, width := kindAt(s.kinds, i), 24.0
		if kind != Text {
			width = 12
		}
		if err := s.stream.SetColStyle(i+1, i+1, s.styles[kind]); err != nil {
			return err
		}
		if err := s.stream.SetColWidth(i+1, i+1, width); err != nil {
			return err
		}
	}
	return s.stream.SetPanes(&excelize.Panes{Freeze: true, YSplit: 1, TopLeftCell: "A2", ActivePane: "bottomLeft"})
}

func (s *sheetWriter) row(cells []string) error {
	s.line++
	s.values = s.values[:0]
	for i, cell := range cells {
		if err := writable(cell, s.line, i); err != nil {
			return err
		}
		if len(cell) > excelize.TotalCellChars && len(utf16.Encode([]rune(cell))) > excelize.TotalCellChars {
			e := fail(TooLarge, s.line, "Die Zelle hat mehr als %d Zeichen.", "The cell has more than %d characters.", excelize.TotalCellChars)
			e.Column = columnName(i)
			return e
		}
		s.values = append(s.values, s.cell(kindAt(s.kinds, i), cell))
	}
	start, err := excelize.CoordinatesToCellName(1, s.line)
	if err != nil {
		return err
	}
	return s.stream.SetRow(start, s.values)
}

func (s *sheetWriter) cell(kind Kind, cell string) excelize.Cell {
	if s.line == 1 {
		return excelize.Cell{StyleID: s.title, Value: cell}
	}
	if t, ok := kind.date(cell); ok {
		return excelize.Cell{StyleID: s.styles[Date], Value: int(t.Sub(serialStart).Hours() / 24)}
	}
	if n, ok := kind.number(cell); ok {
		return excelize.Cell{StyleID: s.styles[Number], Value: n}
	}
	if cell == "" {
		return excelize.Cell{StyleID: s.styles[kind], Value: nil}
	}
	return excelize.Cell{StyleID: s.styles[Text], Value: cell}
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
