package tabular

import (
	"fmt"
	"strings"
)

// headerRows is how many records are looked at for the header: titles, dates and notes stand above it.
const headerRows = 10

// headerSearch looks for the header among the first records. The widest that is known wins, because a title such as
// "Themenfelder" may read like the header of a table with one column.
type headerSearch struct {
	accept func([]string) bool
	seen   int
	first  int // line of the first record; 0 when there is none
	line   int // of the header; 0 when no record is known
	cells  int // of the header that have a name
	wide   int // line of the widest record
	widest []string
}

// next looks at one record and tells whether to go on.
func (h *headerSearch) next(line int, cells []string) bool {
	cells = trimEmpty(cells)
	if len(cells) == 0 {
		return true
	}
	if h.seen++; h.first == 0 {
		h.first = line
	}
	named := 0
	for _, c := range cells {
		if !isBlank(c) {
			named++
		}
	}
	if len(cells) > len(h.widest) {
		h.wide, h.widest = line, append([]string(nil), cells...)
	}
	if named > h.cells && h.accept(cells) {
		h.line, h.cells = line, named
	}
	return h.seen < headerRows
}

// unknown says that none of the records is a header, and what the widest of them holds.
func (h *headerSearch) unknown() *Error {
	const most, longest = 20, 40
	var names []string
	for _, name := range h.widest {
		if name = CleanText(name); name == "" {
			continue
		}
		if len(names) == most {
			names = append(names, "…")
			break
		}
		if r := []rune(name); len(r) > longest {
			name = string(r[:longest]) + "…"
		}
		names = append(names, "„"+name+"“")
	}
	list := strings.Join(names, ", ")
	return fail(UnknownHeader, 0, "Die Kopfzeile ist unbekannt; gefunden: %s.", "The header is unknown; found: %s.", list)
}

// inSheet says in which sheet of several the error is.
func (e *Error) inSheet(name string) *Error {
	e.Message, e.English = fmt.Sprintf("Blatt „%s“: %s", name, e.Message), fmt.Sprintf("sheet %s: %s", name, e.English)
	return e
}
