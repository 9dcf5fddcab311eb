package municipality

import (
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/state"
)

// applyPlan notes what people set of a plan; false for an entity of another type.
func applyPlan(plans *state.Edit[*municipalityv1.Plan], e *ledger.Entry, ags string) bool {
	if e.Entity == nil {
		plans.Delete(ags)
		return true
	}
	m, ok := e.Entity.(*municipalityv1.Plan)
	if ok {
		m.Etag, m.UpdateTime = etag(e.Sequence), e.Record.GetTime()
		plans.Set(ags, m)
	}
	return ok
}
