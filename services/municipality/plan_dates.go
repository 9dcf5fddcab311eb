package municipality

import (
	"cmp"
	"time"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
)

// setDates gives each item, in their order, the target date that is recorded, or proposes the end of the first month that
// has room: from the start of the plan on, and not before its solution is promised. What waits for a solution without a date
// takes the room that is left when all others have theirs.
func setDates(items []item, settings *municipalityv1.Plan, today string) {
	calendar := newCalendar(settings, today)
	for i := range items {
		if recorded := items[i].recorded; recorded >= today {
			items[i].target = recorded
			calendar.taken[monthOf(recorded)]++
		}
	}
	for _, undated := range []bool{false, true} {
		for i := range items {
			waits := items[i].needsSolution() && items[i].choice.promise == promiseUndated
			if items[i].target == "" && waits == undated {
				calendar.propose(&items[i])
			}
		}
	}
}

// propose gives an item the end of the first month that it can be done in.
func (c *calendar) propose(i *item) {
	from := c.start
	if i.needsSolution() && i.choice.promise == promiseAhead {
		from = max(from, monthOf(i.choice.solution.GetPromisedDate()))
	}
	i.target, i.proposed = c.take(from).end(), true
}

// calendar hands out the months of a plan.
type calendar struct {
	start    month
	first    int // room in the month of the start
	capacity int // room in any other
	taken    map[month]int
	reached  map[month]month // by earliest month: where the last search ended; no month before it has room
}

func newCalendar(settings *municipalityv1.Plan, today string) *calendar {
	start := max(settings.GetStartDate(), today)
	c := &calendar{
		start: monthOf(start), capacity: cmp.Or(int(settings.GetMonthlyCapacity()), defaultCapacity),
		taken: map[month]int{}, reached: map[month]month{},
	}
	// A plan that starts on the 23rd gets no more done until the end of the month than the days that are left allow.
	days, day := c.start.days(), dayInMonth(start)
	c.first = c.capacity * (days - day + 1) / days
	return c
}

// take finds room in a month not before the given one; the last month of all has room for everything.
func (c *calendar) take(from month) month {
	m := max(from, c.reached[from])
	for m < lastMonth && c.taken[m] >= c.room(m) {
		m++
	}
	c.taken[m]++
	c.reached[from] = m
	return m
}

func (c *calendar) room(m month) int {
	if m == c.start {
		return c.first
	}
	return c.capacity
}

// month counts months since the year 0.
type month int

// lastMonth is the last one that an ISO date can name.
const lastMonth month = 9999*12 + 11

// monthOf is the month of an ISO date; 0 for what is none.
func monthOf(date string) month {
	t, err := time.Parse("2006-01", date[:min(len(date), len("2006-01"))])
	if err != nil {
		return 0
	}
	return month(t.Year()*12 + int(t.Month()) - 1)
}

// dayInMonth is the day of the month of an ISO date; 1 for what is none.
func dayInMonth(date string) int {
	t, err := time.Parse(time.DateOnly, date)
	if err != nil {
		return 1
	}
	return t.Day()
}

func (m month) last() time.Time {
	return time.Date(int(m)/12, time.Month(int(m)%12+2), 0, 0, 0, 0, 0, time.UTC)
}

func (m month) days() int { return m.last().Day() }

// end is the last day of the month as an ISO date.
func (m month) end() string { return m.last().Format(time.DateOnly) }
