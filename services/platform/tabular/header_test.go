package tabular

import (
	"errors"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"
)

// keyed knows tables with a column "key", and the list of names that has one column.
func keyed(header []string) bool {
	return slices.Contains(header, "key") || slices.Equal(header, []string{"Namen"})
}

// TestTitleLines: titles and notes above the header are passed over; lines are counted as in the file.
func TestTitleLines(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		in   string
		line int
		rows string
	}{
		"none":                       {"key;name\n1;a\n", 1, "2:1|a"},
		"padded title":               {"Katalog, Stand 1.2.2024;;\n;;\nkey;name;x\n1;a;\n", 3, "4:1|a|"},
		"bare title":                 {"Katalog; Stand, Februar\n\nkey,name\n1,a;b\n2,c\n", 3, "4:1|a;b 5:2|c"},
		"title in quotes over lines": {"\"Katalog\nStand 2024\"\nkey;name\n1;a\n", 3, "4:1|a"},
		"title that reads like one":  {"Namen\nNr;key\n1;a\n", 2, "3:1|a"},
		"notes wider than the table": {"a;b;c;d;e\nkey;name\n1;a\n", 2, "3:1|a"},
		"single column":              {"Stand: heute\nNamen\nEva\n", 2, "3:Eva"},
	} {
		got, err := Read([]byte(c.in), Options{Accept: keyed})
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if got.Line != c.line || got.First != (c.line == 1) || rowsOf(got) != c.rows {
			t.Errorf("%s: header in line %d (first %v), rows %s", name, got.Line, got.First, rowsOf(got))
		}
	}
}

// TestUnknownHeader: without a known header the error says what was found, and looks no further than ten records.
func TestUnknownHeader(t *testing.T) {
	t.Parallel()
	_, err := Read([]byte("Liste\nFarbe;Form\nrot;rund\n"), Options{Accept: keyed})
	if !errors.Is(err, &Error{Reason: UnknownHeader}) || !strings.Contains(err.Error(), "„Farbe“, „Form“") {
		t.Error(err)
	}
	_, err = Read([]byte(strings.Repeat("Hinweis\n", 10)+"key;name\n1;a\n"), Options{Accept: keyed})
	if !errors.Is(err, &Error{Reason: UnknownHeader}) {
		t.Error(err)
	}
	if got, err := Read([]byte(strings.Repeat("Hinweis\n\n", 9)+"key;name\n1;a\n"), Options{Accept: keyed}); err != nil || got.Line != 19 {
		t.Error(err)
	}
}

// TestKnownSheet: covers and legends are passed over; what is read and what is left unread is named.
func TestKnownSheet(t *testing.T) {
	t.Parallel()
	sheets := func(rows map[string][][]any, order ...string) []byte {
		return excel(t, func(f *excelize.File) {
			for _, name := range order {
				f.NewSheet(name)
				for i, row := range rows[name] {
					cell, _ := excelize.CoordinatesToCellName(1, i+1)
					f.SetSheetRow(name, cell, &row)
				}
			}
		})
	}
	rows := map[string][][]any{
		"Deckblatt": {{"Stand"}, {"Quelle", "Amt", "Seite"}}, "Inhalt": {{"Namen"}, {"Daten"}},
		"Daten": {{"Titel"}, {}, {"key", "name"}, {1, "a"}}, "Mehr": {{"key"}, {"1"}}, "Weitere": {{"key", "x"}, {"1", "2"}},
		"Kopf": {{"key", "name"}}, "Schief": {{"key", "name"}, {1, 2, 3}},
	}
	got, err := Read(sheets(rows, "Deckblatt", "Inhalt", "Daten", "Mehr", "Weitere"), Options{Accept: keyed})
	if err != nil || got.Sheet != "Daten" || got.First || got.Line != 3 || rowsOf(got) != "4:1|a" || strings.Join(got.Unread, ",") != "Weitere" {
		t.Errorf("%+v %v", got, err)
	}
	if got, err = Read(sheets(rows, "Inhalt"), Options{Accept: keyed}); err != nil || got.Sheet != "Inhalt" || !got.First {
		t.Errorf("%+v %v", got, err)
	}
	for sheet, reason := range map[string]Reason{"Deckblatt": UnknownHeader, "Kopf": Empty, "Schief": BadRow} {
		_, err := Read(sheets(rows, sheet), Options{Accept: keyed})
		if !errors.Is(err, &Error{Reason: reason, Line: 0}) || !strings.Contains(err.Error(), "Blatt „"+sheet+"“") {
			t.Errorf("%s: %v", sheet, err)
		}
	}
	if _, err := Read(sheets(nil), Options{Accept: keyed}); !errors.Is(err, &Error{Reason: Empty}) {
		t.Error(err)
	}
}

func rowsOf(table *Table) string {
	var list []string
	for _, r := range table.Rows {
		list = append(list, strings.TrimSpace(strings.Join([]string{strconv.Itoa(r.Line), strings.Join(r.Cells, "|")}, ":")))
	}
	return strings.Join(list, " ")
}
