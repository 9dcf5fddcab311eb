package municipality

import (
	"fmt"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/promises"
	"kompass.krz.de/services/platform/state"
)

// market is what this service keeps of the marketplace's stream. It is immutable but for what is derived from it.
type market struct {
	solutions state.Table[*marketplacev1.Solution] // by resource name
	underWay  state.Table[*underWay]               // by AGS, slash and resource name
	coverage  *lazy[map[string][]covering]
	trust     *memo[day, map[string]*marketplacev1.Reliability] // see reliability
}

// covering is one published solution that covers a public service.
type covering struct {
	solution     *marketplacev1.Solution
	maturity     *municipalityv1.Maturity // nil when not known
	availability promises.Availability
}

func emptyMarket() *market {
	return &market{
		solutions: state.NewTable[*marketplacev1.Solution](), underWay: state.NewTable[*underWay](),
		coverage: &lazy[map[string][]covering]{}, trust: &memo[day, map[string]*marketplacev1.Reliability]{},
	}
}

// underWay is an adoption that is neither live, over nor withdrawn.
type underWay struct {
	name     string // resource name
	services []text // resource names of the public services
}

// followMarket is the state after a batch of the marketplace's stream.
func (r records) followMarket(batch []ledger.Entry) (records, error) {
	market, err := r.market.apply(batch)
	if err != nil {
		return r, err
	}
	r.market = market
	r.adoptions, err = r.adoptions.follow(batch)
	return r, err
}

// apply is the market after a batch; the same one when the batch says nothing that counts here, so that what was derived
// from it stays.
func (m *market) apply(batch []ledger.Entry) (*market, error) {
	solutions, adoptions := m.solutions.Edit(), m.underWay.Edit()
	after := *m
	same := true
	for i := range batch {
		e := &batch[i]
		var ok bool
		switch entity, _ := subjectOf(e.Subject); entity {
		case "solution":
			ok = set(solutions, e.Record.GetResource(), e.Entity)
			after.coverage, after.trust = &lazy[map[string][]covering]{}, &memo[day, map[string]*marketplacev1.Reliability]{}
		case "adoption":
			ok = setUnderWay(adoptions, e)
		default:
			continue
		}
		if same = false; !ok {
			return m, fmt.Errorf("record %d: %s with an entity of type %T", e.Sequence, e.Record.GetResource(), e.Entity)
		}
	}
	if same {
		return m, nil
	}
	after.solutions, after.underWay = solutions.Done(), adoptions.Done()
	return &after, nil
}

// setUnderWay keeps an adoption while it is under way; false for an entity of another type. An adoption is never deleted.
func setUnderWay(table *state.Edit[*underWay], e *ledger.Entry) bool {
	a, ok := e.Entity.(*marketplacev1.Adoption)
	if !ok {
		return e.Entity == nil
	}
	key := agsOf(a.GetMunicipality()) + "/" + a.GetName()
	switch a.GetState() {
	case marketplacev1.Adoption_STATE_LIVE, marketplacev1.Adoption_STATE_ENDED, marketplacev1.Adoption_STATE_WITHDRAWN:
		table.Delete(key)
		return true
	}
	kept := &underWay{name: a.GetName(), services: make([]text, len(a.GetServices()))}
	for i, s := range a.GetServices() {
		kept.services[i] = textOf(s.GetPublicService())
	}
	table.Set(key, kept)
	return true
}

// adoptionsOf lists the adoptions of a place that are under way, by public service (resource name), each list by name; nil when
// there are none.
func (m *market) adoptionsOf(ags string) map[string][]string {
	var all map[string][]string
	for _, a := range m.underWay.Prefix(ags + "/") {
		if all == nil {
			all = map[string][]string{}
		}
		for _, s := range a.services {
			all[s.String()] = append(all[s.String()], a.name)
		}
	}
	return all
}

// solution answers a solution in any state; nil when the marketplace does not know it.
func (m *market) solution(name string) *marketplacev1.Solution {
	s, _ := m.solutions.Get(name)
	return s
}

// withdrawn tells whether a solution was taken out of the marketplace.
func (m *market) withdrawn(name string) bool {
	return name != "" && m.solution(name).GetState() == marketplacev1.Solution_STATE_WITHDRAWN
}

// covering lists the published solutions that cover a public service (resource name) or plan to, by their names.
func (m *market) covering(service string) []covering {
	return m.coverage.get(m.buildCoverage)[service]
}

func (m *market) buildCoverage() map[string][]covering {
	all := map[string][]covering{}
	for _, s := range m.solutions.All() {
		if s.GetState() != marketplacev1.Solution_STATE_PUBLISHED {
			continue
		}
		for _, c := range s.GetCoverage() {
			if a := promises.AvailabilityOf(s, c); a != promises.Discontinued {
				all[c.GetPublicService()] = append(all[c.GetPublicService()], covering{s, c.GetMaturity(), a})
			}
		}
	}
	return all
}

// reliability says by provider (resource name) how far its promised dates can be trusted on a day.
func (m *market) reliability(today day) map[string]*marketplacev1.Reliability {
	return m.trust.get(today, func() map[string]*marketplacev1.Reliability {
		return promises.ByProvider(m.solutions.All(), today.String())
	})
}
