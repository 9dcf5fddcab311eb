package catalogue

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"pgregory.net/rapid"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	commonv1 "kompass.krz.de/proto/kompass/common/v1"
)

// services is a table of n public services, the first being number from.
func services(from, n int) string {
	var b strings.Builder
	b.WriteString("leika_key,name\n")
	for i := from; i < from+n; i++ {
		fmt.Fprintf(&b, "99%012d,Leistung %d\n", i, i)
	}
	return b.String()
}

func name(i int) string { return fmt.Sprintf("publicServices/99%012d", i) }

// TestShrink: exactly 20 % may go, one more may not, unless forced; asked only, the report says so.
func TestShrink(t *testing.T) {
	t.Parallel()
	c := start(t)
	c.load(services(0, 100))
	_, err := c.try(services(0, 79))
	refused(t, err, codes.FailedPrecondition, "IMPORT_SHRINKS_CATALOGUE")
	preview := c.load(services(0, 79), validateOnly)
	if !preview.GetValidateOnly() || preview.GetWithdrawn() != 21 || issuesOf(preview)["IMPORT_SHRINKS_CATALOGUE"] != 1 {
		t.Errorf("%v", preview)
	}
	if r := c.load(services(0, 80)); counts(r) != [5]int64{0, 0, 20, 80, 2} {
		t.Error(counts(r))
	}
	// The bound moves with the catalogue: of 80, 17 are too many.
	_, err = c.try(services(0, 63))
	refused(t, err, codes.FailedPrecondition, "IMPORT_SHRINKS_CATALOGUE")
	// New entries do not make up for withdrawn ones: a file of another origin is refused too.
	_, err = c.try(services(40, 200))
	refused(t, err, codes.FailedPrecondition, "IMPORT_SHRINKS_CATALOGUE")
	for _, want := range []string{"80 Einträgen", "entfielen 40", "neu kämen 160", "Of 80 entries 40 would be withdrawn", "160 would be new"} {
		if !strings.Contains(texts(err), want) {
			t.Errorf("%q lacks %q", texts(err), want)
		}
	}
	if r := c.load(services(0, 10), partial); counts(r) != [5]int64{0, 0, 0, 10, 0} {
		t.Error(counts(r))
	}
	if r := c.load(services(0, 10), force); counts(r) != [5]int64{0, 0, 70, 10, 3} {
		t.Error(counts(r))
	}
	revision, err := c.GetCatalogueRevision(t.Context(), &cataloguev1.GetCatalogueRevisionRequest{Name: "catalogueRevisions/3"})
	if err != nil || !revision.GetForced() || revision.GetActor() != "administrator" || len(revision.GetFileDigest()) != 64 {
		t.Errorf("%v %v", revision, err)
	}
}

// TestBadFiles: what cannot be taken is refused as a whole, with the row that is to blame.
func TestBadFiles(t *testing.T) {
	t.Parallel()
	c := start(t)
	for _, f := range []struct {
		file   string
		code   codes.Code
		reason string
		issue  string // the one error of the report
		line   int32
	}{
		{"", codes.FailedPrecondition, "IMPORT_EMPTY", "", 0},
		{"leika_key,name\n", codes.FailedPrecondition, "IMPORT_EMPTY", "", 0},
		{"farbe,form\nrot,rund\n", codes.InvalidArgument, "IMPORT_UNREADABLE", "", 0},
		{"leika_key,name\n99012001001000,\"Abbruch\n", codes.InvalidArgument, "IMPORT_UNREADABLE", "", 0},
		{"leika_key,name\n99012001001000,A\n99012001001000,B\n", codes.InvalidArgument, "IMPORT_BAD_ROWS", "DUPLICATE_KEY", 3},
		{"leika_key,name\n99012001001000,\n", codes.InvalidArgument, "IMPORT_BAD_ROWS", "MISSING_NAME", 2},
		{"leika_key,name\n\"9,9012E+13\",Abbruch\n", codes.InvalidArgument, "IMPORT_BAD_ROWS", "SCIENTIFIC_NOTATION", 2},
		{"ozg_id,name\n,Elterngeld\n", codes.InvalidArgument, "IMPORT_BAD_ROWS", "MISSING_KEY", 2},
		{"target,kreis\n99012001001000,evtl\n", codes.InvalidArgument, "IMPORT_BAD_ROWS", "BAD_OBLIGATION", 2},
		{"target,kreis\n99012001001000,ja\n99012001001000,nein\n", codes.InvalidArgument, "IMPORT_BAD_ROWS", "DUPLICATE_KEY", 3},
		{"<html></html>", codes.InvalidArgument, "IMPORT_UNREADABLE", "", 0},
	} {
		_, err := c.try(f.file)
		refused(t, err, f.code, f.reason)
		issues := slices.DeleteFunc(reportOf(err).GetIssues(), func(i *commonv1.ImportIssue) bool { return i.GetSeverity() != commonv1.ImportIssue_SEVERITY_ERROR })
		if f.issue != "" && (len(issues) != 1 || issues[0].GetReason() != f.issue || issues[0].GetLine() != f.line) {
			t.Errorf("%q: %v", f.file, issues)
		}
	}
	revisions, err := c.ListCatalogueRevisions(t.Context(), &cataloguev1.ListCatalogueRevisionsRequest{})
	if err != nil || revisions.GetTotalSize() != 0 {
		t.Errorf("refused files left %v, %v", revisions, err)
	}
}

// TestRowsWithRepairs: what can be taken is taken, and named.
func TestRowsWithRepairs(t *testing.T) {
	t.Parallel()
	c := start(t)
	r := c.load("LeiKa-Schlüssel;Leistungsbezeichnung;Typisierung;OZG-ID;SDG Anhang I;Sonstiges\n" +
		"5012001001000;\"M&uuml;llabfuhr &amp; Sperrm&uuml;ll\";2/3;10110;ja;x\n" +
		"99012001001000;Abbruch;02. Mrz;10110, 10111;vielleicht;\n" +
		"99012001001000;Abbruch;02. Mrz;10110, 10111;vielleicht;\n" +
		";Wilder Müll;;;;\n" +
		";wilder müll;4;;;\n")
	want := map[string]int{
		"LEADING_ZERO_RESTORED": 1, "BAD_LEIKA_TYPE": 2, "SEVERAL_OZG_SERVICES": 2, "BAD_FLAG": 2, "DUPLICATE_ROW": 1, "DUPLICATE_ENTRY": 1, "UNKNOWN_OZG_SERVICE": 2,
	}
	if got := issuesOf(r); fmt.Sprint(got) != fmt.Sprint(want) || int(r.GetIssueCount()) != 11 {
		t.Errorf("%v, %d", got, r.GetIssueCount())
	}
	if r.GetAdded() != 3 || r.GetRows() != 5 || fmt.Sprint(r.GetIgnoredColumns()) != "[Sonstiges]" || r.GetSeparator() != ";" {
		t.Errorf("%v", r)
	}
	if first := r.GetIssues()[0]; first.GetLine() != 2 || first.GetColumn() != "LeiKa-Schlüssel" || first.GetValue() != "5012001001000" {
		t.Errorf("%v", first)
	}
	m, err := c.GetPublicService(t.Context(), &cataloguev1.GetPublicServiceRequest{Name: "publicServices/05012001001000"})
	if err != nil || m.GetDisplayName() != "Müllabfuhr & Sperrmüll" || !m.GetSdg1() || fmt.Sprint(m.GetLeikaTypes()) != "[2 3]" || m.GetOzgService() != "ozgServices/10110" {
		t.Errorf("%v %v", m, err)
	}
}

// TestIssuesAreBounded: a thousand warnings never hide an error.
func TestIssuesAreBounded(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("leika_key,name,ozg_id\n")
	for i := range 1500 {
		fmt.Fprintf(&b, "99%012d,Leistung,10001\n", i)
	}
	b.WriteString("kaputt,Leistung,10001\n")
	c := start(t)
	_, err := c.try(b.String())
	refused(t, err, codes.InvalidArgument, "IMPORT_BAD_ROWS")
	r := reportOf(err)
	if len(r.GetIssues()) != 1000 || r.GetIssueCount() != 1501 || r.GetIssues()[999].GetReason() != "BAD_KEY" {
		t.Errorf("%d of %d, the last is %v", len(r.GetIssues()), r.GetIssueCount(), r.GetIssues()[len(r.GetIssues())-1])
	}
	if preview, err := c.try(b.String(), validateOnly); err != nil || preview.GetIssueCount() != 1501 {
		t.Errorf("%v", err)
	}
}

// TestHistory: entries go, come back and are renumbered; every revision says what it did, and fields are compared.
func TestHistory(t *testing.T) {
	t.Parallel()
	c := start(t)
	c.load("leika_key,name,rechtsgrundlage\n99000000000001,Hundesteuer,§ 1\n99000000000002,Bauantrag,§ 2\n,Wilder Müll,\n99000000000004,Parken,\n99000000000005,Jagd,\n99000000000006,Fisch,\n")
	c.load("leika_key,name,rechtsgrundlage\n99000000000001,Hundesteuer,§ 1a\n99000000000002,Bauantrag,§ 2\n99000000000003,Wilder Müll,\n99000000000004,Parken,\n99000000000005,Jagd,\n99000000000006,Fisch,\n")
	changes := c.changes(2)
	keyless := publicPrefix + keylessID("Wilder Müll")
	want := []string{
		"KIND_CHANGED publicServices/99000000000001 [legalBasis:§ 1→§ 1a] []",
		"KIND_ADDED publicServices/99000000000003 [] []",
		"KIND_WITHDRAWN " + keyless + " [] [publicServices/99000000000003]",
	}
	if fmt.Sprint(changes) != fmt.Sprint(want) {
		t.Errorf("got %q\nwant %q", changes, want)
	}
	gone, err := c.GetPublicService(t.Context(), &cataloguev1.GetPublicServiceRequest{Name: keyless})
	if err != nil || gone.GetState() != cataloguev1.EntryState_ENTRY_STATE_WITHDRAWN || fmt.Sprint(gone.GetSuccessors()) != "[publicServices/99000000000003]" ||
		gone.GetFirstRevision() != 1 || gone.GetLastRevision() != 2 {
		t.Errorf("%v %v", gone, err)
	}
	// A file without the column says nothing about the field.
	c.load("leika_key,name\n99000000000001,Hundesteuer\n99000000000002,Bauantrag\n,Wilder Müll\n99000000000003,Wilder Müll\n99000000000004,Parken\n99000000000005,Jagd\n99000000000006,Fisch\n")
	if changes := c.changes(3); fmt.Sprint(changes) != "[KIND_ADDED "+keyless+" [] []]" {
		t.Errorf("%q", changes)
	}
	back, err := c.GetPublicService(t.Context(), &cataloguev1.GetPublicServiceRequest{Name: keyless})
	if err != nil || back.GetState() != cataloguev1.EntryState_ENTRY_STATE_ACTIVE || len(back.GetSuccessors()) != 0 || back.GetFirstRevision() != 1 || back.GetLastRevision() != 3 {
		t.Errorf("%v %v", back, err)
	}
	dog, err := c.GetPublicService(t.Context(), &cataloguev1.GetPublicServiceRequest{Name: name(1)})
	if err != nil || dog.GetLegalBasis() != "§ 1a" || dog.GetLastRevision() != 2 {
		t.Errorf("%v %v", dog, err)
	}
	list, err := c.ListCatalogueRevisions(t.Context(), &cataloguev1.ListCatalogueRevisionsRequest{PageSize: 2})
	if err != nil || list.GetTotalSize() != 3 || list.GetCatalogueRevisions()[0].GetNumber() != 3 || list.GetNextPageToken() == "" {
		t.Errorf("%v %v", list, err)
	}
}

// changes are the changes of a revision in short.
func (c *client) changes(number int) []string {
	c.tb.Helper()
	r, err := c.ListCatalogueChanges(c.tb.Context(), &cataloguev1.ListCatalogueChangesRequest{Parent: fmt.Sprint("catalogueRevisions/", number)})
	if err != nil {
		c.tb.Fatal(err)
	}
	var short []string
	for _, ch := range r.GetChanges() {
		var fields []string
		for _, f := range ch.GetFields() {
			fields = append(fields, f.GetField()+":"+f.GetOldValue()+"→"+f.GetNewValue())
		}
		short = append(short, fmt.Sprint(ch.GetKind(), " ", ch.GetResource(), " ", fields, " ", ch.GetSuccessors()))
	}
	return short
}

// TestLocalEditsSurvive: what people decided is there after every import.
func TestLocalEditsSurvive(t *testing.T) {
	t.Parallel()
	c := start(t)
	c.load(services(0, 20))
	rules := &cataloguev1.Relevance{Name: name(1) + "/relevance", Note: "Satzung", Rules: []*cataloguev1.ClassRule{
		{SizeClass: commonv1.SizeClass_SIZE_CLASS_KREIS, Obligation: cataloguev1.Obligation_OBLIGATION_NOT_OWED},
	}}
	decided, err := c.UpdateRelevance(admin(t), &cataloguev1.UpdateRelevanceRequest{Relevance: rules})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.UpdatePublicService(admin(t), &cataloguev1.UpdatePublicServiceRequest{PublicService: &cataloguev1.PublicService{Name: name(19), Successors: []string{name(2)}}}); err != nil {
		t.Fatal(err)
	}
	// Number 19 goes while one of its name comes: a proposal would say so, but somebody has decided already.
	c.load(strings.ReplaceAll(services(0, 19), "Leistung 1\n", "Leistung 1 neu\n") + "77000000000019,Leistung 19\n")
	after, err := c.GetRelevance(t.Context(), &cataloguev1.GetRelevanceRequest{Name: rules.GetName()})
	if err != nil || !proto.Equal(after, decided) {
		t.Errorf("%v %v", after, err)
	}
	m, err := c.GetPublicService(t.Context(), &cataloguev1.GetPublicServiceRequest{Name: name(19)})
	if err != nil || fmt.Sprint(m.GetSuccessors()) != "["+name(2)+"]" || m.GetState() != cataloguev1.EntryState_ENTRY_STATE_WITHDRAWN {
		t.Errorf("%v %v", m, err)
	}
}

// TestRepeatedRequest: a repeated request has one effect, and its answer says which.
func TestRepeatedRequest(t *testing.T) {
	t.Parallel()
	c := start(t)
	id := func(r *cataloguev1.ImportCatalogueRequest) { r.RequestId = "import-1" }
	first := c.load(services(0, 5), id)
	c.load(services(0, 6))
	again := c.load(services(0, 5), id)
	if first.GetRepeated() || !again.GetRepeated() {
		t.Errorf("which one is the repetition? first %v, again %v", first, again)
	}
	if counts(first) != counts(again) || counts(again) != [5]int64{5, 0, 0, 0, 1} {
		t.Errorf("first %v, again %v", counts(first), counts(again))
	}
	_, err := c.try(services(0, 7), id)
	refused(t, err, codes.AlreadyExists, "REQUEST_ID_REUSED")
}

// TestTwoImportsAtOnce: two replicas import different tables at the same moment; both land, each as one revision.
func TestTwoImportsAtOnce(t *testing.T) {
	t.Parallel()
	a := start(t)
	b := join(t, a.site)
	var group sync.WaitGroup
	for i, c := range []*client{a, b} {
		group.Go(func() {
			if _, err := c.try(services(i*1000, 1000), partial); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	for _, c := range []*client{a, b} {
		_ = c.service.replica.WaitFor(t.Context(), a.service.replica.Token())
		_ = c.service.replica.WaitFor(t.Context(), b.service.replica.Token())
		list, err := c.ListPublicServices(t.Context(), &cataloguev1.ListPublicServicesRequest{PageSize: 1})
		revisions, err2 := c.ListCatalogueRevisions(t.Context(), &cataloguev1.ListCatalogueRevisionsRequest{})
		if err != nil || err2 != nil || list.GetTotalSize() != 2000 || revisions.GetTotalSize() != 2 {
			t.Errorf("%d services in %d revisions, %v %v", list.GetTotalSize(), revisions.GetTotalSize(), err, err2)
		}
	}
}

// TestUnknownReferences resolve as soon as their table arrives.
func TestUnknownReferences(t *testing.T) {
	t.Parallel()
	c := start(t)
	c.load("leika_key,name,ozg_id\n99000000000001,Abbruch,10513\n")
	r := c.load("ozg_id,name,lage,themenfeld\n10513,Abbruchgenehmigung,Bauen & Immobilien,Bauen und Wohnen\n")
	if got := issuesOf(r); got["UNKNOWN_SITUATION"] != 1 || got["UNKNOWN_THEME"] != 1 {
		t.Errorf("%v", got)
	}
	r = c.load("name,themenfeld\nBauen & Immobilien,BAUEN & WOHNEN\n")
	if got := issuesOf(r); got["THEME_ADDED"] != 1 || r.GetAdded() != 1 {
		t.Errorf("%v", r)
	}
	c.load("ozg_id,name,lage,themenfeld\n10513,Abbruchgenehmigung,Bauen & Immobilien,\n")
	m, err := c.GetPublicService(t.Context(), &cataloguev1.GetPublicServiceRequest{Name: name(1)})
	if err != nil || m.GetTheme() != "themes/bauen-wohnen" {
		t.Errorf("%v %v", m, err)
	}
}

// TestLastFileCounts: after A then B, exactly the entries of B are active, and the revision of B names the difference.
func TestLastFileCounts(t *testing.T) {
	t.Parallel()
	c := start(t)
	before := map[int]bool{}
	rapid.Check(t, func(rt *rapid.T) {
		numbers := rapid.SliceOfNDistinct(rapid.IntRange(0, 40), 1, 30, rapid.ID[int]).Draw(rt, "numbers")
		var b strings.Builder
		b.WriteString("leika_key,name\n")
		now := map[int]bool{}
		for _, n := range numbers {
			now[n] = true
			fmt.Fprintf(&b, "99%012d,Leistung %d\n", n, n)
		}
		r := c.load(b.String(), force)
		var added, withdrawn int32
		for n := range now {
			if !before[n] {
				added++
			}
		}
		for n := range before {
			if !now[n] {
				withdrawn++
			}
		}
		list, err := c.ListPublicServices(t.Context(), &cataloguev1.ListPublicServicesRequest{PageSize: 1000})
		if err != nil || len(list.GetPublicServices()) != len(now) || r.GetAdded() != added || r.GetWithdrawn() != withdrawn {
			rt.Fatalf("%v: %d listed of %d, %v", counts(r), len(list.GetPublicServices()), len(now), err)
		}
		for _, m := range list.GetPublicServices() {
			var n int
			if _, err := fmt.Sscanf(m.GetLeikaKey(), "99%012d", &n); err != nil || !now[n] {
				rt.Fatalf("%s is active", m.GetName())
			}
		}
		before = now
	})
}

// TestSuccessors: they exist, do not lead back, and are all that can be changed.
func TestSuccessors(t *testing.T) {
	t.Parallel()
	c := start(t)
	c.load(services(0, 4))
	set := func(of int, successors ...string) (*cataloguev1.PublicService, error) {
		return c.UpdatePublicService(admin(t), &cataloguev1.UpdatePublicServiceRequest{
			PublicService: &cataloguev1.PublicService{Name: name(of), Successors: successors}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"successors"}},
		})
	}
	first, err := set(0, name(1))
	if err != nil || fmt.Sprint(first.GetSuccessors()) != "["+name(1)+"]" {
		t.Fatalf("%v %v", first, err)
	}
	if _, err := set(1, name(2)); err != nil {
		t.Fatal(err)
	}
	_, err = set(2, name(0))
	refused(t, err, codes.InvalidArgument, "INVALID_FIELD")
	_, err = set(2, name(2))
	refused(t, err, codes.InvalidArgument, "INVALID_FIELD")
	_, err = set(2, name(9))
	refused(t, err, codes.InvalidArgument, "UNKNOWN_REFERENCE")
	_, err = set(9, name(0))
	refused(t, err, codes.NotFound, "RESOURCE_NOT_FOUND")
	_, err = c.UpdatePublicService(admin(t), &cataloguev1.UpdatePublicServiceRequest{PublicService: &cataloguev1.PublicService{Name: name(3), DisplayName: "anders"}})
	refused(t, err, codes.InvalidArgument, "INVALID_FIELD_MASK")
	_, err = c.UpdatePublicService(admin(t, "if-match", `"zzz"`), &cataloguev1.UpdatePublicServiceRequest{PublicService: &cataloguev1.PublicService{Name: name(3), Successors: []string{name(0)}}})
	refused(t, err, codes.Aborted, "ETAG_MISMATCH")
	same, err := set(0, name(1))
	if err != nil || same.GetEtag() != first.GetEtag() {
		t.Errorf("nothing changed, but the etag did: %v %v", same, err)
	}
	asked, err := c.UpdatePublicService(admin(t), &cataloguev1.UpdatePublicServiceRequest{PublicService: &cataloguev1.PublicService{Name: name(3), Successors: []string{name(0)}}, ValidateOnly: true})
	if err != nil || len(asked.GetSuccessors()) != 1 || asked.GetEtag() != "" {
		t.Errorf("%v %v", asked, err)
	}
	if none, err := set(0); err != nil || len(none.GetSuccessors()) != 0 || none.GetEtag() == first.GetEtag() {
		t.Errorf("%v %v", none, err)
	}
}
