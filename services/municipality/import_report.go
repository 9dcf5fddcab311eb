package municipality

import (
	"maps"
	"strconv"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	"kompass.krz.de/services/platform/fault"
)

const (
	// maxIssues is how many issues a report spells out.
	maxIssues = 1000
	// maxIssueValue is how many characters of a cell an issue repeats.
	maxIssueValue = 200
)

// findings collect what an import has to say.
type findings struct {
	report *commonv1.ImportReport
	bad    map[int]bool // lines with errors
}

func newFindings(table commonv1.ImportReport_Table, format commonv1.FileFormat) *findings {
	return &findings{&commonv1.ImportReport{Table: table, Format: format}, map[int]bool{}}
}

// clone is a copy to go on from, so that one reading can be planned several times.
func (f *findings) clone() *findings {
	return &findings{proto.CloneOf(f.report), maps.Clone(f.bad)}
}

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
		Severity: severity, Line: int32(s.line), Column: s.column, Value: cut(s.value),
		Reason: reason, MessageDe: de, MessageEn: en,
	}
	if len(f.report.GetIssues()) < maxIssues {
		f.report.Issues = append(f.report.Issues, issue)
		return
	}
	if severity != commonv1.ImportIssue_SEVERITY_ERROR {
		return
	}
	for i := maxIssues - 1; i >= 0; i-- {
		if f.report.GetIssues()[i].GetSeverity() != commonv1.ImportIssue_SEVERITY_ERROR {
			f.report.Issues = append(append(f.report.Issues[:i:i], f.report.Issues[i+1:]...), issue)
			return
		}
	}
}

// refusal is the fault of an import with bad rows; nil without them.
func (f *findings) refusal() error {
	if len(f.bad) == 0 {
		return nil
	}
	return fault.New(fault.ImportBadRows, "count", strconv.Itoa(len(f.bad))).Detail(f.report)
}

func cut(s string) string {
	if utf8.RuneCountInString(s) <= maxIssueValue {
		return s
	}
	return string([]rune(s)[:maxIssueValue])
}
