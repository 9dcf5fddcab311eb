package tabular

import (
	"archive/zip"
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"path"
	"strings"

	"kompass.krz.de/services/platform/tabular/safexml"
)

// maxEntries: a workbook has a few dozen parts; each entry costs memory before the first is opened.
const maxEntries = 10_000

// maxDepth: worksheets nest six elements deep.
const maxDepth = 64

// workbook is an opened archive. It is read here rather than by excelize, because that skips what it cannot parse
// (a damaged sheet would be a shorter table) and hides which cells are numbers.
type workbook struct {
	opts    Options
	parts   map[string]*zip.File
	left    int64 // bytes that may still be unpacked
	sheets  []sheetRef
	strings []string
	formats []cellFormat // by the style index of a cell
	epoch   int          // serial number of 1899-12-30: 0, or -1462 in workbooks that count from 1904
}

// sheetRef is a sheet as the workbook lists it.
type sheetRef struct {
	name, id, part string
	hidden         bool
}

func readXLSX(data []byte, opts Options) (*Table, *Error) {
	w, err := openWorkbook(data, opts)
	if err != nil {
		return nil, err
	}
	for _, load := range []func() *Error{w.readSheetList, w.readRelations, w.readStrings, w.readStyles} {
		if err := load(); err != nil {
			return nil, err
		}
	}
	if opts.Accept != nil {
		return w.known()
	}
	for _, sheet := range w.sheets {
		out := shape{opts: opts, table: Table{Format: XLSX, Sheet: sheet.name, First: true}}
		if table, err := w.table(sheet, &out); table != nil || err != nil {
			return table, err
		}
	}
	return nil, emptyWorkbook()
}

func emptyWorkbook() *Error {
	return fail(Empty, 0, "Die Arbeitsmappe enthält keine Tabelle.", "The workbook holds no table.")
}

// table reads one sheet; nil when it is empty. Where there are several sheets, errors say which is meant.
func (w *workbook) table(sheet sheetRef, out *shape) (*Table, *Error) {
	err := w.readSheet(sheet, out.add)
	if err == nil && out.table.Header == nil {
		return nil, nil
	}
	var table *Table
	if err == nil {
		table, err = out.done()
	}
	if err != nil && len(w.sheets) > 1 {
		return nil, err.inSheet(sheet.name)
	}
	return table, err
}

// known reads the first sheet with a header that the caller knows. One of a single column counts only where no sheet has
// a wider one: a list of contents reads like it.
func (w *workbook) known() (*Table, *Error) {
	found := make([]*headerSearch, len(w.sheets))
	best, filled := -1, -1
	for i, sheet := range w.sheets {
		var err *Error
		if found[i], err = w.header(sheet); err != nil {
			return nil, err.inSheet(sheet.name)
		}
		if found[i].line > 0 && (best < 0 || found[best].cells == 1 && found[i].cells > 1) {
			best = i
		}
		if filled < 0 && found[i].first > 0 {
			filled = i
		}
	}
	switch {
	case filled < 0:
		return nil, emptyWorkbook()
	case best < 0 && len(w.sheets) > 1:
		return nil, found[filled].unknown().inSheet(w.sheets[filled].name)
	case best < 0:
		return nil, found[filled].unknown()
	}
	out := shape{opts: w.opts, start: found[best].line}
	out.table = Table{Format: XLSX, Sheet: w.sheets[best].name, First: best == filled && found[best].line == found[best].first}
	for i, sheet := range w.sheets {
		if i != best && found[i].cells > 1 {
			out.table.Unread = append(out.table.Unread, sheet.name)
		}
	}
	return w.table(w.sheets[best], &out)
}

// header looks for the header of a sheet and reads no more than that takes.
func (w *workbook) header(sheet sheetRef) (*headerSearch, *Error) {
	found := &headerSearch{accept: w.opts.Accept}
	enough := &Error{}
	err := w.readSheet(sheet, func(line int, cells []string) *Error {
		if found.next(line, cells) {
			return nil
		}
		return enough
	})
	if err == enough {
		err = nil
	}
	return found, err
}

// openWorkbook checks what the archive declares before anything is unpacked.
func openWorkbook(data []byte, opts Options) (*workbook, *Error) {
	if bytes.Count(data, []byte("PK\x01\x02")) > maxEntries {
		return nil, fail(Unsafe, 0, "Das Archiv hat mehr als %d Einträge.", "The archive has more than %d entries.", maxEntries)
	}
	archive, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return nil, fail(Truncated, 0, "Die Excel-Datei ist unvollständig oder beschädigt.", "The Excel file is incomplete or damaged.")
	}
	w := &workbook{opts: opts, parts: make(map[string]*zip.File, len(archive.File)), left: opts.MaxUncompressed}
	var declared uint64
	for _, f := range archive.File {
		name := strings.ToLower(strings.TrimPrefix(strings.ReplaceAll(f.Name, `\`, "/"), "/"))
		if _, twice := w.parts[name]; twice {
			return nil, fail(Unsafe, 0, "Das Archiv enthält „%s“ zweimal.", "The archive holds %q twice.", name)
		}
		w.parts[name] = f
		declared += min(f.UncompressedSize64, 1<<50)
		if declared > uint64(opts.MaxUncompressed) {
			return nil, w.bomb()
		}
	}
	if w.parts["xl/workbook.xml"] == nil {
		return nil, fail(NotATable, 0, "Das Archiv ist keine Excel-Arbeitsmappe (.xlsx).", "The archive is no Excel workbook (.xlsx).")
	}
	return w, nil
}

func (w *workbook) bomb() *Error {
	return fail(Unsafe, 0, "Die Datei wäre entpackt größer als %d Bytes.", "Unpacked, the file would exceed %d bytes.", w.opts.MaxUncompressed)
}

// meter counts everything unpacked, whatever the archive declared.
type meter struct {
	in   io.Reader
	left *int64
}

var errBomb = errors.New("more is unpacked than allowed")

func (m meter) Read(p []byte) (int, error) {
	n, err := m.in.Read(p)
	if *m.left -= int64(n); *m.left < 0 {
		return 0, errBomb
	}
	return n, err
}

// walk calls visit for every element of a part; visit may consume the element. A part that is missing is no error.
func (w *workbook) walk(name string, visit func(*safexml.Decoder, xml.StartElement) error) *Error {
	f := w.parts[strings.ToLower(name)]
	if f == nil {
		return nil
	}
	in, err := f.Open()
	if err != nil {
		return w.explain(name, err)
	}
	defer in.Close()
	limits := safexml.Limits{Bytes: w.opts.MaxUncompressed, Token: w.opts.MaxCell, Depth: maxDepth}
	d := safexml.New(meter{in, &w.left}, limits)
	for {
		tok, err := d.Token()
		if err == io.EOF { //nolint:errorlint // Token gives it bare, as .golangci.yml says; err is assigned again below
			return nil
		}
		if start, ok := tok.(xml.StartElement); ok && err == nil {
			err = visit(d, start)
		}
		if err != nil {
			return w.explain(name, err)
		}
	}
}

// explain turns what unpacking or parsing a part said into the reason a person can act on.
func (w *workbook) explain(part string, err error) *Error {
	var own *Error
	switch {
	case errors.As(err, &own):
		return own
	case errors.Is(err, errBomb):
		return w.bomb()
	case errors.Is(err, safexml.ErrUnsafe):
		return fail(Unsafe, 0, "Der Teil %s enthält eine DOCTYPE- oder Entity-Deklaration.", "The part %s holds a DOCTYPE or entity declaration.", part)
	case errors.Is(err, safexml.ErrTooLarge):
		return fail(TooLarge, 0, "Der Teil %s enthält zu lange Zellen oder zu tiefe Schachtelung.", "The part %s holds too long cells or too deep nesting.", part)
	case errors.Is(err, safexml.ErrEncoding):
		return fail(BadEncoding, 0, "Der Teil %s ist nicht in UTF-8.", "The part %s is not in UTF-8.", part)
	case errors.Is(err, safexml.ErrTruncated), errors.Is(err, safexml.ErrRead),
		errors.Is(err, zip.ErrFormat), errors.Is(err, zip.ErrChecksum), errors.Is(err, io.ErrUnexpectedEOF):
		return fail(Truncated, 0, "Der Teil %s der Excel-Datei ist unvollständig oder beschädigt.", "The part %s of the Excel file is incomplete or damaged.", part)
	}
	return fail(NotATable, 0, "Der Teil %s der Excel-Datei ist nicht lesbar.", "The part %s of the Excel file is not readable.", part)
}

func (w *workbook) readSheetList() *Error {
	err := w.walk("xl/workbook.xml", func(_ *safexml.Decoder, e xml.StartElement) error {
		switch e.Name.Local {
		case "workbookPr":
			if isTrue(attr(e, "date1904")) {
				w.epoch = -1462
			}
		case "sheet":
			state := attr(e, "state")
			w.sheets = append(w.sheets, sheetRef{name: attr(e, "name"), id: relationID(e), hidden: state != "" && state != "visible"})
		}
		return nil
	})
	if err == nil && len(w.sheets) == 0 {
		return fail(NotATable, 0, "Die Arbeitsmappe hat kein Blatt.", "The workbook has no sheet.")
	}
	return err
}

// readRelations finds the parts of the visible sheets; chart sheets and hidden ones are left out.
func (w *workbook) readRelations() *Error {
	target := map[string]string{}
	err := w.walk("xl/_rels/workbook.xml.rels", func(_ *safexml.Decoder, e xml.StartElement) error {
		if e.Name.Local == "Relationship" && strings.HasSuffix(attr(e, "Type"), "/worksheet") {
			target[attr(e, "Id")] = attr(e, "Target")
		}
		return nil
	})
	if err != nil {
		return err
	}
	var visible []sheetRef
	for _, s := range w.sheets {
		to, ok := target[s.id]
		if !ok || s.hidden {
			continue
		}
		if s.part = path.Join("xl", to); strings.HasPrefix(to, "/") {
			s.part = strings.TrimPrefix(to, "/")
		}
		if w.parts[strings.ToLower(s.part)] == nil {
			return fail(Truncated, 0, "Das Blatt „%s“ fehlt in der Excel-Datei.", "The sheet %q is missing in the Excel file.", s.name)
		}
		visible = append(visible, s)
	}
	w.sheets = visible
	return nil
}

func attr(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name && a.Name.Space == "" {
			return a.Value
		}
	}
	return ""
}

// relationID is the attribute r:id, in the namespace of either flavour of the format.
func relationID(e xml.StartElement) string {
	for _, a := range e.Attr {
		if a.Name.Local == "id" && strings.HasSuffix(a.Name.Space, "/relationships") {
			return a.Value
		}
	}
	return ""
}

func isTrue(s string) bool { return s == "1" || s == "true" }
