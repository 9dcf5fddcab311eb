package tabular

import "strings"

// separators are the candidates, the likelier in German files first: that decides a tie.
var separators = []byte{';', '\t', ',', '|'}

// excelBlock: Excel drops the separators of empty columns at the end of a row, for 16 rows at a time.
const excelBlock = 16

func readCSV(data []byte, opts Options) (*Table, *Error) {
	text, encoding, err := decode(data)
	if err != nil {
		return nil, err
	}
	if strings.Trim(text, ";,|\t\r\n ") == "" {
		return (&shape{}).done()
	}
	s := scanner{text: text, line: 1, opts: opts}
	if sep, length, ok := declaredSeparator(text); ok {
		s.sep, s.pos = sep, length
		s.newline()
	} else {
		s.sep = detectSeparator(s)
	}
	out := shape{opts: opts, table: Table{Format: CSV, Encoding: encoding, Separator: rune(s.sep), First: true}}
	if opts.Accept != nil {
		found, err := s.header()
		if err != nil {
			return nil, err
		}
		if found.line == 0 {
			return nil, found.unknown()
		}
		out.start, out.table.First = found.line, found.line == found.first
	}
	if err := s.all(&out); err != nil {
		return nil, err
	}
	return out.done()
}

// header looks for the header from here on; the scanner itself stays where it is.
func (s scanner) header() (*headerSearch, *Error) {
	s.cells = nil
	found := &headerSearch{accept: s.opts.Accept}
	for !s.atEnd() {
		line := s.line
		cells, err := s.record()
		if err != nil {
			return found, err
		}
		if !found.next(line, cells) {
			break
		}
	}
	return found, nil
}

// all moves every record into out.
func (s *scanner) all(out *shape) *Error {
	var short shortRows
	for !s.atEnd() {
		line := s.line
		cells, err := s.record()
		if err != nil {
			return err
		}
		if err := out.add(line, cells); err != nil {
			return err
		}
		if len(trimEmpty(cells)) == 0 {
			continue
		}
		if out.table.Header == nil {
			short.records++
			continue
		}
		if err := short.next(line, len(cells), len(out.table.Header), s.ended); err != nil {
			return err
		}
	}
	return short.finish()
}

// declaredSeparator reads the line "sep=;" that Excel writes and obeys; length counts its bytes without the line end.
func declaredSeparator(text string) (sep byte, length int, ok bool) {
	const word = "sep="
	n := len(word) + 1
	if len(text) < n || !strings.EqualFold(text[:n-1], word) || strings.IndexByte(string(separators), text[n-1]) < 0 {
		return 0, 0, false
	}
	if n < len(text) && text[n] != '\r' && text[n] != '\n' {
		return 0, 0, false
	}
	return text[n-1], n, true
}

// detectSeparator takes the candidate under which the header has several cells and most of the first records agree with it.
func detectSeparator(s scanner) byte {
	// Limits are for the separator that is chosen in the end.
	s.opts = Options{MaxColumns: len(s.text), MaxCell: len(s.text), Accept: s.opts.Accept}
	best, bestScore := separators[0], -1
	for _, sep := range separators {
		s.sep = sep
		if score := s.score(); score > bestScore {
			best, bestScore = sep, score
		}
	}
	return best
}

// score is how likely the scanner's separator is that of the file.
func (s scanner) score() int {
	if s.opts.Accept == nil {
		return agreement(s, 0)
	}
	found, _ := s.header() // what a wrong separator breaks is no fault of the file
	if found.line == 0 {
		return agreement(s, found.wide)
	}
	return knownHeader*min(found.cells, 1000) + agreement(s, found.line)
}

// knownHeader outweighs every agreement: a separator under which the header is known is the right one.
const knownHeader = 10_000

// agreement scores a separator from a line on: several columns beat one, then the share of records counts that have as many cells as
// the header and no quote in the middle of a cell. The number of columns does not count: texts are full of commas.
func agreement(s scanner, from int) int {
	const sampleRecords, sampleBytes = 50, 1 << 20
	width, agree, total := 0, 0, 0
	for total < sampleRecords && s.pos < min(len(s.text), sampleBytes) {
		s.bare = false
		line := s.line
		cells, err := s.record()
		if err != nil {
			total++
			break
		}
		n := len(cells)
		if line < from || len(trimEmpty(cells)) == 0 {
			continue
		}
		if width == 0 {
			width = n
		}
		total++
		if n == width && !s.bare {
			agree++
		}
	}
	if total == 0 {
		return 0
	}
	score := agree * 1000 / total
	if width > 1 {
		score += 1001
	}
	return score
}

// shortRows decides whether rows with fewer cells than the header are what Excel writes (a whole block, or the last one
// of the file) or damage (a single row, or a file cut off).
type shortRows struct {
	records int // seen, the header included
	run     int // equally short ones in a row
	cells   int // of each of them
	line    int // of the first of them
	start   int // its record number
	width   int
}

func (r *shortRows) next(line, cells, width int, ended bool) *Error {
	r.records++
	if cells < width && !ended {
		return fail(Truncated, line, "Die Datei bricht in dieser Zeile ab: %d von %d Zellen.",
			"The file breaks off in this row: %d of %d cells.", cells, width)
	}
	if cells < width && r.run > 0 && cells == r.cells {
		r.run++
		return nil
	}
	if r.run > 0 && r.run < excelBlock {
		return r.fault()
	}
	r.run = 0
	if cells < width {
		*r = shortRows{records: r.records, run: 1, cells: cells, line: line, start: r.records, width: width}
	}
	return nil
}

// finish judges the rows at the end of the file.
func (r *shortRows) finish() *Error {
	if r.run > 0 && r.run < excelBlock && r.start <= excelBlock {
		return r.fault()
	}
	return nil
}

func (r *shortRows) fault() *Error {
	return fail(BadRow, r.line, "Die Zeile hat nur %d Zellen, die Kopfzeile aber %d.",
		"The row has only %d cells, the header has %d.", r.cells, r.width)
}
