package main

import (
	"strings"
	"testing"

	commonv1 "kompass.krz.de/proto/kompass/common/v1"
)

// TestReportsCountInWords: one row and one finding are singular.
func TestReportsCountInWords(t *testing.T) {
	t.Parallel()
	for n, want := range map[int32][2]string{0: {"0 rows: ", ""}, 1: {"1 row: ", ", 1 finding"}, 2: {"2 rows: ", ", 2 findings"}} {
		var b strings.Builder
		printReport(&b, "x.csv", &commonv1.ImportReport{Rows: n, IssueCount: n}, true)
		if got := b.String(); !strings.Contains(got, want[0]) || !strings.HasSuffix(got, want[1]+"\n") {
			t.Errorf("%d: %q", n, got)
		}
	}
}

// TestReportsSayThatARequestWasRepeated: its figures are those of the first time.
func TestReportsSayThatARequestWasRepeated(t *testing.T) {
	t.Parallel()
	for _, repeated := range []bool{false, true} {
		var b strings.Builder
		printReport(&b, "x.csv", &commonv1.ImportReport{Rows: 3, Added: 3, Revision: 7, Repeated: repeated}, true)
		if got := b.String(); strings.Contains(got, "(repeated request)") != repeated || !strings.Contains(got, "3 added") {
			t.Errorf("repeated %v: %q", repeated, got)
		}
	}
}
