package municipality

import (
	"cmp"
	"slices"
	"time"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
)

// defaultCapacity is how many services a month a municipality puts online when nobody said.
const defaultCapacity = 4

// task is a gap as the plan looks at it, so that the rules below depend on nothing else.
type task struct {
	service    string // resource name
	name       string // German
	theme      string // resource name
	kind       municipalityv1.Gap_Kind
	priority   municipalityv1.Implementation_Priority
	cases      int64 // a year; 0 when not known
	department string
	recorded   string // target date; empty when none
	late       int    // days since the recorded target date; 0 when it has not passed
	choice     choice // zero when no solution covers the service
}

// choice is the solution that a plan closes a gap with.
type choice struct {
	solution   *marketplacev1.Solution // nil for none
	reach      reach
	promise    promise
	promised   string // the date for the service; empty when it is there, or nobody knows
	neighbours int    // in the same Kreis that use it
	further    int    // gaps of the same municipality that it closes besides
}

// reach says how far a solution brings a service.
type reach int64

const (
	reachNone    reach = iota // no solution
	reachBelow                // below the threshold
	reachUnknown              // nobody measured it
	reachFulfils
)

// promise says when a solution can be had.
type promise int

const (
	promiseNone    promise = iota // available
	promisePilot                  // with pilots
	promiseAhead                  // later
	promiseBroken                 // the date has passed
	promiseUndated                // nobody says for when
)

// needsSolution tells whether a solution is what is missing: with the link alone missing, it is there.
func (t *task) needsSolution() bool { return t.kind != municipalityv1.Gap_KIND_NO_LINK }

// plan is an implementation plan before it is spelled out.
type plan struct {
	items       []item
	overdue     int
	end         string // the last target date; empty without items
	departments []*municipalityv1.DepartmentLoad
}

// item is a task with its place in the plan.
type item struct {
	*task
	score    int32
	target   string // recorded, or proposed
	proposed bool
}

// makePlan orders tasks by score, in their own order where it is equal, and gives each a date. It is the same for the
// same arguments; tasks are kept, not changed.
func makePlan(tasks []task, settings *municipalityv1.Plan, today string) *plan {
	p := &plan{items: make([]item, len(tasks))}
	for i := range tasks {
		p.items[i] = item{task: &tasks[i], score: score(&tasks[i], settings.GetWeights())}
	}
	slices.SortStableFunc(p.items, func(a, b item) int { return cmp.Compare(b.score, a.score) })
	setDates(p.items, settings, today)
	for i := range p.items {
		p.end = max(p.end, p.items[i].target)
		if p.items[i].late > 0 {
			p.overdue++
		}
	}
	p.departments = loads(p.items)
	return p
}

// loads sums items up by department, most items first, then by name.
func loads(items []item) []*municipalityv1.DepartmentLoad {
	byName := map[string]*municipalityv1.DepartmentLoad{}
	var all []*municipalityv1.DepartmentLoad
	for i := range items {
		d := byName[items[i].department]
		if d == nil {
			d = &municipalityv1.DepartmentLoad{Department: items[i].department, NextDate: items[i].target}
			byName[items[i].department], all = d, append(all, d)
		}
		d.Items++
		if items[i].late > 0 {
			d.Overdue++
		}
		d.NextDate = min(d.GetNextDate(), items[i].target)
	}
	slices.SortFunc(all, func(a, b *municipalityv1.DepartmentLoad) int {
		return cmp.Or(cmp.Compare(b.GetItems(), a.GetItems()), cmp.Compare(a.GetDepartment(), b.GetDepartment()))
	})
	return all
}

// daysLate counts the days from a date to today; 0 when it lies ahead, and for what is no date.
func daysLate(date, today string) int {
	if date == "" || date >= today { // most of them; ISO dates compare as text
		return 0
	}
	from, err := time.Parse(time.DateOnly, date)
	to, err2 := time.Parse(time.DateOnly, today)
	if err != nil || err2 != nil {
		return 0
	}
	return int(to.Sub(from) / (24 * time.Hour))
}
