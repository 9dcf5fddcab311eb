package municipality

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/state"
)

// records is one immutable state of everything that this service knows.
type records struct {
	places    state.Table[*place] // by AGS
	centres   state.Table[*municipalityv1.DataCentre]
	plans     state.Table[*municipalityv1.Plan] // by AGS: what people set
	catalogue *catalogue
	market    *market
	usage     *lazy[usage] // of places
}

func emptyRecords() records {
	return records{
		places:    state.NewTable[*place](),
		centres:   state.NewTable[*municipalityv1.DataCentre](),
		plans:     state.NewTable[*municipalityv1.Plan](),
		catalogue: emptyCatalogue(),
		market:    emptyMarket(),
		usage:     &lazy[usage]{},
	}
}

// place is one municipality or Kreis with what is recorded for it. It is immutable but for what is derived from it.
type place struct {
	municipality    *municipalityv1.Municipality     // nil while only implementations are known
	implementations []*municipalityv1.Implementation // by key
	area            string                           // AGS of its Kreis; its own for a Kreis and a kreisfreie Stadt

	solutions lazy[[]string] // names of the solutions in use, each once
	tally     memo[*duties, []counts]
	gaps      memo[gapsKey, *gapList]
	online    memo[onlineKey, *onlineList]
}

// place answers the place of an AGS; nil when there is none.
func (r records) place(ags string) *place {
	if p, ok := r.places.Get(ags); ok && p.municipality != nil {
		return p
	}
	return nil
}

// all lists the places in the order of their AGS.
func (r records) all() []*place {
	list := make([]*place, 0, r.places.Len())
	for _, p := range r.places.All() {
		if p.municipality != nil {
			list = append(list, p)
		}
	}
	return list
}

// find answers what is recorded for a public service; nil when nothing is.
func (p *place) find(key string) *municipalityv1.Implementation {
	if i, ok := position(p.implementations, key); ok {
		return p.implementations[i]
	}
	return nil
}

// position is where a key is in a list, or belongs. Keys behind the last one are told at once: lists grow at the end.
func position(sorted []*municipalityv1.Implementation, key string) (int, bool) {
	if n := len(sorted); n == 0 || keyOf(sorted[n-1].GetName()) < key {
		return n, false
	}
	return slices.BinarySearchFunc(sorted, key, func(i *municipalityv1.Implementation, key string) int {
		return strings.Compare(keyOf(i.GetName()), key)
	})
}

// apply is the state after a batch of one stream.
func apply(before records, stream ledger.Name, batch []ledger.Entry) (records, error) {
	var err error
	switch stream.Service {
	case "municipality":
		return before.apply(batch)
	case "catalogue":
		before.catalogue, err = before.catalogue.apply(batch)
	case "marketplace":
		before.market, err = before.market.apply(batch)
	default:
		err = fmt.Errorf("stream of an unknown service %q", stream.Service)
	}
	return before, err
}

// changes collects what a batch does to one place, so that its lists are copied once a batch.
type changes struct {
	municipality    *municipalityv1.Municipality
	implementations []change
}

type change struct {
	key   string
	after *municipalityv1.Implementation // nil removes
}

func (r records) apply(batch []ledger.Entry) (records, error) {
	touched := map[string]*changes{}
	centres, plans := r.centres.Edit(), r.plans.Edit()
	var actor string
	for i := range batch {
		e := &batch[i]
		entity, id := subjectOf(e.Subject)
		switch entity {
		case "dataCentre":
			if m, ok := e.Entity.(*municipalityv1.DataCentre); ok {
				centres.Set(id, m)
				continue
			}
			if e.Entity == nil {
				centres.Delete(id)
				continue
			}
		case "plan":
			if applyPlan(plans, e, id) {
				continue
			}
		case "municipality":
			if m, ok := e.Entity.(*municipalityv1.Municipality); ok {
				m.Etag, m.UpdateTime = etag(e.Sequence), e.Record.GetTime()
				at(touched, id).municipality = m
				continue
			}
		case "implementation":
			if e.Record.GetActor() != actor {
				actor = e.Record.GetActor()
			}
			if ok := applyImplementation(touched, e, id, actor); ok {
				continue
			}
		}
		return r, fmt.Errorf("record %d: %s with an entity of type %T", e.Sequence, e.Record.GetResource(), e.Entity)
	}
	r.centres, r.plans = centres.Done(), plans.Done()
	if len(touched) > 0 {
		r.places, r.usage = r.merge(touched), &lazy[usage]{}
	}
	return r, nil
}

// applyImplementation notes one change; actor is one string for all records of the same actor, to save memory.
func applyImplementation(touched map[string]*changes, e *ledger.Entry, id, actor string) bool {
	ags, key, ok := strings.Cut(id, ".")
	if !ok {
		return false
	}
	c := change{key: key}
	if e.Entity != nil {
		if c.after, ok = e.Entity.(*municipalityv1.Implementation); !ok || keyOf(c.after.GetName()) != key {
			return false
		}
		c.key = keyOf(c.after.GetName())
		c.after.Etag, c.after.UpdateTime, c.after.UpdateActor = etag(e.Sequence), e.Record.GetTime(), actor
	}
	p := at(touched, ags)
	p.implementations = append(p.implementations, c)
	return true
}

func at(touched map[string]*changes, ags string) *changes {
	c := touched[ags]
	if c == nil {
		c = &changes{}
		touched[ags] = c
	}
	return c
}

// merge makes the new places; the order in which the map is walked does not show.
func (r records) merge(touched map[string]*changes) state.Table[*place] {
	edit := r.places.Edit()
	for ags, c := range touched {
		after := &place{}
		if before, ok := edit.Get(ags); ok {
			after.municipality, after.implementations, after.area = before.municipality, before.implementations, before.area
		}
		if c.municipality != nil {
			after.municipality, after.area = c.municipality, cmp.Or(districtOf(c.municipality), c.municipality.GetAgs())
		}
		after.implementations = mergeImplementations(after.implementations, c.implementations)
		edit.Set(ags, after)
	}
	return edit.Done()
}

// mergeImplementations is a new list with the changes, of which the last one of a key counts.
func mergeImplementations(before []*municipalityv1.Implementation, changed []change) []*municipalityv1.Implementation {
	if len(changed) == 0 {
		return before
	}
	slices.SortStableFunc(changed, func(a, b change) int { return strings.Compare(a.key, b.key) })
	after := make([]*municipalityv1.Implementation, 0, len(before)+len(changed))
	for n, c := range changed {
		if n+1 < len(changed) && changed[n+1].key == c.key {
			continue
		}
		at, found := position(before, c.key)
		after = append(after, before[:at]...)
		if c.after != nil {
			after = append(after, c.after)
		}
		if found {
			at++
		}
		before = before[at:]
	}
	return append(after, before...)
}

// subjectOf reads the entity and its id from "kompass.<origin>.<service>.<entity>.<id…>".
func subjectOf(subject string) (entity, id string) {
	rest := subject
	for range 3 {
		_, rest, _ = strings.Cut(rest, ".")
	}
	entity, id, _ = strings.Cut(rest, ".")
	return entity, id
}

// etag is the version that clients see for a record.
func etag(sequence uint64) string { return strconv.FormatUint(sequence, 36) }
