package municipality

import (
	"fmt"
	"strings"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/state"
)

// adoptions is which adoptions went live or ended, as the marketplace's stream says, and which of that has had its effect, as
// the own stream says. The streams arrive in any order and lead to the same. It is immutable.
type adoptions struct {
	marks state.Table[adoptionMarks] // by id
	due   state.Table[*transition]   // by sequence: what has not had its effect yet
}

// adoptionMarks are sequences of the marketplace's stream, 0 for never.
type adoptionMarks struct {
	live, ended uint64 // of the first record that says so: what is edited later has no further effect
	done        uint64 // of the newest one that has had its effect
}

// transition is an adoption that went live or ended.
type transition struct {
	sequence uint64
	id       string
	adoption *marketplacev1.Adoption // as it was then
	actor    string                  // who moved it
	request  string                  // by which request
}

const adoptionPrefix = "adoptions/"

func emptyAdoptions() adoptions {
	return adoptions{marks: state.NewTable[adoptionMarks](), due: state.NewTable[*transition]()}
}

// over tells whether an adoption (resource name) has ended.
func (a adoptions) over(name string) bool {
	marks, _ := a.marks.Get(strings.TrimPrefix(name, adoptionPrefix))
	return marks.ended != 0
}

// first is what is due first; nil when nothing is.
func (a adoptions) first() *transition {
	for _, t := range a.due.All() {
		return t
	}
	return nil
}

// adoptionsEdit is a change of adoptions under way.
type adoptionsEdit struct {
	marks *state.Edit[adoptionMarks]
	due   *state.Edit[*transition]
}

func editAdoptions(a adoptions) adoptionsEdit { return adoptionsEdit{a.marks.Edit(), a.due.Edit()} }

func (a adoptionsEdit) done() adoptions { return adoptions{a.marks.Done(), a.due.Done()} }

// follow notes what a batch of the marketplace's stream says of adoptions.
func (a adoptions) follow(batch []ledger.Entry) (adoptions, error) {
	edit := editAdoptions(a)
	for i := range batch {
		e := &batch[i]
		entity, id := subjectOf(e.Subject)
		if entity != "adoption" || e.Entity == nil {
			continue
		}
		m, ok := e.Entity.(*marketplacev1.Adoption)
		if !ok {
			return a, fmt.Errorf("record %d: %s with an entity of type %T", e.Sequence, e.Record.GetResource(), e.Entity)
		}
		edit.move(e, id, m)
	}
	return edit.done(), nil
}

// move notes that an adoption went live or ended, when a record is the first one to say so.
func (a adoptionsEdit) move(e *ledger.Entry, id string, m *marketplacev1.Adoption) {
	marks, _ := a.marks.Get(id)
	switch {
	case m.GetState() == marketplacev1.Adoption_STATE_LIVE && marks.live == 0:
		marks.live = e.Sequence
	case m.GetState() == marketplacev1.Adoption_STATE_ENDED && marks.ended == 0:
		marks.ended = e.Sequence
	default:
		return
	}
	a.marks.Set(id, marks)
	if e.Sequence <= marks.done {
		return
	}
	t := &transition{sequence: e.Sequence, id: id, adoption: m, actor: e.Record.GetActor(), request: e.Record.GetRequestId()}
	if moves := m.GetTransitions(); len(moves) > 0 && moves[len(moves)-1].GetActor() != "" {
		t.actor = moves[len(moves)-1].GetActor()
	}
	a.due.Set(dueKey(e.Sequence), t)
}

// effect notes that an adoption has had an effect; false for an entity of another type.
func (a adoptionsEdit) effect(e *ledger.Entry, id string) bool {
	m, ok := e.Entity.(*municipalityv1.AdoptionEffect)
	if !ok {
		return false
	}
	marks, _ := a.marks.Get(id)
	marks.done = max(marks.done, m.GetSequence())
	a.marks.Set(id, marks)
	for _, sequence := range []uint64{marks.live, marks.ended} {
		if sequence <= marks.done {
			a.due.Delete(dueKey(sequence))
		}
	}
	return true
}

// dueKey sorts like the sequence.
func dueKey(sequence uint64) string { return fmt.Sprintf("%020d", sequence) }
