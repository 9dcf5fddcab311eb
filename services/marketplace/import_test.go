package marketplace_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/tabular"
)

// imports imports a file and answers the report, also that of a refusal.
func (m *market) imports(req *marketplacev1.ImportSolutionsRequest) (*commonv1.ImportReport, error) {
	m.tb.Helper()
	report, err := m.ImportSolutions(m.tb.Context(), req)
	for _, d := range status.Convert(err).Details() {
		if refused, ok := d.(*commonv1.ImportReport); ok {
			report = refused
		}
	}
	return report, err
}

// takes imports a file that must be taken, and checks the figures: added, changed, unchanged.
func (m *market) takes(file string, want string) *commonv1.ImportReport {
	m.tb.Helper()
	report, err := m.imports(&marketplacev1.ImportSolutionsRequest{File: []byte(file)})
	if err != nil {
		m.tb.Fatalf("%v\n%s", err, issues(report))
	}
	if got := fmt.Sprintf("%d+ %d* %d=", report.GetAdded(), report.GetChanged(), report.GetUnchanged()); got != want {
		m.tb.Errorf("figures are %s, want %s\n%s", got, want, issues(report))
	}
	return report
}

// issues are the issues of a report: "line column SEVERITY REASON".
func issues(r *commonv1.ImportReport) string {
	var b strings.Builder
	for _, i := range r.GetIssues() {
		fmt.Fprintf(&b, "%d %s %s %s\n", i.GetLine(), i.GetColumn(), strings.TrimPrefix(i.GetSeverity().String(), "SEVERITY_"), i.GetReason())
	}
	return b.String()
}

func (m *market) solution(id string) *marketplacev1.Solution {
	m.tb.Helper()
	s, err := m.GetSolution(m.tb.Context(), &marketplacev1.GetSolutionRequest{Name: "solutions/" + id})
	if err != nil {
		m.tb.Fatal(err)
	}
	return s
}

const offerHead = "id;Name;Anbieter;Art;LeiKa-Schlüssel;Reifegrad;Status;EfA-Stand;URL;Lizenz;Vertrauensniveau;Größenklassen;Rechenzentren;Basiskomponenten;Fachverfahren;Preis einmalig;Preis je Jahr;Preis je Einwohner;Preis je Fall;Währung;Dokumentation;Barrierefreiheit;Zugesagt am;Beschreibung;Ansprechstelle;Region\n"

// TestTableOfOffers imports one offer with every column, in two rows, and finds all of it.
func TestTableOfOffers(t *testing.T) {
	t.Parallel()
	m := stocked(t)
	m.publish("municipality", "dataCentre", &municipalityv1.DataCentre{Name: "dataCentres/krz", DisplayName: "krz"})
	table := offerHead +
		`7;Hundesteuer;krz Minden-Ravensberg/Lippe;EfA-Dienst;` + dogTax + `;3 (1.1);verfügbar;Nachnutzung sicher;https://example.org/hund;EUPL-1.2;niedrig;kleine, mittlere;krz;BundID; VOIS|ePayBL;1.234,50;12.000,00 €;0,07;2,5;EUR;https://example.org/doc;https://example.org/bf;31.3.2027;"Anmelden,
abmelden";Servicedesk;OWL` + "\n"
	table = strings.Replace(table, "BundID; VOIS|ePayBL", `"BundID; ePayBL";VOIS`, 1)
	table += "7;;krz Minden-Ravensberg/Lippe;;" + building + ";2;geplant;;;;;;;;;;;;;;;;;;;\n"
	report := m.takes(table, "1+ 0* 0=")
	if report.GetTable() != commonv1.ImportReport_TABLE_OFFERS || report.GetRows() != 2 || !slices.Equal(report.GetIgnoredColumns(), []string{"Region"}) || report.GetIssueCount() != 0 {
		t.Errorf("report %v", report)
	}
	got := m.solution("hundesteuer")
	if got.GetState() != marketplacev1.Solution_STATE_DRAFT || got.GetExternalId() != "table:krz:7" || len(got.GetPromiseChanges()) != 1 {
		t.Errorf("state %v, external id %q, promises %v", got.GetState(), got.GetExternalId(), got.GetPromiseChanges())
	}
	var prices []string
	for _, p := range got.GetPrices() {
		prices = append(prices, fmt.Sprint(strings.TrimPrefix(p.GetBasis().String(), "BASIS_"), p.GetAmountCents(), p.GetCurrency()))
	}
	if want := "ONCE123450EUR PER_YEAR1200000EUR PER_INHABITANT7EUR PER_CASE250EUR"; strings.Join(prices, " ") != want {
		t.Errorf("prices %v, want %s", prices, want)
	}
	var covered []string
	for _, c := range got.GetCoverage() {
		covered = append(covered, fmt.Sprint(strings.TrimPrefix(c.GetPublicService(), "publicServices/"), " ", c.GetMaturity().GetLevel(), " ", c.GetStatus()))
	}
	if !slices.Equal(covered, []string{building + " 2 STATUS_PLANNED", dogTax + " 3 STATUS_AVAILABLE"}) {
		t.Errorf("coverage %v", covered)
	}
	for field, ok := range map[string]bool{
		"provider": got.GetProvider() == "providers/krz", "kind": got.GetKind() == marketplacev1.Solution_KIND_EFA_SERVICE,
		"efa": got.GetEfaState() == marketplacev1.Solution_EFA_STATE_REUSE_CERTAIN, "trust": got.GetTrustLevel() == marketplacev1.Solution_TRUST_LEVEL_LOW,
		"url": got.GetUrl() == "https://example.org/hund", "doc": got.GetDocumentationUrl() == "https://example.org/doc",
		"accessibility": got.GetAccessibilityUrl() == "https://example.org/bf", "licence": got.GetLicence() == "EUPL-1.2",
		"classes":    slices.Equal(got.GetSizeClasses(), []commonv1.SizeClass{commonv1.SizeClass_SIZE_CLASS_KLEINE_KREISANGEHOERIGE_GEMEINDE, commonv1.SizeClass_SIZE_CLASS_MITTLERE_KREISANGEHOERIGE_STADT}),
		"components": slices.Equal(got.GetBaseComponents(), []string{"BundID", "ePayBL"}), "systems": slices.Equal(got.GetSpecialistSystems(), []string{"VOIS"}),
		"centres": slices.Equal(got.GetDataCentres(), []string{"dataCentres/krz"}), "promised": got.GetPromisedDate() == "2027-03-31",
		"description": got.GetDescription() == "Anmelden,\nabmelden", "contact": got.GetContactRole() == "Servicedesk",
	} {
		if !ok {
			t.Errorf("%s is not as in the file: %v", field, got)
		}
	}
	m.takes(table, "0+ 0* 1=")
	if again := m.solution("hundesteuer"); again.GetEtag() != got.GetEtag() {
		t.Error("a repeated import wrote something")
	}
}

// TestRepeatedImport leaves alone what people edited, says so, keeps states, and takes the rest.
func TestRepeatedImport(t *testing.T) {
	t.Parallel()
	m := stocked(t)
	table := func(name, url, licence string) string {
		return "id;name;anbieter;art;leika_schluessel;url;lizenz\n1;" + name + ";krz;Produkt;" + dogTax + ";" + url + ";" + licence + "\n"
	}
	m.takes(table("Hund", "https://example.org/1", "MIT"), "1+ 0* 0=")
	if _, err := m.UpdateSolution(t.Context(), &marketplacev1.UpdateSolutionRequest{
		Solution: &marketplacev1.Solution{Name: "solutions/hund", Url: "https://example.org/mine"}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"url"}},
	}); err != nil {
		t.Fatal(err)
	}
	if got := m.solution("hund").GetLocalFields(); !slices.Equal(got, []string{"url"}) {
		t.Fatalf("local fields %v", got)
	}
	for _, v := range []string{"submit", "publish"} {
		if _, err := verbs[v](t.Context(), m, "solutions/hund"); err != nil {
			t.Fatal(err)
		}
	}
	report := m.takes(table("Hund", "https://example.org/2", "EUPL-1.2"), "0+ 1* 0=")
	if got := issues(report); got != "2  INFO EDITED_HERE\n" || !strings.Contains(report.GetIssues()[0].GetMessageDe(), "url") {
		t.Errorf("issues %s", got)
	}
	got := m.solution("hund")
	if got.GetUrl() != "https://example.org/mine" || got.GetLicence() != "EUPL-1.2" || got.GetState() != marketplacev1.Solution_STATE_PUBLISHED {
		t.Errorf("%v", got)
	}
	// What the file says as people have it is nothing to report.
	if report := m.takes(table("Hund", "https://example.org/mine", "EUPL-1.2"), "0+ 0* 1="); report.GetIssueCount() != 0 {
		t.Errorf("issues %s", issues(report))
	}
	// A published offer must go on to meet what a submission requires.
	if _, err := m.imports(&marketplacev1.ImportSolutionsRequest{File: []byte("id;name;anbieter;art\n1;Hund;krz;\n")}); err == nil {
		t.Error("an import may take the kind of a published offer away")
	}
	if _, err := verbs["withdraw"](t.Context(), m, "solutions/hund"); err != nil {
		t.Fatal(err)
	}
	if got := issues(m.takes(table("Hund neu", "https://example.org/3", "MIT"), "0+ 0* 1=")); !strings.Contains(got, "WARNING SOLUTION_WITHDRAWN") {
		t.Errorf("issues %s", got)
	}
}

// TestBadOffers: every bad cell is named, and nothing at all is taken.
func TestBadOffers(t *testing.T) {
	t.Parallel()
	m := stocked(t)
	const head = "id;name;anbieter;leika_schluessel;url;preis_je_jahr;art;zugesagt_am;kommunen;reifegrad;ansprechstelle\n"
	cases := map[string]string{
		";;;;;;;;;;x":                                                   "2 name ERROR MISSING_KEY",
		"1;;;;;;;;;;":                                                   "2 name ERROR MISSING_NAME",
		"1;A;Niemand;" + dogTax + ";;;;;;;":                             "2 anbieter ERROR UNKNOWN_PROVIDER",
		"1;A;krz;99999999999999;;;;;;;":                                 "2 leika_schluessel ERROR UNKNOWN_PUBLIC_SERVICE",
		"1;A;krz;123;;;;;;;":                                            "2 leika_schluessel ERROR BAD_KEY",
		"1;A;krz;9,9E+13;;;;;;;":                                        "2 leika_schluessel ERROR BAD_KEY",
		"1;A;krz;9.9E+13;;;;;;;":                                        "2 leika_schluessel ERROR SCIENTIFIC_NOTATION",
		"1;A;krz;" + dogTax + ";example.org;;;;;;":                      "2 url ERROR INVALID_FIELD",
		"1;A;krz;" + dogTax + ";;12,345;;;;;":                           "2 preis_je_jahr ERROR INVALID_VALUE",
		"1;A;krz;" + dogTax + ";;9999999999,00;;;;;":                    "2 preis_je_jahr ERROR INVALID_VALUE",
		"1;A;krz;" + dogTax + ";;;Ding;;;;":                             "2 art ERROR INVALID_VALUE",
		"1;A;krz;" + dogTax + ";;;;31.2.2027;;;":                        "2 zugesagt_am ERROR INVALID_VALUE",
		"1;A;krz;" + dogTax + ";;;;;99999999;;":                         "2 kommunen ERROR UNKNOWN_REFERENCE",
		"1;A;krz;" + dogTax + ";;;;;12;;":                               "2 kommunen ERROR INVALID_VALUE",
		"1;A;krz;" + dogTax + ";;;;;;9;":                                "2 reifegrad ERROR INVALID_VALUE",
		"1;A;krz;" + dogTax + ";;;;;;;a@example.org":                    "2 ansprechstelle ERROR INVALID_FIELD",
		"1;A;krz;" + dogTax + ";;;;;;2;\n1;B;krz;;;;;;;;":               "3 name ERROR CONTRADICTION",
		"1;A;krz;" + dogTax + ";;;;;;2;\n1;;krz;" + dogTax + ";;;;;;3;": "3 leika_schluessel ERROR DUPLICATE_KEY",
		"1;A;krz;" + dogTax + ";;;;;;;\n1;B;providers/krz;;;;;;;;":      "3 id ERROR DUPLICATE_KEY",
	}
	for row, want := range cases {
		file := []byte(head + "9;Gut;krz;" + building + ";;;;;;;\n" + row + "\n")
		// The bad row comes third then; its line is one more.
		report, err := m.imports(&marketplacev1.ImportSolutionsRequest{File: file})
		if wantFault(t, err, codes.InvalidArgument, "IMPORT_BAD_ROWS"); err == nil {
			t.Errorf("%s is taken", row)
		}
		var line int
		rest := ""
		fmt.Sscanf(want, "%d", &line)
		_, rest, _ = strings.Cut(want, " ")
		if got := issues(report); !strings.Contains(got, fmt.Sprint(line+1, " ", rest, "\n")) {
			t.Errorf("%s:\n%s\nwant %s", row, got, want)
		}
		for _, i := range report.GetIssues() {
			if i.GetMessageDe() == "" || i.GetMessageEn() == "" || i.GetMessageDe() == i.GetMessageEn() {
				t.Errorf("%s: texts %v", row, i)
			}
		}
	}
	list, err := m.ListSolutions(t.Context(), &marketplacev1.ListSolutionsRequest{})
	if err != nil || len(list.GetSolutions()) != 0 {
		t.Errorf("%v, %d solutions after refused imports", err, len(list.GetSolutions()))
	}
}

// TestUnknownServicesAreLeftOut as long as one is known; a key that lost its zero or has blanks is read.
func TestUnknownServicesAreLeftOut(t *testing.T) {
	t.Parallel()
	m := stocked(t)
	m.publish("catalogue", "publicService", publicService("05012001001000", "Landesleistung", ""))
	report := m.takes("name;leika_schluessel;preis_je_fall\nHund;"+dogTax[:3]+" "+dogTax[3:]+", 99999999999999,5012001001000;kostenfrei\n", "1+ 0* 0=")
	if got := issues(report); got != "2 leika_schluessel WARNING LEADING_ZERO_RESTORED\n2 leika_schluessel WARNING UNKNOWN_PUBLIC_SERVICE\n" {
		t.Errorf("issues\n%s", got)
	}
	got := m.solution("hund")
	if len(got.GetCoverage()) != 2 || got.GetExternalId() != "table::hund" || got.GetPrices()[0].GetBasis() != marketplacev1.Price_BASIS_FREE {
		t.Errorf("%v", got)
	}
}

const publiccode = `publiccodeYmlVersion: "0.4"
name: Hundesteuer
url: "https://example.org/hund.git"
landingURL: "https://example.org/hund"
softwareVersion: "1.0"
releaseDate: 2026-01-24
developmentStatus: beta
softwareType: standalone/web
legal:
  license: EUPL-1.2
maintenance:
  type: internal
  contacts:
    - name: Erika Mustermann
      email: erika@example.org
description:
  en:
    shortDescription: Dog tax
  de:
    localisedName: Hundesteuer Online
    shortDescription: Hund anmelden
    longDescription: |
      Lang und breit.
    documentation: https://example.org/doc
de:
  leika:
    - themenfeld: Steuern
      leika-id: 99 107 010 012 000
    - leika-id: 99999999999999
`

// TestPubliccode imports a publiccode.yml, then its next version, and never a person.
func TestPubliccode(t *testing.T) {
	t.Parallel()
	m := stocked(t)
	req := &marketplacev1.ImportSolutionsRequest{File: []byte(publiccode), Provider: "providers/krz", RequestId: "once"}
	report, err := m.imports(req)
	if err != nil || report.GetFormat() != commonv1.FileFormat_FILE_FORMAT_PUBLICCODE || report.GetAdded() != 1 {
		t.Fatalf("%v %v", err, report)
	}
	if got := issues(report); got != "29 de.leika.leika-id WARNING UNKNOWN_PUBLIC_SERVICE\n" {
		t.Errorf("issues %s", got)
	}
	got := m.solution("hundesteuer-online")
	for field, ok := range map[string]bool{
		"external id": got.GetExternalId() == "https://example.org/hund.git", "url": got.GetUrl() == "https://example.org/hund",
		"description": got.GetDescription() == "Hund anmelden\n\nLang und breit.", "licence": got.GetLicence() == "EUPL-1.2",
		"version":  len(got.GetVersions()) == 1 && got.GetVersions()[0].GetVersion() == "1.0" && got.GetVersions()[0].GetReleaseDate() == "2026-01-24",
		"coverage": len(got.GetCoverage()) == 1 && got.GetCoverage()[0].GetPublicService() == "publicServices/"+dogTax && got.GetCoverage()[0].GetStatus() == marketplacev1.Coverage_STATUS_PILOT,
		"provider": got.GetProvider() == "providers/krz", "kind": got.GetKind() == marketplacev1.Solution_KIND_PRODUCT,
		"documentation": got.GetDocumentationUrl() == "https://example.org/doc", "no person": !strings.Contains(got.String(), "rika"),
	} {
		if !ok {
			t.Errorf("%s is not as it should be: %v", field, got)
		}
	}
	if again, err := m.imports(req); err != nil || !again.GetRepeated() || again.GetUnchanged() != 1 {
		t.Errorf("the same request again: %v %v", err, again)
	}
	m.takes(publiccode, "0+ 0* 1=")
	next := strings.NewReplacer(`"1.0"`, `"1.1"`, "2026-01-24", "2026-02-24", "beta", "stable").Replace(publiccode)
	m.takes(next, "0+ 1* 0=")
	if got := m.solution("hundesteuer-online"); len(got.GetVersions()) != 2 || got.GetVersions()[0].GetVersion() != "1.1" || got.GetProvider() != "providers/krz" {
		t.Errorf("%v", got)
	}
}

// TestPubliccodeLayouts: the German extension stands in several forms.
func TestPubliccodeLayouts(t *testing.T) {
	t.Parallel()
	m := stocked(t)
	for i, section := range []string{
		"de: {leika: ['" + dogTax + "']}", "DE: {leika: '" + dogTax + "; " + building + "'}", "de:\n  leika:\n    leika-id: [" + dogTax + "]",
		"keys: &k [{leikaId: " + dogTax + "}]\nde: {leika: *k}",
	} {
		file := fmt.Sprintf("\xef\xbb\xbfpubliccodeYmlVersion: '0.4'\nname: Nr %d\nurl: https://example.org/%d\n%s\n", i, i, section)
		m.takes(file, "1+ 0* 0=")
		if got := m.solution(fmt.Sprint("nr-", i)); len(got.GetCoverage()) == 0 || got.GetCoverage()[0].GetPublicService() != "publicServices/"+dogTax && len(got.GetCoverage()) != 2 {
			t.Errorf("%s: %v", section, got.GetCoverage())
		}
	}
	two := "publiccodeYmlVersion: 1\nname: A\nurl: https://example.org/a\n---\npubliccodeYmlVersion: 1\nname: A\nurl: https://example.org/b\nde: {leika: [{ozg-id: '10250'}]}\n"
	if got := issues(m.takes(two, "2+ 0* 0=")); !strings.Contains(got, "8 de.leika WARNING NO_KEY") || !strings.Contains(got, "WARNING SAME_NAME") {
		t.Errorf("issues %s", got)
	}
	if m.solution("a").GetExternalId() == m.solution("a-2").GetExternalId() {
		t.Error("two offers of one name are one")
	}
}

// onlineServices is a delivery of online services.
func onlineServices(objects ...string) string {
	return `<?xml version="1.0"?><x:m xmlns:x="http://xoev.de/schemata/xzufi/2_2_0">` + strings.Join(objects, "\n") + `</x:m>`
}

// TestOnlineServices imports an XZuFi delivery; what it deletes stays.
func TestOnlineServices(t *testing.T) {
	t.Parallel()
	m := stocked(t)
	linked := publicService("99012001002000", "Verknüpft", "")
	linked.SourceIds = []string{"L100042/555"}
	m.publish("catalogue", "publicService", []resource{linked}...)
	online := func(inside string) string {
		return `<x:schreibe><x:onlinedienst><x:id schemeAgencyID="L100042">12345</x:id><x:bezeichnung languageCode="de">Hund online</x:bezeichnung>` + inside + `</x:onlinedienst></x:schreibe>`
	}
	body := `<x:link><x:link>https://example.org/hund?ags=1&amp;x=2</x:link></x:link>
<x:vertrauensniveau><code>40</code><name>hoch</name></x:vertrauensniveau><x:leistungID schemeAgencyID="L100042">555</x:leistungID>
<x:leistungID schemeAgencyID="L100042">777</x:leistungID><x:referenzLeiKa><code>` + dogTax + `</code></x:referenzLeiKa>`
	service := `<x:schreibe><x:leistung><x:id schemeAgencyID="L100042">777</x:id><x:referenzLeiKa><code>` + building + `</code></x:referenzLeiKa></x:leistung></x:schreibe>`
	report := m.takes(onlineServices(service, online(body)), "1+ 0* 0=")
	if got := issues(report); got != "0  INFO OBJECTS_NOT_USED\n" {
		t.Errorf("issues %s", got)
	}
	got := m.solution("hund-online")
	if got.GetExternalId() != "xzufi:L100042:12345" || got.GetTrustLevel() != marketplacev1.Solution_TRUST_LEVEL_HIGH || len(got.GetCoverage()) != 3 ||
		got.GetUrl() != "https://example.org/hund?ags=1&x=2" || got.GetCoverage()[0].GetStatus() != marketplacev1.Coverage_STATUS_AVAILABLE {
		t.Errorf("%v", got)
	}
	m.takes(onlineServices(service, online(body)), "0+ 0* 1=")
	m.takes(onlineServices(service, online(body+`<x:gueltigkeit><x:ende>2026-01-31</x:ende></x:gueltigkeit>`)), "0+ 1* 0=")
	if got := m.solution("hund-online").GetCoverage()[0].GetStatus(); got != marketplacev1.Coverage_STATUS_DISCONTINUED {
		t.Errorf("status %v", got)
	}
	gone := onlineServices(`<x:loesche><x:id schemeAgencyID="L100042">12345</x:id><x:klasse><code>onlinedienst</code></x:klasse></x:loesche>`)
	if got := issues(m.takes(gone, "0+ 0* 0=")); got != "1 loesche WARNING GONE_AT_SOURCE\n" || m.solution("hund-online").GetState() != marketplacev1.Solution_STATE_DRAFT {
		t.Errorf("issues %s", got)
	}
	twice := onlineServices(online(body), online(`<x:vertrauensniveau><code>20</code></x:vertrauensniveau>`))
	if got := issues(m.takes(twice, "0+ 0* 1=")); !strings.Contains(got, "WRITTEN_TWICE") || !strings.Contains(got, "TRUST_LEVEL_NOT_TAKEN") {
		t.Errorf("issues %s", got)
	}
}

// TestWrongFiles: what is no file of offers is refused with the place where it belongs, or why it cannot be read.
func TestWrongFiles(t *testing.T) {
	t.Parallel()
	m := stocked(t)
	service := onlineServices(`<x:schreibe><x:leistung><x:id schemeAgencyID="A">1</x:id></x:leistung></x:schreibe>`)
	for _, c := range []struct {
		file, reason string
		code         codes.Code
		part         string // of the violation
	}{
		{"ags;leika_key;phase;name\n05758004;99102013002000;online;x\n", "IMPORT_BELONGS_ELSEWHERE", codes.InvalidArgument, "implementations:import"},
		{service, "IMPORT_BELONGS_ELSEWHERE", codes.InvalidArgument, "catalogue:import"},
		{"a;b\n1;2\n", "IMPORT_UNREADABLE", codes.InvalidArgument, "publiccode.yml"},
		{"id;name;titel\n1;2;3\n", "IMPORT_UNREADABLE", codes.InvalidArgument, "name"},
		{"id;name;art\n", "IMPORT_EMPTY", codes.FailedPrecondition, ""},
		{"publiccodeYmlVersion: 1\nname: [\n", "IMPORT_UNREADABLE", codes.InvalidArgument, "Zeile "},
		{"<html></html>", "IMPORT_UNREADABLE", codes.InvalidArgument, "html"},
		{"publiccodeYmlVersion: 1\n" + strings.Repeat("#", 1<<20), "TOO_LARGE", codes.ResourceExhausted, ""},
	} {
		_, err := m.imports(&marketplacev1.ImportSolutionsRequest{File: []byte(c.file)})
		violations, reason := "", ""
		for _, d := range status.Convert(err).Details() {
			switch d := d.(type) {
			case *errdetails.ErrorInfo:
				reason = d.GetReason()
			case *errdetails.BadRequest:
				violations = d.String()
			}
		}
		if reason != c.reason || status.Code(err) != c.code || !strings.Contains(violations, c.part) {
			t.Errorf("%.30s: %v %s %s", c.file, err, reason, violations)
		}
	}
	_, err := m.imports(&marketplacev1.ImportSolutionsRequest{File: []byte(publiccode), Provider: "providers/nobody"})
	wantFault(t, err, codes.InvalidArgument, "UNKNOWN_REFERENCE")
	report, err := m.imports(&marketplacev1.ImportSolutionsRequest{File: []byte("name;art\nHund;Ding\n"), ValidateOnly: true})
	if err != nil || !report.GetValidateOnly() || !strings.Contains(issues(report), "ERROR INVALID_VALUE") {
		t.Errorf("only checked: %v %v", err, report)
	}
}

// TestThousandsOfOffers: 2,000 offers as XLSX go in as one write within two seconds, and again without a change.
func TestThousandsOfOffers(t *testing.T) {
	t.Parallel()
	m := stocked(t)
	var file bytes.Buffer
	rows := func(yield func([]string) bool) {
		for i := range 2000 {
			if !yield([]string{fmt.Sprint(i), "Angebot Nr", "krz", "Produkt", dogTax + ";" + building, "3", "1.200,50", "https://example.org"}) {
				return
			}
		}
	}
	if err := tabular.WriteXLSX(&file, "Angebote", []string{"id", "name", "anbieter", "art", "leika_schluessel", "reifegrad", "preis_je_jahr", "url"}, rows); err != nil {
		t.Fatal(err)
	}
	start := time.Now()
	report := m.takes(file.String(), "2000+ 0* 0=")
	first := time.Since(start)
	if report.GetFormat() != commonv1.FileFormat_FILE_FORMAT_XLSX {
		t.Errorf("%v", report.GetFormat())
	}
	m.takes(file.String(), "0+ 0* 2000=")
	t.Logf("%v, then %v", first, time.Since(start)-first)
	if got := m.solution("angebot-nr-2000").GetPrices()[0].GetAmountCents(); got != 120050 {
		t.Errorf("%d cents", got)
	}
}
