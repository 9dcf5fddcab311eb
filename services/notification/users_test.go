package notification

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
)

// TestUsersOfSolutions: what slips or is withdrawn concerns those whose implementations name the solution or whose adoption of it is not
// over, and their Kreis; whatever was written before, in any order. The model looks at everything anew.
func TestUsersOfSolutions(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		u := noUsers()
		named := map[string]string{}                      // solution by implementation
		adoptions := map[string]*marketplacev1.Adoption{} // that are not over
		some := func(what string, n int) string { return fmt.Sprint(what, rapid.IntRange(0, n).Draw(t, what)) }
		for range rapid.IntRange(0, 60).Draw(t, "steps") {
			place, solution := some("municipalities/0575800", 3), some("solutions/s", 2)
			if rapid.Bool().Draw(t, "implementation") {
				name := place + "/implementations/" + some("99", 4)
				if solution == "solutions/s0" {
					solution = ""
				}
				c := change{"implementation", nil, name, &municipalityv1.Implementation{Name: name, Solution: solution}, nil}
				if rapid.IntRange(0, 5).Draw(t, "delete") == 0 {
					c.value, solution = nil, ""
				}
				named[name] = solution
				u.apply(commitOf(c))
				continue
			}
			a := &marketplacev1.Adoption{Name: some("adoptions/a", 3), Municipality: place, Solution: solution, State: marketplacev1.Adoption_State(rapid.IntRange(1, 6).Draw(t, "state"))}
			if adoptions[a.GetName()] = a; a.GetState() == marketplacev1.Adoption_STATE_ENDED {
				delete(adoptions, a.GetName())
			}
			u.apply(commitOf(recorded("adoption", a)))
		}
		for _, solution := range []string{"solutions/s1", "solutions/s2"} {
			want := []string{solution}
			for name, s := range named {
				if s == solution {
					want = append(want, parentOf(name))
				}
			}
			for _, a := range adoptions {
				if a.GetSolution() == solution {
					want = append(want, a.GetMunicipality())
				}
			}
			slices.Sort(want)
			event := &notificationv1.Event{Kind: notificationv1.Event_KIND_PROMISE, Topics: []string{solution}}
			u.concern(emptyDirectory(), event)
			if got := slices.Sorted(slices.Values(event.GetTopics())); !slices.Equal(got, slices.Compact(want)) {
				t.Fatalf("%s concerns %v, want %v", solution, got, want)
			}
		}
	})
}

// TestWithdrawnConcernsUsers is the way of a withdrawn solution through the publisher: who uses it hears of it, with its Kreis; of other
// changes only who asks for the solution.
func TestWithdrawnConcernsUsers(t *testing.T) {
	t.Parallel()
	st := newStage(t)
	st.publish(st.events)
	solution := func(state marketplacev1.Solution_State, changed string) change {
		return change{"solution", []string{"s"}, "solutions/s", &marketplacev1.Solution{Name: "solutions/s", State: state}, []string{changed}}
	}
	st.write(change{"theme", []string{"t"}, "themes/t", &cataloguev1.Theme{Name: "themes/t"}, nil})
	st.write(change{"municipality", []string{"05758004"}, "municipalities/05758004", &municipalityv1.Municipality{Name: "municipalities/05758004", District: "municipalities/05758000"}, nil})
	st.write(change{"implementation", []string{"05758004", "99"}, "municipalities/05758004/implementations/99", &municipalityv1.Implementation{Solution: "solutions/s"}, nil})
	st.published(3)
	st.write(solution(marketplacev1.Solution_STATE_PUBLISHED, "description"))
	st.published(4)
	st.write(solution(marketplacev1.Solution_STATE_WITHDRAWN, "state"))
	events := st.published(5)
	for i, want := range []string{"solutions/s", "solutions/s municipalities/05758004 municipalities/05758000"} {
		if got := strings.Join(events[3+i].GetTopics(), " "); got != want {
			t.Errorf("event %d concerns %s, want %s", 3+i, got, want)
		}
	}
}
