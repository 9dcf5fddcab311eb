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
	coverage  *lazy[map[string][]covering]
	trust     memo[day, map[string]*marketplacev1.Reliability] // see reliability
}

// covering is one published solution that covers a public service.
type covering struct {
	solution *marketplacev1.Solution
	maturity *municipalityv1.Maturity // nil when not known
}

func emptyMarket() *market {
	return &market{solutions: state.NewTable[*marketplacev1.Solution](), coverage: &lazy[map[string][]covering]{}}
}

func (m *market) apply(batch []ledger.Entry) (*market, error) {
	edit := m.solutions.Edit()
	for i := range batch {
		e := &batch[i]
		if entity, _ := subjectOf(e.Subject); entity != "solution" {
			continue
		}
		if !set(edit, e.Record.GetResource(), e.Entity) {
			return m, fmt.Errorf("record %d: %s with an entity of type %T", e.Sequence, e.Record.GetResource(), e.Entity)
		}
	}
	return &market{solutions: edit.Done(), coverage: &lazy[map[string][]covering]{}}, nil
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

// covering lists the published solutions that cover a public service (resource name), by their names.
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
			if c.GetStatus() != marketplacev1.Coverage_STATUS_DISCONTINUED {
				all[c.GetPublicService()] = append(all[c.GetPublicService()], covering{s, c.GetMaturity()})
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
