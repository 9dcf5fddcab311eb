package municipality

import "strconv"

// count says a number with its noun in German: the first form for one, otherwise the number ("1.200") and the second.
func count(n int64, one, many string) string {
	if n == 1 {
		return one
	}
	return thousands(n, ".") + " " + many
}

// countEN is count in English: "1,200 cases".
func countEN(n int64, one, many string) string {
	if n == 1 {
		return one
	}
	return thousands(n, ",") + " " + many
}

// thousands writes a number, not negative, with a separator between groups of three digits.
func thousands(n int64, separator string) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + separator + s[i:]
	}
	return s
}

// plural picks the form for one or for any other number.
func plural(n int64, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}
