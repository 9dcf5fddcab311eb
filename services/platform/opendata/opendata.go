// Package opendata writes what everybody may have: a document for programs, tables for people, each with its licence. It keeps
// the newest file of each format, as strangers may ask as often as they like. It must never decide what is published: services
// hand it that, field by field.
package opendata

import (
	"bytes"
	"encoding/json"
	"iter"
	"strings"
	"unicode/utf8"

	"google.golang.org/genproto/googleapis/api/httpbody"

	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/tabular"
)

const (
	// Licence is the name of the licence of all open data.
	Licence = "Datenlizenz Deutschland – Zero – Version 2.0"
	// LicenceURL is its address.
	LicenceURL = "https://www.govdata.de/dl-de/zero-2-0"
)

// The formats of the contract; "" is JSON.
const (
	formatCSV  = "csv"
	formatXLSX = "xlsx"
)

// maxFile bounds a file, in bytes, as the platform bounds a message.
const maxFile = 64 << 20

// Head begins every document; documents embed it.
type Head struct {
	// Title says in German what it is: "Umsetzungsprojekte".
	Title string `json:"title"`
	// Licence and LicenceURL are those of the package.
	Licence    string `json:"licence"`
	LicenceURL string `json:"licenceUrl"`
	// AsOf is the day of the state, "2027-03-31". No finer time: what did not change shall stay the same bytes.
	AsOf string `json:"asOf"`
}

// Data is what a service publishes.
type Data struct {
	// Title is in German, at most 31 characters: it names the sheet, too.
	Title string
	// AsOf is the day of the state, "2027-03-31".
	AsOf string
	// Document makes the value whose JSON is the document; it embeds the head.
	Document func(Head) any
	// Columns are those of the table.
	Columns []Column
	// Rows are those of the table, each valid until the next one.
	Rows iter.Seq[[]string]
}

// Column is one column of the table.
type Column struct {
	// Title is its header, in German.
	Title string
	// Kind is what spreadsheets take its cells for.
	Kind tabular.Kind
}

// Entries are what a document says of some items; empty, not nil, where there are none.
func Entries[T, E any](items []T, entry func(T) E) []E {
	entries := make([]E, len(items))
	for i, item := range items {
		entries[i] = entry(item)
	}
	return entries
}

// Rows are the rows of some items, each made when it is written.
func Rows[T any](items []T, row func(T) []string) iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		for _, item := range items {
			if !yield(row(item)) {
				return
			}
		}
	}
}

// file writes the data in a format of the contract. The same data gives the same bytes. Errors: fault.TooLarge, fault.Internal.
func (d Data) file(format string) (*httpbody.HttpBody, error) {
	var file bytes.Buffer
	var kind string
	var err error
	switch format {
	case formatCSV:
		kind, err = "text/csv; charset=utf-8", d.writeCSV(&file)
	case formatXLSX:
		kind, err = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", d.writeXLSX(&file)
	default:
		kind, err = "application/json", d.writeJSON(&file)
	}
	if err != nil {
		return nil, fault.New(fault.Internal).Cause(err)
	}
	if file.Len() > maxFile {
		return nil, fault.New(fault.TooLarge, "limit", "64 MiB").Field("format",
			"ergibt eine größere Datei, als hier gesendet werden kann", "is a larger file than can be sent here")
	}
	return &httpbody.HttpBody{ContentType: kind, Data: file.Bytes()}, nil
}

func (d Data) head() Head { return Head{d.Title, Licence, LicenceURL, d.AsOf} }

func (d Data) writeJSON(to *bytes.Buffer) error {
	out := json.NewEncoder(to)
	out.SetEscapeHTML(false) // nobody puts it into a page as it is
	return out.Encode(d.Document(d.head()))
}

func (d Data) writeCSV(to *bytes.Buffer) error {
	t := d.sheet()
	return tabular.WriteCSV(to, t.Header, t.Rows, t.Kinds...)
}

// writeXLSX writes the table and, as a second sheet, its licence: a workbook loses its headers when it is passed on.
func (d Data) writeXLSX(to *bytes.Buffer) error {
	return tabular.WriteWorkbook(to, d.sheet(), "Lizenz", [][]string{
		{"Titel", d.Title}, {"Stand", d.AsOf}, {"Lizenz", Licence}, {"Lizenztext", LicenceURL},
	})
}

func (d Data) sheet() tabular.Sheet {
	t := tabular.Sheet{Name: d.Title}
	for _, c := range d.Columns {
		t.Header, t.Kinds = append(t.Header, c.Title), append(t.Kinds, c.Kind)
	}
	t.Rows = func(yield func([]string) bool) {
		row := make([]string, len(d.Columns)) // theirs stays theirs
		for cells := range d.Rows {
			for i, cell := range cells {
				row[i] = storable(cell)
			}
			if !yield(row) {
				return
			}
		}
	}
	return t
}

// maxCell is less than Excel's 32,767 characters, in bytes.
const maxCell = 32_000

// storable is a cell as every table can hold it: one odd text must not keep everybody from all the others.
func storable(cell string) string {
	if len(cell) > maxCell {
		cut := maxCell
		for cut > 0 && !utf8.RuneStart(cell[cut]) {
			cut--
		}
		cell = cell[:cut] + " …"
	}
	return strings.Map(func(r rune) rune {
		if r == '\uFFFE' || r == '\uFFFF' || r < ' ' && r != '\n' && r != '\t' || r >= 0x7F && r < 0xA0 {
			return -1
		}
		return r
	}, strings.ToValidUTF8(cell, "\uFFFD"))
}
