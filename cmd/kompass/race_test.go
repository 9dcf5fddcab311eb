//go:build race

package main

// raceFlags build the binary under test with the race detector, as its tests are.
var raceFlags = []string{"-race"}
