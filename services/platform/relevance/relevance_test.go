package relevance_test

import (
	"testing"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	"kompass.krz.de/services/platform/relevance"
)

const (
	unset       = cataloguev1.Obligation_OBLIGATION_UNSPECIFIED
	notAssessed = cataloguev1.Obligation_OBLIGATION_NOT_ASSESSED
	owed        = cataloguev1.Obligation_OBLIGATION_OWED
	notOwed     = cataloguev1.Obligation_OBLIGATION_NOT_OWED

	kreis    = commonv1.SizeClass_SIZE_CLASS_KREIS
	gemeinde = commonv1.SizeClass_SIZE_CLASS_KLEINE_KREISANGEHOERIGE_GEMEINDE
)

func rel(name string, class commonv1.SizeClass, obligation cataloguev1.Obligation) *cataloguev1.Relevance {
	r := &cataloguev1.Relevance{Name: name}
	if obligation != unset {
		r.Rules = []*cataloguev1.ClassRule{{SizeClass: class, Obligation: obligation}}
	}
	return r
}

// TestEffective goes through every pair of own and inherited rule.
func TestEffective(t *testing.T) {
	t.Parallel()
	cases := []struct {
		own, ozg, want cataloguev1.Obligation
		source         relevance.Source
	}{
		{unset, unset, notAssessed, relevance.Nobody},
		{unset, notAssessed, notAssessed, relevance.Nobody},
		{unset, owed, owed, relevance.Inherited},
		{unset, notOwed, notOwed, relevance.Inherited},
		{notAssessed, unset, notAssessed, relevance.Nobody},
		{notAssessed, notAssessed, notAssessed, relevance.Nobody},
		{notAssessed, owed, notAssessed, relevance.Nobody},
		{notAssessed, notOwed, notAssessed, relevance.Nobody},
		{owed, unset, owed, relevance.Own},
		{owed, notAssessed, owed, relevance.Own},
		{owed, owed, owed, relevance.Own},
		{owed, notOwed, owed, relevance.Own},
		{notOwed, unset, notOwed, relevance.Own},
		{notOwed, notAssessed, notOwed, relevance.Own},
		{notOwed, owed, notOwed, relevance.Own},
		{notOwed, notOwed, notOwed, relevance.Own},
	}
	for _, c := range cases {
		own, ozg := relevance.RulesOf(rel("", kreis, c.own)), relevance.RulesOf(rel("", kreis, c.ozg))
		if got, source := relevance.Effective(own, ozg, kreis); got != c.want || source != c.source {
			t.Errorf("own %v, OZG %v: got %v from %v, want %v from %v", c.own, c.ozg, got, source, c.want, c.source)
		}
		if relevance.Owed(own, ozg).Has(kreis) != (c.want == owed) || relevance.NotAssessed(own, ozg).Has(kreis) != (c.want == notAssessed) {
			t.Errorf("own %v, OZG %v: sets disagree with %v", c.own, c.ozg, c.want)
		}
		if got, _ := relevance.Effective(own, ozg, gemeinde); got != notAssessed {
			t.Errorf("own %v, OZG %v: another class is %v", c.own, c.ozg, got)
		}
	}
}

func TestUnknownClassOwesNothing(t *testing.T) {
	t.Parallel()
	var all relevance.Rules
	for i := range all {
		all[i] = owed
	}
	for _, class := range []commonv1.SizeClass{0, -1, 8, 99} {
		if got, source := relevance.Effective(all, all, class); got != notAssessed || source != relevance.Nobody {
			t.Errorf("class %d: %v from %v", class, got, source)
		}
		if relevance.AllClasses.Has(class) || relevance.ClassesFor([]commonv1.SizeClass{class}) != 0 {
			t.Errorf("class %d is in a set", class)
		}
	}
	if got := relevance.Owed(all, relevance.Rules{}); got != relevance.AllClasses {
		t.Errorf("owed by %08b, want %08b", got, relevance.AllClasses)
	}
}

func TestEffectiveRules(t *testing.T) {
	t.Parallel()
	rules := relevance.EffectiveRules(
		rel("publicServices/99012001001000/relevance", kreis, notOwed),
		rel("ozgServices/10513/relevance", gemeinde, owed))
	if len(rules) != len(commonv1.SizeClass_name)-1 {
		t.Fatalf("%d rules for %d classes", len(rules), len(commonv1.SizeClass_name)-1)
	}
	for i, r := range rules {
		want := &cataloguev1.EffectiveRule{SizeClass: commonv1.SizeClass(int32(i) + 1), Obligation: notAssessed}
		switch r.GetSizeClass() {
		case kreis:
			want.Obligation, want.Source = notOwed, "publicServices/99012001001000/relevance"
		case gemeinde:
			want.Obligation, want.Source = owed, "ozgServices/10513/relevance"
		}
		if r.GetSizeClass() != want.GetSizeClass() || r.GetObligation() != want.GetObligation() || r.GetSource() != want.GetSource() {
			t.Errorf("got %v, want %v", r, want)
		}
	}
	if got := relevance.EffectiveRules(nil, nil); got[0].GetObligation() != notAssessed || got[0].GetSource() != "" {
		t.Errorf("without any relevance: %v", got[0])
	}
}

func TestClassesFor(t *testing.T) {
	t.Parallel()
	if relevance.ClassesFor(nil) != relevance.AllClasses {
		t.Error("naming no class must mean all")
	}
	if got := relevance.ClassesFor([]commonv1.SizeClass{kreis}); !got.Has(kreis) || got.Has(gemeinde) {
		t.Errorf("classes for a Kreis: %08b", got)
	}
}
