package notification

import (
	"testing"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
)

// TestOneDigestTells: of two digests that are due together, whose matches overlap, exactly one tells each match, in whichever order they
// begin and are written.
func TestOneDigestTells(t *testing.T) {
	t.Parallel()
	const before = 10 // the end of both digests of the day before
	n := &notificationv1.Notification{Subscriptions: []string{"subscriptions/a", "subscriptions/b"}, Event: &notificationv1.Event{}}
	ends := [2]uint64{14, 17} // of the windows of today: whoever begins later sees more
	for name, steps := range map[string][]string{
		"one after the other":          {"begin a", "write a", "begin b", "write b"},
		"the other way round":          {"begin b", "write b", "begin a", "write a"},
		"both begun":                   {"begin a", "begin b", "write b", "write a"},
		"both begun, other way round":  {"begin b", "begin a", "write b", "write a"},
		"written beside one another":   {"begin b", "begin a", "write a", "write b"},
		"one begun, the other written": {"begin a", "begin b", "write a", "write b"},
	} {
		digests := map[byte]otherDigest{'a': {through: before, comes: true}, 'b': {through: before, comes: true}}
		begun, told := 0, map[uint64]int{}
		for _, step := range steps {
			me := step[len(step)-1]
			other := 'a' + 'b' - me
			if step[0] == 'b' {
				digests[me] = otherDigest{from: before + 1, through: ends[begun]}
				begun++
				continue
			}
			asked := digests[other]
			asked.first = other == 'a'
			for match := digests[me].from; match <= digests[me].through; match++ {
				if !(otherDigests{"subscriptions/" + string(other): asked}).tell(n, match) {
					told[match]++
				}
			}
		}
		for match := uint64(before + 1); match <= ends[1]; match++ {
			if told[match] != 1 {
				t.Errorf("%s: match %d is told %d times", name, match, told[match])
			}
		}
	}
}
