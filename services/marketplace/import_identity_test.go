package marketplace_test

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"pgregory.net/rapid"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
)

// TestAgencyOfOnlineServices: two offices number as they like, so an id without its office identifies nothing.
func TestAgencyOfOnlineServices(t *testing.T) {
	t.Parallel()
	m := stocked(t)
	delivery := func(agency, name string) string {
		return onlineServices(`<x:schreibe><x:onlinedienst><x:id` + agency + `>55</x:id><x:bezeichnung languageCode="de">` + name + `</x:bezeichnung></x:onlinedienst></x:schreibe>`)
	}
	for _, file := range []string{delivery("", "Hund"), delivery(` schemeAgencyID=" "`, "Katze")} {
		report, err := m.imports(&marketplacev1.ImportSolutionsRequest{File: []byte(file)})
		if err == nil || !strings.Contains(issues(report), "1 id ERROR MISSING_AGENCY") || !strings.HasPrefix(report.GetIssues()[0].GetValue(), "55 ") {
			t.Errorf("%v\n%v", err, report)
		}
	}
	m.takes(delivery(` schemeAgencyID="A"`, "Hund"), "1+ 0* 0=")
	m.takes(delivery(` schemeAgencyID="B"`, "Katze"), "1+ 0* 0=")
	gone := onlineServices(`<x:loesche><x:id>55</x:id><x:klasse><code>onlinedienst</code></x:klasse></x:loesche>`)
	if got := issues(m.takes(gone, "0+ 0* 0=")); got != "1 loesche WARNING MISSING_AGENCY\n" {
		t.Errorf("issues %s", got)
	}
}

// TestProviderOfTheRequest counts for offers that have none, and never takes one over.
func TestProviderOfTheRequest(t *testing.T) {
	t.Parallel()
	online := onlineServices(`<x:schreibe><x:onlinedienst><x:id schemeAgencyID="A">1</x:id><x:bezeichnung languageCode="de">Hund</x:bezeichnung></x:onlinedienst></x:schreibe>`)
	code := "publiccodeYmlVersion: '0.4'\nname: Hund\nurl: https://example.org/hund.git\n"
	for name, file := range map[string]string{"XZuFi": online, "publiccode.yml": code} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := stocked(t)
			other(t, m)
			for _, step := range []struct{ provider, want, issue string }{
				{"", "", ""},
				{"providers/krz", "providers/krz", ""},
				{"providers/andere", "providers/krz", "INFO PROVIDER_KEPT"},
				{"", "providers/krz", ""},
				{"providers/krz", "providers/krz", ""},
			} {
				report, err := m.imports(&marketplacev1.ImportSolutionsRequest{File: []byte(file), Provider: step.provider})
				got := strings.ReplaceAll(issues(report), "1  WARNING NO_PUBLIC_SERVICE\n", "")
				if err != nil || m.solution("hund").GetProvider() != step.want || !strings.Contains(got, step.issue) || step.issue == "" && got != "" {
					t.Errorf("%q: %v, provider %q, issues %s", step.provider, err, m.solution("hund").GetProvider(), got)
				}
			}
		})
	}
}

// other adds a second provider.
func other(t *testing.T, m *market) {
	t.Helper()
	if _, err := m.CreateProvider(t.Context(), &marketplacev1.CreateProviderRequest{ProviderId: "andere", Provider: &marketplacev1.Provider{DisplayName: "Andere"}}); err != nil {
		t.Fatal(err)
	}
}

// TestRowsWithoutProvider mean the offer that has their id, when there is one alone.
func TestRowsWithoutProvider(t *testing.T) {
	t.Parallel()
	m := stocked(t)
	other(t, m)
	m.takes("id;name;anbieter;art\n1;Hund;krz;Produkt\n2;Katze;krz;Produkt\n2;Maus;andere;Produkt\n", "3+ 0* 0=")
	m.takes("id;name;lizenz\n1;Hund;MIT\n", "0+ 1* 0=")
	if got := m.solution("hund"); got.GetLicence() != "MIT" || got.GetProvider() != "providers/krz" || got.GetExternalId() != "table:krz:1" {
		t.Errorf("%v", got)
	}
	report, err := m.imports(&marketplacev1.ImportSolutionsRequest{File: []byte("id;name;lizenz\n2;Katze;MIT\n")})
	if err == nil || !strings.Contains(issues(report), "2 anbieter ERROR AMBIGUOUS_PROVIDER") || !strings.Contains(report.GetIssues()[0].GetMessageDe(), "andere, krz") {
		t.Errorf("%v\n%v", err, report)
	}
	// The provider of the request is one that is named.
	report, err = m.imports(&marketplacev1.ImportSolutionsRequest{File: []byte("id;name;lizenz\n2;Katze;MIT\n"), Provider: "providers/krz"})
	if err != nil || report.GetChanged() != 1 || m.solution("maus").GetLicence() != "" {
		t.Errorf("%v %v", err, report)
	}
	m.takes("id;name;art\n3;Pferd;Produkt\n", "1+ 0* 0=")
	m.takes("id;name;art\n3;Pferd;Produkt\n", "0+ 0* 1=")
}

// TestRoundTripOfTables: what a table says arrives, and the same table again changes nothing, whatever stands in it.
func TestRoundTripOfTables(t *testing.T) {
	t.Parallel()
	m := stocked(t)
	run := 0
	words := rapid.StringMatching(`[A-Za-zäöüß0-9 ;,"'.|/-]{0,30}`)
	rapid.Check(t, func(t *rapid.T) {
		run++
		file := "id;name;anbieter;art;leika_schluessel;beschreibung;lizenz;basiskomponenten;preis_je_jahr;preis_je_fall;zugesagt_am;url\n"
		n := rapid.IntRange(1, 5).Draw(t, "offers")
		amount := func(name string) string {
			cents := rapid.Int64Range(0, 1_000_000).Draw(t, name)
			return fmt.Sprintf("%d,%02d", cents/100, cents%100)
		}
		for i := range n {
			cells := []string{
				fmt.Sprint(run, "-", i), "A" + words.Draw(t, "name"), rapid.SampledFrom([]string{"krz", ""}).Draw(t, "provider"),
				rapid.SampledFrom([]string{"Produkt", "Portal", ""}).Draw(t, "kind"), rapid.SampledFrom([]string{dogTax, dogTax + ";" + building, ""}).Draw(t, "keys"),
				words.Draw(t, "description"), words.Draw(t, "licence"), words.Draw(t, "components"), amount("year"), amount("case"),
				rapid.SampledFrom([]string{"31.3.2027", "2027-04-01", ""}).Draw(t, "day"), rapid.SampledFrom([]string{"https://example.org/a?b=c", ""}).Draw(t, "url"),
			}
			for c, text := range cells {
				cells[c] = `"` + strings.ReplaceAll(text, `"`, `""`) + `"`
			}
			file += strings.Join(cells, ";") + "\n"
		}
		for _, want := range []string{fmt.Sprint(n, " 0 0"), fmt.Sprint("0 0 ", n), fmt.Sprint("0 0 ", n)} {
			report, err := m.imports(&marketplacev1.ImportSolutionsRequest{File: []byte(file)})
			if got := fmt.Sprint(report.GetAdded(), " ", report.GetChanged(), " ", report.GetUnchanged()); err != nil || got != want {
				t.Fatalf("%v: %s, want %s\n%s%v", err, got, want, file, issues(report))
			}
		}
	})
}

// TestGivenBack: people give a field back to the import, and the next one takes it; nobody adds to the list by hand.
func TestGivenBack(t *testing.T) {
	t.Parallel()
	m := stocked(t)
	file := "id;name;anbieter;lizenz;url\n1;Hund;krz;MIT;https://example.org\n"
	m.takes(file, "1+ 0* 0=")
	patch := func(s *marketplacev1.Solution, paths ...string) (*marketplacev1.Solution, error) {
		s.Name = "solutions/hund"
		return m.UpdateSolution(t.Context(), &marketplacev1.UpdateSolutionRequest{Solution: s, UpdateMask: &fieldmaskpb.FieldMask{Paths: paths}})
	}
	if _, err := patch(&marketplacev1.Solution{Licence: "EUPL-1.2", Url: "https://example.org/mine"}, "licence", "url"); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		given, paths  []string
		licence, want string // the list afterwards
		refused       bool
	}{
		{[]string{"licence", "url", "kind"}, []string{"local_fields"}, "", "[licence url]", true},
		{[]string{"kind"}, []string{"localFields"}, "", "[licence url]", true},
		{[]string{"licence"}, nil, "EUPL-1.2", "[licence url]", false}, // without a mask it is only what the client read
		{[]string{"url", "licence"}, []string{"localFields"}, "", "[licence url]", false},
		{[]string{"url"}, []string{"localFields"}, "ignored", "[url]", false},
		{[]string{"licence"}, []string{"localFields"}, "", "[url]", true},
		{[]string{"url"}, []string{"local_fields", "licence"}, "0BSD", "[licence url]", false}, // edited by the same hand
		{nil, []string{"localFields"}, "", "[]", false},
	} {
		_, err := patch(&marketplacev1.Solution{LocalFields: c.given, Licence: c.licence}, c.paths...)
		if got := m.solution("hund"); (err != nil) != c.refused || fmt.Sprint(got.GetLocalFields()) != c.want || got.GetLicence() == "ignored" {
			t.Errorf("%v: %v, %v", c, err, got)
		}
		if c.refused {
			wantFault(t, err, codes.InvalidArgument, "INVALID_FIELD")
		}
	}
	m.takes(file, "0+ 1* 0=")
	if got := m.solution("hund"); got.GetLicence() != "MIT" || got.GetUrl() != "https://example.org" {
		t.Errorf("%v", got)
	}
}
