package starter_test

import (
	"bytes"
	"encoding/csv"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"kompass.krz.de/cmd/kompass/starter"
)

// classes are the columns of relevance.csv between target and note.
var classes = []string{
	"kreisfreie_stadt", "staedteregionsangehoerige_stadt", "grosse_kreisangehoerige_stadt", "mittlere_kreisangehoerige_stadt",
	"kleine_kreisangehoerige_gemeinde", "kreis", "staedteregion",
}

// files says for each file its columns, in order, and how many of the first of them make up the key.
var files = []struct {
	name    string
	columns string
	key     int
}{
	{"themes.csv", "id,name", 1},
	{"situations.csv", "id,name,theme", 1},
	{"ozg_services.csv", "ozg_id,name,situation,theme", 1},
	{"public_services.csv", "leika_key,name,typisierung,ozg_id,legal_basis,summary,keywords,annual_cases_per_1000", 1},
	{"relevance.csv", "target," + strings.Join(classes, ",") + ",note", 1},
	{"places.csv", "ags,ars,name,official_name,kind,size_class,population,latitude,longitude,district,area_km2,data_centre", 1},
	{"data_centres.csv", "id,name,town,url", 1},
	{"portals.csv", "id,municipality,name,product,wave,wave_date,phase,example", 1},
	{"providers.csv", "id,name,town,url,example", 1},
	{"solutions.csv", "id,name,provider,kind,efa_state,status,size_classes,base_components,promised_date,link,description,example", 1},
	{"solution_coverage.csv", "solution,leika_key,maturity,note", 2},
	{"contracts.csv", "id,name,kind,framework,provider,customer,solutions,start_date,notice_months,note,example", 1},
	{"adoptions.csv", "id,ags,solution,state,url,contract,done,once_cents,per_year_cents,conditions,office,planned_date,note,example", 1},
	{"implementations.csv", "ags,leika_key,phase,maturity,url,solution,department,annual_cases,priority,target_date,note,reason", 2},
}

// row is one row by column name.
type row map[string]string

// read is one of the embedded files as rows; the header is checked by TestFiles.
func read(t *testing.T, name string) []row {
	t.Helper()
	file, err := starter.FS.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	return parse(t, file)
}

// parse reads comma-separated rows below a header and closes the file.
func parse(t *testing.T, file io.ReadCloser) []row {
	t.Helper()
	defer func() { _ = file.Close() }()
	records, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	rows := make([]row, 0, len(records))
	for _, record := range records[1:] {
		r := row{}
		for i, column := range records[0] {
			r[column] = record[i]
		}
		rows = append(rows, r)
	}
	return rows
}

// index is one of the embedded files by a column.
func index(t *testing.T, name, column string) map[string]row {
	t.Helper()
	return by(read(t, name), column)
}

// by is rows by a column; those without a value there are left out.
func by(rows []row, column string) map[string]row {
	found := make(map[string]row, len(rows))
	for _, r := range rows {
		if r[column] != "" {
			found[r[column]] = r
		}
	}
	return found
}

// number is a cell as a number; an unreadable one fails the test.
func number(t *testing.T, where, cell string) float64 {
	t.Helper()
	n, err := strconv.ParseFloat(cell, 64)
	if err != nil {
		t.Errorf("%s: %q is no number", where, cell)
	}
	return n
}

func TestFiles(t *testing.T) {
	t.Parallel()
	entries, err := starter.FS.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != len(files) {
		t.Errorf("%d files are embedded, %d are described", len(entries), len(files))
	}
	for _, f := range files {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			raw, err := starter.FS.ReadFile(f.name)
			if err != nil {
				t.Fatal(err)
			}
			if !utf8.Valid(raw) || bytes.HasPrefix(raw, []byte("\xef\xbb\xbf")) || bytes.ContainsRune(raw, '\r') || !bytes.HasSuffix(raw, []byte("\n")) {
				t.Error("want UTF-8 without BOM, LF, a line feed at the end")
			}
			if header, _, _ := strings.Cut(string(raw), "\n"); header != f.columns {
				t.Errorf("header %q, want %q", header, f.columns)
			}
			checkRows(t, f.name, strings.Split(f.columns, ",")[:f.key])
		})
	}
}

// checkRows demands unique keys in ascending order and clean cells.
func checkRows(t *testing.T, name string, key []string) {
	t.Helper()
	last := ""
	for i, r := range read(t, name) {
		parts := make([]string, len(key))
		for j, column := range key {
			parts[j] = r[column]
		}
		if k := strings.Join(parts, "\x00"); k <= last {
			t.Errorf("row %d: key %q does not follow %q", i+2, parts, last)
		} else {
			last = k
		}
		for column, cell := range r {
			if cell != strings.Join(strings.Fields(cell), " ") || strings.Contains(cell, "&amp;") || strings.Contains(cell, "\ufffd") {
				t.Errorf("row %d, %s: cell %q is not clean", i+2, column, cell)
			}
		}
	}
}

func TestReferencesResolve(t *testing.T) {
	t.Parallel()
	references := []struct {
		file, column, to, toColumn string
		optional                   bool
	}{
		{"situations.csv", "theme", "themes.csv", "name", false},
		{"ozg_services.csv", "theme", "themes.csv", "name", false},
		{"ozg_services.csv", "situation", "situations.csv", "name", false},
		{"public_services.csv", "ozg_id", "ozg_services.csv", "ozg_id", false},
		{"places.csv", "district", "places.csv", "ags", true},
		{"places.csv", "data_centre", "data_centres.csv", "id", false},
		{"portals.csv", "municipality", "places.csv", "ags", false},
		{"solutions.csv", "provider", "providers.csv", "id", false},
		{"solution_coverage.csv", "solution", "solutions.csv", "id", false},
		{"solution_coverage.csv", "leika_key", "public_services.csv", "leika_key", false},
		{"implementations.csv", "ags", "places.csv", "ags", false},
		{"implementations.csv", "leika_key", "public_services.csv", "leika_key", false},
		{"implementations.csv", "solution", "solutions.csv", "id", true},
		{"contracts.csv", "framework", "contracts.csv", "id", true},
		{"contracts.csv", "provider", "providers.csv", "id", false},
		{"adoptions.csv", "ags", "places.csv", "ags", false},
		{"adoptions.csv", "solution", "solutions.csv", "id", false},
		{"adoptions.csv", "contract", "contracts.csv", "id", true},
	}
	for _, ref := range references {
		t.Run(ref.file+"/"+ref.column, func(t *testing.T) {
			t.Parallel()
			known := index(t, ref.to, ref.toColumn)
			for _, r := range read(t, ref.file) {
				cell := r[ref.column]
				if _, ok := known[cell]; !ok && (cell != "" || !ref.optional) {
					t.Errorf("%s %q is not in %s", ref.column, cell, ref.to)
				}
			}
		})
	}
}

func TestOzgServicesLieInTheThemeOfTheirSituation(t *testing.T) {
	t.Parallel()
	situations := index(t, "situations.csv", "name")
	for _, r := range read(t, "ozg_services.csv") {
		if theme := situations[r["situation"]]["theme"]; theme != r["theme"] {
			t.Errorf("%s %s: theme %q, but its situation %q belongs to %q", r["ozg_id"], r["name"], r["theme"], r["situation"], theme)
		}
	}
}

func TestThemes(t *testing.T) {
	t.Parallel()
	want := []string{
		"Arbeit & Ruhestand", "Bauen & Wohnen", "Bildung", "Ein- & Auswanderung", "Engagement & Hobby", "Familie & Kind",
		"Forschung & Förderung", "Gesundheit", "Mobilität & Reisen", "Querschnitt", "Recht & Ordnung", "Steuern & Zoll", "Umwelt",
		"Unternehmensführung & -entwicklung",
	}
	var got []string
	for _, r := range read(t, "themes.csv") {
		got = append(got, r["name"])
	}
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("themes are %q, want %q", got, want)
	}
}

func TestPortals(t *testing.T) {
	t.Parallel()
	dates := map[string]string{"1": "2021-06-01", "2": "2021-09-01", "3": "2021-12-01"}
	rows, places, sizes := read(t, "portals.csv"), index(t, "places.csv", "ags"), map[string]int{}
	for _, r := range rows {
		sizes[r["wave"]]++
		if place := places[r["municipality"]]; place["kind"] == "Kreis" || r["name"] != "Serviceportal "+place["name"] {
			t.Errorf("%s: %q is not the portal of %q", r["id"], r["name"], place["name"])
		}
		if r["wave_date"] != dates[r["wave"]] || r["example"] != "ja" || r["phase"] != "INSTALLED" && r["phase"] != "FILLING" {
			t.Errorf("row %v", r)
		}
	}
	if len(rows) != 36 || len(by(rows, "municipality")) != 36 || sizes["1"] != 3 || sizes["2"] != 8 || sizes["3"] != 25 {
		t.Errorf("%d rows, waves of %v", len(rows), sizes)
	}
}
