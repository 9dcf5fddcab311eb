// Package days writes days as people read them. It must never read a clock.
package days

// German is the day "2027-03-31" as "31.03.2027"; what is no day of that form stays as it is.
func German(day string) string {
	if len(day) != len("2006-01-02") {
		return day
	}
	return day[8:] + "." + day[5:7] + "." + day[:4]
}
