package opendata

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"unicode/utf8"

	"github.com/xuri/excelize/v2"
	"pgregory.net/rapid"

	"kompass.krz.de/services/platform/tabular"
)

func sample(cells ...string) Data {
	return Data{
		Title: "Proben", AsOf: "2026-03-02",
		Columns: []Column{{"AGS", tabular.Text}, {"Zahl", tabular.Number}, {"Text", tabular.Text}},
		Rows:    slices.Values([][]string{append([]string{"05758004", "12"}, cells...)}),
		Document: func(h Head) any {
			return struct {
				Head
				Samples []string `json:"samples"`
			}{h, cells}
		},
	}
}

// TestDocument pins the form of all documents, byte by byte.
func TestDocument(t *testing.T) {
	t.Parallel()
	body, err := sample("a & b").file("")
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"title":"Proben","licence":"Datenlizenz Deutschland – Zero – Version 2.0","licenceUrl":"https://www.govdata.de/dl-de/zero-2-0","asOf":"2026-03-02","samples":["a & b"]}` + "\n"
	if string(body.GetData()) != want || body.GetContentType() != "application/json" {
		t.Errorf("%s\n%s", body.GetContentType(), body.GetData())
	}
	if same, err := sample("a & b").file("json"); err != nil || !bytes.Equal(same.GetData(), body.GetData()) {
		t.Errorf("json is not what comes without a format: %v", err)
	}
}

// TestTables: both hold the table, the workbook its licence, too; the same data gives the same bytes.
func TestTables(t *testing.T) {
	t.Parallel()
	for format, kind := range map[string]string{"csv": "text/csv; charset=utf-8", "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"} {
		body, err := sample("Bünde").file(format)
		if err != nil || body.GetContentType() != kind {
			t.Fatalf("%s: %v, %v", format, body.GetContentType(), err)
		}
		again, err := sample("Bünde").file(format)
		if err != nil || !bytes.Equal(again.GetData(), body.GetData()) {
			t.Errorf("%s: other bytes for the same data, %v", format, err)
		}
		table, err := tabular.Read(body.GetData(), tabular.Options{})
		if err != nil || len(table.Rows) != 1 || !slices.Equal(table.Rows[0].Cells, []string{"05758004", "12", "Bünde"}) {
			t.Errorf("%s reads back as %v, %v", format, table, err)
		}
	}
	body, _ := sample("x").file("xlsx")
	book, err := excelize.OpenReader(bytes.NewReader(body.GetData()))
	if err != nil {
		t.Fatal(err)
	}
	defer book.Close()
	licence, err := book.GetRows("Lizenz")
	if err != nil || len(licence) != 4 || licence[2][1] != Licence || licence[3][1] != LicenceURL {
		t.Errorf("the sheet of the licence: %v, %v", licence, err)
	}
}

// TestEntriesAndRows: one of each for every item, in order; no items are an empty list in JSON, and rows are made as they are read.
func TestEntriesAndRows(t *testing.T) {
	t.Parallel()
	if got := Entries([]int{3, 1}, strconv.Itoa); !slices.Equal(got, []string{"3", "1"}) {
		t.Errorf("entries %v", got)
	}
	if got, err := json.Marshal(Entries(nil, strconv.Itoa)); err != nil || string(got) != "[]" {
		t.Errorf("no entries: %s, %v", got, err)
	}
	made := 0
	rows := Rows([]int{3, 1, 2}, func(n int) []string { made++; return []string{strconv.Itoa(n)} })
	for row := range rows {
		if row[0] == "1" {
			break
		}
	}
	if made != 2 {
		t.Errorf("%d rows were made for two", made)
	}
	if got := slices.Concat(slices.Collect(rows)...); !slices.Equal(got, []string{"3", "1", "2"}) {
		t.Errorf("rows %v", got)
	}
}

// TestOddTexts: whatever people entered, everybody still gets the table.
func TestOddTexts(t *testing.T) {
	t.Parallel()
	odd := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"\x00", "\xff", "a\uFFFFb", "\v", strings.Repeat("ä", 40_000), strings.Repeat("🙂", 20_000)}))
	rapid.Check(t, func(t *rapid.T) {
		cell := odd.Draw(t, "cell")
		for _, format := range []string{"csv", "xlsx", "json"} {
			body, err := sample(cell).file(format)
			if err != nil {
				t.Fatalf("%s: %v", format, err)
			}
			if format == "json" && !json.Valid(body.GetData()) {
				t.Fatalf("no JSON: %q", body.GetData())
			}
		}
		if s := storable(cell); !utf8.ValidString(s) || utf8.ValidString(cell) && len(cell) < maxCell && len(s) > len(cell) {
			t.Fatalf("%q became %q", cell, s)
		}
	})
}

// TestShelf: one file a state and format, however many ask; a failure is not kept.
func TestShelf(t *testing.T) {
	t.Parallel()
	var shelf Shelf
	var made atomic.Int32
	ask := func(ctx context.Context, format, state string, failure error) ([]byte, error) {
		body, err := shelf.File(ctx, format, func() (string, func() Data, error) {
			return state, func() Data { made.Add(1); return sample(state) }, failure
		})
		return body.GetData(), err
	}
	broken := errors.New("not yet")
	if _, err := ask(t.Context(), "csv", "1", broken); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := ask(ended, "csv", "1", nil); !errors.Is(err, context.Canceled) || made.Load() != 0 {
		t.Errorf("made for nobody: %v", err)
	}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if file, err := ask(t.Context(), "csv", "1", nil); err != nil || !strings.Contains(string(file), "1") {
				t.Errorf("%s, %v", file, err)
			}
		})
	}
	all.Wait()
	if made.Load() != 1 {
		t.Errorf("made %d times", made.Load())
	}
	if file, err := ask(t.Context(), "csv", "2", nil); err != nil || !strings.Contains(string(file), "2") || made.Load() != 2 {
		t.Errorf("another state: %s, %v", file, err)
	}
	if _, err := ask(t.Context(), "json", "2", nil); err != nil || made.Load() != 3 {
		t.Errorf("another format: %v", err)
	}
}
