package promises

import (
	"slices"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
)

// Availability says how a solution can be had for a public service that it covers. Later ones are nearer.
type Availability int

const (
	// Discontinued is no longer offered.
	Discontinued Availability = iota
	// Undated is planned, and nobody says for when.
	Undated
	// Promised is planned for the solution's promised date, also when that has passed.
	Promised
	// Pilot runs with pilots.
	Pilot
	// Available can be had.
	Available
)

// AvailabilityOf is the availability of one of a solution's coverages. A promised date concerns what is planned; where no
// status says what is, it concerns all.
func AvailabilityOf(s *marketplacev1.Solution, c *marketplacev1.Coverage) Availability {
	dated := s.GetPromisedDate() != ""
	switch status := c.GetStatus(); {
	case status == marketplacev1.Coverage_STATUS_DISCONTINUED:
		return Discontinued
	case status == marketplacev1.Coverage_STATUS_PILOT:
		return Pilot
	case planned(c) && !dated:
		return Undated
	case planned(c), status == marketplacev1.Coverage_STATUS_UNSPECIFIED && dated:
		return Promised
	}
	return Available
}

// Closes tells whether it closes a gap, now or on a date.
func (a Availability) Closes() bool { return a >= Promised }

// Awaited tells whether a solution was promised, has no date any more, and still plans something: its promise was taken
// back, not kept.
func Awaited(s *marketplacev1.Solution) bool {
	return len(s.GetPromiseChanges()) > 0 && s.GetPromisedDate() == "" && slices.ContainsFunc(s.GetCoverage(), planned)
}

func planned(c *marketplacev1.Coverage) bool {
	return c.GetStatus() == marketplacev1.Coverage_STATUS_PLANNED
}
