package importreport

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/tabular"
)

func sample() *Findings {
	return New(commonv1.ImportReport_TABLE_OFFERS, commonv1.FileFormat_FILE_FORMAT_XZUFI)
}

// told are the issues of a report in short: "3 ERROR BAD_KEY".
func told(r *commonv1.ImportReport) (all []string) {
	for _, i := range r.GetIssues() {
		all = append(all, fmt.Sprint(i.GetLine(), " ", strings.TrimPrefix(i.GetSeverity().String(), "SEVERITY_"), " ", i.GetReason()))
	}
	return all
}

// TestOrder: issues come by line, in one line the worst first, else as they were found.
func TestOrder(t *testing.T) {
	t.Parallel()
	f := sample()
	f.Warn(Spot{Line: 3}, "A", "", "")
	f.Info(Spot{Line: 2}, "B", "", "")
	f.Fail(Spot{Line: 3, Column: "url", Value: "x"}, "C", "Falsch.", "Wrong.")
	f.Fail(Spot{Line: 3}, "D", "", "")
	f.Info(Spot{}, "E", "", "")
	r := f.Finish()
	if want := []string{"0 INFO E", "2 INFO B", "3 ERROR C", "3 ERROR D", "3 WARNING A"}; !slices.Equal(told(r), want) || r.GetIssueCount() != 5 {
		t.Errorf("%v, %d, want %v", told(r), r.GetIssueCount(), want)
	}
	want := &commonv1.ImportIssue{
		Severity: commonv1.ImportIssue_SEVERITY_ERROR, Line: 3, Column: "url", Value: "x", Reason: "C", MessageDe: "Falsch.", MessageEn: "Wrong.",
	}
	if got := r.GetIssues()[2]; !proto.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if again := f.Finish(); len(again.GetIssues()) != 5 {
		t.Errorf("finished again: %v", again)
	}
}

// TestBounds: errors push out warnings, warnings push out notes; the count goes on.
func TestBounds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		infos, warnings, errors int
		want                    [3]int
	}{
		{infos: 1200, want: [3]int{1000, 0, 0}},
		{infos: 1200, warnings: 300, errors: 2, want: [3]int{698, 300, 2}},
		{infos: 5, warnings: 1500, errors: 2, want: [3]int{0, 998, 2}},
		{infos: 5, warnings: 5, errors: 1500, want: [3]int{0, 0, 1000}},
		{infos: 1, warnings: 1, errors: 1, want: [3]int{1, 1, 1}},
	} {
		f := sample()
		for line := range c.infos {
			f.Info(Spot{Line: line}, "I", "", "")
		}
		for line := range c.warnings {
			f.Warn(Spot{Line: line}, "W", "", "")
		}
		for line := range c.errors {
			f.Fail(Spot{Line: line}, "E", "", "")
		}
		r := f.Finish()
		var got [3]int
		for _, i := range r.GetIssues() {
			got[i.GetSeverity()-1]++
		}
		if got != c.want || int(r.GetIssueCount()) != c.infos+c.warnings+c.errors || f.BadLines() != c.errors {
			t.Errorf("%+v: kept %v of %d, %d lines are bad", c, got, r.GetIssueCount(), f.BadLines())
		}
	}
}

// TestClone: two plans go on from one reading, and none of them sees the other or changes the reading.
func TestClone(t *testing.T) {
	t.Parallel()
	read := sample()
	for line := range 3 {
		read.Warn(Spot{Line: line}, "READ", "", "")
	}
	one, two := read.Clone(), read.Clone()
	one.Fail(Spot{Line: 7}, "ONE", "", "")
	one.Warn(Spot{Line: 8}, "ONE", "", "")
	two.Warn(Spot{Line: 9}, "TWO", "", "")
	one.Report.Added = 4
	if got := told(one.Finish())[3:]; !slices.Equal(got, []string{"7 ERROR ONE", "8 WARNING ONE"}) {
		t.Errorf("one: %v", got)
	}
	if got := told(two.Finish())[3:]; !slices.Equal(got, []string{"9 WARNING TWO"}) || two.BadLines() != 0 || two.Report.GetAdded() != 0 {
		t.Errorf("two: %v", got)
	}
	if r := read.Finish(); r.GetIssueCount() != 3 || len(r.GetIssues()) != 3 || read.Refusal() != nil {
		t.Errorf("read: %v", r)
	}
}

// TestRefusal counts lines, not errors, and says that nothing is taken.
func TestRefusal(t *testing.T) {
	t.Parallel()
	f := sample()
	f.Report.Rows, f.Report.Added, f.Report.Changed, f.Report.Withdrawn, f.Report.Unchanged = 9, 1, 2, 3, 4
	f.Warn(Spot{Line: 2}, "W", "", "")
	if err := f.Refusal(); err != nil || f.Report.GetAdded() != 1 {
		t.Fatalf("refused for a warning: %v", err)
	}
	f.Fail(Spot{Line: 3}, "A", "", "")
	f.Fail(Spot{Line: 3}, "B", "", "")
	f.Fail(Spot{Line: 5}, "C", "", "")
	var refused *fault.Error
	if err := f.Refusal(); !errors.As(err, &refused) || refused.Reason() != fault.ImportBadRows {
		t.Fatalf("got %v", err)
	}
	if de, _ := refused.Texts(); !strings.Contains(de, "Zeilen: 2") {
		t.Errorf("%q", de)
	}
	for _, d := range refused.GRPCStatus().Details() {
		if r, ok := d.(*commonv1.ImportReport); ok {
			if len(r.GetIssues()) != 4 || r.GetRows() != 9 || r.GetAdded()+r.GetChanged()+r.GetWithdrawn()+r.GetUnchanged() != 0 {
				t.Errorf("report %v", r)
			}
			if f.Report.GetAdded() != 1 {
				t.Error("the refusal took the figures of the plan")
			}
			return
		}
	}
	t.Error("no report")
}

// TestOfTable: the report says how the table was read, in the words of the contract.
func TestOfTable(t *testing.T) {
	t.Parallel()
	table, err := tabular.Read([]byte("\xef\xbb\xbfname;Region\nBünde;OWL\nLemgo;OWL\n"), tabular.Options{})
	if err != nil {
		t.Fatal(err)
	}
	columns, err := table.Map(map[string][]string{"name": nil})
	if err != nil {
		t.Fatal(err)
	}
	want := &commonv1.ImportReport{
		Table: commonv1.ImportReport_TABLE_OFFERS, Format: commonv1.FileFormat_FILE_FORMAT_CSV, Rows: 2,
		Encoding: "UTF-8 with BOM", Separator: ";", IgnoredColumns: []string{"Region"},
	}
	if got := OfTable(commonv1.ImportReport_TABLE_OFFERS, table, columns).Finish(); !proto.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	want.Format, want.Encoding, want.Separator = commonv1.FileFormat_FILE_FORMAT_XLSX, "", ""
	table.Format, table.Encoding, table.Separator = tabular.XLSX, "", 0
	if got := OfTable(commonv1.ImportReport_TABLE_OFFERS, table, columns).Finish(); !proto.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

// TestShortened cuts at characters, not bytes, and leaves nothing that a message could not carry.
func TestShortened(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                "",
		"Bünde":                           "Bünde",
		strings.Repeat("ü", 200):          strings.Repeat("ü", 200),
		strings.Repeat("ü", 201):          strings.Repeat("ü", 200) + "…",
		strings.Repeat("x", 500):          strings.Repeat("x", 200) + "…",
		"a\xffb":                          "a\uFFFDb",
		strings.Repeat("x", 250) + "\xff": strings.Repeat("x", 200) + "…",
	} {
		if got := Shortened(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
	f := sample()
	f.Warn(Spot{Column: strings.Repeat("x", 300), Value: strings.Repeat("y", 300)}, "", "", "")
	if i := f.Finish().GetIssues()[0]; len(i.GetColumn()) != 203 || len(i.GetValue()) != 203 {
		t.Errorf("%v", i)
	}
}
