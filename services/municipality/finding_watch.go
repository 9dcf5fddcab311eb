package municipality

import "time"

const (
	// usualQuiet is [Service.Quiet] outside of tests.
	usualQuiet = time.Minute
	// maxWait is after how many of these times a place is looked at that is never left alone.
	maxWait = 5
	// anyPlace stands for all places among those that wait.
	anyPlace = ""
)

// berlin is where a new day makes findings: a date passes for the people there.
var berlin = func() *time.Location {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil { // no time zones on this machine
		return time.UTC
	}
	return zone
}()

// localDay is the day of a moment for the people of the municipalities.
func localDay(t time.Time) day {
	year, month, date := t.In(berlin).Date()
	return dayAt(time.Date(year, month, date, 0, 0, 0, 0, time.UTC))
}

// findingWatch says which places have to be looked at: those that changed and were left alone since, all of them when the catalogue or a
// solution changed, and on a new day. It counts turns instead of reading a clock; a turn comes when [Service.Quiet] has passed.
type findingWatch struct {
	turn     int
	day      day    // of the newest look at all places; 0 before the first
	seen     uint64 // position of the own stream up to which changes are noted
	entries  *lazy[*entries]
	coverage *lazy[map[string][]covering]
	waiting  map[string]waited // by AGS
}

// waited says in which turns it was noticed, first and last, that something changed.
type waited struct{ first, last int }

// next is the next turn: it lists the places that have to be looked at, by AGS.
func (w *findingWatch) next(r records, position uint64, today day) (due []string) {
	w.turn++
	for ags, p := range r.places.All() {
		if p.sequence > w.seen {
			w.note(ags)
		}
	}
	w.seen = position
	if r.catalogue.entries != w.entries || r.market.coverage != w.coverage {
		w.note(anyPlace)
		w.entries, w.coverage = r.catalogue.entries, r.market.coverage
	}
	all := today != w.day || w.isDue(anyPlace)
	for ags, p := range r.places.All() {
		if p.municipality != nil && (all || w.isDue(ags)) {
			due = append(due, ags)
		}
	}
	return due
}

func (w *findingWatch) note(ags string) {
	if before, ok := w.waiting[ags]; ok {
		w.waiting[ags] = waited{before.first, w.turn}
		return
	}
	w.waiting[ags] = waited{w.turn, w.turn}
}

// isDue tells whether a place, noticed in some turn, was left alone until the present one, or waited long enough.
func (w *findingWatch) isDue(ags string) bool {
	waited, ok := w.waiting[ags]
	return ok && (waited.last < w.turn || w.turn-waited.first >= maxWait-1)
}

// looked notes that places were looked at on a day, all but those that are left for the next turn.
func (w *findingWatch) looked(due, left []string, today day) {
	if today != w.day || w.isDue(anyPlace) {
		delete(w.waiting, anyPlace)
		w.day = today
	}
	for _, ags := range due {
		delete(w.waiting, ags)
	}
	for _, ags := range left {
		w.waiting[ags] = waited{w.turn, w.turn}
	}
}
