package catalogue

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"

	"golang.org/x/text/encoding/charmap"
	"google.golang.org/grpc/codes"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	"kompass.krz.de/services/platform/tabular"
)

// samples are the real tables with what they hold.
var samples = []struct {
	file  string
	table commonv1.ImportReport_Table
	rows  int64
}{
	{"themenfelder.csv", commonv1.ImportReport_TABLE_THEMES, 14},
	{"lagen.csv", commonv1.ImportReport_TABLE_SITUATIONS, 55},
	{"ozg_leistungen.csv", commonv1.ImportReport_TABLE_OZG_SERVICES, 557},
	{"leika_leistungen.csv", commonv1.ImportReport_TABLE_PUBLIC_SERVICES, 3148},
	{"verrichtungen_abgeleitet.csv", commonv1.ImportReport_TABLE_PROCEDURES, 122},
}

// TestSamplesInAnyOrder: the real files import as they are, whichever comes first, and lead to the same catalogue.
func TestSamplesInAnyOrder(t *testing.T) {
	t.Parallel()
	for name, order := range map[string][]int{"services first": {3, 2, 1, 0, 4}, "themes first": {0, 1, 2, 3, 4}, "mixed": {2, 4, 3, 1, 0}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := start(t)
			for _, i := range order {
				s := samples[i]
				file := sample(t, s.file)
				r := c.load(file)
				if r.GetTable() != s.table || int64(r.GetRows()) != s.rows {
					t.Errorf("%s: table %v with %d rows", s.file, r.GetTable(), r.GetRows())
				}
				// Themes that came along with situations or OZG services are there already.
				if added := int64(r.GetAdded() + r.GetUnchanged()); added != s.rows || r.GetChanged()+r.GetWithdrawn() != 0 {
					t.Errorf("%s: %v", s.file, counts(r))
				}
				if again := c.load(file); counts(again) != [5]int64{0, 0, 0, s.rows, 0} {
					t.Errorf("%s again: %v", s.file, counts(again))
				}
			}
			m, err := c.GetPublicService(t.Context(), &cataloguev1.GetPublicServiceRequest{Name: "publicServices/99012001001000"})
			if err != nil {
				t.Fatal(err)
			}
			if m.GetTheme() != "themes/bauen-wohnen" || m.GetOzgService() != "ozgServices/10513" || m.GetProcedure() != "001" {
				t.Errorf("got %v", m)
			}
			themes, err := c.ListThemes(t.Context(), &cataloguev1.ListThemesRequest{})
			if err != nil || themes.GetTotalSize() != 14 {
				t.Errorf("%d themes, %v", themes.GetTotalSize(), err)
			}
		})
	}
}

// TestSamplesReencoded: the same content in another dress is the same catalogue.
func TestSamplesReencoded(t *testing.T) {
	t.Parallel()
	file := sample(t, "leika_leistungen.csv")
	c := start(t)
	c.load(file)
	for name, dress := range map[string]func(*testing.T, string) string{
		"semicolons": semicolons, "byte order mark": func(_ *testing.T, f string) string { return "\xef\xbb\xbf" + f },
		"windows-1252": func(t *testing.T, f string) string { return windows1252(t, semicolons(t, f)) },
		"workbook":     workbook,
	} {
		r := c.load(dress(t, file))
		if counts(r) != [5]int64{0, 0, 0, 3148, 0} {
			t.Errorf("%s: %v", name, counts(r))
		}
		t.Logf("%s: %q %q %v", name, r.GetEncoding(), r.GetSeparator(), r.GetFormat())
	}
}

// TestStrangers: tables that belong elsewhere are refused with the place where they belong.
func TestStrangers(t *testing.T) {
	t.Parallel()
	c := start(t)
	for file, want := range map[string]string{
		"nrw_gemeinden.csv": "municipalities:import", "nrw_kreise.csv": "municipalities:import", "kdn_it_dienstleister.csv": "municipalities:import",
	} {
		_, err := c.try(sample(t, file))
		refused(t, err, codes.InvalidArgument, "IMPORT_BELONGS_ELSEWHERE")
		if !strings.Contains(violation(err), want) {
			t.Errorf("%s: %q does not say %s", file, violation(err), want)
		}
	}
}

func semicolons(t *testing.T, file string) string {
	rows, err := csv.NewReader(strings.NewReader(file)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	w.Comma, w.UseCRLF = ';', true
	if err := w.WriteAll(rows); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// windows1252 encodes what the encoding can hold; the rest is not part of this test.
func windows1252(t *testing.T, file string) string {
	out, err := charmap.Windows1252.NewEncoder().String(file)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func workbook(t *testing.T, file string) string {
	rows, err := csv.NewReader(strings.NewReader(file)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := tabular.WriteXLSX(&b, "Leistungen", rows[0], func(yield func([]string) bool) {
		for _, row := range rows[1:] {
			if !yield(row) {
				return
			}
		}
	}); err != nil {
		t.Fatal(err)
	}
	return b.String()
}
