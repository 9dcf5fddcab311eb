package tabular

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/text/encoding/charmap"
	"pgregory.net/rapid"
)

// writers are the two ways out, under the name of the format.
var writers = map[Format]func(header []string, rows [][]string) ([]byte, error){
	CSV: func(header []string, rows [][]string) ([]byte, error) {
		var b bytes.Buffer
		err := WriteCSV(&b, header, slices.Values(rows))
		return b.Bytes(), err
	},
	XLSX: func(header []string, rows [][]string) ([]byte, error) {
		var b bytes.Buffer
		err := WriteXLSX(&b, "Leistungen", header, slices.Values(rows))
		return b.Bytes(), err
	},
}

// assertSame compares what was read with what was written, up to blank cells at the end.
func assertSame(t interface{ Fatalf(string, ...any) }, got *Table, header []string, rows [][]string) {
	if !slices.Equal(got.Header, header) || len(got.Rows) != len(rows) {
		t.Fatalf("header %q with %d rows became %q with %d", header, len(rows), got.Header, len(got.Rows))
	}
	for i, row := range rows {
		if !slices.Equal(got.Rows[i].Cells, row) {
			t.Fatalf("row %q became %q", row, got.Rows[i].Cells)
		}
	}
}

// hardCells are what spreadsheets and CSV readers usually destroy.
var hardCells = []string{"05758004", "99012001000000", "0", "-5", "+5", "=1+1", "'=1", "''", "'", "-5,5", "-a", "@x", " =x", `="1"`, `="012"`,
	`"`, `""`, "a\"b", ";", "a;b", ",", "\t", "a\nb", "a\r\nb", "\ra", "sep=;", "<b>", "{", "_x0041_", "1E5", "Müll", "€", "  a ", "\uFEFFa", "'-5", "a'"}

// What is written is read again, cell by cell, whatever stands in the cells.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for format, write := range writers {
		t.Run(string(format), func(t *testing.T) {
			t.Parallel()
			rapid.Check(t, func(t *rapid.T) {
				width := rapid.IntRange(1, 5).Draw(t, "width")
				text := rapid.StringOf(rapid.RuneFrom([]rune("ab0159=+-@'\"; ,\t\r\n|äß€<_xA")))
				cell := rapid.OneOf(rapid.SampledFrom(hardCells), text)
				// A blank cell at the start of a row could leave nothing to read.
				first := rapid.OneOf(rapid.SampledFrom(hardCells), text).Filter(func(s string) bool { return !isBlank(s) })
				full := rapid.Custom(func(t *rapid.T) []string {
					cells := rapid.SliceOfN(cell, width, width).Draw(t, "cells")
					cells[0] = first.Draw(t, "first")
					for i := range cells {
						if isBlank(cells[i]) {
							cells[i] = ""
						}
					}
					return cells
				})
				header := full.Filter(func(c []string) bool { return c[width-1] != "" }).Draw(t, "header")
				rows := rapid.SliceOfN(full, 1, 20).Draw(t, "rows")
				data, err := write(header, rows)
				if err != nil {
					t.Fatal(err)
				}
				got, err := Read(data, Options{})
				if err != nil {
					t.Fatalf("%v\n%q", err, data)
				}
				assertSame(t, got, header, rows)
			})
		})
	}
}

// Outside quotes nothing starts a formula, apart from the constant that shields a key.
func TestWriteCSVIsSafe(t *testing.T) {
	t.Parallel()
	data, err := writers[CSV]([]string{"key", "x"}, [][]string{{"05758004", "=cmd|' /C calc'!A0"}, {"12", "-5"}, {"99012001000000", "-x"}})
	if err != nil {
		t.Fatal(err)
	}
	want := bom + "key;x\r\n" + `"=""05758004""";"'=cmd|' /C calc'!A0"` + "\r\n" + `12;"-5"` + "\r\n" + `"=""99012001000000""";"'-x"` + "\r\n"
	if string(data) != want {
		t.Errorf("got  %q\nwant %q", data, want)
	}
}

func TestWriteRefuses(t *testing.T) {
	t.Parallel()
	for format, write := range writers {
		for _, bad := range []string{"\x00", "a\x1F", "\xFF", "\v"} {
			_, err := write([]string{"a", "b"}, [][]string{{"1", bad}})
			var e *Error
			if !errors.As(err, &e) || e.Reason != BadEncoding || e.Line != 2 || e.Column != "B" {
				t.Errorf("%s %q: %v", format, bad, err)
			}
		}
	}
	_, err := writers[XLSX]([]string{"a"}, [][]string{{strings.Repeat("ä", 32768)}})
	if !errors.Is(err, &Error{Reason: TooLarge, Line: 2}) {
		t.Errorf("a cell Excel would cut: %v", err)
	}
	if _, err := writers[XLSX]([]string{"a"}, [][]string{{strings.Repeat("ä", 32767)}}); err != nil {
		t.Errorf("a cell Excel can hold: %v", err)
	}
}

// realFiles are the tables of the shared folder beside the project's root.
func realFiles(t testing.TB) []string {
	t.Helper()
	dir, err := filepath.Abs(".")
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.work")); err == nil {
			break
		}
	}
	files, _ := filepath.Glob(filepath.Join(dir, "..", "shared", "data", "*.csv"))
	if len(files) == 0 {
		t.Skip("the real tables are missing: ../shared/data beside the project's root")
	}
	return files
}

// Real tables read as they are, and read the same in every form in which an office would send them on.
func TestRealFiles(t *testing.T) {
	t.Parallel()
	for _, name := range realFiles(t) {
		t.Run(filepath.Base(name), func(t *testing.T) {
			t.Parallel()
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			table, err := Read(data, Options{})
			if err != nil {
				t.Fatal(err)
			}
			if table.Encoding != "UTF-8" || table.Separator != ',' || len(table.Rows) < 10 {
				t.Errorf("%s, %q, %d rows", table.Encoding, table.Separator, len(table.Rows))
			}
			rows := make([][]string, len(table.Rows))
			for i, row := range table.Rows {
				rows[i] = row.Cells
			}
			for format, write := range writers {
				data, err := write(table.Header, rows)
				if err != nil {
					t.Fatal(err)
				}
				reread(t, string(format), data, table.Header, rows)
				if format == CSV {
					ansi, err := charmap.Windows1252.NewEncoder().Bytes(bytes.TrimPrefix(data, []byte(bom)))
					if err != nil {
						t.Logf("does not fit into Windows-1252: %v", err)
						continue
					}
					reread(t, "Windows-1252", ansi, table.Header, rows)
				}
			}
		})
	}
}

func reread(t *testing.T, name string, data []byte, header []string, rows [][]string) {
	t.Helper()
	got, err := Read(data, Options{})
	if err != nil {
		t.Fatal(name, err)
	}
	assertSame(t, got, header, rows)
}

// FuzzRead: no input may panic, hang or give a table that breaks its own promises; and what was read can be written and read again.
func FuzzRead(f *testing.F) {
	for _, seed := range []string{"id;name\n1;Hund\n", "sep=,\r\na,b\r\n\"1\n\",2", "\uFEFFa\tb\n1\t\"x\"\"y\"\n", "a|b\r1|2\r", "n\xE4me;b\n1;2\n",
		"\xFF\xFEa\x00\n\x001\x00", "a;b;c\n1\n", "\"", "a;b\n1;\"", "'=1;=\"012\"\n'';x\n", "PK\x03\x04", "<a>", ";;;\n\n"} {
		f.Add([]byte(seed))
	}
	f.Add(book(f, headRow+`<row r="2"><c r="A2"><v>9.9012001E13</v></c><c t="s"><v>0</v></c></row>`))
	f.Add(book(f, headRow+`<row r="2"><c r="B2" t="inlineStr"><is><r><t>x</t></r></is></c></row>`))
	f.Fuzz(func(t *testing.T, data []byte) {
		opts := Options{MaxUncompressed: 1 << 20, MaxRows: 100, MaxColumns: 20, MaxCell: 1000, MaxCells: 1000}
		table, err := Read(data, opts)
		var e *Error
		if err != nil {
			if !errors.As(err, &e) || table != nil || e.Reason == "" || e.Message == "" || e.English == "" || e.Line < 0 {
				t.Fatalf("bad error %#v", err)
			}
			return
		}
		last, rows := 0, [][]string{}
		for _, row := range table.Rows {
			if row.Line <= last || len(row.Cells) != len(table.Header) {
				t.Fatalf("line %d after %d, %d cells below %d", row.Line, last, len(row.Cells), len(table.Header))
			}
			last, rows = row.Line, append(rows, row.Cells)
		}
		if len(rows) == 0 || len(rows) > opts.MaxRows || len(table.Header) > opts.MaxColumns {
			t.Fatalf("%d rows, %d columns", len(rows), len(table.Header))
		}
		written, err := writers[CSV](table.Header, rows)
		if errors.As(err, &e) {
			return
		}
		again, err := Read(written, Options{})
		if err != nil {
			t.Fatalf("%v: %q", err, written)
		}
		assertSame(t, again, table.Header, rows)
	})
}

// manyRows is a catalogue's worth of rows.
func manyRows() (header []string, rows [][]string) {
	header = []string{"leika_key", "name", "typisierung", "ozg_id", "ozg_leistung", "legal_basis"}
	for range 8557 {
		rows = append(rows, []string{"99012001001000", "Abbruchgenehmigung Erteilung für Gebäude", "2/3", "10513", "Abbruchgenehmigung",
			"§ 61 Abs. 3; § 63 \"BauO NRW\" in Verbindung mit § 1 der Verordnung über die Abgrenzung"})
	}
	return header, rows
}

func BenchmarkRead(b *testing.B) {
	header, rows := manyRows()
	for format, write := range writers {
		b.Run(string(format), func(b *testing.B) {
			data, err := write(header, rows)
			if err != nil {
				b.Fatal(err)
			}
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Read(data, Options{}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
