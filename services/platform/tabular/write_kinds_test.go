package tabular

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
)

var kinds = []Kind{Text, Number, Date}

// Columns of numbers and dates are such in a spreadsheet; what does not fit stays text, and all is read again.
func TestKinds(t *testing.T) {
	t.Parallel()
	header := []string{"Text", "Zahl", "Tag"}
	rows := [][]string{
		{"1.1", "1200", "2027-03-31"},
		{"x", "", ""},
		{"x", "007", "2027-02-29"},
		{"x", "viele", "1899-12-31"},
		{"x", "-5", "bald"},
		{"x", "9007199254740993", "1900-03-01"},
	}
	var text, book bytes.Buffer
	if err := WriteCSV(&text, header, slices.Values(rows), kinds...); err != nil {
		t.Fatal(err)
	}
	want := "Text;Zahl;Tag\r\n\"=\"\"1.1\"\"\";1200;31.03.2027\r\nx;;\r\nx;\"=\"\"007\"\"\";\"=\"\"2027-02-29\"\"\"\r\n" +
		"x;viele;\"=\"\"1899-12-31\"\"\"\r\nx;\"-5\";bald\r\nx;\"=\"\"9007199254740993\"\"\";01.03.1900\r\n"
	if got := strings.TrimPrefix(text.String(), bom); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if err := WriteXLSX(&book, "Blatt", header, slices.Values(rows), kinds...); err != nil {
		t.Fatal(err)
	}
	reread(t, "XLSX", book.Bytes(), header, rows)
	f, err := excelize.OpenReader(&book)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for cell, want := range map[string]string{"A2": "1.1", "B2": "1200", "C2": "31.03.2027", "C3": "", "C7": "01.03.1900"} {
		if got, _ := f.GetCellValue("Blatt", cell); got != want {
			t.Errorf("%s shows %q, want %q", cell, got, want)
		}
	}
	for cell, want := range map[string]excelize.CellType{"A2": excelize.CellTypeInlineString, "B2": excelize.CellTypeUnset, "C2": excelize.CellTypeUnset, "B7": excelize.CellTypeInlineString} {
		if got, _ := f.GetCellType("Blatt", cell); got != want {
			t.Errorf("%s is of type %v, want %v", cell, got, want)
		}
	}
}

// What Excel would write back in another form is shielded; names and sentences are left alone.
func TestLooksLikeValue(t *testing.T) {
	t.Parallel()
	for cell, want := range map[string]bool{
		"1.1": true, "2/3": true, "1e5": true, "12E3": true, "3 Mai": true, "sept2": true, "JAN1": true, "wahr": true, "FALSE": true, "5 %": true, "5p": true,
		"12:30": true, "3,50 €": true, "(5)": true, "31.12.2027": true, "märz 27": true, "1 1/2": true,
		"": false, "3": false, "-5": false, "32 Ordnungsamt": false, "FB 3": false, "3a": true, "x": false, "Mai": false, "3. Abteilung": false, "§ 5": false,
		"Nov. 2027 geplant": false, "-": false, "…": false, strings.Repeat("1.", 30): false,
	} {
		if got := looksLikeValue(cell); got != want {
			t.Errorf("%q: %v", cell, got)
		}
	}
}
