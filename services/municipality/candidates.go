package municipality

import (
	"cmp"
	"fmt"
	"slices"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/days"
	"kompass.krz.de/services/platform/maturity"
	"kompass.krz.de/services/platform/promises"
	"kompass.krz.de/services/platform/relevance"
	"kompass.krz.de/services/platform/state"
)

// The points of a candidate. What closes the gap at once outweighs everything else; neighbours weigh more than
// strangers, because they share forms, offices and the data centre; a promise weighs nothing, a broken one less. A date
// that was put off loses points each time and for the time lost; a provider loses points below an accepted reliability.
const (
	pointsFulfils       = 40
	pointsBelow         = -10
	pointsClassNamed    = 10
	pointsPerNeighbour  = 6
	maxNeighbours       = 5
	pointsPerStranger   = 1
	maxStrangers        = 10
	pointsSameCentre    = 10
	pointsEfa           = 10
	pointsAvailable     = 15
	pointsPilot         = 8
	pointsOverdue       = -15 // or taken back
	pointsPerSlip       = -5
	maxSlips            = 4
	slipDaysPerPoint    = 60
	maxSlipDaysPoints   = 10
	reliableFrom        = 70 // percent
	percentPerPoint     = 7  // below that
	pointsPerFurtherGap = 1
	maxFurtherGaps      = 10
)

// contest is what candidates for the gaps of one place are measured by.
type contest struct {
	place  *municipalityv1.Municipality
	area   string // as place.area
	centre string
	users  state.Table[*users]
	own    []string                              // solutions that the place uses itself
	covers map[string]int                        // by solution: gaps of this place that it covers
	today  string                                // "2027-03-31"
	others map[string]neighbours                 // by solution, as far as asked for
	trust  map[string]*marketplacev1.Reliability // by provider
}

// neighbours says who else uses a solution.
type neighbours struct{ district, elsewhere, sameCentre int }

func (r records) contestFor(p *place, list *gapList, today day) *contest {
	return &contest{
		place:  p.municipality,
		area:   p.area,
		centre: p.municipality.GetDataCentre(),
		users:  r.users,
		own:    p.solutionsInUse(),
		covers: list.cover,
		today:  today.String(),
		others: map[string]neighbours{},
		trust:  r.market.reliability(today),
	}
}

// rank answers the candidates that fit the place, best first: by points, then by name.
func (c *contest) rank(covering []covering) []*municipalityv1.Candidate {
	var candidates []*municipalityv1.Candidate
	for _, covered := range covering {
		s := covered.solution
		if !fits(s, c.place) {
			continue
		}
		slips, slipDays := promises.Slips(s.GetPromiseChanges())
		candidate := &municipalityv1.Candidate{
			Solution:     s.GetName(),
			DisplayName:  s.GetDisplayName(),
			Provider:     s.GetProvider(),
			Maturity:     maturity.Complete(covered.maturity),
			PromisedDate: covered.promisedDate(),
			Reasons:      c.reasons(&covered),
			SlipCount:    int32(slips),
			SlipDays:     int32(slipDays),

			ProviderReliability: percentOf(c.trust[s.GetProvider()]),
		}
		for _, r := range candidate.GetReasons() {
			candidate.Score += r.GetPoints()
		}
		candidates = append(candidates, candidate)
	}
	slices.SortFunc(candidates, func(a, b *municipalityv1.Candidate) int {
		return cmp.Or(cmp.Compare(b.GetScore(), a.GetScore()), cmp.Compare(a.GetSolution(), b.GetSolution()))
	})
	for i, candidate := range candidates {
		candidate.Rank = int32(i + 1)
	}
	return candidates
}

// reasons are the terms of a candidate's score, those that weigh nothing left out except those about promises.
func (c *contest) reasons(covered *covering) []*municipalityv1.RankReason {
	s := covered.solution
	reasons := maturityReason(nil, covered.maturity)
	if namesClass(s, c.place) {
		class := relevance.ClassName(c.place.GetSizeClass())
		reasons = give(reasons, "SIZE_CLASS_FITS", pointsClassNamed,
			"Ausdrücklich für die Größenklasse „"+class+"“.", "Made for the size class \""+class+"\".")
	}
	reasons = c.userReasons(reasons, s.GetName())
	if isCertainEfa(s.GetEfaState()) {
		reasons = give(reasons, "EFA", pointsEfa, "EfA-Dienst, dessen Nachnutzung feststeht.", "An EfA service whose reuse is certain.")
	}
	reasons = availabilityReasons(reasons, covered, c.today)
	if covered.availability < promises.Pilot { // what can be had at once depends on no promise
		reasons = trustReason(reasons, percentOf(c.trust[s.GetProvider()]))
	}
	if more := c.furtherGaps(covered); more > 0 {
		reasons = give(reasons, "COVERS_MORE_GAPS", min(more, maxFurtherGaps)*pointsPerFurtherGap,
			fmt.Sprintf("Schließt %d weitere Lücken.", more), fmt.Sprintf("Closes %d more gaps.", more))
	}
	return reasons
}

func give(reasons []*municipalityv1.RankReason, reason string, points int, de, en string) []*municipalityv1.RankReason {
	return append(reasons, &municipalityv1.RankReason{Reason: reason, Points: int32(points), MessageDe: de, MessageEn: en})
}

func maturityReason(reasons []*municipalityv1.RankReason, m *municipalityv1.Maturity) []*municipalityv1.RankReason {
	if m == nil {
		return reasons
	}
	full := maturity.Complete(m)
	de := fmt.Sprintf("Erreicht Reifegrad %d (Modell %s, erfüllt ab %d).", full.GetLevel(), full.GetModel(), full.GetThreshold())
	en := fmt.Sprintf("Reaches maturity %d (model %s, fulfilled from %d).", full.GetLevel(), full.GetModel(), full.GetThreshold())
	if maturity.Fulfils(m) {
		return give(reasons, "MATURITY_FULFILS", pointsFulfils, de, en)
	}
	return give(reasons, "MATURITY_BELOW", pointsBelow, de, en)
}

func (c *contest) userReasons(reasons []*municipalityv1.RankReason, solution string) []*municipalityv1.RankReason {
	s := c.neighboursOf(solution)
	if s.district > 0 {
		reasons = give(reasons, "USED_IN_DISTRICT", min(s.district, maxNeighbours)*pointsPerNeighbour,
			fmt.Sprintf("%d im selben Kreis nutzen es.", s.district), fmt.Sprintf("Used by %d in the same Kreis.", s.district))
	}
	if s.elsewhere > 0 {
		reasons = give(reasons, "USED_ELSEWHERE", min(s.elsewhere, maxStrangers)*pointsPerStranger,
			fmt.Sprintf("%d außerhalb des Kreises nutzen es.", s.elsewhere), fmt.Sprintf("Used by %d outside the Kreis.", s.elsewhere))
	}
	if s.sameCentre > 0 {
		reasons = give(reasons, "SAME_DATA_CENTRE", pointsSameCentre,
			fmt.Sprintf("Das eigene Rechenzentrum betreibt es bereits für %d.", s.sameCentre),
			fmt.Sprintf("The own data centre already runs it for %d.", s.sameCentre))
	}
	return reasons
}

// neighboursOf counts the other users of a solution.
func (c *contest) neighboursOf(solution string) neighbours {
	if s, known := c.others[solution]; known {
		return s
	}
	var s neighbours
	if u, used := c.users.Get(solution); used {
		self := 0
		if _, own := slices.BinarySearch(c.own, solution); own {
			self = 1
		}
		s.district = in(u.areas, c.area) - self
		s.elsewhere = u.all - self - s.district
		if c.centre != "" {
			s.sameCentre = in(u.centres, c.centre) - self
		}
	}
	c.others[solution] = s
	return s
}

func isCertainEfa(e marketplacev1.Solution_EfaState) bool {
	switch e {
	case marketplacev1.Solution_EFA_STATE_REUSE_CERTAIN, marketplacev1.Solution_EFA_STATE_DEVELOPMENT_STATE,
		marketplacev1.Solution_EFA_STATE_DEVELOPMENT_KDN:
		return true
	default:
		return false
	}
}

// furtherGaps counts the gaps that a candidate closes besides the one that it is a candidate for.
func (c *contest) furtherGaps(covered *covering) int {
	all := c.covers[covered.solution.GetName()]
	if covered.availability.Closes() { // so this one is among them
		all--
	}
	return max(all, 0)
}

// promisedDate is when the solution is promised for the service; empty when it is there, or nobody knows.
func (c *covering) promisedDate() string {
	if c.availability == promises.Promised {
		return c.solution.GetPromisedDate()
	}
	return ""
}

// availabilityReasons weigh when a solution can be had. Every promise that was put off or taken back counts against it:
// municipalities ask how far a date can be trusted.
func availabilityReasons(reasons []*municipalityv1.RankReason, covered *covering, today string) []*municipalityv1.RankReason {
	s := covered.solution
	switch promised := covered.promisedDate(); {
	case covered.availability == promises.Available:
		return give(reasons, "AVAILABLE", pointsAvailable, "Sofort verfügbar.", "Available now.")
	case covered.availability == promises.Pilot:
		return give(reasons, "PILOT", pointsPilot, "Im Pilotbetrieb.", "Runs with pilots.")
	case covered.availability == promises.Undated:
		reasons = give(reasons, "PLANNED_UNDATED", 0, "Geplant, ohne Termin.", "Planned, without a date.")
		if last := lastPromise(s); last != "" {
			reasons = give(reasons, "PROMISE_WITHDRAWN", pointsOverdue, "War zum "+days.German(last)+" zugesagt; der Termin wurde zurückgenommen.",
				"Was promised for "+last+"; the date was taken back.")
		}
	case promised < today:
		reasons = give(reasons, "PROMISE_OVERDUE", pointsOverdue, "Zugesagt zum "+days.German(promised)+"; der Termin ist verstrichen.",
			"Promised for "+promised+", which has passed.")
	default:
		reasons = give(reasons, "PROMISED", 0, "Zugesagt zum "+days.German(promised)+".", "Promised for "+promised+".")
	}
	return slipReason(reasons, s)
}

// lastPromise is the date that a solution was promised for last; empty when it never was.
func lastPromise(s *marketplacev1.Solution) string {
	last := s.GetPromisedDate()
	for _, c := range s.GetPromiseChanges() {
		last = cmp.Or(c.GetNewDate(), c.GetOldDate(), last)
	}
	return last
}

// slipReason weighs how often and how far the date was put off.
func slipReason(reasons []*municipalityv1.RankReason, s *marketplacev1.Solution) []*municipalityv1.RankReason {
	n, slipped := promises.Slips(s.GetPromiseChanges())
	if n == 0 {
		return reasons
	}
	deTimes, enTimes := timesWords(n)
	de, en := "Zugesagt zum "+days.German(s.GetPromisedDate())+"; bisher ", "Promised for "+s.GetPromisedDate()+"; put off "
	if s.GetPromisedDate() == "" {
		de, en = "Der Termin wurde ", "The date was put off "
	}
	de, en = de+deTimes+" verschoben", en+enTimes+" so far"
	if slipped > 0 {
		de += ", zusammen um " + count(int64(slipped), "einen Tag", "Tage")
		en += ", by " + countEN(int64(slipped), "one day", "days") + " in all"
	}
	points := min(n, maxSlips)*pointsPerSlip - min(slipped/slipDaysPerPoint, maxSlipDaysPoints)
	return give(reasons, "PROMISE_SLIPPED", points, de+".", en+".")
}

// timesWords say how often something happened.
func timesWords(n int) (de, en string) {
	switch n {
	case 1:
		return "einmal", "once"
	case 2:
		return "zweimal", "twice"
	}
	return fmt.Sprintf("%d-mal", n), fmt.Sprintf("%d times", n)
}

// percentOf is the figure of a reliability; nil while no promise counts.
func percentOf(r *marketplacev1.Reliability) *int32 {
	if r == nil {
		return nil
	}
	return r.Percent
}

// trustReason weighs how far the dates of the provider can be trusted; percent is nil while nobody knows.
func trustReason(reasons []*municipalityv1.RankReason, percent *int32) []*municipalityv1.RankReason {
	if percent == nil || *percent >= reliableFrom {
		return reasons
	}
	return give(reasons, "PROVIDER_UNRELIABLE", -(reliableFrom-int(*percent))/percentPerPoint,
		fmt.Sprintf("Zugesagte Termine des Anbieters sind nur zu %d %% verlässlich.", *percent),
		fmt.Sprintf("Dates promised by the provider are only %d %% reliable.", *percent))
}
