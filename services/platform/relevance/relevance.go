// Package relevance is the rule that says which size classes owe a public service: own rules first, then those of its OZG
// service, else nobody assessed it. Catalogue, municipality and marketplace ask here, so that they never disagree.
// It must never read anything but its arguments, and never take silence for "not owed".
package relevance

import (
	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	commonv1 "kompass.krz.de/proto/kompass/common/v1"
)

// classes is the number of values of SizeClass, the unspecified one included; a test holds it to the contract.
const classes = 8

// Rules are the own rules of one Relevance, by size class. OBLIGATION_UNSPECIFIED, also in the zero Rules, is "no own
// rule": the class inherits. OBLIGATION_NOT_ASSESSED is a rule of its own and ends the inheritance.
type Rules [classes]cataloguev1.Obligation

// RulesOf compiles the own rules of a relevance; nil has none.
func RulesOf(r *cataloguev1.Relevance) Rules {
	var rules Rules
	for _, rule := range r.GetRules() {
		if c := rule.GetSizeClass(); known(c) {
			rules[c] = rule.GetObligation()
		}
	}
	return rules
}

// Source says where an effective rule stands.
type Source uint8

const (
	// Nobody assessed it.
	Nobody Source = iota
	// Own is the relevance of the public service itself.
	Own
	// Inherited is the relevance of its OZG service.
	Inherited
)

// Effective is what a size class owes, never OBLIGATION_UNSPECIFIED, and where the rule stands. own are the rules of
// the public service, ozg those of its OZG service (zero Rules when it has none). A place whose class is not known
// (SIZE_CLASS_UNSPECIFIED) owes nothing until somebody decides: not assessed.
func Effective(own, ozg Rules, class commonv1.SizeClass) (cataloguev1.Obligation, Source) {
	if !known(class) {
		return cataloguev1.Obligation_OBLIGATION_NOT_ASSESSED, Nobody
	}
	obligation, source := own[class], Own
	if obligation == cataloguev1.Obligation_OBLIGATION_UNSPECIFIED {
		obligation, source = ozg[class], Inherited
	}
	switch obligation {
	case cataloguev1.Obligation_OBLIGATION_OWED, cataloguev1.Obligation_OBLIGATION_NOT_OWED:
		return obligation, source
	default:
		return cataloguev1.Obligation_OBLIGATION_NOT_ASSESSED, Nobody
	}
}

// EffectiveRules is what holds for every size class, in the order of the enum. own is the relevance asked about, ozg
// that of the OZG service it inherits from; either may be nil, and the names of both become the sources.
func EffectiveRules(own, ozg *cataloguev1.Relevance) []*cataloguev1.EffectiveRule {
	ownRules, ozgRules := RulesOf(own), RulesOf(ozg)
	rules := make([]*cataloguev1.EffectiveRule, 0, classes-1)
	for class := commonv1.SizeClass(1); class < classes; class++ {
		obligation, source := Effective(ownRules, ozgRules, class)
		rule := &cataloguev1.EffectiveRule{SizeClass: class, Obligation: obligation}
		switch source {
		case Own:
			rule.Source = own.GetName()
		case Inherited:
			rule.Source = ozg.GetName()
		case Nobody:
		}
		rules = append(rules, rule)
	}
	return rules
}

// Owed is the set of size classes that owe a public service.
func Owed(own, ozg Rules) Classes { return collect(own, ozg, cataloguev1.Obligation_OBLIGATION_OWED) }

// NotAssessed is the set of size classes for which nobody assessed it.
func NotAssessed(own, ozg Rules) Classes {
	return collect(own, ozg, cataloguev1.Obligation_OBLIGATION_NOT_ASSESSED)
}

func collect(own, ozg Rules, wanted cataloguev1.Obligation) Classes {
	var set Classes
	for class := commonv1.SizeClass(1); class < classes; class++ {
		if obligation, _ := Effective(own, ozg, class); obligation == wanted {
			set = set.With(class)
		}
	}
	return set
}

func known(class commonv1.SizeClass) bool { return class > 0 && class < classes }

// Classes is a set of size classes in one byte; the unspecified class is never in it.
type Classes uint8

// AllClasses has every class there is.
const AllClasses Classes = (1<<classes - 1) &^ 1

// ClassesFor is whom a solution is for: the classes that it names, or all when it names none.
func ClassesFor(named []commonv1.SizeClass) Classes {
	if len(named) == 0 {
		return AllClasses
	}
	var set Classes
	for _, class := range named {
		set = set.With(class)
	}
	return set
}

// Has tells whether the class is in the set.
func (c Classes) Has(class commonv1.SizeClass) bool { return known(class) && c&(1<<class) != 0 }

// With is the set with one class more; an unspecified or unknown class adds nothing.
func (c Classes) With(class commonv1.SizeClass) Classes {
	if !known(class) {
		return c
	}
	return c | 1<<class
}
