package municipality

import (
	"slices"
	"strings"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/state"
)

// users counts the places that record an implementation on one solution. It is immutable once it is in a state.
type users struct {
	all     int
	areas   []userCount // by the AGS of the Kreis
	centres []userCount // by data centre; places without one are not in here
}

type userCount struct {
	key string
	n   int
}

// in answers how many users there are under a key.
func in(counts []userCount, key string) int {
	if i, ok := slices.BinarySearchFunc(counts, key, compareUserCount); ok {
		return counts[i].n
	}
	return 0
}

func compareUserCount(c userCount, key string) int { return strings.Compare(c.key, key) }

// addUsers adds n, which may be negative, under a key.
func addUsers(counts []userCount, key string, n int) []userCount {
	i, ok := slices.BinarySearchFunc(counts, key, compareUserCount)
	if !ok {
		return slices.Insert(counts, i, userCount{key, n})
	}
	if counts[i].n += n; counts[i].n == 0 {
		return slices.Delete(counts, i, i+1)
	}
	return counts
}

// usersEdit is a change of all counts under way; it copies those of a solution when it touches them first.
type usersEdit struct {
	table *state.Edit[*users]
	fresh map[string]*users
}

func editUsers(table state.Table[*users]) *usersEdit {
	return &usersEdit{table: table.Edit(), fresh: map[string]*users{}}
}

func (e *usersEdit) done() state.Table[*users] { return e.table.Done() }

// move counts a place as it is now instead of as it was; before is nil for a new one.
func (e *usersEdit) move(before, after *place) {
	was, is := before.solutionsInUse(), after.solutionsInUse()
	if before != nil && before.area == after.area && before.municipality.GetDataCentre() == after.municipality.GetDataCentre() {
		if slices.Equal(was, is) {
			return
		}
		was, is = without(was, is), without(is, was)
	}
	for _, s := range was {
		e.add(s, before, -1)
	}
	for _, s := range is {
		e.add(s, after, 1)
	}
}

// without are the names in one sorted list that are not in another.
func without(list, other []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool {
		_, found := slices.BinarySearch(other, s)
		return found
	})
}

func (e *usersEdit) add(solution string, p *place, n int) {
	u := e.fresh[solution]
	if u == nil {
		u = &users{}
		if old, ok := e.table.Get(solution); ok {
			*u = users{old.all, slices.Clone(old.areas), slices.Clone(old.centres)}
		}
		e.fresh[solution] = u
		e.table.Set(solution, u)
	}
	u.all += n
	u.areas = addUsers(u.areas, p.area, n)
	if centre := p.municipality.GetDataCentre(); centre != "" {
		u.centres = addUsers(u.centres, centre, n)
	}
}

// solutionsInUse lists the solutions that a place records something on that applies; none for nil and for a place that
// is not known itself.
func (p *place) solutionsInUse() []string {
	if p == nil || p.municipality == nil {
		return nil
	}
	return p.solutions.get(func() []string {
		var names []text
		seen := map[text]bool{}
		for n := range p.implementations {
			i := &p.implementations[n]
			if i.solution != (text{}) && !seen[i.solution] && municipalityv1.Implementation_Phase(i.phase) != municipalityv1.Implementation_PHASE_NOT_APPLICABLE {
				names, seen[i.solution] = append(names, i.solution), true
			}
		}
		list := make([]string, len(names))
		for i, t := range names {
			list[i] = t.String()
		}
		slices.Sort(list)
		return list
	})
}
