package catalogue

import (
	"context"
	"fmt"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	commonv1 "kompass.krz.de/proto/kompass/common/v1"
)

const (
	kreis      = commonv1.SizeClass_SIZE_CLASS_KREIS
	kreisfreie = commonv1.SizeClass_SIZE_CLASS_KREISFREIE_STADT
	owed       = cataloguev1.Obligation_OBLIGATION_OWED
	notOwed    = cataloguev1.Obligation_OBLIGATION_NOT_OWED
	unassessed = cataloguev1.Obligation_OBLIGATION_NOT_ASSESSED
)

func rule(class commonv1.SizeClass, o cataloguev1.Obligation) *cataloguev1.ClassRule {
	return &cataloguev1.ClassRule{SizeClass: class, Obligation: o}
}

// TestRelevance: own rules, those of the OZG service, and "not assessed" as a decision; the list of rules is replaced whole.
func TestRelevance(t *testing.T) {
	t.Parallel()
	c := start(t)
	c.load("ozg_id,name\n10513,Abbruchgenehmigung\n")
	c.load("leika_key,name,ozg_id\n99000000000001,Abbruch,10513\n")
	const own, ozg = "publicServices/99000000000001/relevance", "ozgServices/10513/relevance"
	set := func(name string, rules ...*cataloguev1.ClassRule) *cataloguev1.Relevance {
		t.Helper()
		r, err := c.UpdateRelevance(admin(t), &cataloguev1.UpdateRelevanceRequest{
			Relevance: &cataloguev1.Relevance{Name: name, Rules: rules}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"rules"}},
		})
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	effective := func(class commonv1.SizeClass) string {
		t.Helper()
		r, err := c.GetRelevance(t.Context(), &cataloguev1.GetRelevanceRequest{Name: own})
		if err != nil || len(r.GetEffectiveRules()) != 7 {
			t.Fatalf("%v %v", r, err)
		}
		e := r.GetEffectiveRules()[class-1]
		return fmt.Sprint(e.GetObligation(), " ", e.GetSource())
	}
	expect := func(class commonv1.SizeClass, want string) {
		t.Helper()
		if got := effective(class); got != want {
			t.Errorf("%v: %s, want %s", class, got, want)
		}
	}
	expect(kreis, "OBLIGATION_NOT_ASSESSED ")
	set(ozg, rule(kreis, owed), rule(kreisfreie, owed))
	expect(kreis, "OBLIGATION_OWED "+ozg)
	first := set(own, rule(kreisfreie, notOwed), rule(kreis, unassessed))
	expect(kreis, effective(kreis))
	if got := effective(kreis); got[:23] != "OBLIGATION_NOT_ASSESSED" {
		t.Errorf("not assessed is inherited over: %s", got)
	}
	expect(kreisfreie, "OBLIGATION_NOT_OWED "+own)
	if again := set(own, rule(kreis, unassessed), rule(kreisfreie, notOwed)); again.GetEtag() != first.GetEtag() {
		t.Error("the same rules in another order are a change")
	}
	if none := set(own); len(none.GetRules()) != 0 || none.GetEtag() == first.GetEtag() {
		t.Errorf("%v", none)
	}
	expect(kreisfreie, "OBLIGATION_OWED "+ozg)
}

// TestRelevanceNeverSet: rules that nobody has set have a version that a change can build on.
func TestRelevanceNeverSet(t *testing.T) {
	t.Parallel()
	c := start(t)
	c.load(services(1, 1))
	before, err := c.GetRelevance(t.Context(), &cataloguev1.GetRelevanceRequest{Name: name(1) + "/relevance"})
	if err != nil || before.GetEtag() != "0" {
		t.Fatalf("%v %v", before, err)
	}
	change := func(ctx context.Context, note, etag string) error {
		_, err := c.UpdateRelevance(ctx, &cataloguev1.UpdateRelevanceRequest{Relevance: &cataloguev1.Relevance{Name: before.GetName(), Etag: etag, Note: note}})
		return err
	}
	createOnly := metadata.AppendToOutgoingContext(admin(t), "if-none-match", "*")
	if err := change(createOnly, "a", "0"); err != nil {
		t.Errorf("the first change: %v", err)
	}
	refused(t, change(admin(t), "b", "0"), codes.Aborted, "ETAG_MISMATCH")
	refused(t, change(createOnly, "b", ""), codes.Aborted, "ETAG_MISMATCH")
}

// TestRelevanceRefusals: each with its own reason.
func TestRelevanceRefusals(t *testing.T) {
	t.Parallel()
	c := start(t)
	c.load(services(1, 1))
	for _, r := range []struct {
		name, etag string
		rules      []*cataloguev1.ClassRule
		code       codes.Code
		reason     string
	}{
		{name(2) + "/relevance", "", nil, codes.NotFound, "RESOURCE_NOT_FOUND"},
		{name(2) + "/relevance", "abc", nil, codes.Aborted, "ETAG_MISMATCH"},
		{name(1) + "/relevance", "abc", nil, codes.Aborted, "ETAG_MISMATCH"},
		{"publicServices/1/relevance", "", nil, codes.InvalidArgument, "INVALID_FIELD"},
		{"themes/umwelt/relevance", "", nil, codes.InvalidArgument, "INVALID_FIELD"},
		{name(1) + "/relevance", "", []*cataloguev1.ClassRule{rule(kreis, owed), rule(kreis, notOwed)}, codes.InvalidArgument, "INVALID_FIELD"},
	} {
		_, err := c.UpdateRelevance(admin(t), &cataloguev1.UpdateRelevanceRequest{Relevance: &cataloguev1.Relevance{Name: r.name, Etag: r.etag, Rules: r.rules}})
		refused(t, err, r.code, r.reason)
	}
	_, err := c.GetRelevance(t.Context(), &cataloguev1.GetRelevanceRequest{Name: name(2) + "/relevance"})
	refused(t, err, codes.NotFound, "RESOURCE_NOT_FOUND")
}

// TestRelevanceTable: a table adds and changes rules class by class, never withdraws any, and is no revision.
func TestRelevanceTable(t *testing.T) {
	t.Parallel()
	c := start(t)
	c.load("leika_key,name,ozg_id\n99000000000001,Abbruch,10513\n99000000000002,Jagd,\n")
	r := c.load("target,kreis,kreisfreie_stadt,note\n99000000000001,ja,offen,Bauaufsicht\n99000000000002,nein,,\nozg:10513,ja,ja,\n")
	if counts(r) != [5]int64{3, 0, 0, 0, 0} || issuesOf(r)["UNKNOWN_OZG_SERVICE"] != 1 || r.GetTable() != commonv1.ImportReport_TABLE_RELEVANCE {
		t.Errorf("%v", r)
	}
	// No column for kreisfreie Städte and no note: both stay.
	r = c.load("LeiKa-Schlüssel;Kreise\n99000000000001;nein\n99000000000002;nein\n")
	if counts(r) != [5]int64{0, 1, 0, 1, 0} {
		t.Errorf("%v", r)
	}
	got, err := c.GetRelevance(t.Context(), &cataloguev1.GetRelevanceRequest{Name: name(1) + "/relevance"})
	if err != nil || got.GetNote() != "Bauaufsicht" || len(got.GetRules()) != 2 || got.GetRules()[1].GetObligation() != notOwed || got.GetUpdateTime() == nil {
		t.Errorf("%v %v", got, err)
	}
	revisions, err := c.ListCatalogueRevisions(t.Context(), &cataloguev1.ListCatalogueRevisionsRequest{})
	if err != nil || revisions.GetTotalSize() != 1 {
		t.Errorf("%v %v", revisions, err)
	}
}
