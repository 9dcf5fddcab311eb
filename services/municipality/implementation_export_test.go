package municipality

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/xuri/excelize/v2"
	"golang.org/x/text/encoding/charmap"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"pgregory.net/rapid"

	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/names"
	"kompass.krz.de/services/platform/tabular"
)

func (w *world) export(change func(*municipalityv1.ExportImplementationsRequest)) []byte {
	w.tb.Helper()
	req := &municipalityv1.ExportImplementationsRequest{Parent: lemgo}
	if change != nil {
		change(req)
	}
	body, err := w.client.ExportImplementations(w.ctx, req)
	must(w.tb, err)
	return body.GetData()
}

// TestExport shows a whole table: what is recorded, with all columns, and what is owed.
func TestExport(t *testing.T) {
	t.Parallel()
	w := smallWorld(t)
	full := w.patch(&municipalityv1.Implementation{
		Name: implementationName("05766044", dogTax), Phase: 4, PhaseDate: "2026-03-01", Maturity: &municipalityv1.Maturity{Level: 3},
		Url: "https://www.lemgo.example/hund?a=1;b", Solution: "solutions/hundesteuer-online", Department: "=Kämmerei", AnnualCases: cases(1200),
		Priority: 3, TargetDate: "2026-01-31", Note: "eins\n\"zwei\"",
	})
	gone := w.patch(&municipalityv1.Implementation{Name: implementationName("05766044", fishing), Phase: 5, NotApplicableReason: "1.1"})
	want := "\uFEFFAGS;Kommune;LeiKa-Schlüssel;Leistung;OZG-Leistung;Themenfeld;Phase;Seit;Reifegradmodell;Reifegrad;URL;Lösung;Fachamt;Fallzahl;Priorität;Zieldatum;Notiz;Begründung;Version\r\n" +
		`"=""05766044""";Lemgo;"=""99001003000000""";Bioabfall;;;;;;;;;;;;;;;` + "\r\n" +
		`"=""05766044""";Lemgo;"=""99012001001000""";Baugenehmigung Erteilung;Baugenehmigung;Bauen & Wohnen;;;;;;;;;;;;;` + "\r\n" +
		`"=""05766044""";Lemgo;"=""99050001001000""";Fischereischein Erteilung;;;nicht zutreffend;23.11.2026;;;;;;;;;;"=""1.1""";` + gone.GetEtag() + "\r\n" +
		`"=""05766044""";Lemgo;"=""99059001001000""";Eheschließung Anmeldung;;;;;;;;;;;;;;;` + "\r\n" +
		`"=""05766044""";Lemgo;"=""99102013002000""";Hundesteuer Festsetzung;Hundesteuer;Steuern & Zoll;online;01.03.2026;Modell 1.1;3;"https://www.lemgo.example/hund?a=1;b";hundesteuer-online;"'=Kämmerei";1200;hoch;31.01.2026;"eins` + "\n" + `""zwei""";;` + full.GetEtag() + "\r\n"
	if got := string(w.export(nil)); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for _, format := range []commonv1.FileFormat{commonv1.FileFormat_FILE_FORMAT_CSV, commonv1.FileFormat_FILE_FORMAT_XLSX} {
		again := func() []byte {
			return w.export(func(r *municipalityv1.ExportImplementationsRequest) { r.Format = format })
		}
		if !bytes.Equal(again(), again()) {
			t.Errorf("%v: the same state gives other bytes", format)
		}
	}
}

func TestExportChooses(t *testing.T) {
	t.Parallel()
	w := smallWorld(t)
	w.patch(&municipalityv1.Implementation{Name: implementationName("05766044", dogTax), Phase: 4, Note: "x"})
	w.patch(&municipalityv1.Implementation{Name: implementationName("05758004", waste), Phase: 2})
	for name, c := range map[string]struct {
		req  *municipalityv1.ExportImplementationsRequest
		want []string // AGS and key
	}{
		"recorded":         {&municipalityv1.ExportImplementationsRequest{Parent: lemgo, RecordedOnly: true}, []string{"05766044 " + dogTax}},
		"recorded, of all": {&municipalityv1.ExportImplementationsRequest{Parent: "municipalities/-", RecordedOnly: true}, []string{"05758004 " + waste, "05766044 " + dogTax}},
		"by phase":         {&municipalityv1.ExportImplementationsRequest{Parent: "municipalities/-", Filter: "phase = online"}, []string{"05766044 " + dogTax}},
		"not started":      {&municipalityv1.ExportImplementationsRequest{Parent: lemgo, Filter: "NOT phase:* AND display_name:erteilung"}, []string{"05766044 " + building}},
	} {
		body, err := w.client.ExportImplementations(w.ctx, c.req)
		must(t, err)
		table, err := tabular.Read(body.GetData(), tabular.Options{})
		must(t, err)
		var got []string
		for _, r := range table.Rows {
			got = append(got, r.Cells[0]+" "+r.Cells[2])
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v", name, got)
		}
	}
	_, err := w.client.ExportImplementations(w.ctx, &municipalityv1.ExportImplementationsRequest{Parent: lemgo, Filter: "farbe = rot"})
	wantReason(t, err, "INVALID_FILTER", "filter")
	_, err = w.client.ExportImplementations(w.ctx, &municipalityv1.ExportImplementationsRequest{Parent: "municipalities/01001000"})
	wantReason(t, err, "RESOURCE_NOT_FOUND")
	for format, want := range map[commonv1.FileFormat]string{0: "text/csv; charset=utf-8", 1: "text/csv; charset=utf-8", 2: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"} {
		body, err := w.client.ExportImplementations(w.ctx, &municipalityv1.ExportImplementationsRequest{Parent: everywhere, Format: format})
		must(t, err)
		if body.GetContentType() != want {
			t.Errorf("%v is %s", format, body.GetContentType())
		}
	}
}

// office are the ways in which a table comes back from an office.
var office = map[string]func(testing.TB, []byte) []byte{
	"unchanged":             func(_ testing.TB, file []byte) []byte { return file },
	"saved by Excel":        savedAsWorkbook,
	"saved by LibreOffice":  func(tb testing.TB, file []byte) []byte { return savedAsText(tb, file, '\t', false) },
	"saved without zeros":   func(tb testing.TB, file []byte) []byte { return savedAsText(tb, file, ',', true) },
	"saved as Windows-1252": savedAsWindows,
}

// savedAsWorkbook opens a workbook and writes it anew.
func savedAsWorkbook(tb testing.TB, file []byte) []byte {
	if !bytes.HasPrefix(file, []byte("PK")) {
		return file
	}
	f, err := excelize.OpenReader(bytes.NewReader(file))
	must(tb, err)
	defer f.Close()
	sheet := f.GetSheetName(0)
	rows, err := f.GetRows(sheet, excelize.Options{RawCellValue: true})
	must(tb, err)
	for y := range rows { // as Excel does, texts go into the table of shared strings
		for x := range rows[y] {
			cell, _ := excelize.CoordinatesToCellName(x+1, y+1)
			if kind, _ := f.GetCellType(sheet, cell); kind == excelize.CellTypeInlineString {
				must(tb, f.SetCellStr(sheet, cell, rows[y][x]))
			}
		}
	}
	b, err := f.WriteToBuffer()
	must(tb, err)
	return b.Bytes()
}

// savedAsText is a CSV as another program saves it: shields computed, every cell in quotes, other separator and line
// ends, no byte order mark, short dates; lossy also drops the zeros in front and numbers the days.
func savedAsText(tb testing.TB, file []byte, separator rune, lossy bool) []byte {
	if bytes.HasPrefix(file, []byte("PK")) {
		return file
	}
	reader := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(file, []byte("\uFEFF"))))
	reader.Comma = ';'
	rows, err := reader.ReadAll()
	must(tb, err)
	var b strings.Builder
	for y, row := range rows {
		for x, cell := range row {
			if inner, shielded := strings.CutPrefix(cell, `="`); shielded {
				cell = strings.TrimSuffix(inner, `"`)
			}
			if day, err := time.Parse("02.01.2006", cell); err == nil && stateColumns[x].kind == tabular.Date {
				cell = day.Format("02.01.06")
				if lossy {
					cell = fmt.Sprint(int(day.Sub(time.Date(1899, 12, 30, 0, 0, 0, 0, time.UTC)).Hours() / 24))
				}
			}
			if lossy && x == 0 && y > 0 {
				cell = strings.TrimLeft(cell, "0")
			}
			if x > 0 {
				b.WriteRune(separator)
			}
			b.WriteString(`"` + strings.ReplaceAll(cell, `"`, `""`) + `"`)
		}
		b.WriteString("\n")
	}
	return []byte(b.String())
}

// savedAsWindows is the encoding that German Excel saves a CSV in, as far as it holds what is written.
func savedAsWindows(tb testing.TB, file []byte) []byte {
	ansi, err := charmap.Windows1252.NewEncoder().Bytes(bytes.TrimPrefix(file, []byte("\uFEFF")))
	if err != nil || bytes.HasPrefix(file, []byte("PK")) {
		return file
	}
	return ansi
}

// TestRoundTrip exports any implementations in both formats, lets an office save the file, and imports it: nothing changes.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	w := smallWorld(t)
	keys := []string{dogTax, carPlates, building, waste, marriage, fishing}
	rapid.Check(t, func(rt *rapid.T) {
		for _, ags := range []string{"05766044", "05711000"} {
			req := &municipalityv1.BatchUpdateImplementationsRequest{Parent: municipalityName(ags)}
			for _, key := range rapid.SliceOfNDistinct(rapid.SampledFrom(keys), 1, len(keys), rapid.ID).Draw(rt, "keys") {
				i := anyImplementation().Draw(rt, key)
				i.Name = implementationName(ags, key)
				req.Requests = append(req.Requests, &municipalityv1.UpdateImplementationRequest{
					Implementation: i, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"*"}}})
			}
			if _, err := w.client.BatchUpdateImplementations(w.ctx, req); err != nil {
				rt.Fatal(err, detailsOf(err))
			}
		}
		format := rapid.SampledFrom([]commonv1.FileFormat{1, 1, 1, 2}).Draw(rt, "format") // workbooks take their time
		parent := rapid.SampledFrom([]string{everywhere, lemgo}).Draw(rt, "parent")
		name := rapid.SampledFrom(slices.Sorted(maps.Keys(office))).Draw(rt, "office")
		file := office[name](t, w.export(func(r *municipalityv1.ExportImplementationsRequest) { r.Parent, r.Format = parent, format }))
		report, err := w.client.ImportImplementations(w.ctx, &municipalityv1.ImportImplementationsRequest{Parent: parent, File: file})
		if err != nil {
			rt.Fatalf("%v %s: %v\n%s", format, name, err, detailsOf(err))
		}
		if report.GetAdded()+report.GetChanged() > 0 || report.GetUnchanged() == 0 {
			rt.Fatalf("%v %s: %v", format, name, report)
		}
	})
}

// anyImplementation draws what the rules allow, with texts that tables and spreadsheets usually destroy.
func anyImplementation() *rapid.Generator[*municipalityv1.Implementation] {
	text := rapid.OneOf(
		rapid.SampledFrom([]string{"", " ", "=1+1", "'=1", "007", "1.1", "1e5", "2/3", "wahr", "sept2", "-", "a\r\nb", "a\rb", "\n", "&amp;", "&nbsp;", "\u200B", "32 Ordnung", `="x"`, "sep=;",
			"\"", "  a ", "€ äöüß", "a\u00A0", "\uFEFFa", "31.03.2027", "99012001001000", "<b>", "{", "\uFFFE"}),
		rapid.StringOfN(rapid.RuneFrom([]rune("ab019=+-@'\"; ,.\t\r\n|äß€<xAe&")), 0, 30, -1))
	day := rapid.Custom(func(t *rapid.T) string {
		return time.Date(2026, 11, 23-rapid.IntRange(0, 3000).Draw(t, "ago"), 0, 0, 0, 0, time.UTC).Format(time.DateOnly)
	})
	return rapid.Custom(func(t *rapid.T) *municipalityv1.Implementation {
		i := &municipalityv1.Implementation{
			Phase:      municipalityv1.Implementation_Phase(rapid.IntRange(0, 5).Draw(t, "phase")),
			Url:        rapid.SampledFrom([]string{"", "https://x.example", "http://x.example:8080/a;b?c=d&e=%C3%A4#f", "https://[::1]/a,b"}).Draw(t, "url"),
			Solution:   rapid.SampledFrom([]string{"", "solutions/hundesteuer-online", "solutions/alles-koenner"}).Draw(t, "solution"),
			Department: text.Filter(func(s string) bool { return !names.Person(s) }).Draw(t, "department"), Note: text.Draw(t, "note"),
			Priority: municipalityv1.Implementation_Priority(rapid.IntRange(0, 3).Draw(t, "priority")),
		}
		if rapid.Bool().Draw(t, "measured") {
			i.Maturity = &municipalityv1.Maturity{Model: rapid.SampledFrom([]string{"1.1", "2.0"}).Draw(t, "model"), Level: int32(rapid.IntRange(0, 4).Draw(t, "level"))}
		}
		if rapid.Bool().Draw(t, "counted") {
			i.AnnualCases = cases(rapid.Int64Range(0, 1_000_000_000).Draw(t, "cases"))
		}
		if rapid.Bool().Draw(t, "aimed") {
			i.TargetDate = day.Draw(t, "target")
		}
		if i.GetPhase() != 0 && rapid.Bool().Draw(t, "dated") {
			i.PhaseDate = day.Draw(t, "since")
		}
		if i.GetPhase() == 5 {
			i.NotApplicableReason = "x" + text.Draw(t, "reason")
		}
		return i
	})
}
