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
	plans     state.Table[*municipalityv1.Plan]   // by AGS: what people set
	portals   state.Table[*municipalityv1.Portal] // by id
	users     state.Table[*users]                 // of solutions, by resource name
	districts state.Table[*district]              // by AGS of the Kreis or kreisfreie Stadt
	findings  state.Table[*knownFindings]         // by AGS
	catalogue *catalogue
	market    *market
	adoptions adoptions

	pending *pending // while replaying: what is not merged into places yet
}

func emptyRecords() records {
	return records{
		places:    state.NewTable[*place](),
		centres:   state.NewTable[*municipalityv1.DataCentre](),
		plans:     state.NewTable[*municipalityv1.Plan](),
		portals:   state.NewTable[*municipalityv1.Portal](),
		users:     state.NewTable[*users](),
		districts: state.NewTable[*district](),
		findings:  state.NewTable[*knownFindings](),
		catalogue: emptyCatalogue(),
		market:    emptyMarket(),
		adoptions: emptyAdoptions(),
	}
}

// place is one municipality or Kreis with what is recorded for it. It is immutable but for what is derived from it.
type place struct {
	ags             string
	municipality    *municipalityv1.Municipality // nil while only implementations are known
	implementations []implementation             // by service
	past            []step                       // what implementations were before, by service and day
	area            string                       // AGS of its Kreis; its own for a Kreis and a kreisfreie Stadt
	sequence        uint64                       // of the newest record about it

	solutions lazy[[]string] // names of the solutions in use, each once
	tally     memo[*duties, []counts]
	moves     memo[*duties, []move]
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
func (p *place) find(key string) *implementation {
	if i, ok := position(p.implementations, key); ok {
		return &p.implementations[i]
	}
	return nil
}

// position is where a key is in a list, or belongs. Keys behind the last one are told at once: lists grow at the end.
func position(sorted []implementation, key string) (int, bool) {
	if n := len(sorted); n == 0 || sorted[n-1].service.String() < key {
		return n, false
	}
	return slices.BinarySearchFunc(sorted, key, func(i implementation, key string) int {
		return strings.Compare(i.service.String(), key)
	})
}

// apply is the state after a batch of one stream.
func apply(before records, stream ledger.Name, batch []ledger.Entry, replaying bool) (records, error) {
	var err error
	switch stream.Service {
	case "municipality":
		return before.apply(batch, replaying)
	case "catalogue":
		before.catalogue, err = before.catalogue.apply(batch)
	case marketplaceStream:
		return before.followMarket(batch)
	default:
		err = fmt.Errorf("stream of an unknown service %q", stream.Service)
	}
	return before, err
}

// pending is what a batch, or many during a replay, does to places, so that their lists are copied once.
type pending struct {
	places   map[string]*changes      // by AGS
	findings map[string]notedFindings // by AGS
	size     int
}

// maxPending bounds what waits during a replay: merging seldom is what makes it fast, however the records are mixed.
const maxPending = 1 << 19

type changes struct {
	municipality    *municipalityv1.Municipality
	implementations []change
	sequence        uint64
}

// change is one record of an implementation.
type change struct {
	statement
	after implementation // of no meaning when the statement says that it was removed
}

func (r records) apply(batch []ledger.Entry, replaying bool) (records, error) {
	touched := r.pending
	if touched == nil {
		touched = &pending{places: map[string]*changes{}, findings: map[string]notedFindings{}}
	}
	centres, plans, portals, adoptions := r.centres.Edit(), r.plans.Edit(), r.portals.Edit(), editAdoptions(r.adoptions)
	for n := range batch {
		e := &batch[n]
		entity, id := subjectOf(e.Subject)
		ok := false
		switch entity {
		case "dataCentre":
			ok = set(centres, id, e.Entity)
		case "plan":
			ok = applyPlan(plans, e, id)
		case "portal":
			ok = applyPortal(portals, e, id)
		case "municipality":
			ok = touched.municipality(e, id)
		case "implementation":
			ok = touched.implementation(e, id)
		case "adoptionEffect":
			ok = adoptions.effect(e, id)
		case "finding":
			ok = touched.finding(e, id)
		}
		if !ok {
			return r, fmt.Errorf("record %d: %s with an entity of type %T", e.Sequence, e.Record.GetResource(), e.Entity)
		}
	}
	r.centres, r.plans, r.portals, r.adoptions, r.pending = centres.Done(), plans.Done(), portals.Done(), adoptions.done(), nil
	if replaying && touched.size < maxPending {
		r.pending = touched
		return r, nil
	}
	if len(touched.places) > 0 {
		r.merge(touched)
	}
	if len(touched.findings) > 0 {
		r.mergeFindings(touched)
	}
	return r, nil
}

func (t *pending) municipality(e *ledger.Entry, id string) bool {
	m, ok := e.Entity.(*municipalityv1.Municipality)
	if !ok {
		return false
	}
	m.Etag, m.UpdateTime = etag(e.Sequence), e.Record.GetTime()
	t.at(id, e).municipality = m
	return true
}

func (t *pending) implementation(e *ledger.Entry, id string) bool {
	ags, key, ok := strings.Cut(id, ".")
	if !ok {
		return false
	}
	m, isOne := e.Entity.(*municipalityv1.Implementation)
	if e.Entity != nil && (!isOne || keyOf(m.GetName()) != key) {
		return false
	}
	c := change{statement: statementOf(m, textOf(key), e)}
	if m != nil {
		c.after = recorded(m, e)
	}
	p := t.at(ags, e)
	p.implementations = append(p.implementations, c)
	t.size++
	return true
}

func (t *pending) at(ags string, e *ledger.Entry) *changes {
	c := t.places[ags]
	if c == nil {
		c = &changes{}
		t.places[strings.Clone(ags)] = c
	}
	c.sequence = e.Visible
	return c
}

// merge makes the new places; the order in which the map is walked does not show.
func (r *records) merge(touched *pending) {
	places, users, districts := r.places.Edit(), editUsers(r.users), editDistricts(r.districts)
	for ags, c := range touched.places {
		after := &place{ags: ags}
		before, known := places.Get(ags)
		if known {
			after.ags, after.municipality, after.area = before.ags, before.municipality, before.area
			after.implementations, after.past = before.implementations, before.past
		}
		after.sequence = c.sequence
		if c.municipality != nil {
			after.municipality, after.area = c.municipality, cmp.Or(districtOf(c.municipality), c.municipality.GetAgs())
		}
		after.merge(c.implementations)
		users.move(before, after)
		districts.move(before, after)
		places.Set(after.ags, after)
	}
	r.places, r.users, r.districts = places.Done(), users.done(), districts.done()
}

// merge makes new lists with the changes; of one service every change moves the timeline, and the last one counts.
func (p *place) merge(changed []change) {
	if len(changed) == 0 {
		return
	}
	slices.SortStableFunc(changed, func(a, b change) int { return strings.Compare(a.service.String(), b.service.String()) })
	before, after := p.implementations, make([]implementation, 0, len(p.implementations)+len(changed))
	pastBefore, past := p.past, []step(nil)
	for len(changed) > 0 {
		service, n := changed[0].service, 1
		for n < len(changed) && changed[n].service == service {
			n++
		}
		at, found := position(before, service.String())
		after, before = append(after, before[:at]...), before[at:]
		var now *implementation
		if found {
			now, before = &before[0], before[1:]
		}
		older := stepsOf(pastBefore, service.String())
		at, _ = slices.BinarySearchFunc(pastBefore, service.String(), compareService)
		past, pastBefore = append(past, pastBefore[:at]...), pastBefore[at+len(older):]
		for _, c := range changed[:n] {
			now, older = c.follow(now, older)
		}
		if now != nil {
			after = append(after, *now)
		}
		past, changed = append(past, older...), changed[n:]
	}
	p.implementations, p.past = slices.Clip(append(after, before...)), append(past, pastBefore...)
}

// follow is what is recorded after a change, and the steps before that.
func (c *change) follow(now *implementation, older []step) (*implementation, []step) {
	if line, ok := c.restored(); ok {
		now, older = c.inForce(line)
	}
	if now == nil && len(older) == 0 && c.standing != unrecorded { // most of a replay
		c.after.from = c.begins()
		return &c.after, nil
	}
	line := older
	if now != nil {
		line = append(slices.Clip(line), step{service: c.service, from: now.from, standing: now.standing})
	}
	line = c.next(now, line)
	if c.standing == unrecorded {
		return nil, line
	}
	last := len(line) - 1
	c.after.from = line[last].from
	return &c.after, line[:last]
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
