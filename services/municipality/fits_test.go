package municipality

import (
	"testing"

	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	ledgerv1 "kompass.krz.de/proto/kompass/ledger/v1"
	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/ledger"
)

func TestFits(t *testing.T) {
	t.Parallel()
	place := &municipalityv1.Municipality{Name: "municipalities/05758004", SizeClass: commonv1.SizeClass_SIZE_CLASS_KREIS}
	kreis, city := []commonv1.SizeClass{commonv1.SizeClass_SIZE_CLASS_KREIS}, []commonv1.SizeClass{commonv1.SizeClass_SIZE_CLASS_KREISFREIE_STADT}
	here, there := []string{"municipalities/05758004"}, []string{"municipalities/05758012"}
	for name, c := range map[string]struct {
		classes []commonv1.SizeClass
		named   []string
		want    bool
	}{
		"everybody": {nil, nil, true}, "class": {kreis, nil, true}, "other class": {city, nil, false}, "named": {nil, here, true},
		"other named": {nil, there, false}, "class, other named": {kreis, there, true}, "other class, named": {city, here, true},
	} {
		if got := fits(&marketplacev1.Solution{SizeClasses: c.classes, Municipalities: c.named}, place); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestDiscontinuedCoverageClosesNoGap(t *testing.T) {
	t.Parallel()
	s := &marketplacev1.Solution{Name: "solutions/a", State: marketplacev1.Solution_STATE_PUBLISHED, Coverage: []*marketplacev1.Coverage{
		{PublicService: "publicServices/1", Status: marketplacev1.Coverage_STATUS_DISCONTINUED}, {PublicService: "publicServices/2"},
	}}
	m, err := emptyMarket().apply([]ledger.Entry{placedEntry(s)})
	if err != nil {
		t.Fatal(err)
	}
	if len(m.covering("publicServices/1")) != 0 || len(m.covering("publicServices/2")) != 1 {
		t.Errorf("coverage: %v", m.buildCoverage())
	}
}

func placedEntry(s *marketplacev1.Solution) ledger.Entry {
	return ledger.Entry{Subject: "kompass.test.marketplace.solution.a", Record: &ledgerv1.Record{Resource: s.GetName()}, Entity: s}
}
