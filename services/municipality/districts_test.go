package municipality

import (
	"testing"

	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
)

// TestPeersAgreeWithProgress: whatever changes, and whoever asked in between, peers are the groups that progress answers,
// in every state that there was.
func TestPeersAgreeWithProgress(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := drawRecords(t)
		states := []records{r}
		for range rapid.IntRange(1, 4).Draw(t, "rounds") {
			if rapid.Bool().Draw(t, "asked") {
				checkPeers(t, r)
			}
			ags := rapid.SampledFrom([]string{"05766000", "05766004", "05711000", "05758004", "05770004"}).Draw(t, "place")
			var change proto.Message = drawImplementation(t, ags, keyNumber(rapid.IntRange(0, 12).Draw(t, "key")))
			switch rapid.IntRange(0, 3).Draw(t, "what") {
			case 0:
				change = &municipalityv1.Municipality{
					Name: municipalityName(ags), Ags: ags, DisplayName: ags, SizeClass: commonv1.SizeClass(rapid.IntRange(0, 9).Draw(t, "class")),
					Kind:     municipalityv1.Municipality_Kind(rapid.IntRange(1, 3).Draw(t, "kind")),
					District: rapid.SampledFrom([]string{"", "municipalities/05766000", "municipalities/05758000"}).Draw(t, "district"),
				}
			case 1:
				r = applied(t, r, "catalogue", owes("ozgServices/1", commonv1.SizeClass(rapid.IntRange(1, 7).Draw(t, "owed by"))))
			}
			r = applied(t, r, "municipality", change)
			states = append(states, r)
		}
		for _, state := range states {
			checkPeers(t, state)
		}
	})
}

func checkPeers(t *rapid.T, r records) {
	all := r.all()
	for _, p := range all {
		class, district := r.peersOf(p)
		if (class == nil) != (p.municipality.GetSizeClass() == commonv1.SizeClass_SIZE_CLASS_UNSPECIFIED) {
			t.Fatalf("size class %v: %v", p.municipality.GetSizeClass(), class)
		}
		checkGroup(t, r, municipalityv1.ListProgressRequest_GROUP_BY_DISTRICT, district)
		if class != nil && p.municipality.GetSizeClass() <= commonv1.SizeClass_SIZE_CLASS_STAEDTEREGION {
			checkGroup(t, r, municipalityv1.ListProgressRequest_GROUP_BY_SIZE_CLASS, class)
		}
	}
}

func checkGroup(t *rapid.T, r records, by municipalityv1.ListProgressRequest_GroupBy, got *municipalityv1.ProgressGroup) {
	groups, _ := r.progressOf(r.all(), by)
	for _, want := range groups {
		if want.GetKey() == got.GetKey() {
			if !proto.Equal(got, want) {
				t.Fatalf("peers %v, progress %v", got, want)
			}
			return
		}
	}
	t.Fatalf("progress has no group %s", got.GetKey())
}
