package municipality

import (
	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/maturity"
	"kompass.krz.de/services/platform/promises"
)

// planOf makes the plan of a place from its gaps.
func (r records) planOf(p *place, settings *municipalityv1.Plan, today day) *plan {
	found := r.gapsOf(p, today)
	chooser := &chooser{contest: r.contestFor(p, found, today), rivals: map[rivalKey]rival{}}
	tasks := make([]task, len(found.gaps))
	for i := range found.gaps {
		g := &found.gaps[i]
		tasks[i] = taskOf(g, today.String())
		tasks[i].choice = chooser.choose(&tasks[i], r.market.covering(tasks[i].service), g.implementation.solutionName())
	}
	return makePlan(tasks, settings, today.String())
}

// taskOf is a gap as the plan looks at it, still without solution.
func taskOf(g *gap, today string) task {
	i := g.implementation
	return task{
		service: g.service.GetName(), name: g.service.GetDisplayName(), theme: g.ozg.GetTheme(),
		kind: g.kind, priority: i.priorityOf(), cases: i.annualCases(), department: i.departmentName(),
		recorded: i.targetDate(), late: daysLate(i.targetDate(), today),
	}
}

// chooser finds the solution for each gap of a place. Its order is that of contest.rank, without spelling out what
// nobody reads: what a solution is worth here is the same for all gaps but for the maturity that it reaches and for when it
// can be had.
type chooser struct {
	contest *contest
	rivals  map[rivalKey]rival
}

type rivalKey struct {
	solution     *marketplacev1.Solution
	availability promises.Availability
}

// rival is a solution among the candidates of one place.
type rival struct {
	fits   bool // the size class of the place
	points int  // without those for its maturity
}

// choose takes the best candidate; while the service is not online, the recorded solution before any better one: that is
// decided already.
func (c *chooser) choose(t *task, covering []covering, recorded string) choice {
	best, bestPoints := -1, 0
	for i := range covering {
		r := c.rival(&covering[i])
		if !r.fits {
			continue
		}
		if covering[i].solution.GetName() == recorded && !isOnline(t.kind) {
			best = i
			break
		}
		if points := r.points + maturityPoints(covering[i].maturity); best < 0 || points > bestPoints {
			best, bestPoints = i, points
		}
	}
	if best < 0 {
		return choice{}
	}
	s := covering[best].solution
	return choice{
		solution: s, reach: reachOf(covering[best].maturity), promise: promiseOf(&covering[best], c.contest.today),
		promised:   covering[best].promisedDate(),
		neighbours: c.contest.neighboursOf(s.GetName()).district, further: c.contest.furtherGaps(&covering[best]),
	}
}

func (c *chooser) rival(covered *covering) rival {
	key := rivalKey{covered.solution, covered.availability}
	if r, known := c.rivals[key]; known {
		return r
	}
	r := rival{fits: fits(covered.solution, c.contest.place)}
	if r.fits {
		for _, reason := range c.contest.reasons(&covering{solution: covered.solution, availability: covered.availability}) {
			r.points += int(reason.GetPoints())
		}
	}
	c.rivals[key] = r
	return r
}

// isOnline tells whether a gap is one of a service that is online already.
func isOnline(kind municipalityv1.Gap_Kind) bool {
	switch kind {
	case municipalityv1.Gap_KIND_BELOW_THRESHOLD, municipalityv1.Gap_KIND_NO_LINK, municipalityv1.Gap_KIND_SOLUTION_WITHDRAWN,
		municipalityv1.Gap_KIND_ADOPTION_ENDED:
		return true
	}
	return false
}

// maturityPoints are the points that a candidate gets for its maturity; nil is not measured.
func maturityPoints(m *municipalityv1.Maturity) int {
	switch reachOf(m) {
	case reachFulfils:
		return pointsFulfils
	case reachBelow:
		return pointsBelow
	}
	return 0
}

func reachOf(m *municipalityv1.Maturity) reach {
	switch {
	case m == nil:
		return reachUnknown
	case maturity.Fulfils(m):
		return reachFulfils
	}
	return reachBelow
}

func promiseOf(covered *covering, today string) promise {
	switch date := covered.promisedDate(); {
	case covered.availability == promises.Undated:
		return promiseUndated
	case covered.availability == promises.Pilot:
		return promisePilot
	case date == "":
		return promiseNone
	case date < today:
		return promiseBroken
	case date == today:
		return promiseNone
	}
	return promiseAhead
}
