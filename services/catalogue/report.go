package catalogue

import (
	"cmp"
	"slices"
	"unicode/utf8"

	commonv1 "kompass.krz.de/proto/kompass/common/v1"
)

const (
	// mostIssues is how many issues a report lists; its count goes on.
	mostIssues = 1000
	// mostValue bounds the value that an issue quotes, in characters.
	mostValue = 200
)

type severity = commonv1.ImportIssue_Severity

const (
	info    = commonv1.ImportIssue_SEVERITY_INFO
	warning = commonv1.ImportIssue_SEVERITY_WARNING
	failure = commonv1.ImportIssue_SEVERITY_ERROR
)

// place is where an issue stands in the file.
type place struct {
	line   int
	column string
	value  string
}

// issues collects what an import finds. Of each severity it keeps as many as a report can list, so that a thousand
// warnings never hide an error.
type issues struct {
	kept  map[severity][]*commonv1.ImportIssue
	count int
	bad   int // of them errors
}

func (s *issues) add(how severity, at place, reason, de, en string) {
	s.count++
	if how == failure {
		s.bad++
	}
	if s.kept == nil {
		s.kept = map[severity][]*commonv1.ImportIssue{}
	}
	if len(s.kept[how]) < mostIssues {
		s.kept[how] = append(s.kept[how], &commonv1.ImportIssue{
			Severity: how, Line: int32(at.line), Column: shortened(at.column), Value: shortened(at.value), // at most 512 MiB of lines
			Reason: reason, MessageDe: de, MessageEn: en,
		})
	}
}

// find adds a finding about a cell: an error, a warning when the value was taken after a repair, or a note.
func (s *issues) find(at place, f finding) {
	switch {
	case f.none():
	case f.note:
		s.add(info, at, f.reason, f.de, f.en)
	case f.repair:
		s.add(warning, at, f.reason, f.de, f.en)
	default:
		s.add(failure, at, f.reason, f.de, f.en)
	}
}

// clone is a copy to which a decision may add what it finds out; the original serves the next attempt.
func (s *issues) clone() *issues {
	c := &issues{kept: map[severity][]*commonv1.ImportIssue{}, count: s.count, bad: s.bad}
	for how, list := range s.kept {
		c.kept[how] = slices.Clip(list)
	}
	return c
}

// list is the worst issues, as many as a report may have, in the order of their lines.
func (s *issues) list() []*commonv1.ImportIssue {
	var all []*commonv1.ImportIssue
	for _, how := range []severity{failure, warning, info} {
		kept := s.kept[how]
		all = append(all, kept[:min(len(kept), mostIssues-len(all))]...)
	}
	slices.SortStableFunc(all, func(a, b *commonv1.ImportIssue) int { return cmp.Compare(a.Line, b.Line) })
	return all
}

// shortened cuts a text after 200 characters, at valid UTF-8.
func shortened(s string) string {
	if len(s) <= mostValue {
		return s
	}
	n := 0
	for i := range s {
		if n == mostValue {
			return s[:i] + "…"
		}
		n++
	}
	if utf8.ValidString(s) {
		return s
	}
	return string([]rune(s))
}
