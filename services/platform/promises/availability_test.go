package promises_test

import (
	"testing"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	"kompass.krz.de/services/platform/promises"
)

const (
	planned      = marketplacev1.Coverage_STATUS_PLANNED
	pilot        = marketplacev1.Coverage_STATUS_PILOT
	available    = marketplacev1.Coverage_STATUS_AVAILABLE
	discontinued = marketplacev1.Coverage_STATUS_DISCONTINUED
)

func TestAvailability(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		date   string
		status marketplacev1.Coverage_Status
		want   promises.Availability
		closes bool
	}{
		{"", 0, promises.Available, true}, {"2027-01-01", 0, promises.Promised, true},
		{"", planned, promises.Undated, false}, {"2027-01-01", planned, promises.Promised, true},
		{"", pilot, promises.Pilot, true}, {"2027-01-01", pilot, promises.Pilot, true},
		{"", available, promises.Available, true}, {"2027-01-01", available, promises.Available, true},
		{"", discontinued, promises.Discontinued, false}, {"2027-01-01", discontinued, promises.Discontinued, false},
	} {
		got := promises.AvailabilityOf(&marketplacev1.Solution{PromisedDate: c.date}, &marketplacev1.Coverage{Status: c.status})
		if got != c.want || got.Closes() != c.closes {
			t.Errorf("%v promised for %q: %d, closes %t", c.status, c.date, got, got.Closes())
		}
	}
}
