package municipality

import (
	"cmp"
	"slices"
	"time"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/maturity"
)

// untouchedDays is after how many days without a change an implementation under way is asked about.
const untouchedDays = 180

// findingKinds is a set of kinds of findings, one bit each: a country is counted without an allocation per implementation.
type findingKinds uint16

const findingKindsEnd = municipalityv1.Finding_KIND_ADOPTION_ENDED + 1

func (k *findingKinds) add(kind municipalityv1.Finding_Kind, found bool) {
	if found {
		*k |= 1 << kind
	}
}

func (k findingKinds) has(kind municipalityv1.Finding_Kind) bool { return k&(1<<kind) != 0 }

// findingCounts counts by kind; the first one is all.
type findingCounts [findingKindsEnd]int32

// finder looks for findings on one day. What it looks up of a service or a solution it keeps, as many places share them;
// so it serves one request only, and one goroutine.
type finder struct {
	catalogue *catalogue
	market    *market
	today     day
	services  map[text]*entry // nil: unknown
	solutions map[text]*promised
}

// promised is what a solution means for those who use it.
type promised struct {
	withdrawn bool
	levels    map[string]measured // by public service (resource name), where known; none when withdrawn
}

// measured is a level of a maturity model, the model always named.
type measured struct {
	model string
	level int32
}

func measure(m *municipalityv1.Maturity) (measured, bool) {
	model, known := maturity.Find(m.GetModel())
	return measured{model.ID, m.GetLevel()}, known && m != nil
}

func (r records) finder(today day) *finder {
	return &finder{r.catalogue, r.market, today, map[text]*entry{}, map[text]*promised{}}
}

func (f *finder) service(id text) *entry {
	e, known := f.services[id]
	if !known {
		e = f.catalogue.allEntries().find(id.String())
		f.services[id] = e
	}
	return e
}

func (f *finder) solution(name text) *promised {
	if known := f.solutions[name]; known != nil {
		return known
	}
	r := &promised{withdrawn: f.market.withdrawn(name.String()), levels: map[string]measured{}}
	if !r.withdrawn {
		for _, c := range f.market.solution(name.String()).GetCoverage() {
			if m, ok := measure(c.GetMaturity()); ok && c.GetStatus() != marketplacev1.Coverage_STATUS_DISCONTINUED && c.GetStatus() != marketplacev1.Coverage_STATUS_PLANNED {
				r.levels[c.GetPublicService()] = m
			}
		}
	}
	f.solutions[name] = r
	return r
}

// kindsOf says what does not fit in what is recorded for one service.
func (f *finder) kindsOf(i *implementation) findingKinds {
	var found findingKinds
	phase := municipalityv1.Implementation_Phase(i.phase)
	online := phase == municipalityv1.Implementation_PHASE_ONLINE
	unfinished := !online && phase != municipalityv1.Implementation_PHASE_NOT_APPLICABLE
	found.add(municipalityv1.Finding_KIND_ONLINE_WITHOUT_LINK, online && i.url == "")
	found.add(municipalityv1.Finding_KIND_LINK_NOT_REPORTED, unfinished && i.url != "")
	found.add(municipalityv1.Finding_KIND_TARGET_PASSED, unfinished && i.isOverdue(f.today))
	underWay := phase == municipalityv1.Implementation_PHASE_PLANNED || phase == municipalityv1.Implementation_PHASE_IN_PROGRESS
	found.add(municipalityv1.Finding_KIND_UNTOUCHED, underWay && f.daysUntouched(i) >= untouchedDays)
	found.add(municipalityv1.Finding_KIND_ADOPTION_ENDED, online && i.adoptionEnded())
	e := f.service(i.service)
	found.add(municipalityv1.Finding_KIND_UNKNOWN_SERVICE, e == nil)
	if e != nil {
		found.add(municipalityv1.Finding_KIND_WITHDRAWN_SERVICE, e.service.GetState() == cataloguev1.EntryState_ENTRY_STATE_WITHDRAWN)
	}
	if i.solution != (text{}) {
		found.add(municipalityv1.Finding_KIND_SOLUTION_WITHDRAWN, f.solution(i.solution).withdrawn)
		if online && e != nil {
			_, _, below := f.below(i, e)
			found.add(municipalityv1.Finding_KIND_BELOW_SOLUTION, below)
		}
	}
	return found
}

// daysUntouched is how many days ago the implementation was last written.
func (f *finder) daysUntouched(i *implementation) int { return int(f.today) - int(i.touched()) }

func (i *implementation) touched() day { return dayAt(time.Unix(0, i.time)) }

// measured is the recorded maturity; false when nobody recorded one. It allocates nothing.
func (i *implementation) measured() (measured, bool) {
	if i.level == 0 {
		return measure(i.rest.GetMaturity())
	}
	return measured{cmp.Or(models[i.level>>levelBits-1], maturity.Default), int32(i.level & (1<<levelBits - 1))}, true
}

// below tells whether less is recorded than the solution reaches for the service. Only levels of one model compare.
func (f *finder) below(i *implementation, e *entry) (has, reaches measured, below bool) {
	has, recorded := i.measured()
	if !recorded {
		return has, reaches, false
	}
	reaches, known := f.solution(i.solution).levels[e.service.GetName()]
	return has, reaches, known && has.model == reaches.model && has.level < reaches.level
}

// count counts the findings of a place.
func (f *finder) count(p *place) (counts findingCounts) {
	for n := range p.implementations {
		found := f.kindsOf(&p.implementations[n])
		if found == 0 {
			continue
		}
		for kind := municipalityv1.Finding_Kind(1); kind < findingKindsEnd; kind++ {
			if found.has(kind) {
				counts[kind]++
				counts[0]++
			}
		}
	}
	return counts
}

// finding is a finding before it is spelled out.
type finding struct {
	kind           municipalityv1.Finding_Kind
	entry          *entry // nil when the catalogue does not know the service
	implementation *implementation
}

// find lists the findings of a place: by kind, then by the name of the service; unknown ones last, by key.
func (f *finder) find(p *place) []finding {
	var all []finding
	for n := range p.implementations {
		i := &p.implementations[n]
		found := f.kindsOf(i)
		for kind := municipalityv1.Finding_Kind(1); found != 0 && kind < findingKindsEnd; kind++ {
			if found.has(kind) {
				all = append(all, finding{kind, f.service(i.service), i})
			}
		}
	}
	slices.SortStableFunc(all, func(a, b finding) int { return cmp.Or(cmp.Compare(a.kind, b.kind), a.entry.compareName(b.entry)) })
	return all
}

// compareName is the order for people; unknown entries, which are nil, go last.
func (e *entry) compareName(other *entry) int {
	if e == nil || other == nil {
		return cmp.Compare(flag(e == nil), flag(other == nil))
	}
	return cmp.Compare(e.order, other.order)
}
