package days_test

import (
	"testing"

	"kompass.krz.de/services/platform/days"
)

func TestGerman(t *testing.T) {
	t.Parallel()
	for day, want := range map[string]string{"2027-03-31": "31.03.2027", "0001-01-01": "01.01.0001", "": "", "bald": "bald"} {
		if got := days.German(day); got != want {
			t.Errorf("%q: %q, want %q", day, got, want)
		}
	}
}
