package marketplace_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
)

// TestBadPubliccode names the field, its line and its value in words; one bad field hides no other, and nothing is taken.
func TestBadPubliccode(t *testing.T) {
	t.Parallel()
	m := stocked(t)
	const head = "publiccodeYmlVersion: '0.4'\n"
	keys := func(n int) string {
		return "name: A\nurl: https://example.org/a\nde:\n  leika:\n" + strings.Repeat("    - '"+dogTax+"'\n", n)
	}
	for name, c := range map[string]struct{ file, want string }{
		"no day": {"name: A\nurl: https://example.org/a\nsoftwareVersion: '1'\nreleaseDate: 24.01.2026\n",
			"5 releaseDate ERROR INVALID_VALUE 24.01.2026"},
		"no day of the calendar": {"name: A\nurl: https://example.org/a\nreleaseDate: 2026-02-30\n", "4 releaseDate ERROR INVALID_VALUE 2026-02-30"},
		"a list as name, and more": {"url: https://example.org/a\nname: [a, b]\nlandingURL: nowhere\nreleaseDate: soon\nlegal: {license: {a: b}}\ndescription: text\nde: {leika: ['1']}\n",
			"3 name ERROR WRONG_TYPE [a, b]|4 landingURL ERROR INVALID_FIELD nowhere|5 releaseDate ERROR INVALID_VALUE soon|6 legal.license ERROR WRONG_TYPE |7 description ERROR WRONG_TYPE text|8 de.leika ERROR BAD_KEY 1"},
		"no day of this age":  {"name: A\nurl: https://example.org/a\nsoftwareVersion: '1'\nreleaseDate: 0001-01-01\n", "5 releaseDate ERROR INVALID_FIELD 0001-01-01"},
		"no url, and more":    {"name: A\nlandingURL: nowhere\n", "1 url ERROR MISSING_KEY |3 landingURL ERROR INVALID_FIELD nowhere"},
		"no name, no url":     {"softwareVersion: 1\n", "1 url ERROR MISSING_KEY |1 name ERROR MISSING_NAME "},
		"a script":            {"name: A\nurl: javascript:alert(1)\n", "3 url ERROR INVALID_VALUE javascript:alert(1)"},
		"a path":              {"name: A\nurl: /srv/git/a\n", "3 url ERROR INVALID_VALUE /srv/git/a"},
		"the id of a row":     {"name: A\nurl: table:krz:1\n", "3 url ERROR INVALID_VALUE table:krz:1"},
		"a password":          {"name: A\nurl: https://me:secret@example.org/a\n", "3 url ERROR INVALID_VALUE https://me:secret@example.org/a"},
		"a list as url":       {"name: A\nurl: [https://example.org/a]\n", "3 url ERROR WRONG_TYPE [https://example.org/a]"},
		"a field twice":       {"name: A\nurl: https://example.org/a\nname: B\nlegal: {license: MIT, license: EUPL-1.2}\n", "4 name ERROR DUPLICATE_FIELD |5 legal.license ERROR DUPLICATE_FIELD "},
		"2,000 keys and more": {keys(10_000), "2006 de.leika ERROR TOO_MANY_KEYS "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			good := "publiccodeYmlVersion: 1\nname: Gut\nurl: https://example.org/gut\n"
			for _, validateOnly := range []bool{true, false} {
				report, err := m.imports(&marketplacev1.ImportSolutionsRequest{File: []byte(head + c.file + "---\n" + good), ValidateOnly: validateOnly})
				if (err == nil) != validateOnly {
					t.Fatal(err)
				}
				var got []string
				for _, i := range report.GetIssues() {
					if strings.HasSuffix(i.GetSeverity().String(), "ERROR") {
						got = append(got, fmt.Sprint(i.GetLine(), " ", i.GetColumn(), " ERROR ", i.GetReason(), " ", i.GetValue()))
					}
					if text := i.GetMessageDe() + i.GetMessageEn(); strings.ContainsAny(text, "^$") || i.GetMessageDe() == i.GetMessageEn() {
						t.Errorf("text %q", text)
					}
				}
				if want := strings.Split(c.want, "|"); !slices.Equal(got, want) {
					t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
				}
				if report.GetAdded()+report.GetChanged()+report.GetUnchanged() != 0 {
					t.Errorf("takes something: %v", report)
				}
			}
		})
	}
}

// TestAddressesOfSourceCode: one repository is one offer, however its address is written.
func TestAddressesOfSourceCode(t *testing.T) {
	t.Parallel()
	m := stocked(t)
	file := func(url string) string { return "publiccodeYmlVersion: 1\nname: Hund\nurl: '" + url + "'\n" }
	m.takes(file("git@example.org:stadt/hund.git"), "1+ 0* 0=")
	if got := m.solution("hund"); got.GetExternalId() != "https://example.org/stadt/hund.git" || got.GetUrl() != "" {
		t.Errorf("%q %q", got.GetExternalId(), got.GetUrl())
	}
	for _, url := range []string{"ssh://git@example.org:2222/stadt/hund.git", "git://example.org/stadt/hund.git", "GIT+SSH://git@Example.ORG/stadt/hund.git"} {
		m.takes(file(url), "0+ 0* 1=")
	}
	m.takes(file("https://Example.org/stadt/hund.git"), "0+ 1* 0=")
	if got := m.solution("hund"); got.GetUrl() != "https://example.org/stadt/hund.git" {
		t.Errorf("%q", got.GetUrl())
	}
	m.takes(file("http://localhost:8080/a"), "1+ 0* 0=")
}

// TestTooManyServices of one row are one finding, not 2,001 services of which some are missing.
func TestTooManyServices(t *testing.T) {
	t.Parallel()
	m := stocked(t)
	many := make([]resource, 2001)
	keys := make([]string, len(many))
	for i := range many {
		keys[i] = fmt.Sprintf("98%012d", i)
		many[i] = publicService(keys[i], "Leistung", "")
	}
	m.publish("catalogue", "publicService", many...)
	report, err := m.imports(&marketplacev1.ImportSolutionsRequest{File: []byte("name;leika_schluessel\nHund;" + strings.Join(keys, ",") + "\n")})
	if got := issues(report); err == nil || got != "2 leika_schluessel ERROR TOO_MANY_KEYS\n" {
		t.Errorf("%v %s", err, got)
	}
	m.takes("name;leika_schluessel\nHund;"+strings.Join(keys[:2000], ",")+"\n", "1+ 0* 0=")
}
