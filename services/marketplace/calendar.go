package marketplace

import "time"

// Days are written "2027-03-31"; those that clients give lie between firstDay and lastDay, so that arithmetic on them never
// leaves the four digits of a year and days compare as text.
const (
	firstDay = "1950-01-01"
	lastDay  = "2199-12-31"
)

// dateOf is midnight (UTC) of a day; the zero time when it is none.
func dateOf(day string) time.Time {
	t, _ := time.Parse(time.DateOnly, day)
	return t
}

// plusDays is the day so many days after a day, or before it.
func plusDays(date string, days int) string { return day(dateOf(date).AddDate(0, 0, days)) }

// daysBetween counts the days from the first to the last, both included; 0 when the last is before the first.
func daysBetween(first, last string) int {
	if first > last {
		return 0
	}
	return int(dateOf(last).Sub(dateOf(first))/(24*time.Hour)) + 1
}

// daysOf are the days of a year, 365 or 366.
func daysOf(year int) int { return time.Date(year, time.December, 31, 0, 0, 0, 0, time.UTC).YearDay() }

// monthLater is the first day of the month that lies so many months after that of a day.
func monthLater(t time.Time, months int) time.Time {
	return time.Date(t.Year(), t.Month()+time.Month(months), 1, 0, 0, 0, 0, time.UTC)
}

// plusMonths is the same day of the month so many months later; the last day of that month when it is shorter. A period of
// months that begins in the course of a day ends on that day (§§ 187, 188 BGB).
func plusMonths(date string, months int) string {
	t := dateOf(date)
	first := monthLater(t, months)
	return day(first.AddDate(0, 0, min(t.Day(), monthLater(first, 1).AddDate(0, 0, -1).Day())-1))
}

// endAfter is the last day of a term that goes on for so many months after its last day, or that ends so many earlier: the
// last day of a month leads to the last day of a month. It is also the latest day from which plusMonths reaches no
// further than the day that it was asked for: the last one for a notice.
func endAfter(last string, months int) string {
	t := dateOf(last)
	if next := t.AddDate(0, 0, 1); next.Day() == 1 {
		return day(monthLater(next, months).AddDate(0, 0, -1))
	}
	return plusMonths(last, months)
}

// termEnd is the last day of the term that runs on a day: the first one ends on first, each further one so many months later.
// Before the end of the first term it is first, and always when no months are given.
func termEnd(first string, months int, today string) string {
	if months <= 0 || today <= first {
		return first
	}
	terms := monthsBetween(first, today) / months // the last that may be over
	end := endAfter(first, terms*months)
	if end < today {
		end = endAfter(first, (terms+1)*months)
	}
	return end
}

// termBefore is the last day of the term before the one that ends on end, which is not the first.
func termBefore(first string, months int, end string) string {
	return endAfter(first, monthsBetween(first, end)-months)
}

// monthsBetween counts the months from that of one day to that of another.
func monthsBetween(from, to string) int {
	a, b := dateOf(from), dateOf(to)
	return (b.Year()-a.Year())*12 + int(b.Month()-a.Month())
}
