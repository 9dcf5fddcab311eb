package municipality

import (
	"fmt"
	"net/url"
	"strings"

	"google.golang.org/protobuf/proto"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/state"
)

// portals begins the name of a portal.
const portals = "portals/"

// applyPortal notes a portal; false for an entity of another type.
func applyPortal(table *state.Edit[*municipalityv1.Portal], e *ledger.Entry, id string) bool {
	if e.Entity == nil {
		table.Delete(id)
		return true
	}
	m, ok := e.Entity.(*municipalityv1.Portal)
	if ok {
		m.Etag, m.UpdateTime = etag(e.Sequence), e.Record.GetTime()
		table.Set(id, m)
	}
	return ok
}

// storedPortal is a copy as the ledger holds it: without version and counts.
func storedPortal(p *municipalityv1.Portal) *municipalityv1.Portal {
	c := proto.CloneOf(p)
	c.Etag, c.UpdateTime, c.PublishedServices, c.ServicesOnPortal = "", nil, 0, 0
	return c
}

// settlePortalDate dates a change of phase that names no day of its own.
func settlePortalDate(before, after *municipalityv1.Portal, today string) {
	if after.GetPhase() != before.GetPhase() && (after.GetPhaseDate() == "" || after.GetPhaseDate() == before.GetPhaseDate()) {
		after.PhaseDate = today
	}
}

// checkPortal holds a portal to the rules that concern it alone. The error is fault.InvalidField.
func checkPortal(p *municipalityv1.Portal, today string) error {
	bad, found := fault.New(fault.InvalidField), false
	blame := func(field, de, en string) {
		bad, found = bad.Field("portal."+field, de, en), true
	}
	day := func(field, date string, mayLie bool) {
		switch {
		case date == "":
		case !isDay(date):
			blame(field, "ist kein Tag des Kalenders", "is not a day of the calendar")
		case !mayLie && date > today:
			blame(field, "liegt in der Zukunft", "lies in the future")
		}
	}
	if strings.TrimSpace(p.GetDisplayName()) == "" {
		blame("display_name", "fehlt", "is missing")
	}
	if p.GetMunicipality() == "" {
		blame("municipality", "fehlt", "is missing")
	}
	if p.GetUrl() == "" && p.GetPhase() == municipalityv1.Portal_PHASE_PUBLISHED {
		blame("url", "fehlt: ein veröffentlichtes Portal hat eine Adresse", "is missing: a published portal has an address")
	}
	day("wave_date", p.GetWaveDate(), true)
	day("phase_date", p.GetPhaseDate(), false)
	for i, m := range p.GetModules() {
		day(fmt.Sprintf("modules[%d].planned_date", i), m.GetPlannedDate(), true)
		day(fmt.Sprintf("modules[%d].live_date", i), m.GetLiveDate(), false)
	}
	if !found {
		return nil
	}
	return bad
}

// showPortal is a portal as clients see it: a copy with the services that its municipality has online by now.
func (r records) showPortal(stored *municipalityv1.Portal) *municipalityv1.Portal {
	p := proto.CloneOf(stored)
	if of := r.place(agsOf(p.GetMunicipality())); of != nil {
		p.PublishedServices, p.ServicesOnPortal = of.countOffers(hostOf(p.GetUrl()))
	}
	return p
}

// countOffers counts what a place itself has online with an address, and what of that is on a host; none for no host.
func (p *place) countOffers(host string) (all, onHost int32) {
	for n := range p.implementations {
		i := &p.implementations[n]
		if !i.isOffered() {
			continue
		}
		all++
		if host != "" && hostOf(i.url) == host {
			onHost++
		}
	}
	return all, onHost
}

// hostOf is the host of an address, in lower case and without its port; empty when there is none.
func hostOf(address string) string {
	if address == "" {
		return ""
	}
	u, err := url.Parse(address)
	if err != nil {
		return ""
	}
	return strings.ToLower(u.Hostname())
}
