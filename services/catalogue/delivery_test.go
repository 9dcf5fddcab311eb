package catalogue

import (
	"fmt"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	ledgerv1 "kompass.krz.de/proto/kompass/ledger/v1"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/xzufi"
)

// delivery is an XZuFi message with these objects.
func delivery(objects ...string) string {
	return `<?xml version="1.0" encoding="UTF-8"?><x:m xmlns:x="` + xzufi.Namespace + `">` + strings.Join(objects, "\n") + `</x:m>`
}

// written is a service in a delivery; without key it is not in the LeiKa.
func written(id, key, name, inside string) string {
	if key != "" {
		key = `<x:referenzLeiKa><code>` + key + `</code></x:referenzLeiKa>`
	}
	return `<x:schreibe><x:leistung><x:id schemeAgencyID="A">` + id + `</x:id><x:bezeichnung languageCode="de">` + name + `</x:bezeichnung>` + key + inside + `</x:leistung></x:schreibe>`
}

func deleted(id string) string {
	return `<x:loesche><x:leistung><x:id schemeAgencyID="A">` + id + `</x:id></x:leistung></x:loesche>`
}

// TestDelivery: a delivery is a part; it changes what it writes, withdraws what it deletes, and leaves the rest alone.
func TestDelivery(t *testing.T) {
	t.Parallel()
	c := start(t)
	c.load("leika_key,name,ozg_id,typisierung\n99000000000001,Abbruch,10513,4\n99000000000002,Jagd,,5\n99000000000003,Fisch,,\n99000000000004,Parken,,\n99000000000005,Wald,,\n")
	r := c.load(delivery(
		written("1", "99000000000001", "Abbruch von Gebäuden", ""), written("2", "99000000000009", "Hundesteuer", ""),
		written("3", "", "Wilder Müll", ""), written("4", "99000000000001", "Abbruch anderswo", ""), deleted("99000000000003"), deleted("77"),
	))
	if counts(r) != [5]int64{2, 1, 1, 0, 2} || r.GetTable() != commonv1.ImportReport_TABLE_PUBLIC_SERVICES || r.GetFormat() != commonv1.FileFormat_FILE_FORMAT_XZUFI {
		t.Errorf("%v", r)
	}
	if got := issuesOf(r); got["DUPLICATE_ENTRY"] != 1 || got["UNKNOWN_PUBLIC_SERVICE"] != 1 {
		t.Errorf("%v", r.GetIssues())
	}
	m, err := c.GetPublicService(t.Context(), &cataloguev1.GetPublicServiceRequest{Name: name(1)})
	if err != nil || m.GetDisplayName() != "Abbruch von Gebäuden" || m.GetOzgService() != "ozgServices/10513" {
		t.Errorf("%v %v", m, err)
	}
	gone, err := c.GetPublicService(t.Context(), &cataloguev1.GetPublicServiceRequest{Name: name(3)})
	if err != nil || gone.GetState() != cataloguev1.EntryState_ENTRY_STATE_WITHDRAWN {
		t.Errorf("%v %v", gone, err)
	}
	// What is deleted twice goes once, and what the same delivery writes stays.
	r = c.load(delivery(deleted("99000000000004"), deleted("99000000000004"), deleted("99000000000005"), written("5", "99000000000005", "Wald", "")))
	if counts(r) != [5]int64{0, 0, 1, 1, 3} {
		t.Errorf("%v", r)
	}
	_, err = c.try(delivery(deleted("99000000000001"), deleted("99000000000002")))
	refused(t, err, codes.FailedPrecondition, "IMPORT_SHRINKS_CATALOGUE")
	_, err = c.try(delivery(), force)
	refused(t, err, codes.FailedPrecondition, "IMPORT_EMPTY")
	_, err = c.try(delivery(written("1", "9,9E+13", "Abbruch", "")))
	refused(t, err, codes.InvalidArgument, "IMPORT_BAD_ROWS")
	if issue := reportOf(err).GetIssues()[0]; issue.GetReason() != "SCIENTIFIC_NOTATION" || issue.GetColumn() != "referenzLeiKa" {
		t.Errorf("%v", issue)
	}
}

// TestUnusedObjects: what the catalogue has no place for is counted, and alone it is nothing to import.
func TestUnusedObjects(t *testing.T) {
	t.Parallel()
	c := start(t)
	other := func(kind, id string) string {
		return `<x:schreibe><x:` + kind + `><x:id>` + id + `</x:id></x:` + kind + `></x:schreibe>`
	}
	objects := []string{
		other("onlinedienst", "1"), other("onlinedienst", "2"), other("spezialisierung", "3"), other("organisationseinheit", "4"),
		`<x:loesche><x:onlinedienst><x:id>5</x:id></x:onlinedienst></x:loesche>`,
	}
	_, err := c.try(delivery(objects...), force)
	refused(t, err, codes.FailedPrecondition, "IMPORT_HAS_NOTHING_TO_TAKE")
	const want = "2 × onlinedienst, 1 × spezialisierung, 1 × organisationseinheit, 1 × loesche"
	if !strings.Contains(texts(err), want) {
		t.Error(texts(err))
	}
	r := c.load(delivery(append(objects, written("6", "99000000000001", "Abbruch", ""))...))
	if r.GetAdded() != 1 || r.GetRows() != 1 || r.GetIssueCount() != 1 || r.GetIssues()[0].GetSeverity() != commonv1.ImportIssue_SEVERITY_INFO || !strings.Contains(r.GetIssues()[0].GetMessageDe(), want) {
		t.Errorf("%v", r)
	}
}

// TestLateProposal: a proposal that was staged before somebody decided, and counts after it, gives way.
func TestLateProposal(t *testing.T) {
	t.Parallel()
	record := func(sequence uint64, proposed bool, successor string) ledger.Entry {
		return ledger.Entry{Sequence: sequence, Visible: sequence, Record: &ledgerv1.Record{}, Entity: &cataloguev1.Succession{
			Name: name(1) + successionSuffix, Successors: []string{successor}, Proposed: proposed,
		}}
	}
	s := empty()
	for _, e := range []ledger.Entry{record(1, true, name(2)), record(3, false, name(3)), record(2, true, name(4))} {
		var err error
		if s, err = apply(s, ledger.Name{}, []ledger.Entry{e}, false); err != nil {
			t.Fatal(err)
		}
	}
	if got := s.successorsOf(name(1)); fmt.Sprint(got) != "["+name(3)+"]" {
		t.Errorf("%v", got)
	}
}

// TestStrangeRecords: what no catalogue holds stops the replica instead of being skipped.
func TestStrangeRecords(t *testing.T) {
	t.Parallel()
	for what, e := range map[string]ledger.Entry{
		"tombstone": {Sequence: 1, Record: &ledgerv1.Record{Resource: name(1), Deleted: true}},
		"gap":       {Sequence: 1, Record: &ledgerv1.Record{}, Entity: &cataloguev1.CatalogueRevision{Number: 2}},
		"foreigner": {Sequence: 1, Record: &ledgerv1.Record{}, Entity: &commonv1.ImportReport{}},
	} {
		if _, err := apply(empty(), ledger.Name{}, []ledger.Entry{e}, false); err == nil {
			t.Errorf("%s is applied", what)
		}
	}
}

// TestReplay: a replica that starts later arrives at the same state, revisions and their differences included.
func TestReplay(t *testing.T) {
	t.Parallel()
	a := start(t)
	a.load("name,themenfeld\nGeburt,Familie & Kind\n")
	a.load(services(0, 30))
	a.load(strings.ReplaceAll(services(1, 30), "Leistung 7\n", "Leistung sieben\n"))
	if _, err := a.UpdatePublicService(admin(t), &cataloguev1.UpdatePublicServiceRequest{PublicService: &cataloguev1.PublicService{Name: name(0), Successors: []string{name(1)}}}); err != nil {
		t.Fatal(err)
	}
	a.load("target,kreis\n99000000000001,ja\n")
	b := join(t, a.site)
	for revision := 1; revision <= 3; revision++ {
		if x, y := fmt.Sprint(a.changes(revision)), fmt.Sprint(b.changes(revision)); x != y {
			t.Errorf("revision %d is %s and %s", revision, x, y)
		}
	}
	all := &cataloguev1.ListPublicServicesRequest{Filter: "state:*", PageSize: 100}
	if x, y := a.find(all).String(), b.find(all).String(); x != y {
		t.Errorf("%s and %s", x, y)
	}
	x, err := a.GetRelevance(t.Context(), &cataloguev1.GetRelevanceRequest{Name: name(1) + "/relevance"})
	y, err2 := b.GetRelevance(t.Context(), &cataloguev1.GetRelevanceRequest{Name: name(1) + "/relevance"})
	if err != nil || err2 != nil || x.String() != y.String() {
		t.Errorf("%v and %v, %v %v", x, y, err, err2)
	}
}
