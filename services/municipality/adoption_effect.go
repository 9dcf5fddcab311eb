package municipality

import (
	"cmp"
	"slices"
	"strings"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/maturity"
)

// maxEffects is how many records one write of effects has, unless a single adoption has more: as many as fit into one batch.
const maxEffects = ledger.BatchSize

// decideDue says what has to be written for what is due, in its order: whole adoptions, up to maxEffects records, all by the
// same cause as the first. It ends before an adoption that touches what another one of the same write changes.
func (s *Service) decideDue(r records, cause ledger.Cause) []ledger.Draft {
	var drafts []ledger.Draft
	taken := map[string]bool{}
	for _, t := range r.adoptions.due.All() {
		if t.actor != cause.Actor || t.requestID() != cause.RequestID {
			break
		}
		more := s.effectOf(r, t, dayAt(cause.Time))
		if len(drafts) > 0 && (len(drafts)+len(more) > maxEffects || slices.ContainsFunc(more, func(d ledger.Draft) bool { return taken[d.Subject] })) {
			break
		}
		for _, d := range more {
			taken[d.Subject] = true
		}
		drafts = append(drafts, more...)
	}
	return drafts
}

// requestID is the request that the effect is recorded with: the one that moved the adoption, marked so that no request of a
// client to this service is taken for it.
func (t *transition) requestID() string { return "adoption:" + t.request }

// effectOf is what a transition does to the implementations of its municipality, and the record that it was done. What
// cannot have an effect is counted as skipped, so that nothing stays due for ever.
func (s *Service) effectOf(r records, t *transition, today day) []ledger.Draft {
	var drafts []ledger.Draft
	if p := r.place(agsOf(t.adoption.GetMunicipality())); p != nil {
		if t.adoption.GetState() == marketplacev1.Adoption_STATE_LIVE {
			drafts = s.goLive(r, p, t.adoption, today)
		} else {
			drafts = s.end(p, t.adoption.GetName())
		}
	}
	effect := &municipalityv1.AdoptionEffect{
		Name:     t.adoption.GetMunicipality() + "/adoptionEffects/" + t.id,
		Adoption: t.adoption.GetName(),
		Sequence: t.sequence,
		Changed:  int32(len(drafts)),
		Skipped:  int32(max(0, len(t.adoption.GetServices())-len(drafts))),
	}
	return append(drafts, ledger.Draft{
		Subject: s.replica.Own().Subject("adoptionEffect", t.id), Resource: effect.GetName(),
		Entity: effect, Changed: []string{"adoption", "sequence", "changed", "skipped"},
	})
}

// goLive puts the services of an adoption online. Those that are not applicable here, and those that the catalogue does not
// know or has withdrawn, are left alone.
func (s *Service) goLive(r records, p *place, a *marketplacev1.Adoption, today day) []ledger.Draft {
	drafts := make([]ledger.Draft, 0, len(a.GetServices())+1)
	seen := map[string]bool{}
	for _, adopted := range a.GetServices() {
		key := strings.TrimPrefix(adopted.GetPublicService(), publicServices)
		entry, known := r.catalogue.services.Get(key)
		recorded := p.find(key)
		if seen[key] || !known || entry.GetState() == cataloguev1.EntryState_ENTRY_STATE_WITHDRAWN || recorded.standingNow() == standsNotApplicable {
			continue
		}
		seen[key] = true
		before := recorded.stored(p.ags)
		after := p.live(recorded, a, adopted, today)
		d := s.removal(after.GetName())
		d.Entity, d.Changed = after, changedFields(before, after)
		drafts = append(drafts, d)
	}
	return drafts
}

// live is an implementation (nil when nothing is recorded) after an adoption of its service went live. Department, cases,
// priority, target date and note stay. Rules that refuse a client do not count here: it has happened, also when the
// solution is withdrawn by now.
func (p *place) live(recorded *implementation, a *marketplacev1.Adoption, adopted *marketplacev1.AdoptedService, today day) *municipalityv1.Implementation {
	before, after := recorded.stored(p.ags), recorded.stored(p.ags)
	if after == nil {
		after = &municipalityv1.Implementation{Name: implementationName(p.ags, strings.TrimPrefix(adopted.GetPublicService(), publicServices))}
	}
	after.Phase, after.Solution = municipalityv1.Implementation_PHASE_ONLINE, a.GetSolution()
	after.Url = cmp.Or(adopted.GetUrl(), a.GetUrl(), before.GetUrl())
	after.Maturity = reached(before.GetMaturity(), adopted.GetMaturity())
	after.PhaseDate = p.liveSince(recorded, a.GetLiveDate(), today)
	settle(before, after)
	settlePhaseDate(before, after, today.String(), true)
	after.Adoption, after.AdoptionEnded = a.GetName(), false
	return after
}

// liveSince is the phase date of what went live on a day ("2027-03-31"): that day, but never a future one. What was online
// before that day stays online since then, or the time between would be lost to trends and past days.
func (p *place) liveSince(recorded *implementation, live string, today day) string {
	if !isDay(live) || live > today.String() {
		live = today.String()
	}
	if recorded == nil || municipalityv1.Implementation_Phase(recorded.phase) != municipalityv1.Implementation_PHASE_ONLINE {
		return live
	}
	line := slices.Clip(stepsOf(p.past, recorded.service.String()))
	line = append(line, step{service: recorded.service, from: recorded.from, standing: recorded.standing})
	if d, _ := dayOf(live); begun(recorded, line) <= d {
		return recorded.stored(p.ags).GetPhaseDate()
	}
	return live
}

// reached is the maturity after going live: what the solution reached, unless nobody knows or more is recorded.
func reached(recorded, solution *municipalityv1.Maturity) *municipalityv1.Maturity {
	has, measured := measure(recorded)
	gets, known := measure(solution)
	if field, _, _ := maturity.Check(solution); !known || field != "" || measured && has.model == gets.model && has.level > gets.level {
		return recorded
	}
	return solution
}

// end marks what is online by an adoption (resource name) that is over. What somebody has changed to another solution or
// phase since does not carry the adoption any more.
func (s *Service) end(p *place, adoption string) []ledger.Draft {
	var drafts []ledger.Draft
	for n := range p.implementations {
		i := &p.implementations[n]
		if i.rest.GetAdoption() != adoption || i.rest.GetAdoptionEnded() {
			continue
		}
		after := i.stored(p.ags)
		after.AdoptionEnded = true
		d := s.removal(after.GetName())
		d.Entity, d.Changed = after, []string{"adoption_ended"}
		drafts = append(drafts, d)
	}
	return drafts
}
