package municipality

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
)

// farBelow is how many percentage points below its peers a municipality needs a look.
const farBelow = 10

// briefing is what the messages of a report are made of: its figures, and all items of the plan.
type briefing struct {
	*municipalityv1.Report
	items []item
}

// remarks are all that can be said, in the order of their weight where the severity is the same; each is silent (nil)
// where there is nothing to say.
var remarks = [...]func(*briefing) *municipalityv1.ReportMessage{
	(*briefing).classUnknown, (*briefing).overdue,
	(*briefing).share, (*briefing).comparedToClass, (*briefing).comparedToDistrict, (*briefing).lately,
	(*briefing).promiseOverdue, (*briefing).solutionWithdrawn, (*briefing).adoptionEnded, (*briefing).withoutSolution, (*briefing).noDepartment,
	(*briefing).noLink, (*briefing).belowThreshold, (*briefing).promised, (*briefing).notAssessed, (*briefing).planEnd,
}

// messagesOf says what a head of administration should know, most important first.
func messagesOf(report *municipalityv1.Report, items []item) []*municipalityv1.ReportMessage {
	b := &briefing{report, items}
	var messages []*municipalityv1.ReportMessage
	for _, remark := range remarks {
		if m := remark(b); m != nil {
			messages = append(messages, m)
		}
	}
	slices.SortStableFunc(messages, func(a, b *municipalityv1.ReportMessage) int {
		return cmp.Compare(b.GetSeverity(), a.GetSeverity())
	})
	return messages
}

func info(kind, de, en string) *municipalityv1.ReportMessage {
	return &municipalityv1.ReportMessage{Kind: kind, Severity: municipalityv1.ReportMessage_SEVERITY_INFO, MessageDe: de, MessageEn: en}
}

func warning(kind, de, en string) *municipalityv1.ReportMessage {
	return &municipalityv1.ReportMessage{Kind: kind, Severity: municipalityv1.ReportMessage_SEVERITY_WARNING, MessageDe: de, MessageEn: en}
}

func urgent(kind, de, en string) *municipalityv1.ReportMessage {
	return &municipalityv1.ReportMessage{Kind: kind, Severity: municipalityv1.ReportMessage_SEVERITY_URGENT, MessageDe: de, MessageEn: en}
}

func (b *briefing) classUnknown() *municipalityv1.ReportMessage {
	if b.GetMunicipality().GetSizeClass() != commonv1.SizeClass_SIZE_CLASS_UNSPECIFIED {
		return nil
	}
	return urgent("CLASS_UNKNOWN", "Die Größenklasse ist ungeklärt; deshalb steht nicht fest, welche Leistungen geschuldet werden.",
		"The size class is not settled, so nobody knows which services are owed.")
}

func (b *briefing) overdue() *municipalityv1.ReportMessage {
	late := where(b.items, func(i *item) bool { return i.late > 0 })
	if len(late) == 0 {
		return nil
	}
	worst := slices.MaxFunc(late, func(a, b *item) int { return cmp.Compare(a.late, b.late) })
	days, daysEN := count(int64(worst.late), "einem Tag", "Tagen"), countEN(int64(worst.late), "one day", "days")
	if len(late) == 1 {
		return urgent("OVERDUE", fmt.Sprintf("„%s“ ist seit %s überfällig.", worst.name, days),
			fmt.Sprintf("\"%s\" is overdue by %s.", worst.name, daysEN))
	}
	n := int64(len(late))
	return urgent("OVERDUE", fmt.Sprintf("%s Leistungen sind überfällig, am längsten „%s“ (seit %s).", thousands(n, "."), worst.name, days),
		fmt.Sprintf("%s services are overdue, most of all \"%s\" (by %s).", thousands(n, ","), worst.name, daysEN))
}

func (b *briefing) share() *municipalityv1.ReportMessage {
	online, owed := b.GetTotal().GetOnline(), b.GetTotal().GetOwed()
	var de, en string
	switch {
	case owed == 0:
		return nil
	case owed == 1 && online == 1:
		de, en = "Die einzige geschuldete Leistung ist vollständig online.", "The only service owed is fully online."
	case owed == 1:
		de, en = "Die einzige geschuldete Leistung ist noch nicht vollständig online.", "The only service owed is not fully online yet."
	case online == 0:
		de, en = "Von "+thousands(owed, ".")+" geschuldeten Leistungen ist noch keine vollständig online.",
			"None of "+thousands(owed, ",")+" services owed is fully online yet."
	case online == owed:
		de, en = "Alle "+thousands(owed, ".")+" geschuldeten Leistungen sind vollständig online.",
			"All "+thousands(owed, ",")+" services owed are fully online."
	case online == 1:
		de, en = fmt.Sprintf("Von %s geschuldeten Leistungen ist eine vollständig online (%d %%).", thousands(owed, "."), percentage(b.GetTotal())),
			fmt.Sprintf("One of %s services owed is fully online (%d %%).", thousands(owed, ","), percentage(b.GetTotal()))
	default:
		de, en = fmt.Sprintf("Von %s geschuldeten Leistungen sind %s vollständig online (%d %%).", thousands(owed, "."), thousands(online, "."), percentage(b.GetTotal())),
			fmt.Sprintf("%s of %s services owed are fully online (%d %%).", thousands(online, ","), thousands(owed, ","), percentage(b.GetTotal()))
	}
	return info("SHARE", de, en)
}

// percentage is online / owed in whole percent; 0 and 100 only for none and all.
func percentage(g interface {
	GetOnline() int64
	GetOwed() int64
}) int {
	online, owed := g.GetOnline(), g.GetOwed()
	switch {
	case owed == 0 || online == 0:
		return 0
	case online == owed:
		return 100
	}
	return int(min(99, max(1, (200*online+owed)/(2*owed))))
}

func (b *briefing) comparedToClass() *municipalityv1.ReportMessage {
	class := b.GetSizeClass()
	return b.compared("COMPARED_TO_CLASS", class, "der Größenklasse „"+class.GetDisplayName()+"“", "the size class \""+class.GetDisplayName()+"\"")
}

// comparedToDistrict says nothing to a Kreis: it is the yardstick.
func (b *briefing) comparedToDistrict() *municipalityv1.ReportMessage {
	district := b.GetDistrict()
	if district.GetKey() == b.GetMunicipality().GetName() {
		return nil
	}
	return b.compared("COMPARED_TO_DISTRICT", district, "im Gebiet „"+district.GetDisplayName()+"“", "the area \""+district.GetDisplayName()+"\"")
}

// compared sets the municipality against a group that it belongs to, named as in "dem Stand der Größenklasse".
func (b *briefing) compared(kind string, group *municipalityv1.ProgressGroup, de, en string) *municipalityv1.ReportMessage {
	if group.GetMunicipalities() < 2 || b.GetTotal().GetOwed() == 0 {
		return nil
	}
	own, theirs, name := percentage(b.GetTotal()), percentage(group), b.GetMunicipality().GetDisplayName()
	n := int64(group.GetMunicipalities())
	aroundDE, aroundEN := fmt.Sprintf("(%d %%, %s Kommunen).", theirs, thousands(n, ".")), fmt.Sprintf("(%d %%, %s municipalities).", theirs, thousands(n, ","))
	distance := own - theirs
	side, sideEN := "über", "above"
	switch {
	case distance == 0:
		return info(kind, fmt.Sprintf("Mit %d %% liegt %s gleichauf mit dem Stand %s %s", own, name, de, aroundDE),
			fmt.Sprintf("With %d %% %s is level with %s %s", own, name, en, aroundEN))
	case distance < 0:
		distance, side, sideEN = -distance, "unter", "below"
	}
	points, pointsEN := count(int64(distance), "einen Prozentpunkt", "Prozentpunkte"), countEN(int64(distance), "one percentage point", "percentage points")
	say := info
	if own < theirs && distance >= farBelow {
		say = warning
	}
	return say(kind, fmt.Sprintf("Mit %d %% liegt %s %s %s dem Stand %s %s", own, name, points, side, de, aroundDE),
		fmt.Sprintf("With %d %% %s is %s %s %s %s", own, name, pointsEN, sideEN, en, aroundEN))
}

// lately looks back three months on the trend. Where nothing was recorded then, the difference would be that somebody
// began to record, which is no progress.
func (b *briefing) lately() *municipalityv1.ReportMessage {
	then, now := threeMonths(b.GetTrend())
	if then == nil || now.GetOwed() == 0 || then.GetOpen() == then.GetOwed() {
		return nil
	}
	change := now.GetOnline() - then.GetOnline()
	fromTo := fmt.Sprintf("(von %d %% auf %d %%).", percentage(then), percentage(now))
	fromToEN := fmt.Sprintf("(from %d %% to %d %%).", percentage(then), percentage(now))
	switch {
	case change > 1:
		return info("TREND", fmt.Sprintf("In den letzten drei Monaten kamen %s Leistungen online hinzu %s", thousands(change, "."), fromTo),
			fmt.Sprintf("In the last three months %s services went online %s", thousands(change, ","), fromToEN))
	case change == 1:
		return info("TREND", "In den letzten drei Monaten kam eine Leistung online hinzu "+fromTo, "In the last three months one service went online "+fromToEN)
	case change < 0:
		return warning("TREND", fmt.Sprintf("In den letzten drei Monaten ging der Stand um %s zurück %s", count(-change, "eine Leistung", "Leistungen"), fromTo),
			fmt.Sprintf("In the last three months the state fell by %s %s", countEN(-change, "one service", "services"), fromToEN))
	case now.GetOnline() == now.GetOwed():
		return nil
	}
	return warning("TREND", "In den letzten drei Monaten kam keine Leistung online hinzu.", "In the last three months no service went online.")
}

// threeMonths are the last point of a trend, and the latest one that is at least three months older; nil when there is none.
func threeMonths(trend []*municipalityv1.TrendPoint) (then, now *municipalityv1.TrendPoint) {
	if len(trend) == 0 {
		return nil, nil
	}
	now = trend[len(trend)-1]
	last, err := time.Parse(time.DateOnly, now.GetDate())
	if err != nil {
		return nil, now
	}
	limit := monthsBefore(last, 3).Format(time.DateOnly)
	for _, p := range trend {
		if p.GetDate() <= limit {
			then = p
		}
	}
	return then, now
}

// monthsBefore goes back some months to the same day, or to the end of the month where it has no such day.
func monthsBefore(t time.Time, n int) time.Time {
	first := time.Date(t.Year(), t.Month()-time.Month(n), 1, 0, 0, 0, 0, time.UTC)
	return first.AddDate(0, 0, min(t.Day(), first.AddDate(0, 1, -1).Day())-1)
}
