//go:build !race

package main

// raceFlags are empty: these tests run without the race detector.
var raceFlags []string
