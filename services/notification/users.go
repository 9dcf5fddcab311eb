package notification

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/platform/ledger"
)

// users says which municipalities have to do with a solution: their implementations name it, or an adoption of it is not over. What
// slips or goes concerns them. A country has millions of implementations, so it keeps numbers instead of names.
type users struct {
	numbers   map[string]uint32 // of public services and solutions
	names     []string          // by number
	uses      map[string][]use  // of a municipality, by service
	adoptions map[string]adopted
	count     map[string]map[string]int // by solution and municipality: how many of both
}

// use is an implementation that names a solution, by their numbers.
type use struct{ service, solution uint32 }

type adopted struct{ solution, municipality string }

func noUsers() *users {
	return &users{numbers: map[string]uint32{}, uses: map[string][]use{}, adoptions: map[string]adopted{}, count: map[string]map[string]int{}}
}

// apply takes over what records say.
func (u *users) apply(entries []ledger.Entry) {
	for i := range entries {
		name := entries[i].Record.GetResource()
		switch entityOf(entries[i].Subject) {
		case "implementation":
			e, _ := entries[i].Entity.(*municipalityv1.Implementation) // nil: gone
			u.implemented(parentOf(name), serviceOf(name), e.GetSolution())
		case "adoption":
			e, _ := entries[i].Entity.(*marketplacev1.Adoption)
			u.adopted(name, e)
		}
	}
}

func (u *users) implemented(municipality, service, solution string) {
	uses := u.uses[municipality]
	if solution == "" && len(uses) == 0 {
		return
	}
	number := u.number(service)
	i, found := slices.BinarySearchFunc(uses, number, func(x use, number uint32) int { return cmp.Compare(x.service, number) })
	if found {
		u.add(u.names[uses[i].solution], municipality, -1)
	}
	switch {
	case solution != "" && !found:
		uses = slices.Insert(uses, i, use{number, u.number(solution)})
	case solution != "":
		uses[i].solution = u.number(solution)
	case found:
		uses = slices.Delete(uses, i, i+1)
	}
	if solution != "" {
		u.add(solution, municipality, 1)
	}
	u.uses[municipality] = uses
}

// number stands for a name. There are far fewer than 2^32.
func (u *users) number(name string) uint32 {
	n, ok := u.numbers[name]
	if !ok {
		n = uint32(len(u.names))
		u.numbers[name], u.names = n, append(u.names, name)
	}
	return n
}

func (u *users) adopted(name string, e *marketplacev1.Adoption) {
	if before, ok := u.adoptions[name]; ok {
		u.add(before.solution, before.municipality, -1)
		delete(u.adoptions, name)
	}
	if e != nil && e.GetState() != marketplacev1.Adoption_STATE_ENDED {
		u.adoptions[name] = adopted{e.GetSolution(), e.GetMunicipality()}
		u.add(e.GetSolution(), e.GetMunicipality(), 1)
	}
}

func (u *users) add(solution, municipality string, n int) {
	if u.count[solution] == nil {
		u.count[solution] = map[string]int{}
	}
	if u.count[solution][municipality] += n; u.count[solution][municipality] == 0 {
		delete(u.count[solution], municipality)
	}
}

// concern adds to an event that takes something away from the users of a solution, or puts it off, who they are.
func (u *users) concern(d directory, event *notificationv1.Event) {
	if kind := event.GetKind(); kind != notificationv1.Event_KIND_PROMISE && kind != notificationv1.Event_KIND_SOLUTION_WITHDRAWN {
		return
	}
	topics := d.topics()
	topics.add(event.GetTopics()...)
	for _, topic := range event.GetTopics() {
		if strings.HasPrefix(topic, "solutions/") {
			topics.add(slices.Sorted(maps.Keys(u.count[topic]))...)
		}
	}
	event.Topics = topics.list
}
