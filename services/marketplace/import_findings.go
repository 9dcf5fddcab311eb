package marketplace

import (
	"cmp"
	"maps"
	"slices"
	"strconv"

	"google.golang.org/protobuf/proto"

	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	"kompass.krz.de/services/platform/fault"
)

const (
	mostIssues     = 1000 // that a report spells out
	mostIssueValue = 200  // characters of a cell that an issue repeats
)

// findings collect what an import has to say.
type findings struct {
	report *commonv1.ImportReport
	bad    map[int]bool // lines with errors
}

func newFindings(format commonv1.FileFormat) *findings {
	return &findings{&commonv1.ImportReport{Table: commonv1.ImportReport_TABLE_OFFERS, Format: format}, map[int]bool{}}
}

// clone is a copy to go on from, so that one reading can be planned several times.
func (f *findings) clone() *findings { return &findings{proto.CloneOf(f.report), maps.Clone(f.bad)} }

// spot is where in a file something was found.
type spot struct {
	line          int
	column, value string
}

func (f *findings) info(s spot, reason, de, en string) {
	f.add(commonv1.ImportIssue_SEVERITY_INFO, s, reason, de, en)
}

func (f *findings) warn(s spot, reason, de, en string) {
	f.add(commonv1.ImportIssue_SEVERITY_WARNING, s, reason, de, en)
}

func (f *findings) fail(s spot, reason, de, en string) {
	f.bad[s.line] = true
	f.add(commonv1.ImportIssue_SEVERITY_ERROR, s, reason, de, en)
}

// add keeps the first issues; an error pushes out the last harmless one, because it is what has to be read.
func (f *findings) add(severity commonv1.ImportIssue_Severity, s spot, reason, de, en string) {
	f.report.IssueCount++
	issue := &commonv1.ImportIssue{
		Severity: severity, Line: int32(s.line), Column: shortened(s.column), Value: shortened(s.value), // lines are bounded by the file
		Reason: reason, MessageDe: de, MessageEn: en,
	}
	if len(f.report.GetIssues()) < mostIssues {
		f.report.Issues = append(f.report.Issues, issue)
		return
	}
	if severity != commonv1.ImportIssue_SEVERITY_ERROR {
		return
	}
	for i, kept := range slices.Backward(f.report.GetIssues()) {
		if kept.GetSeverity() != commonv1.ImportIssue_SEVERITY_ERROR {
			f.report.Issues = append(slices.Delete(f.report.Issues, i, i+1), issue)
			return
		}
	}
}

// sort puts the issues in the order of the file.
func (f *findings) sort() {
	slices.SortStableFunc(f.report.GetIssues(), func(a, b *commonv1.ImportIssue) int { return cmp.Compare(a.GetLine(), b.GetLine()) })
}

// refusal is the fault of an import with bad entries; nil without them.
func (f *findings) refusal() error {
	if len(f.bad) == 0 {
		return nil
	}
	f.report.Added, f.report.Changed, f.report.Unchanged = 0, 0, 0
	return fault.New(fault.ImportBadRows, "count", strconv.Itoa(len(f.bad))).Detail(f.report)
}

func shortened(s string) string {
	if len(s) <= mostIssueValue {
		return s
	}
	if r := []rune(s); len(r) > mostIssueValue {
		return string(r[:mostIssueValue-1]) + "…"
	}
	return s
}
