package municipality

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"

	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
)

// importStates sends a table; lines of a CSV are given as rows with ";".
func (w *world) importStates(parent string, change func(*municipalityv1.ImportImplementationsRequest), rows ...string) (*commonv1.ImportReport, error) {
	req := &municipalityv1.ImportImplementationsRequest{Parent: parent, File: []byte(strings.Join(rows, "\r\n") + "\r\n")}
	if change != nil {
		change(req)
	}
	return w.client.ImportImplementations(w.ctx, req)
}

// issuesOf are the findings in short: "3 phase INVALID_VALUE".
func issuesOf(report *commonv1.ImportReport, err error) []string {
	for _, d := range status.Convert(err).Details() {
		if r, ok := d.(*commonv1.ImportReport); ok {
			report = r
		}
	}
	var said []string
	for _, i := range report.GetIssues() {
		said = append(said, fmt.Sprintf("%d %s %s", i.GetLine(), i.GetColumn(), i.GetReason()))
	}
	return said
}

func (w *world) get(ags, key string) *municipalityv1.Implementation {
	w.tb.Helper()
	i, err := w.client.GetImplementation(w.ctx, &municipalityv1.GetImplementationRequest{Name: implementationName(ags, key)})
	must(w.tb, err)
	return i
}

const lemgo = "municipalities/05766044"

// TestImportReadsWhatOfficesWrite: the words, dates and numbers of people and spreadsheets, in one column each.
func TestImportReadsWhatOfficesWrite(t *testing.T) {
	t.Parallel()
	w := smallWorld(t)
	type i = municipalityv1.Implementation
	for name, c := range map[string]struct {
		header, row string
		holds       func(*i) bool
	}{
		"phase":                  {"phase", "in Planung", func(i *i) bool { return i.GetPhase() == 2 && i.GetPhaseDate() == "2026-11-23" }},
		"phase in English":       {"Status", "In progress", func(i *i) bool { return i.GetPhase() == 3 }},
		"phase of the contract":  {"phase", "PHASE_ONLINE", func(i *i) bool { return i.GetPhase() == 4 }},
		"yes":                    {"online", "ja", func(i *i) bool { return i.GetPhase() == 4 }},
		"no":                     {"online", "NEIN", func(i *i) bool { return i.GetPhase() == 1 }},
		"since a German day":     {"phase;seit", "online;1.3.2026", func(i *i) bool { return i.GetPhaseDate() == "2026-03-01" }},
		"a serial day":           {"phase;seit", "online;46082", func(i *i) bool { return i.GetPhaseDate() == "2026-03-01" }},
		"a short day":            {"Zieldatum", "31.03.27", func(i *i) bool { return i.GetTargetDate() == "2027-03-31" }},
		"an ISO day":             {"targetDate", "2027-03-31", func(i *i) bool { return i.GetTargetDate() == "2027-03-31" }},
		"a moment":               {"target_date", "2027-03-31T00:00:00", func(i *i) bool { return i.GetTargetDate() == "2027-03-31" }},
		"level":                  {"Reifegrad", "3", func(i *i) bool { return i.GetMaturity().GetModel() == "1.1" && i.GetMaturity().GetLevel() == 3 }},
		"level with model":       {"reifegrad", "5 (2.0)", func(i *i) bool { return i.GetMaturity().GetModel() == "2.0" && i.GetMaturity().GetLevel() == 5 }},
		"level with name":        {"reifegrad", "Stufe 3 Online-Leistung", func(i *i) bool { return i.GetMaturity().GetLevel() == 3 }},
		"level beside its model": {"reifegradmodell;reifegrad", "Modell 2.0;6", func(i *i) bool { return i.GetMaturity().GetModel() == "2.0" && i.GetMaturity().GetLevel() == 6 }},
		"what is left of 2.0":    {"reifegradmodell;reifegrad", "2;6", func(i *i) bool { return i.GetMaturity().GetModel() == "2.0" }},
		"cases":                  {"Fallzahl", "1.200", func(i *i) bool { return i.GetAnnualCases() == 1200 }},
		"no cases":               {"Fallzahl", "0", func(i *i) bool { return i.AnnualCases != nil && i.GetAnnualCases() == 0 }},
		"decimal cases":          {"cases", "1200,00", func(i *i) bool { return i.GetAnnualCases() == 1200 }},
		"priority":               {"Priorität", "Hoch", func(i *i) bool { return i.GetPriority() == 3 }},
		"priority in English":    {"priority", "low", func(i *i) bool { return i.GetPriority() == 1 }},
		"address":                {"URL", "www.lemgo.example/hund", func(i *i) bool { return i.GetUrl() == "https://www.lemgo.example/hund" }},
		"address with umlauts":   {"URL", "https://büro.example/straße", func(i *i) bool { return i.GetUrl() == "https://büro.example/straße" }},
		"solution":               {"Lösung", "hundesteuer-online", func(i *i) bool { return i.GetSolution() == "solutions/hundesteuer-online" }},
		"solution by its name":   {"Loesung", "Hundesteuer Online", func(i *i) bool { return i.GetSolution() == "solutions/hundesteuer-online" }},
		"department":             {"Fachbereich", "32 Ordnung", func(i *i) bool { return i.GetDepartment() == "32 Ordnung" }},
		"a note of two lines":    {"note", "\"eins\nzwei\"", func(i *i) bool { return i.GetNote() == "eins\nzwei" }},
		"reason":                 {"phase;Begründung", "nicht zutreffend;keine Hunde", func(i *i) bool { return i.GetPhase() == 5 && i.GetNotApplicableReason() == "keine Hunde" }},
		"a formula is a text":    {"notiz", "'=1+1", func(i *i) bool { return i.GetNote() == "=1+1" }},
		"the regional key":       {"ars;phase", "57660044044;online", func(i *i) bool { return i.GetPhase() == 4 }},
		"a key with a prefix":    {"phase", "online", func(i *i) bool { return i.GetPhase() == 4 }},
	} {
		t.Run(name, func(t *testing.T) {
			report, err := w.importStates(lemgo, nil, "leika_schluessel;"+c.header, publicServices+dogTax+";"+c.row)
			must(t, err)
			if got := w.get("05766044", dogTax); !c.holds(got) || report.GetAdded() != 1 || report.GetTable() != commonv1.ImportReport_TABLE_IMPLEMENTATIONS {
				t.Errorf("%v\n%v", got, report)
			}
			_, err = w.client.DeleteImplementation(w.ctx, &municipalityv1.DeleteImplementationRequest{Name: implementationName("05766044", dogTax)})
			must(t, err)
		})
	}
}

// TestImportRefusesRows names every bad cell, and takes nothing.
func TestImportRefusesRows(t *testing.T) {
	t.Parallel()
	w := smallWorld(t)
	kept := w.patch(&municipalityv1.Implementation{Name: implementationName("05758004", waste), Note: "vorher"})
	w.patch(&municipalityv1.Implementation{Name: implementationName("05758004", waste), Note: "jetzt"})
	header := "AGS;LeiKa-Schlüssel;Phase;Seit;Reifegradmodell;Reifegrad;URL;Lösung;Fachamt;Fallzahl;Priorität;Zieldatum;Notiz;Begründung;Version"
	row := func(ags, key string, cells map[int]string) string {
		all := make([]string, 15)
		all[0], all[1] = ags, key
		for n, c := range cells {
			all[n] = c
		}
		return strings.Join(all, ";")
	}
	rows := []struct{ row, want string }{
		{row("05766044", dogTax, map[int]string{2: "fertig"}), "Phase INVALID_VALUE"},
		{row("05766044", carPlates, map[int]string{2: "online", 3: "24.11.2026"}), "Seit INVALID_FIELD"},
		{row("05766044", building, map[int]string{2: "online", 3: "31.02.2026"}), "Seit INVALID_VALUE"},
		{row("05766044", waste, map[int]string{3: "1.1.2026"}), "Seit INVALID_FIELD"},
		{row("05766044", marriage, map[int]string{5: "9"}), "Reifegrad INVALID_FIELD"},
		{row("05766044", fishing, map[int]string{4: "3.0", 5: "viel"}), "Reifegradmodell INVALID_VALUE|Reifegrad INVALID_VALUE"},
		{row("05766020", fishing, map[int]string{4: "1.1", 5: "3 (2.0)"}), "Reifegrad INVALID_VALUE"},
		{row("05766020", dogTax, map[int]string{6: "ftp://x.example"}), "URL INVALID_VALUE"},
		{row("05766020", carPlates, map[int]string{6: "https://x.example/a b"}), "URL INVALID_VALUE"},
		{row("05766020", building, map[int]string{7: "Nirgendwo"}), "Lösung UNKNOWN_SOLUTION"},
		{row("05766020", waste, map[int]string{7: "entwurf"}), "Lösung STATE_FORBIDS"},
		{row("05766020", marriage, map[int]string{8: strings.Repeat("x", 201)}), "Fachamt INVALID_VALUE"},
		{row("05711000", fishing, map[int]string{8: "Frau Muster"}), "Fachamt INVALID_FIELD"},
		{row("05711000", dogTax, map[int]string{9: "1.2"}), "Fallzahl INVALID_VALUE"},
		{row("05711000", carPlates, map[int]string{10: "dringend"}), "Priorität INVALID_VALUE"},
		{row("05711000", building, map[int]string{11: "bald"}), "Zieldatum INVALID_VALUE"},
		{row("05758999", building, map[int]string{11: "01.01.0001"}), "Zieldatum INVALID_FIELD"},
		{row("05758999", dogTax, map[int]string{4: "2.0"}), "Reifegradmodell INVALID_VALUE"},
		{row("05758999", carPlates, map[int]string{2: "online", 4: "1.1"}), "Reifegradmodell INVALID_VALUE"},
		{row("05711000", waste, map[int]string{2: "nicht zutreffend"}), "Begründung INVALID_FIELD"},
		{row("05711000", marriage, map[int]string{2: "online", 13: "weil"}), "Begründung INVALID_FIELD"},
		{row("05711000", "99999999999999", map[int]string{2: "online"}), "LeiKa-Schlüssel UNKNOWN_REFERENCE"},
		{row("05711000", old, map[int]string{2: "online"}), "LeiKa-Schlüssel STATE_FORBIDS"},
		{row("05711000", "9,9102E+13", map[int]string{2: "online"}), "LeiKa-Schlüssel INVALID_KEY"},
		{row("05711000", "", map[int]string{2: "online"}), "LeiKa-Schlüssel MISSING_KEY"},
		{row("", dogTax, map[int]string{2: "online"}), "AGS MISSING_KEY"},
		{row("123", dogTax, map[int]string{2: "online"}), "AGS INVALID_AGS"},
		{row("01001000", dogTax, map[int]string{2: "online"}), "AGS UNKNOWN_MUNICIPALITY"},
		{row("05766044", dogTax, map[int]string{2: "online"}), "LeiKa-Schlüssel DUPLICATE_KEY"},
		{row("05758004", waste, map[int]string{12: "neu", 14: kept.GetEtag()}), "Version VERSION_CHANGED"},
		{row("05758004", dogTax, map[int]string{12: "neu", 14: "zz"}), "Version VERSION_CHANGED"},
		{row("05758004", marriage, map[int]string{2: "online"}), ""},
	}
	file, want := []string{header}, []string(nil)
	for n, r := range rows {
		file = append(file, r.row)
		for issue := range strings.SplitSeq(r.want, "|") {
			if issue != "" {
				want = append(want, fmt.Sprintf("%d %s", n+2, issue))
			}
		}
	}
	_, err := w.importStates("municipalities/-", nil, file...)
	if got := issuesOf(nil, err); !slices.Equal(got, want) {
		t.Errorf("findings\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	if reason, _ := reasonOf(err); reason != "IMPORT_BAD_ROWS" {
		t.Errorf("refused by %v", err)
	}
	report, err := w.importStates("municipalities/-", func(r *municipalityv1.ImportImplementationsRequest) { r.ValidateOnly = true }, file...)
	must(t, err)
	if got := issuesOf(report, nil); !slices.Equal(got, want) || !report.GetValidateOnly() || report.GetAdded() != 1 {
		t.Errorf("asked only: %v", report)
	}
	listed, err := w.client.ListImplementations(w.ctx, &municipalityv1.ListImplementationsRequest{Parent: "municipalities/05758004"})
	must(t, err)
	if listed.GetTotalSize() != 1 || listed.GetImplementations()[0].GetNote() != "jetzt" {
		t.Errorf("something was taken: %v", listed)
	}
}

// TestImportChangesWhatTheTableSays: a missing column leaves, an empty cell clears, a row without a state stays unrecorded.
func TestImportChangesWhatTheTableSays(t *testing.T) {
	t.Parallel()
	w := smallWorld(t)
	name := implementationName("05766044", dogTax)
	before := w.patch(&municipalityv1.Implementation{Name: name, Phase: 2, PhaseDate: "2026-01-31", Note: "alt", Department: "Steuern", AnnualCases: cases(7)})
	report, err := w.importStates(lemgo, func(r *municipalityv1.ImportImplementationsRequest) { r.RequestId = "i-1" },
		"Stand;;", "leika;ags;fachamt;Notiz;Bemerkungen2;phase", dogTax+";05766044;;neu;x;online", waste+";5766044;;;;")
	must(t, err)
	if report.GetChanged() != 1 || report.GetAdded() != 0 || report.GetRepeated() || !slices.Equal(issuesOf(report, nil), []string{"0  ROWS_WITHOUT_STATE", "4 ags LEADING_ZERO_RESTORED"}) ||
		!slices.Equal(report.GetIgnoredColumns(), []string{"Bemerkungen2"}) || report.GetRows() != 2 {
		t.Errorf("report %v", report)
	}
	i := w.get("05766044", dogTax)
	if i.GetDepartment() != "" || i.GetNote() != "neu" || i.GetAnnualCases() != 7 || i.GetPhase() != 4 || i.GetPhaseDate() != "2026-11-23" {
		t.Errorf("now %v", i)
	}
	for change, want := range map[string]string{
		"as it is, on an old version": "phase;version\n" + dogTax + ";online;" + before.GetEtag(),
		"as it is":                    "phase;version\n" + dogTax + ";online;" + i.GetEtag(),
	} {
		report, err := w.importStates(lemgo, nil, strings.Split("leika;"+want, "\n")...)
		must(t, err)
		if report.GetUnchanged() != 1 || w.get("05766044", dogTax).GetEtag() != i.GetEtag() {
			t.Errorf("%s: %v", change, report)
		}
	}
	file := []string{"leika;note;version", dogTax + ";durchgesetzt;" + before.GetEtag()}
	_, err = w.importStates(lemgo, nil, file...)
	wantReason(t, err, "IMPORT_BAD_ROWS")
	_, err = w.importStates(lemgo, func(r *municipalityv1.ImportImplementationsRequest) { r.Force = true }, file...)
	must(t, err)
	if note := w.get("05766044", dogTax).GetNote(); note != "durchgesetzt" {
		t.Errorf("note is %q", note)
	}
	report, err = w.importStates(lemgo, func(r *municipalityv1.ImportImplementationsRequest) { r.RequestId = "i-1" },
		"Stand;;", "leika;ags;fachamt;Notiz;Bemerkungen2;phase", dogTax+";05766044;;neu;x;online", waste+";5766044;;;;")
	must(t, err)
	if note := w.get("05766044", dogTax).GetNote(); note != "durchgesetzt" || !report.GetRepeated() {
		t.Errorf("the repetition had an effect: %q", note)
	}
	i = w.get("05766044", dogTax)
	for range 2 { // others go on between the two
		_, err = w.importStates(lemgo, func(r *municipalityv1.ImportImplementationsRequest) { r.RequestId = "i-2" },
			"leika;note;version", dogTax+";einmal;"+i.GetEtag())
		must(t, err)
		w.patch(&municipalityv1.Implementation{Name: name, Note: "später"})
	}
	if note := w.get("05766044", dogTax).GetNote(); note != "später" {
		t.Errorf("note is %q", note)
	}
}

// TestImportTellsTables: what is no table of states is told where it belongs, and states sent elsewhere are told to come here.
func TestImportTellsTables(t *testing.T) {
	t.Parallel()
	w := smallWorld(t)
	pathOf := func(err error) string {
		for _, d := range status.Convert(err).Details() {
			if info, ok := d.(*errdetails.ErrorInfo); ok {
				return info.GetReason() + " " + info.GetMetadata()["path"]
			}
		}
		return ""
	}
	for name, c := range map[string]struct {
		parent string
		rows   []string
		want   string
	}{
		"places":          {lemgo, []string{"ags;name", "05766044;Lemgo"}, "IMPORT_BELONGS_ELSEWHERE municipalities:import"},
		"services":        {lemgo, []string{"leika_key;name", dogTax + ";x"}, "IMPORT_BELONGS_ELSEWHERE catalogue:import"},
		"something":       {lemgo, []string{"farbe;form", "rot;rund"}, "IMPORT_UNREADABLE "},
		"no municipality": {"municipalities/-", []string{"leika_key;phase", dogTax + ";online"}, "IMPORT_UNREADABLE "},
		"twice":           {lemgo, []string{"leika_key;phase;status", dogTax + ";online;online"}, "IMPORT_UNREADABLE "},
		"nothing":         {lemgo, []string{"leika_key;phase"}, "IMPORT_EMPTY "},
		"unknown place":   {"municipalities/01001000", []string{"leika_key;phase", dogTax + ";online"}, "RESOURCE_NOT_FOUND "},
	} {
		if _, err := w.importStates(c.parent, nil, c.rows...); pathOf(err) != c.want {
			t.Errorf("%s: %v, want %s", name, err, c.want)
		}
	}
	_, err := w.client.ImportMunicipalities(w.ctx, &municipalityv1.ImportMunicipalitiesRequest{File: []byte("ags;leika_key;phase\n05766044;" + dogTax + ";online\n")})
	if got := pathOf(err); got != "IMPORT_BELONGS_ELSEWHERE municipalities/-/implementations:import" {
		t.Errorf("states to municipalities:import: %s", got)
	}
	twins := solution("zwilling", "Hundesteuer online", nil)
	w.publish("marketplace", twins, &marketplacev1.Solution{Name: "solutions/drilling", DisplayName: "Hundesteuer online"})
	_, err = w.importStates(lemgo, nil, "leika_key;lösung", dogTax+";Hundesteuer online")
	if got := issuesOf(nil, err); !slices.Equal(got, []string{"2 lösung AMBIGUOUS_SOLUTION"}) {
		t.Errorf("a name of several solutions: %v", got)
	}
}
