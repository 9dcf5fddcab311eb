package catalogue

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	commonv1 "kompass.krz.de/proto/kompass/common/v1"
)

// relevanceChange is a relevance as it shall be.
type relevanceChange struct {
	relevance *cataloguev1.Relevance
	changed   []string
}

// planRelevance holds a file of rules against the catalogue. It adds and changes, and never withdraws.
func (p *plan) planRelevance() {
	for _, row := range p.file.relevance {
		p.referTarget(row)
		before, existed := p.state.relevance.Get(row.name)
		after := &cataloguev1.Relevance{Name: row.name, Rules: overlaid(before.GetRules(), row.rules), Note: before.GetNote()}
		if p.file.columns.Has("note") {
			after.Note = row.note
		}
		changed := relevanceDiffers(before, after)
		switch {
		case len(changed) == 0:
			p.Report.Unchanged++
			continue
		case existed:
			p.Report.Changed++
		default:
			p.Report.Added++
		}
		p.relevance = append(p.relevance, relevanceChange{after, changed})
	}
}

// overlaid is the rules with what a row says about some classes, in the order of the classes.
func overlaid(rules []*cataloguev1.ClassRule, row map[commonv1.SizeClass]cataloguev1.Obligation) []*cataloguev1.ClassRule {
	var result []*cataloguev1.ClassRule
	for _, rule := range rules {
		if _, said := row[rule.GetSizeClass()]; !said {
			result = append(result, rule)
		}
	}
	for class, obligation := range row {
		if obligation != cataloguev1.Obligation_OBLIGATION_UNSPECIFIED {
			result = append(result, &cataloguev1.ClassRule{SizeClass: class, Obligation: obligation})
		}
	}
	return inOrder(result)
}

// inOrder sorts rules by class, so that equal rules are equal messages.
func inOrder(rules []*cataloguev1.ClassRule) []*cataloguev1.ClassRule {
	slices.SortFunc(rules, func(a, b *cataloguev1.ClassRule) int { return int(a.GetSizeClass()) - int(b.GetSizeClass()) })
	return rules
}

// relevanceDiffers lists the stored fields in which two differ; nil stands for one without rules.
func relevanceDiffers(before, after *cataloguev1.Relevance) []string {
	var changed []string
	if !slices.EqualFunc(before.GetRules(), after.GetRules(), func(a, b *cataloguev1.ClassRule) bool { return proto.Equal(a, b) }) {
		changed = append(changed, "rules")
	}
	if before.GetNote() != after.GetNote() {
		changed = append(changed, "note")
	}
	return changed
}

// referTarget reports a target that the catalogue does not have yet; its rules are kept for the day it comes.
func (p *plan) referTarget(row relevanceRow) {
	name := strings.TrimSuffix(row.name, relevanceSuffix)
	if e, ok := p.state.entries.Get(name); ok && active(e) {
		return
	}
	if strings.HasPrefix(name, ozgPrefix) {
		p.Warn(row.target, "UNKNOWN_OZG_SERVICE", "Die OZG-Leistung ist noch nicht im Katalog.", "The OZG service is not in the catalogue yet.")
		return
	}
	p.Warn(row.target, "UNKNOWN_PUBLIC_SERVICE", "Die Leistung ist noch nicht im Katalog.", "The public service is not in the catalogue yet.")
}
