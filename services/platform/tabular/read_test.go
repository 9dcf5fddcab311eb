package tabular

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/unicode"
)

// want describes a table in the shortest form a case needs.
type want struct {
	encoding string
	sep      rune
	header   []string
	rows     []Row
}

func TestReadCSV(t *testing.T) {
	t.Parallel()
	two := []Row{{2, []string{"1", "Hund"}}}
	cases := map[string]struct {
		in string
		want
	}{
		"semicolon":       {"id;name\n1;Hund\n", want{"UTF-8", ';', []string{"id", "name"}, two}},
		"comma":           {"id,name\n1,Hund\n", want{"UTF-8", ',', []string{"id", "name"}, two}},
		"tab":             {"id\tname\n1\tHund\n", want{"UTF-8", '\t', []string{"id", "name"}, two}},
		"pipe":            {"id|name\n1|Hund\n", want{"UTF-8", '|', []string{"id", "name"}, two}},
		"CRLF":            {"id;name\r\n1;Hund\r\n", want{"UTF-8", ';', []string{"id", "name"}, two}},
		"CR alone":        {"id;name\r1;Hund\r", want{"UTF-8", ';', []string{"id", "name"}, two}},
		"no last newline": {"id;name\n1;Hund", want{"UTF-8", ';', []string{"id", "name"}, two}},
		"BOM":             {"\uFEFFid;name\n1;Hund\n", want{"UTF-8-BOM", ';', []string{"id", "name"}, two}},
		"Windows-1252":    {"id;n\xE4me\n1;M\xFCll\n", want{"Windows-1252", ';', []string{"id", "näme"}, []Row{{2, []string{"1", "Müll"}}}}},
		"sep line":        {"sep=,\r\nid,a;b\r\n1,x;y\r\n", want{"UTF-8", ',', []string{"id", "a;b"}, []Row{{3, []string{"1", "x;y"}}}}},
		"separator inside quotes": {"id,name\n\"1;2;3\",\"a;b\"\n",
			want{"UTF-8", ',', []string{"id", "name"}, []Row{{2, []string{"1;2;3", "a;b"}}}}},
		"rows outvote the header": {"Name, Vorname;Ort, Kreis\nA;B\nC;D\n",
			want{"UTF-8", ';', []string{"Name, Vorname", "Ort, Kreis"}, []Row{{2, []string{"A", "B"}}, {3, []string{"C", "D"}}}}},
		"more commas than semicolons": {"Name, Vorname, Titel;Ort\nA, B, C;D\n",
			want{"UTF-8", ';', []string{"Name, Vorname, Titel", "Ort"}, []Row{{2, []string{"A, B, C", "D"}}}}},
		"other separators inside quotes": {"a;\"||b\"\n1;\"||c\"\n",
			want{"UTF-8", ';', []string{"a", "||b"}, []Row{{2, []string{"1", "||c"}}}}},
		"quotes that end too early elsewhere": {"a;\"||b\"\n\"1\";\n",
			want{"UTF-8", ';', []string{"a", "||b"}, []Row{{2, []string{"1", ""}}}}},
		"newline inside quotes": {"id;name\n1;\"a\r\nb\nc\"\n2;d\n",
			want{"UTF-8", ';', []string{"id", "name"}, []Row{{2, []string{"1", "a\r\nb\nc"}}, {5, []string{"2", "d"}}}}},
		"doubled quotes":  {"id;name\n1;\"5\"\" Rohr\"\n", want{"UTF-8", ';', []string{"id", "name"}, []Row{{2, []string{"1", `5" Rohr`}}}}},
		"bare quote":      {"id;name\n1;5\" Rohr\n", want{"UTF-8", ';', []string{"id", "name"}, []Row{{2, []string{"1", `5" Rohr`}}}}},
		"blank rows":      {"\n;;\nid;name;\n;\n\n1;Hund;;;\n\n", want{"UTF-8", ';', []string{"id", "name"}, []Row{{6, []string{"1", "Hund"}}}}},
		"single column":   {"name\nMüller, Hans\n", want{"UTF-8", ';', []string{"name"}, []Row{{2, []string{"Müller, Hans"}}}}},
		"shielded key":    {"ags;x\n\"=\"\"05758004\"\"\";'=1\n", want{"UTF-8", ';', []string{"ags", "x"}, []Row{{2, []string{"05758004", "=1"}}}}},
		"apostrophe text": {"a;b\n'n Abend;'\n", want{"UTF-8", ';', []string{"a", "b"}, []Row{{2, []string{"'n Abend", "'"}}}}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Read([]byte(c.in), Options{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := (want{got.Encoding, got.Separator, got.Header, got.Rows}); !reflect.DeepEqual(diff, c.want) {
				t.Errorf("got  %+v\nwant %+v", diff, c.want)
			}
		})
	}
}

func TestReadUTF16(t *testing.T) {
	t.Parallel()
	for name, order := range map[string]unicode.Endianness{"UTF-16LE": unicode.LittleEndian, "UTF-16BE": unicode.BigEndian} {
		data, err := unicode.UTF16(order, unicode.UseBOM).NewEncoder().Bytes([]byte("id\tname\r\n1\tMüll\r\n"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := Read(data, Options{})
		if err != nil {
			t.Fatal(name, err)
		}
		if got.Encoding != name || got.Rows[0].Cells[1] != "Müll" {
			t.Errorf("%s: %+v", name, got)
		}
		if _, err := Read(data[:len(data)-1], Options{}); !errors.Is(err, &Error{Reason: Truncated}) {
			t.Errorf("%s cut off: %v", name, err)
		}
	}
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	small := Options{MaxBytes: 200, MaxRows: 3, MaxColumns: 3, MaxCell: 10, MaxCells: 8}
	cases := map[string]struct {
		in     string
		reason Reason
		line   int
	}{
		"nothing":              {"", Empty, 0},
		"only blanks":          {" \r\n\t", Empty, 0},
		"only separators":      {";;;\n;;\n", Empty, 0},
		"only empty quotes":    {"\"\";\"\"\n", Empty, 0},
		"only a header":        {"id;name\n", Empty, 0},
		"too many cells":       {"id;name\n1;a\n2;b;c\n", BadRow, 3},
		"too few cells":        {"id;name\n1;a\n2\n3;c\n", BadRow, 3},
		"cut in a row":         {"id;a;b\n1;x;y\n2;", Truncated, 3},
		"open quote":           {"id;name\n1;\"a\n2;b\n3;c\n", BadRow, 2},
		"text behind quote":    {"id;name\n1;\"a\"b\n", BadRow, 2},
		"NUL":                  {"id;name\n1;\x00\n", NotATable, 2},
		"old Excel":            {"\xD0\xCF\x11\xE0\xA1\xB1\x1A\xE1", NotATable, 0},
		"PDF":                  {"%PDF-1.7", NotATable, 0},
		"HTML":                 {"\n<!DOCTYPE html>", NotATable, 0},
		"byte of no encoding":  {"id;n\xE4me\n1;\x81\n", BadEncoding, 2},
		"mixed encodings":      {"id;näme\n1;Müll\n2;M\xFCll\n", BadEncoding, 3},
		"BOM and Windows-1252": {"\uFEFFid;name\n1;M\xFCll\n", BadEncoding, 2},
		"cut in a character":   {"id;näme\n1;Müll\n2;M\xC3", Truncated, 3},
		"too many bytes":       {strings.Repeat("a;b\n", 51), TooLarge, 0},
		"too many rows":        {"a\n1\n2\n3\n4\n", TooLarge, 5},
		"too many columns":     {"a;b;c;d\n1;2;3;4\n", TooLarge, 1},
		"too many of all":      {"a;b;c\n1;2;3\n4;5;6\n7;8;9\n", TooLarge, 4},
		"too long a cell":      {"a;b\n1;12345678901\n", TooLarge, 2},
		"no workbook":          {"PK\x03\x04 and then nothing", Truncated, 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := Read([]byte(c.in), small)
			var e *Error
			if !errors.As(err, &e) || got != nil {
				t.Fatalf("got %+v, %v", got, err)
			}
			if e.Reason != c.reason || e.Line != c.line || e.Message == "" || e.English == "" {
				t.Errorf("got %s in line %d (%v), want %s in line %d", e.Reason, e.Line, e, c.reason, c.line)
			}
		})
	}
}

// Excel drops the separators of empty last columns, but for blocks of 16 rows; a single short row is damage.
func TestShortRows(t *testing.T) {
	t.Parallel()
	full, short := strings.Repeat("1;a;b\n", 15), strings.Repeat("2;c\n", 16)
	for in, ok := range map[string]bool{
		full + short + full:                   true,
		full + short:                          true,
		full + "2;c\n3;d\n":                   true,
		full + short[4:] + full:               false,
		full[6:] + "2;c\n" + full:             false,
		"1;a;b\n2;c\n":                        false,
		full + short + "3;\"a\"":              false,
		full + full + "2;c\n\n;;\n3;d\n":      true,
		full + "2;c\n3\n" + short + "1;a;b\n": false,
	} {
		table, err := Read([]byte("id;name;note\n"+in), Options{})
		if (err == nil) != ok {
			t.Errorf("%q: %v", in, err)
		}
		if ok && len(table.Rows[len(table.Rows)-1].Cells) != 3 {
			t.Errorf("%q: last row is not as wide as the header", in)
		}
	}
}

func TestErrorNamesPlace(t *testing.T) {
	t.Parallel()
	_, err := Read([]byte("id;name\n1;\"offen\n"), Options{})
	text := err.Error()
	for _, part := range []string{"Zeile 2", "Spalte 2", "line 2", "column 2", "Anführungszeichen", "quote"} {
		if !strings.Contains(text, part) {
			t.Errorf("%q lacks %q", text, part)
		}
	}
}

func TestCleanText(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":                               "",
		"plain text":                     "plain text",
		"  a \t\r\n b ":                  "a b",
		"Bauen&amp;Wohnen":               "Bauen&Wohnen",
		"Stra&#223;e&nbsp;5":             "Straße 5",
		"M&amp;uuml;ll":                  "Müll",
		"a\u00A0\u202Fb":                 "a b",
		"Kinder&region":                  "Kinder&region",
		"a & b; c":                       "a & b; c",
		"Abfall\u00ADentsorgung\u200B":   "Abfallentsorgung",
		"Mu\u0308ll":                     "Müll",
		"&amp;amp;amp;amp;amp;amp;auml;": "&amp;amp;amp;auml;",
	} {
		if got := CleanText(in); got != want {
			t.Errorf("CleanText(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestNormalizeHeader(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"LeiKa-Schlüssel":                 "leika_schluessel",
		"\uFEFF LeiKa  Schlu\u0308ssel *": "leika_schluessel",
		"Größenklasse":                    "groessenklasse",
		"OZG_ID":                          "ozg_id",
		"Verf&uuml;gbar (ja/nein)":        "verfuegbar_ja_nein",
		"Café":                            "cafe",
		"ÄÖÜ":                             "aeoeue",
		"§§":                              "",
	} {
		if got := NormalizeHeader(in); got != want {
			t.Errorf("NormalizeHeader(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestMap(t *testing.T) {
	t.Parallel()
	table, err := Read([]byte("LeiKa-Schlüssel;Bezeichnung; Notiz ;;x\n990;\"M&uuml;ll\u00A0 weg\";n;;1\n"), Options{})
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string][]string{"key": {"leika_schluessel", "leika_key"}, "name": {"bezeichnung"}, "url": nil}
	columns, err := table.Map(fields)
	if err != nil {
		t.Fatal(err)
	}
	row := table.Rows[0]
	if got := columns.Value(row, "name"); got != "Müll weg" {
		t.Errorf("name = %q", got)
	}
	if columns.Raw(row, "name") != "M&uuml;ll\u00A0 weg" || columns.Value(row, "url") != "" || columns.Has("url") || !columns.Has("key") {
		t.Errorf("columns = %+v", columns)
	}
	if columns.Name("key") != "LeiKa-Schlüssel" || columns.Name("url") != "url" {
		t.Errorf("names = %q, %q", columns.Name("key"), columns.Name("url"))
	}
	if got := columns.Ignored(); !reflect.DeepEqual(got, []string{" Notiz ", "x"}) {
		t.Errorf("ignored = %q", got)
	}
}

func TestMapRefuses(t *testing.T) {
	t.Parallel()
	table := &Table{Header: []string{"Name", "NAME "}}
	_, err := table.Map(map[string][]string{"name": nil})
	var e *Error
	if !errors.As(err, &e) || e.Reason != DuplicateColumn || !strings.Contains(e.Message, "„Name“ und „NAME“") || !strings.Contains(e.English, `"Name" and "NAME"`) {
		t.Errorf("twice the same column: %v", err)
	}
	if _, err := table.Map(map[string][]string{"a": {"name"}, "b": {"Name"}}); err == nil || errors.As(err, &e) && e == nil {
		t.Error("one name for two fields was accepted")
	}
}

// Every printable character of Windows-1252 survives.
func TestWindows1252(t *testing.T) {
	t.Parallel()
	text := "„Ä“;–€š\n1;ß§µ×ÿ\n"
	data, err := charmap.Windows1252.NewEncoder().String(text)
	if err != nil {
		t.Fatal(err)
	}
	table, err := Read([]byte(data), Options{})
	if err != nil {
		t.Fatal(err)
	}
	if table.Encoding != "Windows-1252" || table.Header[0] != "„Ä“" || table.Rows[0].Cells[1] != "ß§µ×ÿ" {
		t.Errorf("%+v", table)
	}
}
