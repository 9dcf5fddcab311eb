package tabular

// shape collects records into a table and holds them to the header and the limits.
type shape struct {
	table Table
	opts  Options
	start int // line of the header when that is known; what stands above it is no part of the table
	cells int
	slab  []string // room for the cells of many rows, so that a row costs no allocation of its own
}

const slabCells = 4096

// add copies the next record; one without content is skipped.
func (s *shape) add(line int, cells []string) *Error {
	cells = trimEmpty(cells)
	if len(cells) == 0 {
		return nil
	}
	if s.table.Header == nil {
		if line < s.start {
			return nil
		}
		s.table.Line, s.table.Header = line, append([]string(nil), cells...)
		return nil
	}
	width := len(s.table.Header)
	if len(cells) > width {
		return fail(BadRow, line, "Die Zeile hat %d Zellen, die Kopfzeile aber nur %d.",
			"The row has %d cells, the header only %d.", len(cells), width)
	}
	if len(s.table.Rows) == s.opts.MaxRows {
		return fail(TooLarge, line, "Die Tabelle hat mehr als %d Zeilen.", "The table has more than %d rows.", s.opts.MaxRows)
	}
	if s.cells += width; s.cells > s.opts.MaxCells {
		return fail(TooLarge, line, "Die Tabelle hat mehr als %d Zellen.", "The table has more than %d cells.", s.opts.MaxCells)
	}
	if len(s.slab) < width {
		s.slab = make([]string, max(width, slabCells))
	}
	row := Row{Line: line, Cells: s.slab[:width:width]}
	s.slab = s.slab[width:]
	copy(row.Cells, cells)
	s.table.Rows = append(s.table.Rows, row)
	return nil
}

// done gives the table, or says that there is none.
func (s *shape) done() (*Table, *Error) {
	switch {
	case s.table.Header == nil:
		return nil, fail(Empty, 0, "Die Datei enthält keine Tabelle.", "The file holds no table.")
	case len(s.table.Rows) == 0:
		return nil, fail(Empty, 0, "Unter der Kopfzeile steht keine Zeile.", "There is no row below the header.")
	}
	return &s.table, nil
}

// trimEmpty drops the blank cells at the end: Excel writes them wherever something was once formatted.
func trimEmpty(cells []string) []string {
	for len(cells) > 0 && isBlank(cells[len(cells)-1]) {
		cells = cells[:len(cells)-1]
	}
	return cells
}
