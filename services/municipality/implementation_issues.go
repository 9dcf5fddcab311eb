package municipality

import (
	"errors"
	"strings"
	"unicode"
	"unicode/utf8"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/importreport"
	"kompass.krz.de/services/platform/tabular"
)

// blamed are the columns for the fields that the rules blame, where they are called differently.
var blamed = map[string]string{
	"name": "key", "phaseDate": "phase_date", "targetDate": "target_date", "notApplicableReason": "not_applicable_reason",
	"annualCases": "annual_cases", "maturity.level": "level", "maturity.model": "model",
}

// blame turns the fault of a single change into findings of a row.
func (p *statePlan) blame(row *stateRow, err error) {
	reason := fault.Internal
	var f *fault.Error
	if errors.As(err, &f) {
		reason = f.Reason()
	}
	for _, v := range violationsOf(err) {
		field := strings.TrimPrefix(v.GetField(), "implementation.")
		if column, ok := blamed[field]; ok {
			field = column
		}
		de, en, _ := strings.Cut(v.GetDescription(), " / ")
		p.Fail(p.at(row, field), reason.Name, sentence(de), sentence(en))
	}
	if len(violationsOf(err)) == 0 {
		p.Fail(importreport.Spot{Line: row.Line}, reason.Name, reason.DE, reason.EN)
	}
}

// sentence begins with a capital and ends with a full stop.
func sentence(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[size:] + "."
}

// solution finds the solution that a row names by its id or, as people do, by its name. False when it cannot be told.
func (p *statePlan) solution(after *municipalityv1.Implementation, row *stateRow) bool {
	text := row.values.GetSolution()
	id := strings.TrimPrefix(text, solutions)
	switch {
	case text == "" || solutions+id == after.GetSolution():
		if text == "" {
			after.Solution = ""
		}
		return true
	case p.records.market.solution(solutions+id) != nil:
		after.Solution = solutions + id
		return true
	}
	if p.solutions == nil {
		p.solutions = map[string][]string{}
		for name, s := range p.records.market.solutions.All() {
			folded := tabular.NormalizeHeader(s.GetDisplayName())
			p.solutions[folded] = append(p.solutions[folded], name)
		}
	}
	switch found := p.solutions[tabular.NormalizeHeader(text)]; len(found) {
	case 0:
		p.Fail(p.at(row, "solution"), "UNKNOWN_SOLUTION", "Diese Lösung gibt es im Marktplatz nicht.", "The marketplace has no such solution.")
	case 1:
		after.Solution = found[0]
		return true
	default:
		list := strings.Join(found, ", ")
		p.Fail(p.at(row, "solution"), "AMBIGUOUS_SOLUTION", "So heißen mehrere Lösungen ("+list+").", "Several solutions have this name ("+list+").")
	}
	return false
}
