package municipality

import (
	"time"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
)

// time is the beginning of the day, in UTC.
func (d day) time() time.Time { return time.Unix((int64(d)-1)*secondsOfDay, 0).UTC() }

// yearBefore is the same day a year earlier; the first of March for the 29th of February.
func (d day) yearBefore() day { return dayAt(d.time().AddDate(-1, 0, 0)) }

// lastTwelveMonths are the end of each month of the year before a day, and that day.
func lastTwelveMonths(today day) []day {
	return pointsBetween(today.yearBefore(), today, municipalityv1.ListProgressTrendRequest_INTERVAL_MONTH)
}

// pointsBetween are the days on which an interval ends, from the first day to the last one, and the last one itself.
func pointsBetween(from, to day, interval municipalityv1.ListProgressTrendRequest_Interval) []day {
	var days []day
	for d := endOf(interval, from); d < to; d = endOf(interval, d+1) {
		days = append(days, d)
	}
	return append(days, to)
}

// endOf is the last day of the week, month, quarter or year of a day.
func endOf(interval municipalityv1.ListProgressTrendRequest_Interval, d day) day {
	t := d.time()
	year, month, _ := t.Date()
	switch interval {
	case municipalityv1.ListProgressTrendRequest_INTERVAL_DAY:
		return d
	case municipalityv1.ListProgressTrendRequest_INTERVAL_WEEK:
		return d + day(7-t.Weekday())%7
	case municipalityv1.ListProgressTrendRequest_INTERVAL_QUARTER:
		month += (3 - month%3) % 3
	case municipalityv1.ListProgressTrendRequest_INTERVAL_YEAR:
		month = time.December
	}
	return dayAt(time.Date(year, month+1, 0, 0, 0, 0, 0, time.UTC))
}
