// Package importreport keeps the books of an import: what was found in which row of a file, and the report that comes of it.
// It must never know what a file is about: services say what they find, and what became of it.
package importreport

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/tabular"
)

const (
	// MostIssues is how many issues a report spells out; its count goes on.
	MostIssues = 1000
	// mostText is how many characters of a cell an issue repeats, as the contract has it.
	mostText = 200
)

const (
	info    = commonv1.ImportIssue_SEVERITY_INFO
	warning = commonv1.ImportIssue_SEVERITY_WARNING
	failure = commonv1.ImportIssue_SEVERITY_ERROR
)

// Spot is where in a file something was found. The zero value is the file as a whole.
type Spot struct {
	// Line counts from 1, which is the header of a table.
	Line int
	// Column is as the file spells it; empty for the row as a whole.
	Column string
	// Value is as the file has it.
	Value string
}

// At is the spot of a cell.
func At(line int, column, value string) Spot { return Spot{line, column, value} }

// Findings collect what an import has to say about a file.
type Findings struct {
	// Report has the figures, which the owner of the findings counts. Finish puts the issues in.
	Report *commonv1.ImportReport

	// Of each severity there are as many as a report may have, so that a thousand warnings never hide an error.
	kept [failure + 1][]*commonv1.ImportIssue
	bad  map[int]bool // lines with errors
}

// New begins the report of a file.
func New(kind commonv1.ImportReport_Table, format commonv1.FileFormat) *Findings {
	return &Findings{Report: &commonv1.ImportReport{Table: kind, Format: format}, bad: map[int]bool{}}
}

// OfTable begins the report of a table of which some columns are read.
func OfTable(kind commonv1.ImportReport_Table, table *tabular.Table, columns tabular.Columns) *Findings {
	f := New(kind, commonv1.FileFormat_FILE_FORMAT_CSV)
	if table.Format == tabular.XLSX {
		f.Report.Format = commonv1.FileFormat_FILE_FORMAT_XLSX
	}
	f.Report.Rows, f.Report.IgnoredColumns = int32(len(table.Rows)), columns.Ignored() // bounded by the file
	if f.Report.Encoding = table.Encoding; table.Encoding == "UTF-8-BOM" {
		f.Report.Encoding = "UTF-8 with BOM" // as the contract spells it
	}
	if table.Separator != 0 {
		f.Report.Separator = string(table.Separator)
	}
	return f
}

// Clone is a copy to go on from, so that one reading can be planned several times.
func (f *Findings) Clone() *Findings {
	c := &Findings{Report: proto.CloneOf(f.Report), bad: maps.Clone(f.bad)}
	for severity, kept := range f.kept {
		c.kept[severity] = slices.Clip(kept) // an issue does not change once it is kept
	}
	return c
}

// Info notes what was taken as it is and is worth knowing; reason is machine-readable ("URL_COMPLETED"), de and en are
// sentences.
func (f *Findings) Info(at Spot, reason, de, en string) { f.add(info, at, reason, de, en) }

// Warn notes what was taken after a repair or with a gap.
func (f *Findings) Warn(at Spot, reason, de, en string) { f.add(warning, at, reason, de, en) }

// Fail notes what cannot be taken: the import as a whole is refused.
func (f *Findings) Fail(at Spot, reason, de, en string) {
	f.bad[at.Line] = true
	f.add(failure, at, reason, de, en)
}

func (f *Findings) add(severity commonv1.ImportIssue_Severity, at Spot, reason, de, en string) {
	f.Report.IssueCount++
	if len(f.kept[severity]) < MostIssues {
		f.kept[severity] = append(f.kept[severity], &commonv1.ImportIssue{
			Severity: severity, Line: int32(at.Line), Column: Shortened(at.Column), Value: Shortened(at.Value), // lines are bounded by the file
			Reason: reason, MessageDe: de, MessageEn: en,
		})
	}
}

// BadLines is how many lines have errors; the file as a whole counts as one.
func (f *Findings) BadLines() int { return len(f.bad) }

// Finish is the report with its issues: the worst ones, as many as it may have, in the order of their lines, and in one
// line the worst first.
func (f *Findings) Finish() *commonv1.ImportReport {
	var issues []*commonv1.ImportIssue
	for _, kept := range slices.Backward(f.kept[:]) {
		issues = append(issues, kept[:min(len(kept), MostIssues-len(issues))]...)
	}
	slices.SortStableFunc(issues, func(a, b *commonv1.ImportIssue) int { return cmp.Compare(a.GetLine(), b.GetLine()) })
	f.Report.Issues = issues
	return f.Report
}

// Refusal is the fault of an import with errors, fault.ImportBadRows, with the report, which then says that nothing is taken;
// nil without errors.
func (f *Findings) Refusal() error {
	if len(f.bad) == 0 {
		return nil
	}
	return fault.New(fault.ImportBadRows, "count", strconv.Itoa(len(f.bad))).Detail(f.answer())
}

// Preview is the report of an import that only asks; with errors it says, like the refusal, that nothing is taken.
func (f *Findings) Preview() *commonv1.ImportReport {
	preview := f.answer()
	preview.ValidateOnly = true
	return preview
}

// answer is a copy of the report, without figures when the import is refused.
func (f *Findings) answer() *commonv1.ImportReport {
	report := proto.CloneOf(f.Finish())
	if len(f.bad) > 0 {
		report.Added, report.Changed, report.Withdrawn, report.Unchanged = 0, 0, 0, 0
	}
	return report
}

// Shortened is a text as an issue repeats it: valid UTF-8, with "…" for what follows after 200 characters.
func Shortened(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	n := 0
	for i := range s {
		if n == mostText {
			return s[:i] + "…"
		}
		n++
	}
	return s
}
