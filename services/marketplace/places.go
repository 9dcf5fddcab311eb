package marketplace

import (
	"fmt"
	"slices"
	"strings"
	"sync"

	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/maturity"
	"kompass.krz.de/services/platform/state"
)

const municipalities = "municipalities/"

// places is what the marketplace keeps of the stream "municipality". It is immutable.
type places struct {
	table   state.Table[*place] // by AGS
	centres state.Table[string] // names of the data centres that people know, by resource name
	users   func() []int32      // municipalities with an implementation on a solution, by its number, computed once
}

// place is a municipality or Kreis and what it recorded, reduced to what gaps, users, contracts and costs need.
type place struct {
	known           bool // its own record has arrived and it was not removed
	class           commonv1.SizeClass
	population      int64
	name            string           // "Bünde"
	centre          string           // the data centre that serves it, as a resource name; empty when not known
	implementations []implementation // ascending by service
}

// implementation is 16 bytes: large regions have hundreds of thousands of them.
type implementation struct {
	service  uint32 // number of the public service
	solution uint32 // number of the solution; 0 when it runs on none
	cases    uint32 // a year; 0 when not known. The contract allows at most 1,000,000,000.
	settled  bool   // fulfilled, or not applicable: no gap of this place
}

func newPlaces() places {
	return places{table: state.NewTable[*place](), centres: state.NewTable[string](), users: func() []int32 { return nil }}
}

// has tells whether a resource name is that of a known municipality or Kreis.
func (p places) has(name string) bool {
	place, ok := p.table.Get(strings.TrimPrefix(name, municipalities))
	return ok && place.known
}

// centreOf is the data centre that serves a municipality (resource names); empty when not known.
func (p places) centreOf(name string) string {
	if place, ok := p.table.Get(strings.TrimPrefix(name, municipalities)); ok {
		return place.centre
	}
	return ""
}

// hasCentre tells whether a resource name is that of a known data centre.
func (p places) hasCentre(name string) bool {
	_, known := p.centres.Get(name)
	return known
}

// placesEdit is a change of places under way; it copies a place when the batch touches it first.
type placesEdit struct {
	table   *state.Edit[*place]
	touched map[string]*place
	inPlace bool // nobody has seen the places yet: they need no copies
}

// applied are the places after a batch of their stream; entries that the marketplace does not need are passed over.
func (p places) applied(services, solutions *numbers, batch []ledger.Entry, inPlace bool) (places, error) {
	edit := placesEdit{table: p.table.Edit(), touched: map[string]*place{}, inPlace: inPlace}
	centres := p.centres.Edit()
	for _, e := range batch {
		switch entityOf(e.Subject) {
		case "dataCentre":
			c, err := entity[*municipalityv1.DataCentre](e)
			if err != nil {
				return p, err
			}
			if c == nil {
				centres.Delete(e.Record.GetResource())
			} else {
				centres.Set(e.Record.GetResource(), c.GetDisplayName())
			}
		case "municipality":
			m, err := entity[*municipalityv1.Municipality](e)
			if err != nil {
				return p, err
			}
			place := edit.place(strings.TrimPrefix(e.Record.GetResource(), municipalities))
			place.known, place.class, place.population = m != nil, m.GetSizeClass(), m.GetPopulation()
			place.name, place.centre = m.GetDisplayName(), m.GetDataCentre()
		case "implementation":
			i, err := entity[*municipalityv1.Implementation](e)
			if err != nil {
				return p, err
			}
			ags, key, ok := strings.Cut(strings.TrimPrefix(e.Record.GetResource(), municipalities), "/implementations/")
			if !ok {
				return p, fmt.Errorf("%s is not the name of an implementation", e.Record.GetResource())
			}
			edit.place(ags).record(services.of("publicServices/"+key), i, solutions)
		}
	}
	p.table, p.centres = edit.table.Done(), centres.Done()
	p.users = sync.OnceValue(p.countUsers)
	return p, nil
}

// place is the place of an AGS, copied for this edit.
func (e *placesEdit) place(ags string) *place {
	if p, ok := e.touched[ags]; ok {
		return p
	}
	fresh := &place{}
	if old, ok := e.table.Get(ags); ok {
		if e.inPlace {
			return old
		}
		*fresh = *old
		fresh.implementations = append(make([]implementation, 0, len(old.implementations)+16), old.implementations...)
	}
	e.table.Set(ags, fresh)
	e.touched[ags] = fresh
	return fresh
}

// record notes the newest state of an implementation; nil removes it.
func (p *place) record(service uint32, i *municipalityv1.Implementation, solutions *numbers) {
	at, found := slices.BinarySearchFunc(p.implementations, service, func(have implementation, want uint32) int {
		return int(int64(have.service) - int64(want))
	})
	if i == nil {
		if found {
			p.implementations = slices.Delete(p.implementations, at, at+1)
		}
		return
	}
	reduced := implementation{
		service:  service,
		solution: solutions.of(i.GetSolution()),
		cases:    uint32(min(max(i.GetAnnualCases(), 0), 1<<32-1)),
		settled:  i.GetPhase() == municipalityv1.Implementation_PHASE_NOT_APPLICABLE || maturity.Online(i),
	}
	if found {
		p.implementations[at] = reduced
		return
	}
	p.implementations = slices.Insert(p.implementations, at, reduced)
}

// countUsers counts, by the number of a solution, the municipalities with at least one implementation on it.
func (p places) countUsers() []int32 {
	var users, last []int32 // last is the place that counted last, from 1
	var turn int32
	for _, place := range p.table.All() {
		turn++
		for _, i := range place.implementations {
			if i.solution == 0 || !place.known {
				continue
			}
			if missing := int(i.solution) + 1 - len(users); missing > 0 {
				users, last = append(users, make([]int32, missing)...), append(last, make([]int32, missing)...)
			}
			if last[i.solution] != turn {
				last[i.solution] = turn
				users[i.solution]++
			}
		}
	}
	return users
}
