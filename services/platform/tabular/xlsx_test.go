package tabular

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"
)

// excel builds a workbook with excelize, the independent counterpart of this reader.
func excel(t testing.TB, fill func(*excelize.File)) []byte {
	t.Helper()
	f := excelize.NewFile()
	defer f.Close()
	fill(f)
	var b bytes.Buffer
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestReadXLSX(t *testing.T) {
	t.Parallel()
	data := excel(t, func(f *excelize.File) {
		f.NewSheet("Daten")
		f.NewSheet("Danach")
		date, _ := f.NewStyle(&excelize.Style{NumFmt: 14})
		zeros, _ := f.NewStyle(&excelize.Style{CustomNumFmt: ptr("00000000")})
		german, _ := f.NewStyle(&excelize.Style{CustomNumFmt: ptr(`dd/mm/yyyy\ "um" hh:mm`)})
		f.SetSheetRow("Daten", "A3", &[]any{"Key", "AGS", "Wert", "Datum", "Zeit", "Text", "Ja"})
		f.SetSheetRow("Daten", "A5", &[]any{99012001000000.0, 5758004, 59.3, time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC), 46082.5, "1E5", true})
		f.SetCellRichText("Daten", "F7", []excelize.RichTextRun{{Text: "Müll "}, {Text: "weg", Font: &excelize.Font{Bold: true}}})
		f.SetCellStyle("Daten", "B5", "B5", zeros)
		f.SetCellStyle("Daten", "D5", "D5", date)
		f.SetCellStyle("Daten", "E5", "E5", german)
		f.SetSheetRow("Danach", "A1", &[]any{"falsch"})
	})
	got, err := Read(data, Options{})
	if err != nil {
		t.Fatal(err)
	}
	want := []Row{
		{5, []string{"99012001000000", "05758004", "59.3", "2026-03-01", "2026-03-01T12:00:00", "1E5", "1"}},
		{7, []string{"", "", "", "", "", "Müll weg", ""}},
	}
	if got.Sheet != "Daten" || got.Format != XLSX || fmt.Sprint(got.Rows) != fmt.Sprint(want) {
		t.Errorf("got %v\nwant %v", got.Rows, want)
	}
}

func ptr[T any](v T) *T { return &v }

func TestNumbers(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"99012001000000":       "99012001000000",
		"9.9012001E13":         "99012001000000",
		"9.9012001000000E+13":  "99012001000000",
		"99012001000000.0":     "99012001000000",
		"59.299999999999997":   "59.3",
		"-0.10000000000000001": "-0.1",
		"12345678901234567890": "12345678901234567890",
		"1E300":                "1E300",
		"NaN":                  "NaN",
		"#REF!":                "#REF!",
		"":                     "",
	} {
		if got := (cellFormat{}).text(in, 0); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
	for in, want := range map[string]string{"61": "1900-03-01", "60": "60", "44621": "2022-03-01", "1E9": "1000000000", "x": "x", "44621.999999": "2022-03-02T00:00:00"} {
		if got := (cellFormat{date: true}).text(in, 0); got != want {
			t.Errorf("date %q became %q, want %q", in, got, want)
		}
	}
	if got := (cellFormat{date: true}).text("43159", -1462); got != "2022-03-01" {
		t.Errorf("in a workbook of 1904: %q", got)
	}
	for code, date := range map[string]bool{"dd.mm.yyyy": true, "TT.MM.JJJJ": true, `0" Tyre"`: false, "[Yellow]0": false, `\y0`: false, "General": false} {
		if parseFormat(code).date != date {
			t.Errorf("format %q: date should be %v", code, date)
		}
	}
}

// archive builds a workbook by hand, part by part.
func archive(t testing.TB, parts map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range slices.Sorted(func(yield func(string) bool) {
		for name := range parts {
			if !yield(name) {
				return
			}
		}
	}) {
		part, err := w.Create(name)
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(part, parts[name])
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

const (
	bookXML = `<workbook xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="H" r:id="rId9" state="hidden"/><sheet name="T" r:id="rId1"/></sheets></workbook>`
	relsXML = `<Relationships><Relationship Id="rId1" Type="http://x/relationships/worksheet" Target="/xl/worksheets/sheet1.xml"/><Relationship Id="rId9" Type="http://x/relationships/worksheet" Target="worksheets/none.xml"/></Relationships>`
)

// book is a workbook with the given inside of <sheetData>.
func book(t testing.TB, rows string) []byte {
	return archive(t, map[string]string{
		"xl/workbook.xml":            bookXML,
		"xl/_rels/workbook.xml.rels": relsXML,
		"xl/worksheets/sheet1.xml":   `<worksheet><sheetData>` + rows + `</sheetData></worksheet>`,
	})
}

const headRow = `<row r="1"><c r="A1" t="str"><v>id</v></c><c t="inlineStr"><is><t>name</t><rPh><t>x</t></rPh></is></c></row>`

func TestSheetByHand(t *testing.T) {
	t.Parallel()
	got, err := Read(book(t, headRow+`<row><c><v>9.9012001E13</v></c><c r="B2" t="str"><f>A1</f><v>a_x000D__x0041__x005F_x0041_b_x</v></c><c r="XFD2"/></row>`), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if want := []string{"99012001000000", "a\rA_x0041_b_x"}; got.Rows[0].Line != 2 || !slices.Equal(got.Rows[0].Cells, want) {
		t.Errorf("got %d %q", got.Rows[0].Line, got.Rows[0].Cells)
	}
}

func TestSheetRefuses(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("<x>", 100)
	row := `<row r="2"><c r="A2"><v>1</v></c></row>`
	cases := map[string]struct {
		rows   string
		reason Reason
		line   int
	}{
		"not well-formed":     {headRow + row + `<row r="3"><c></row>`, NotATable, 0},
		"rows out of order":   {headRow + `<row r="5"/>` + row, BadRow, 5},
		"cells out of order":  {headRow + `<row r="2"><c r="B2"><v>1</v></c><c r="A2"><v>1</v></c></row>`, BadRow, 2},
		"no reference":        {headRow + `<row r="2"><c r="22"><v>1</v></c></row>`, BadRow, 2},
		"text does not exist": {headRow + `<row r="2"><c r="A2" t="s"><v>7</v></c></row>`, BadRow, 2},
		"wider than header":   {headRow + `<row r="2"><c r="C2"><v>1</v></c></row>`, BadRow, 2},
		"too wide":            {headRow + `<row r="2"><c r="XFD2"><v>1</v></c></row>`, TooLarge, 2},
		"too deep":            {headRow + deep, TooLarge, 0},
		"too long":            {headRow + `<row><c t="str"><v>` + strings.Repeat("a", 2<<20) + `</v></c></row>`, TooLarge, 0},
		"no rows":             {headRow, Empty, 0},
		"no header":           {"", Empty, 0},
		"DOCTYPE":             {`<!DOCTYPE x [<!ENTITY a "b">]>` + headRow + row, Unsafe, 0},
		"unknown entity":      {headRow + `<row><c><v>&xxe;</v></c></row>`, NotATable, 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Read(book(t, c.rows), Options{})
			var e *Error
			if !errors.As(err, &e) || e.Reason != c.reason || e.Line != c.line {
				t.Errorf("got %v, want %s in line %d", err, c.reason, c.line)
			}
		})
	}
}

func TestArchiveRefuses(t *testing.T) {
	t.Parallel()
	whole := book(t, headRow+`<row r="2"><c r="A2"><v>1</v></c></row>`)
	if _, err := Read(whole, Options{}); err != nil {
		t.Fatal(err)
	}
	damaged := bytes.Clone(whole)
	damaged[bytes.Index(whole, []byte("xl/worksheets/sheet1.xml"))+40] ^= 0xFF
	lying := bytes.Clone(whole)
	central := bytes.LastIndex(whole, []byte("PK\x01\x02"))
	copy(lying[central+24:], []byte{10, 0, 0, 0}) // declares 10 bytes of a longer part
	var twice bytes.Buffer
	w := zip.NewWriter(&twice)
	w.Create("xl/workbook.xml")
	w.Create("XL/workbook.xml")
	w.Close()
	many := []byte("PK\x03\x04" + strings.Repeat("PK\x01\x02", maxEntries+1))
	for name, c := range map[string]struct {
		data   []byte
		reason Reason
	}{
		"cut off":        {whole[:len(whole)/2], Truncated},
		"flipped byte":   {damaged, Truncated},
		"lying size":     {lying, Truncated},
		"other archive":  {archive(t, map[string]string{"word/document.xml": "<x/>"}), NotATable},
		"empty archive":  {archive(t, nil), NotATable},
		"part twice":     {twice.Bytes(), Unsafe},
		"entries":        {many, Unsafe},
		"missing sheet":  {archive(t, map[string]string{"xl/workbook.xml": bookXML, "xl/_rels/workbook.xml.rels": relsXML}), Truncated},
		"no sheets":      {archive(t, map[string]string{"xl/workbook.xml": "<workbook/>"}), NotATable},
		"entity in book": {archive(t, map[string]string{"xl/workbook.xml": `<!DOCTYPE a SYSTEM "file:///etc/passwd"><workbook/>`}), Unsafe},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Read(c.data, Options{})
			if !errors.Is(err, &Error{Reason: c.reason}) {
				t.Errorf("got %v, want %s", err, c.reason)
			}
		})
	}
}

// A bomb is refused by what it declares, a lying one while it unpacks, and blanks without end by the longest token.
func TestBombs(t *testing.T) {
	blanks := strings.Repeat(" ", 16<<20)
	rows := headRow + strings.Repeat(`<row><c t="str"><v>a</v></c></row>`, 4096)
	for name, c := range map[string]struct {
		data   []byte
		opts   Options
		reason Reason
	}{
		"declared": {book(t, blanks), Options{MaxUncompressed: 8 << 20}, Unsafe},
		"blanks":   {book(t, headRow+blanks), Options{}, TooLarge},
		"rows":     {book(t, rows), Options{MaxRows: 1000}, TooLarge},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := Read(c.data, c.opts)
		runtime.ReadMemStats(&after)
		if !errors.Is(err, &Error{Reason: c.reason}) {
			t.Errorf("%s: got %v, want %s", name, err, c.reason)
		}
		t.Logf("%s: %d KiB packed, %d MiB allocated in all", name, len(c.data)>>10, (after.TotalAlloc-before.TotalAlloc)>>20)
		if after.TotalAlloc-before.TotalAlloc > 16<<20 {
			t.Errorf("%s: allocated %d MiB", name, (after.TotalAlloc-before.TotalAlloc)>>20)
		}
	}
}

// archive/zip holds each part to its declared size; the meter holds all of them together, even if that should change.
func TestMeter(t *testing.T) {
	t.Parallel()
	left := int64(10)
	for i, want := range []error{nil, nil, errBomb} {
		if _, err := io.Copy(io.Discard, meter{strings.NewReader("12345"), &left}); !errors.Is(err, want) {
			t.Errorf("part %d: %v, want %v", i, err, want)
		}
	}
}
