package marketplace

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestMonths(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		day       string
		months    int
		plus, end string // plusMonths, endAfter
	}{
		{"2027-03-31", -1, "2027-02-28", "2027-02-28"},
		{"2028-03-31", -1, "2028-02-29", "2028-02-29"},
		{"2027-06-30", -3, "2027-03-30", "2027-03-31"}, // a notice on 31 March still has three whole months before 30 June
		{"2027-02-28", 1, "2027-03-28", "2027-03-31"},
		{"2028-02-28", 1, "2028-03-28", "2028-03-28"},
		{"2026-12-31", 12, "2027-12-31", "2027-12-31"},
		{"2028-02-29", 12, "2029-02-28", "2029-02-28"},
		{"2027-02-28", 12, "2028-02-28", "2028-02-29"},
		{"2027-01-30", 1, "2027-02-28", "2027-02-28"},
		{"2027-11-15", 3, "2028-02-15", "2028-02-15"},
		{"2027-05-05", 0, "2027-05-05", "2027-05-05"},
	} {
		if got := plusMonths(c.day, c.months); got != c.plus {
			t.Errorf("%s and %d months: %s, want %s", c.day, c.months, got, c.plus)
		}
		if got := endAfter(c.day, c.months); got != c.end {
			t.Errorf("%s and a term of %d months: %s, want %s", c.day, c.months, got, c.end)
		}
	}
}

func TestTermEnd(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		first  string
		months int
		today  string
		want   string
	}{
		{"2026-12-31", 0, "2030-01-01", "2026-12-31"},
		{"2026-12-31", 12, "2020-01-01", "2026-12-31"},
		{"2026-12-31", 12, "2026-12-31", "2026-12-31"},
		{"2026-12-31", 12, "2027-01-01", "2027-12-31"},
		{"2027-01-31", 1, "2027-02-01", "2027-02-28"},
		{"2027-01-31", 1, "2027-03-01", "2027-03-31"}, // February shortens no later term
		{"2027-01-30", 1, "2027-03-01", "2027-03-30"},
	} {
		if got := termEnd(c.first, c.months, c.today); got != c.want {
			t.Errorf("%s, %d months, on %s: %s, want %s", c.first, c.months, c.today, got, c.want)
		}
	}
}

func someDate(t *rapid.T, label string) string {
	return plusDays(firstDay, rapid.IntRange(0, 365*249).Draw(t, label))
}

// TestCalendarLaws: what people rely on when they give notice in time.
func TestCalendarLaws(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		date, months := someDate(t, "day"), rapid.IntRange(0, 120).Draw(t, "months")
		if months > 0 && (plusMonths(date, months) <= date || endAfter(date, months) <= date || endAfter(date, -months) >= date) {
			t.Fatalf("%s does not move by %d months", date, months)
		}
		if on, at := dateOf(date), dateOf(plusMonths(date, months)); at.Day() > on.Day() || (at.Year()-on.Year())*12+int(at.Month()-on.Month()) != months {
			t.Fatalf("%s and %d months is %s", date, months, day(at))
		}
		// The last day for a notice keeps the period, the next one would not.
		if last := endAfter(date, -months); plusMonths(last, months) > date || plusMonths(plusDays(last, 1), months) <= date {
			t.Fatalf("%s is not the last day for %d months before %s", last, months, date)
		}
	})
}

// TestTermLaws: every day lies in exactly one term, and terms follow each other without a gap.
func TestTermLaws(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		first, months, today := someDate(t, "first"), rapid.IntRange(1, 120).Draw(t, "months"), someDate(t, "today")
		end := termEnd(first, months, today)
		if end < today || end < first || termEnd(first, months, end) != end {
			t.Fatalf("%s is not in the term that ends on %s", today, end)
		}
		after := termEnd(first, months, plusDays(end, 1))
		if whole := dateOf(after).Sub(dateOf(end)) / (24 * time.Hour); int(whole) < 28*months || int(whole) > 31*months {
			t.Fatalf("a term of %d months has %d days", months, whole)
		}
		if before := termBefore(first, months, after); before != end {
			t.Fatalf("before the term until %s comes one until %s, not %s", after, before, end)
		}
		if today > first && daysBetween(today, end) > 31*months {
			t.Fatalf("the term that ends on %s began after %s", end, today)
		}
	})
}

func TestDays(t *testing.T) {
	t.Parallel()
	if daysBetween("2028-01-01", "2028-12-31") != 366 || daysOf(2028) != 366 || daysOf(2100) != 365 ||
		daysBetween("2027-03-01", "2027-03-01") != 1 || daysBetween("2027-03-02", "2027-03-01") != 0 {
		t.Error("days are miscounted")
	}
}
