package tabular

import (
	"fmt"
	"strings"
)

// scanner splits CSV text into records without copying: a cell is a part of the text unless it holds a doubled quote.
type scanner struct {
	text  string
	pos   int
	line  int // of pos
	sep   byte
	opts  Options
	cells []string // of the record, reused
	ended bool     // the record ended with a line end, not with the file
	bare  bool     // a cell without quotes around it had one inside
}

func (s *scanner) atEnd() bool { return s.pos >= len(s.text) }

// record returns the next record's cells, valid until the next call, as many as are written, but no blank ones
// beyond the greatest number of columns.
func (s *scanner) record() ([]string, *Error) {
	s.cells, s.ended = s.cells[:0], false
	for {
		line := s.line
		cell, err := s.cell()
		if err != nil {
			return nil, err
		}
		if len(cell) > s.opts.MaxCell {
			return nil, s.fault(TooLarge, line, "Die Zelle hat mehr als %d Bytes.", "The cell has more than %d bytes.", s.opts.MaxCell)
		}
		if len(s.cells) < s.opts.MaxColumns {
			s.cells = append(s.cells, cell)
		} else if !isBlank(cell) {
			return nil, fail(TooLarge, line, "Die Zeile hat mehr als %d Spalten.", "The row has more than %d columns.", s.opts.MaxColumns)
		}
		if s.atEnd() {
			return s.cells, nil
		}
		if s.text[s.pos] != s.sep {
			s.newline()
			s.ended = true
			return s.cells, nil
		}
		s.pos++
	}
}

// cell reads up to a separator, a line end or the end of the text, and stays before it.
func (s *scanner) cell() (string, *Error) {
	if !s.atEnd() && s.text[s.pos] == '"' {
		cell, err := s.quoted()
		return restore(cell), err
	}
	start := s.pos
	for s.pos < len(s.text) {
		if c := s.text[s.pos]; c == s.sep || c == '\n' || c == '\r' {
			break
		}
		s.pos++
	}
	cell := s.text[start:s.pos]
	s.bare = s.bare || strings.IndexByte(cell, '"') >= 0
	return restore(cell), nil
}

// quoted reads a cell in quotes, in which separators and line ends are text and "" is one quote.
func (s *scanner) quoted() (string, *Error) {
	opened := s.line
	s.pos++
	start, doubled := s.pos, false
	for s.pos < len(s.text) {
		switch s.text[s.pos] {
		case '"':
			if s.pos+1 < len(s.text) && s.text[s.pos+1] == '"' {
				doubled = true
				s.pos += 2
				continue
			}
			cell := s.text[start:s.pos]
			s.pos++
			if doubled {
				cell = strings.ReplaceAll(cell, `""`, `"`)
			}
			return cell, s.afterQuote()
		case '\n', '\r':
			s.newline()
		default:
			s.pos++
		}
	}
	return "", s.fault(BadRow, opened, "Das Anführungszeichen wird bis zum Ende der Datei nicht geschlossen.",
		"The quote is not closed up to the end of the file.")
}

// afterQuote allows only blanks between the closing quote and the end of the cell.
func (s *scanner) afterQuote() *Error {
	for s.pos < len(s.text) {
		switch s.text[s.pos] {
		case s.sep, '\n', '\r':
			return nil
		case ' ':
			s.pos++
		default:
			return s.fault(BadRow, s.line, "Hinter dem schließenden Anführungszeichen steht noch Text.",
				"There is text behind the closing quote.")
		}
	}
	return nil
}

// newline steps over one line end, in any of its three spellings, if there is one.
func (s *scanner) newline() {
	if s.atEnd() {
		return
	}
	if s.text[s.pos] == '\r' && s.pos+1 < len(s.text) && s.text[s.pos+1] == '\n' {
		s.pos++
	}
	s.pos++
	s.line++
}

// fault names the cell that is being read by its number, counted from 1.
func (s *scanner) fault(reason Reason, line int, de, en string, args ...any) *Error {
	e := fail(reason, line, de, en, args...)
	e.Column = fmt.Sprint(len(s.cells) + 1)
	return e
}
