package marketplace_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/api/httpbody"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/tabular"
)

// secret stands wherever nothing is published.
const secret = "geheim"

// publishing has an offer, a project and much that nobody outside may see.
func publishing(t *testing.T) *market {
	m := open(t)
	m.publish("catalogue", "publicService", publicService("99102013002000", "Hundesteuer Festsetzung", ""), publicService("99012001001000", "Baugenehmigung", ""))
	m.publish("catalogue", "theme", &cataloguev1.Theme{Name: "themes/steuern", DisplayName: "Steuern & Zoll"})
	m.publish("municipality", "dataCentre", &municipalityv1.DataCentre{Name: "dataCentres/krz", DisplayName: "krz Lemgo"})
	m.publish("municipality", "municipality", municipality("05758004", "Bünde", 4, 45000))
	m.publish("municipality", "implementation", &municipalityv1.Implementation{
		Name: "municipalities/05758004/implementations/99102013002000", PublicService: "publicServices/99102013002000", Solution: "solutions/hund", Phase: 4,
	})
	m.publish("marketplace", "provider", &marketplacev1.Provider{Name: "providers/krz", DisplayName: "krz"})
	change := func(before, after string) *marketplacev1.PromiseChange {
		return &marketplacev1.PromiseChange{OldDate: before, NewDate: after, Actor: secret}
	}
	m.publish("marketplace", "solution",
		&marketplacev1.Solution{
			Name: "solutions/hund", DisplayName: "Hundesteuer <Online>", Provider: "providers/krz", Kind: 1, EfaState: 2, State: 3, Description: "An- und Abmeldung;\nmit Bescheid",
			Url: "https://hund.example/", DocumentationUrl: "https://hund.example/doku", AccessibilityUrl: "https://hund.example/bf", Licence: "EUPL-1.2", TrustLevel: 3,
			Versions: []*marketplacev1.SolutionVersion{{Version: "2.1", ReleaseDate: "2026-01-31"}},
			Coverage: []*marketplacev1.Coverage{
				{PublicService: "publicServices/99102013002000", Maturity: &municipalityv1.Maturity{Model: "1.1", Level: 3}, Status: 3, SinceVersion: "2.1"},
				{PublicService: "publicServices/99012001001000", Status: 1, Note: "später"},
			},
			SizeClasses: []commonv1.SizeClass{4, 6}, Municipalities: []string{"municipalities/05758004"}, DataCentres: []string{"dataCentres/krz"},
			BaseComponents: []string{"BundID", "ePayBL"}, SpecialistSystems: []string{"Steuer 5"}, PromisedDate: "2027-03-31",
			PromiseChanges: []*marketplacev1.PromiseChange{change("", "2026-12-31"), change("2026-12-31", "2027-03-31")},
			Prices: []*marketplacev1.Price{
				{Basis: 1, AmountCents: 123450, Currency: "EUR", Units: 1}, {Basis: 2, AmountCents: 90000005, Currency: "EUR", Units: 1}, {Basis: 3, AmountCents: 12, Currency: "EUR", Units: 1000, Note: "Hosting"},
			},
			ContactRole: "Produktmanagement Hundesteuer", ReviewNote: secret, Submitter: "municipalities/05758004", ExternalId: secret, LocalFields: []string{secret},
		},
		// delivered before its first date, after it had been put off by 210 days
		&marketplacev1.Solution{PromiseChanges: []*marketplacev1.PromiseChange{
			change("", "2026-12-31"), change("2026-12-31", "2027-07-29"),
			{OldDate: "2027-07-29", Time: timestamppb.New(time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)), Actor: secret},
		}, Name: "solutions/frei", DisplayName: "Freies Formular", State: 3, Kind: 3, Example: true, Prices: []*marketplacev1.Price{{Basis: 5, Currency: "EUR"}}},
	)
	for state := range marketplacev1.Solution_State_name {
		if state != int32(marketplacev1.Solution_STATE_PUBLISHED) {
			m.publish("marketplace", "solution", &marketplacev1.Solution{Name: "solutions/" + secret + digit(state), DisplayName: secret, State: marketplacev1.Solution_State(state)})
		}
	}
	m.publish("marketplace", "project", &marketplacev1.Project{
		Name: "projects/hunde", DisplayName: "Hundesteuer für alle", Description: "Eine für alle", Theme: "themes/steuern", Lead: "dataCentres/krz",
		Participants:   []*marketplacev1.Participant{{Member: "municipalities/05758004", Role: 2}, {Member: "dataCentres/krz", Role: 4}},
		Actors:         []*marketplacev1.Actor{{Kind: 1, DisplayName: "Ministerium", Task: "Fachaufsicht"}},
		PublicServices: []string{"publicServices/99102013002000"}, Solutions: []string{"solutions/hund", "solutions/" + secret + "1"},
		Phases: []*marketplacev1.ProjectPhase{
			{Phase: 1, PlannedDate: "2026-01-01", ActualDate: "2026-01-15", Changes: []*marketplacev1.PromiseChange{change("", "2026-01-01")}},
			{Phase: 4, PlannedDate: "2026-12-01", Changes: []*marketplacev1.PromiseChange{change("", "2026-11-01"), change("2026-11-01", "2026-12-01")}},
		},
		Deferred: true, DeferredReason: "Haushalt", BaseComponents: []string{"BundID"}, Example: true,
		Entries: []*marketplacev1.ProjectEntry{{Date: "2026-01-01", Title: secret, Text: secret}},
	})
	return m
}

func (m *market) openFiles(t *testing.T, format string) map[string]*httpbody.HttpBody {
	t.Helper()
	projects, err := m.GetOpenProjects(t.Context(), &marketplacev1.GetOpenProjectsRequest{Format: format})
	if err != nil {
		t.Fatal(err)
	}
	offers, err := m.GetOpenOffers(t.Context(), &marketplacev1.GetOpenOffersRequest{Format: format})
	if err != nil {
		t.Fatal(err)
	}
	return map[string]*httpbody.HttpBody{"projects": projects, "offers": offers}
}

// TestOpenData pins what is published to the byte, in all formats, and that nothing else is.
func TestOpenData(t *testing.T) {
	t.Parallel()
	m := publishing(t)
	for _, format := range []string{"", "csv"} {
		for name, file := range m.openFiles(t, format) {
			got, kind := file.GetData(), ".csv"
			if format == "" {
				var indented bytes.Buffer
				if err := json.Indent(&indented, got, "", "  "); err != nil {
					t.Fatal(err)
				}
				got, kind = indented.Bytes(), ".json"
			}
			want, err := os.ReadFile(filepath.Join("testdata", "open_"+name+kind))
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s%s is not what testdata holds (%v):\n%s", name, kind, err, got)
			}
			if strings.Contains(string(got), secret) || strings.Contains(string(got), "etag") {
				t.Errorf("%s%s publishes what is not for everybody", name, kind)
			}
		}
	}
	tables := m.openFiles(t, "csv")
	for name, file := range m.openFiles(t, "xlsx") {
		book, err := tabular.Read(file.GetData(), tabular.Options{})
		if err != nil {
			t.Fatal(err)
		}
		table, err := tabular.Read(tables[name].GetData(), tabular.Options{})
		if err != nil || len(book.Rows) != len(table.Rows) || len(book.Rows) == 0 || strings.Join(book.Header, ";") != strings.Join(table.Header, ";") {
			t.Errorf("%s: the workbook has %d rows, the other table %d; %v", name, len(book.Rows), len(table.Rows), err)
		}
	}
	for _, format := range []string{"xml", "CSV", "FILE_FORMAT_CSV"} {
		_, err := m.GetOpenOffers(t.Context(), &marketplacev1.GetOpenOffersRequest{Format: format})
		wantFault(t, err, codes.InvalidArgument, "INVALID_FIELD")
	}
}

// TestOpenDataFollows: a change shows at once, in every format; what did not change stays the same bytes.
func TestOpenDataFollows(t *testing.T) {
	t.Parallel()
	m := publishing(t)
	for _, format := range []string{"json", "csv", "xlsx"} {
		before, again := m.openFiles(t, format)["offers"].GetData(), m.openFiles(t, format)["offers"].GetData()
		if !bytes.Equal(before, again) {
			t.Errorf("%s: other bytes of the same state", format)
		}
		m.publish("municipality", "municipality", municipality("05758016", "Herford "+format, 3, 60000)) // nothing that is published here
		if same := m.openFiles(t, format)["offers"].GetData(); !bytes.Equal(before, same) {
			t.Errorf("%s: other bytes of what did not change", format)
		}
		m.publish("marketplace", "provider", &marketplacev1.Provider{Name: "providers/krz", DisplayName: "krz für " + format})
		if after := m.openFiles(t, format)["offers"].GetData(); bytes.Equal(before, after) {
			t.Errorf("%s: a change does not show", format)
		}
	}
}

// TestNothingIsOpenData: without entries the documents say so with empty lists.
func TestNothingIsOpenData(t *testing.T) {
	t.Parallel()
	for name, file := range open(t).openFiles(t, "") {
		if !strings.Contains(string(file.GetData()), `"asOf":"2026-03-02","`+name+`":[]}`) {
			t.Errorf("%s: %s", name, file.GetData())
		}
	}
}

func digit(n int32) string { return string('0' + n) }
