package municipality

import (
	"fmt"

	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/days"
)

// where picks items.
func where(items []item, keep func(*item) bool) []*item {
	var kept []*item
	for i := range items {
		if keep(&items[i]) {
			kept = append(kept, &items[i])
		}
	}
	return kept
}

// number counts items.
func (b *briefing) number(keep func(*item) bool) int64 { return int64(len(where(b.items, keep))) }

// promises picks the gaps that wait for a promised solution, and the earliest of the dates.
func (b *briefing) promises(p promise) (n int64, earliest string) {
	for _, i := range where(b.items, func(i *item) bool { return i.needsSolution() && i.choice.promise == p }) {
		if date := i.choice.solution.GetPromisedDate(); n == 0 || date < earliest {
			earliest = date
		}
		n++
	}
	return n, earliest
}

func (b *briefing) promiseOverdue() *municipalityv1.ReportMessage {
	n, date := b.promises(promiseBroken)
	switch n {
	case 0:
		return nil
	case 1:
		return warning("PROMISE_OVERDUE", "Für eine Lücke war eine Lösung zum "+days.German(date)+" zugesagt; der Termin ist verstrichen.",
			"For one gap a solution was promised for "+date+", which has passed.")
	}
	return warning("PROMISE_OVERDUE", fmt.Sprintf("Für %s Lücken waren Lösungen zugesagt, deren Termine verstrichen sind, der früheste am %s.", thousands(n, "."), days.German(date)),
		fmt.Sprintf("For %s gaps solutions were promised for dates that have passed, the earliest on %s.", thousands(n, ","), date))
}

func (b *briefing) promised() *municipalityv1.ReportMessage {
	n, date := b.promises(promiseAhead)
	switch n {
	case 0:
		return nil
	case 1:
		return info("PROMISED", "Für eine Lücke ist eine Lösung zum "+days.German(date)+" zugesagt.", "For one gap a solution is promised for "+date+".")
	}
	return info("PROMISED", fmt.Sprintf("Für %s Lücken sind Lösungen zugesagt, die nächste zum %s.", thousands(n, "."), days.German(date)),
		fmt.Sprintf("For %s gaps solutions are promised, the next one for %s.", thousands(n, ","), date))
}

func (b *briefing) solutionWithdrawn() *municipalityv1.ReportMessage {
	n := b.number(func(i *item) bool { return i.kind == municipalityv1.Gap_KIND_SOLUTION_WITHDRAWN })
	if n == 0 {
		return nil
	}
	return warning("SOLUTION_WITHDRAWN", count(n, "Eine Leistung läuft auf einer zurückgezogenen Lösung", "Leistungen laufen auf zurückgezogenen Lösungen")+".",
		countEN(n, "One service runs on a solution that was", "services run on solutions that were")+" withdrawn.")
}

func (b *briefing) adoptionEnded() *municipalityv1.ReportMessage {
	n := b.number(func(i *item) bool { return i.kind == municipalityv1.Gap_KIND_ADOPTION_ENDED })
	if n == 0 {
		return nil
	}
	return warning("ADOPTION_ENDED", count(n, "Eine Leistung ist", "Leistungen sind")+" als online gemeldet, aber die Nachnutzung ist beendet.",
		countEN(n, "One service is", "services are")+" reported online, but the adoption is over.")
}

func (b *briefing) withoutSolution() *municipalityv1.ReportMessage {
	n := b.number(func(i *item) bool { return i.needsSolution() && i.choice.solution == nil })
	if n == 0 {
		return nil
	}
	return warning("WITHOUT_SOLUTION", "Für "+count(n, "eine Lücke", "Lücken")+" gibt es im Marktplatz keine Lösung.",
		"For "+countEN(n, "one gap", "gaps")+" the marketplace has no solution.")
}

func (b *briefing) noDepartment() *municipalityv1.ReportMessage {
	n := b.number(func(i *item) bool { return i.department == "" })
	if n == 0 {
		return nil
	}
	return warning("NO_DEPARTMENT", "Für "+count(n, "eine Lücke", "Lücken")+" ist kein Fachamt eingetragen.",
		"For "+countEN(n, "one gap", "gaps")+" no department is recorded.")
}

func (b *briefing) noLink() *municipalityv1.ReportMessage {
	n := b.number(func(i *item) bool { return i.kind == municipalityv1.Gap_KIND_NO_LINK })
	if n == 0 {
		return nil
	}
	return info("NO_LINK", "Bei "+count(n, "einer Leistung, die online ist, fehlt", "Leistungen, die online sind, fehlt")+" nur die Adresse.",
		"For "+countEN(n, "one service that is", "services that are")+" online only the address is missing.")
}

func (b *briefing) belowThreshold() *municipalityv1.ReportMessage {
	n := b.number(func(i *item) bool { return i.kind == municipalityv1.Gap_KIND_BELOW_THRESHOLD })
	if n == 0 {
		return nil
	}
	return info("BELOW_THRESHOLD", count(n, "Eine Leistung ist online, erreicht", "Leistungen sind online, erreichen")+" aber den Reifegrad nicht.",
		countEN(n, "One service is online, but does", "services are online, but do")+" not reach the maturity.")
}

func (b *briefing) notAssessed() *municipalityv1.ReportMessage {
	n := b.GetTotal().GetNotAssessed()
	if n == 0 || b.GetMunicipality().GetSizeClass() == commonv1.SizeClass_SIZE_CLASS_UNSPECIFIED {
		return nil
	}
	return info("NOT_ASSESSED", "Bei "+count(n, "einer Leistung ist noch nicht geprüft, ob sie geschuldet wird", "Leistungen ist noch nicht geprüft, ob sie geschuldet werden")+".",
		"For "+countEN(n, "one service", "services")+" nobody has assessed yet whether "+plural(n, "it is", "they are")+" owed.")
}

func (b *briefing) planEnd() *municipalityv1.ReportMessage {
	end := b.GetPlanEndDate()
	switch len(b.items) {
	case 0:
		return nil
	case 1:
		return info("PLAN_END", "Nach dem Plan ist die einzige Lücke am "+days.German(end)+" geschlossen.", "By the plan the only gap is closed on "+end+".")
	}
	return info("PLAN_END", fmt.Sprintf("Nach dem Plan sind alle %s Lücken am %s geschlossen.", thousands(int64(len(b.items)), "."), days.German(end)),
		fmt.Sprintf("By the plan all %s gaps are closed on %s.", thousands(int64(len(b.items)), ","), end))
}
