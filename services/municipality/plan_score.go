package municipality

import (
	"fmt"
	"math/bits"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/days"
)

// The points of a plan's terms at a weight of 100 %. What people decided weighs most: priorities and dates. Then comes
// what many citizens wait for and what is nearly done, then what is easy because somebody built it. See decision 0013.
const (
	pointsLate        = 10 // as soon as the date has passed
	daysPerLatePoint  = 15
	maxLate           = 30
	pointsPerDoubling = 2 // of the annual cases
	maxCases          = 30
	pointsPerStage    = 10
	pointsReachFull   = 25
	pointsReachUnsure = 15
	pointsReachBelow  = 5
	pointsWaiting     = -10 // for a promise
	pointsTrial       = -5  // for the end of a pilot
	pointsDistrust    = -20 // a promise was broken, or never made
	pointsPerUser     = 4
	maxUsers          = 5
	pointsPerBundled  = 1
	maxBundled        = 10
)

// priorityPoints by Implementation.Priority: unspecified, low, medium, high.
var priorityPoints = [...]int{0, 5, 20, 40}

// term is one term of the score: what it measures, its points at 100 %, and how to say it. Points are never negative.
type term struct {
	name    string
	weight  func(*municipalityv1.PlanWeights) *int32
	measure func(*task) (value int64, points int)
	say     func(t *task, value int64) (de, en string)
}

// terms are shown in this order.
var terms = [...]term{
	{"PRIORITY", func(w *municipalityv1.PlanWeights) *int32 { return w.Priority }, measurePriority, sayPriority},
	{"OVERDUE", func(w *municipalityv1.PlanWeights) *int32 { return w.Overdue }, measureLate, sayLate},
	{"CASES", func(w *municipalityv1.PlanWeights) *int32 { return w.Cases }, measureCases, sayCases},
	{"STARTED", func(w *municipalityv1.PlanWeights) *int32 { return w.Started }, measureStage, sayStage},
	{"SOLUTION", func(w *municipalityv1.PlanWeights) *int32 { return w.Solution }, measureReach, sayReach},
	{"NEIGHBOURS", func(w *municipalityv1.PlanWeights) *int32 { return w.Neighbours }, measureNeighbours, sayNeighbours},
	{"BUNDLE", func(w *municipalityv1.PlanWeights) *int32 { return w.Bundle }, measureBundle, sayBundle},
}

// weightIn is the weight of a term in percent.
func (t *term) weightIn(w *municipalityv1.PlanWeights) int {
	if w != nil {
		if set := t.weight(w); set != nil {
			return int(*set)
		}
	}
	return 100
}

// weigh turns points at 100 % into points at a weight, rounded half up.
func weigh(points, weight int) int32 { return int32((points*weight + 50) / 100) }

// score is the sum of the points of all terms.
func score(t *task, w *municipalityv1.PlanWeights) int32 {
	var sum int32
	for i := range terms {
		_, points := terms[i].measure(t)
		sum += weigh(points, terms[i].weightIn(w))
	}
	return sum
}

// spellTerms are the terms of a score, those without points included.
func spellTerms(t *task, w *municipalityv1.PlanWeights) []*municipalityv1.PlanTerm {
	spelled := make([]*municipalityv1.PlanTerm, len(terms))
	for i := range terms {
		value, points := terms[i].measure(t)
		weight := terms[i].weightIn(w)
		de, en := terms[i].say(t, value)
		spelled[i] = &municipalityv1.PlanTerm{
			Term: terms[i].name, Value: float64(value), Weight: int32(weight), Points: weigh(points, weight), MessageDe: de, MessageEn: en,
		}
	}
	return spelled
}

// measurePriority: 0 for none, 1 low, 2 medium, 3 high.
func measurePriority(t *task) (value int64, points int) {
	if t.priority < 0 || int(t.priority) >= len(priorityPoints) {
		return 0, 0
	}
	return int64(t.priority), priorityPoints[t.priority]
}

func sayPriority(_ *task, value int64) (de, en string) {
	names := [...][2]string{{"nicht festgelegt", "not set"}, {"niedrig", "low"}, {"mittel", "medium"}, {"hoch", "high"}}[value]
	return "Priorität: " + names[0] + ".", "Priority: " + names[1] + "."
}

// measureLate: days since the target date passed.
func measureLate(t *task) (value int64, points int) {
	if t.late == 0 {
		return 0, 0
	}
	return int64(t.late), min(maxLate, pointsLate+t.late/daysPerLatePoint)
}

func sayLate(t *task, value int64) (de, en string) {
	switch {
	case t.recorded == "":
		return "Kein Zieltermin eingetragen.", "No target date recorded."
	case value == 0:
		return "Der Zieltermin ist der " + days.German(t.recorded) + ".", "The target date is " + t.recorded + "."
	}
	return fmt.Sprintf("Der Zieltermin %s ist seit %s verstrichen.", days.German(t.recorded), count(value, "einem Tag", "Tagen")),
		fmt.Sprintf("The target date %s passed %s ago.", t.recorded, countEN(value, "one day", "days"))
}

// measureCases: cases a year; each doubling counts the same, because a tenth of the cases is not a tenth of the worth.
func measureCases(t *task) (value int64, points int) {
	if t.cases <= 0 {
		return 0, 0
	}
	return t.cases, min(maxCases, pointsPerDoubling*bits.Len64(uint64(t.cases)))
}

func sayCases(_ *task, value int64) (de, en string) {
	if value == 0 {
		return "Keine Fallzahl bekannt.", "No number of cases known."
	}
	return count(value, "Ein Fall", "Fälle") + " im Jahr.", countEN(value, "One case", "cases") + " a year."
}

// measureStage: 0 nothing, 1 planned, 2 in progress, 3 online with something missing.
func measureStage(t *task) (value int64, points int) {
	switch t.kind {
	case municipalityv1.Gap_KIND_PLANNED:
		value = 1
	case municipalityv1.Gap_KIND_IN_PROGRESS:
		value = 2
	case municipalityv1.Gap_KIND_BELOW_THRESHOLD, municipalityv1.Gap_KIND_NO_LINK, municipalityv1.Gap_KIND_SOLUTION_WITHDRAWN,
		municipalityv1.Gap_KIND_ADOPTION_ENDED:
		value = 3
	}
	return value, int(value) * pointsPerStage
}

func sayStage(t *task, _ int64) (de, en string) {
	switch t.kind {
	case municipalityv1.Gap_KIND_PLANNED:
		return "In Planung.", "Planned."
	case municipalityv1.Gap_KIND_IN_PROGRESS:
		return "In Bearbeitung.", "In progress."
	case municipalityv1.Gap_KIND_BELOW_THRESHOLD:
		return "Online, aber unter dem geforderten Reifegrad.", "Online, but below the required maturity."
	case municipalityv1.Gap_KIND_NO_LINK:
		return "Online, aber ohne Adresse.", "Online, but without an address."
	case municipalityv1.Gap_KIND_SOLUTION_WITHDRAWN:
		return "Online, aber auf einer zurückgezogenen Lösung.", "Online, but on a withdrawn solution."
	case municipalityv1.Gap_KIND_ADOPTION_ENDED:
		return "Online, aber die Nachnutzung ist beendet.", "Online, but the adoption is over."
	}
	return "Noch nicht begonnen.", "Not started yet."
}

// measureReach: 0 no solution, 1 below the threshold, 2 not measured, 3 fulfils; a promise takes points away.
func measureReach(t *task) (value int64, points int) {
	if !t.needsSolution() {
		return int64(reachFulfils), pointsReachFull
	}
	switch t.choice.reach {
	case reachFulfils:
		points = pointsReachFull
	case reachUnknown:
		points = pointsReachUnsure
	case reachBelow:
		points = pointsReachBelow
	}
	switch t.choice.promise {
	case promisePilot:
		points += pointsTrial
	case promiseAhead:
		points += pointsWaiting
	case promiseBroken, promiseUndated:
		points += pointsDistrust
	}
	return int64(t.choice.reach), max(0, points)
}

func sayReach(t *task, _ int64) (de, en string) {
	s := t.choice.solution
	if !t.needsSolution() {
		return "Es fehlt nur die Adresse.", "Only the address is missing."
	}
	switch t.choice.reach {
	case reachFulfils:
		de, en = "„"+s.GetDisplayName()+"“ erreicht den Reifegrad", s.GetDisplayName()+" reaches the maturity"
	case reachUnknown:
		de, en = "Der Reifegrad von „"+s.GetDisplayName()+"“ ist nicht bekannt", "The maturity of "+s.GetDisplayName()+" is not known"
	case reachBelow:
		de, en = "„"+s.GetDisplayName()+"“ bleibt unter dem Reifegrad", s.GetDisplayName()+" stays below the maturity"
	default:
		return "Keine Lösung im Marktplatz.", "No solution in the marketplace."
	}
	switch date := s.GetPromisedDate(); t.choice.promise {
	case promiseAhead:
		return de + "; zugesagt zum " + days.German(date) + ".", en + "; promised for " + date + "."
	case promiseBroken:
		return de + "; die Zusage zum " + days.German(date) + " ist verstrichen.", en + "; the promise for " + date + " has passed."
	case promisePilot:
		return de + "; im Pilotbetrieb.", en + "; with pilots."
	case promiseUndated:
		return de + "; geplant, ohne Termin.", en + "; planned, without a date."
	}
	return de + "; verfügbar.", en + "; available."
}

// measureNeighbours: municipalities of the same Kreis that use the solution.
func measureNeighbours(t *task) (value int64, points int) {
	if !t.needsSolution() {
		return 0, 0
	}
	return int64(t.choice.neighbours), min(t.choice.neighbours, maxUsers) * pointsPerUser
}

func sayNeighbours(t *task, value int64) (de, en string) {
	switch {
	case !t.needsSolution() || t.choice.solution == nil:
		return "Keine Lösung, die Nachbarn nutzen könnten.", "No solution that neighbours could use."
	case value == 0:
		return "Im selben Kreis nutzt sie noch niemand.", "Nobody in the same Kreis uses it yet."
	case value == 1:
		return "Eine Kommune im selben Kreis nutzt sie.", "One in the same Kreis uses it."
	}
	return fmt.Sprintf("%d Kommunen im selben Kreis nutzen sie.", value), fmt.Sprintf("Used by %d in the same Kreis.", value)
}

// measureBundle: further gaps that the same solution closes.
func measureBundle(t *task) (value int64, points int) {
	if !t.needsSolution() {
		return 0, 0
	}
	return int64(t.choice.further), min(t.choice.further, maxBundled) * pointsPerBundled
}

func sayBundle(t *task, value int64) (de, en string) {
	switch {
	case !t.needsSolution() || t.choice.solution == nil:
		return "Keine Lösung, die weitere Lücken schließen könnte.", "No solution that could close further gaps."
	case value == 0:
		return "Sie schließt keine weitere Lücke.", "It closes no further gap."
	}
	return "Sie schließt " + count(value, "eine weitere Lücke", "weitere Lücken") + ".",
		"It closes " + countEN(value, "one further gap", "further gaps") + "."
}
