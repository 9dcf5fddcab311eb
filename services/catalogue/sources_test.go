package catalogue

import (
	"fmt"
	"strings"
	"testing"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
)

// of makes an object of a delivery that of another office; those of the other tests are of office A.
func of(agency, object string) string {
	return strings.ReplaceAll(object, `schemeAgencyID="A"`, `schemeAgencyID="`+agency+`"`)
}

func (c *client) public(name string) *cataloguev1.PublicService {
	c.tb.Helper()
	m, err := c.GetPublicService(c.tb.Context(), &cataloguev1.GetPublicServiceRequest{Name: name})
	if err != nil {
		c.tb.Fatal(err)
	}
	return m
}

// TestDeletionBySource: what an office wrote under its own number is found by it, by no other office, and after a restart.
func TestDeletionBySource(t *testing.T) {
	t.Parallel()
	c := start(t)
	c.load(services(100, 20))
	keyless := publicPrefix + keylessID("Wilder Müll")
	c.load(delivery(written("4711", "99000000000001", "Abbruch", ""), of("B", written("4711", "99000000000002", "Jagd", "")),
		written("4712", "", "Wilder Müll", "")))
	if r := c.load(delivery(of("C", deleted("4711")), of("B", deleted("4712")))); r.GetWithdrawn() != 0 || issuesOf(r)["UNKNOWN_PUBLIC_SERVICE"] != 2 {
		t.Errorf("%v", r)
	}
	later := join(t, c.site)
	if r := later.load(delivery(deleted("4711"), deleted("4712"), deleted("4712"))); r.GetWithdrawn() != 2 || r.GetIssueCount() != 0 {
		t.Errorf("%v", r)
	}
	if active(later.public(name(1))) || !active(later.public(name(2))) || active(later.public(keyless)) || len(later.public(name(1)).GetSourceIds()) != 0 {
		t.Error("the wrong services are gone")
	}
	// A service that comes back under its number can be deleted again.
	later.load(delivery(written("4711", "99000000000001", "Abbruch", "")))
	if r := later.load(delivery(deleted("4711"))); r.GetWithdrawn() != 1 {
		t.Errorf("%v", r)
	}
}

// TestSourcesAreNoContent: who wrote an entry is remembered without a revision or a change that people see.
func TestSourcesAreNoContent(t *testing.T) {
	t.Parallel()
	c := start(t)
	c.load(services(0, 10))
	same := func(i int) string {
		return written(fmt.Sprint(i), fmt.Sprintf("99%012d", i), fmt.Sprintf("Leistung %d", i), "")
	}
	if r := c.load(delivery(same(1), of("B", same(2)))); counts(r) != [5]int64{0, 0, 0, 2, 0} {
		t.Errorf("%v", r)
	}
	if got := c.public(name(1)); fmt.Sprint(got.GetSourceIds()) != "[A/1]" || got.GetLastRevision() != 1 {
		t.Errorf("%v", got)
	}
	// Beside a real change, the revision names that one alone.
	if r := c.load(delivery(of("a/b%", same(1)), written("3", "99000000000003", "Leistung drei", ""))); counts(r) != [5]int64{0, 1, 0, 1, 2} {
		t.Errorf("%v", r)
	}
	if got := c.changes(2); fmt.Sprint(got) != "[KIND_CHANGED "+name(3)+" [displayName:Leistung 3→Leistung drei] []]" {
		t.Errorf("%q", got)
	}
	if got := c.public(name(1)).GetSourceIds(); fmt.Sprint(got) != "[A/1 a%2Fb%25/1]" {
		t.Error(got)
	}
	// A table says nothing about sources.
	if r := c.load(strings.Replace(services(0, 10), "Leistung 3", "Leistung drei", 1)); counts(r) != [5]int64{0, 0, 0, 10, 0} || len(c.public(name(1)).GetSourceIds()) != 2 {
		t.Errorf("%v", r)
	}
	// One of two offices deletes: the entry stays for the other, then goes.
	if r := c.load(delivery(deleted("1"))); r.GetWithdrawn() != 0 || issuesOf(r)["OTHER_SOURCES"] != 1 {
		t.Errorf("%v", r)
	}
	if r := c.load(delivery(of("a/b%", deleted("1")))); r.GetWithdrawn() != 1 {
		t.Errorf("%v", r)
	}
}

// TestSourceMoves: a number that an office gives to another entry leads there from then on.
func TestSourceMoves(t *testing.T) {
	t.Parallel()
	c := start(t)
	c.load(services(0, 10))
	c.load(delivery(written("7", "99000000000005", "Leistung 5", "")))
	c.load(delivery(written("7", "99000000000002", "Leistung 2", "")))
	if len(c.public(name(5)).GetSourceIds()) != 0 || len(c.public(name(2)).GetSourceIds()) != 1 {
		t.Errorf("%v %v", c.public(name(5)), c.public(name(2)))
	}
	// Written and deleted at once stays; deleted while another number takes its place stays too.
	c.load(delivery(deleted("7"), written("7", "99000000000002", "Leistung 2", "")))
	c.load(delivery(deleted("7"), written("8", "99000000000002", "Leistung 2", "")))
	if got := c.public(name(2)); !active(got) || fmt.Sprint(got.GetSourceIds()) != "[A/8]" {
		t.Errorf("%v", got)
	}
	if r := c.load(delivery(deleted("8"))); r.GetWithdrawn() != 1 || active(c.public(name(2))) || !active(c.public(name(5))) {
		t.Errorf("%v", r)
	}
}
