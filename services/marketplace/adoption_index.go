package marketplace

import (
	"iter"
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/maturity"
	"kompass.krz.de/services/platform/state"
)

// adopters finds adoptions by their municipality and by their group. It is immutable.
type adopters struct {
	byPlace state.Table[*marketplacev1.Adoption] // by "municipalities/<ags>/<name of the adoption>"
	byGroup state.Table[*marketplacev1.Adoption] // by "adoptionGroups/<id>/<name of the adoption>"
}

func newAdopters() adopters {
	return adopters{state.NewTable[*marketplacev1.Adoption](), state.NewTable[*marketplacev1.Adoption]()}
}

// adoptersEdit is a change of adopters under way.
type adoptersEdit struct {
	byPlace, byGroup *state.Edit[*marketplacev1.Adoption]
}

func (a adopters) edit() adoptersEdit { return adoptersEdit{a.byPlace.Edit(), a.byGroup.Edit()} }

func (e adoptersEdit) done() adopters { return adopters{e.byPlace.Done(), e.byGroup.Done()} }

// note puts after in the place of before; each may be nil.
func (e adoptersEdit) note(before, after *marketplacev1.Adoption) {
	if before != nil {
		e.byPlace.Delete(before.GetMunicipality() + "/" + before.GetName())
		e.byGroup.Delete(before.GetGroup() + "/" + before.GetName())
	}
	if after == nil {
		return
	}
	e.byPlace.Set(after.GetMunicipality()+"/"+after.GetName(), after)
	if after.GetGroup() != "" {
		e.byGroup.Set(after.GetGroup()+"/"+after.GetName(), after)
	}
}

// at yields the adoptions of a municipality, by name, as stored.
func (a adopters) at(municipality string) iter.Seq2[string, *marketplacev1.Adoption] {
	return a.byPlace.Prefix(municipality + "/")
}

// members yields the adoptions of a group, by name, as stored.
func (a adopters) members(group string) iter.Seq2[string, *marketplacev1.Adoption] {
	return a.byGroup.Prefix(group + "/")
}

// active tells whether an adoption is neither over nor withdrawn.
func active(a *marketplacev1.Adoption) bool {
	return a.GetState() != stateEnded && a.GetState() != stateWithdrawn
}

// adoption is an adoption as clients see it.
func (w world) adoption(name string) (*marketplacev1.Adoption, bool) {
	a, ok := w.adoptions.Get(name)
	if !ok {
		return nil, false
	}
	return w.shownAdoption(a), true
}

// shownAdoption is a stored adoption with what it overlaps with: a shallow copy when there is something.
func (w world) shownAdoption(a *marketplacev1.Adoption) *marketplacev1.Adoption {
	if !active(a) {
		return a
	}
	wanted := make(map[string]bool, len(a.GetServices()))
	for _, s := range a.GetServices() {
		wanted[s.GetPublicService()] = true
	}
	var overlaps []string
	for _, other := range w.adopters.at(a.GetMunicipality()) {
		if other.GetName() == a.GetName() || !active(other) {
			continue
		}
		for _, s := range other.GetServices() {
			if wanted[s.GetPublicService()] {
				overlaps = append(overlaps, other.GetName())
				break
			}
		}
	}
	return withOverlaps(a, overlaps)
}

// shownAdoptions are all adoptions as shownAdoption makes them, by name, without comparing each with each.
func shownAdoptions(adoptions state.Table[*marketplacev1.Adoption]) []*marketplacev1.Adoption {
	type duty struct{ municipality, service string }
	list, sharing := adoptions.Values(), map[duty][]int{} // active ones by what they are about, ascending
	for i, a := range list {
		if !active(a) {
			continue
		}
		for _, s := range a.GetServices() {
			at := duty{a.GetMunicipality(), s.GetPublicService()}
			sharing[at] = append(sharing[at], i)
		}
	}
	overlaps := map[int]map[string]bool{}
	for _, group := range sharing {
		if len(group) == 1 {
			continue
		}
		for _, i := range group {
			if overlaps[i] == nil {
				overlaps[i] = map[string]bool{}
			}
			for _, j := range group {
				overlaps[i][list[j].GetName()] = true
			}
		}
	}
	shown := slices.Clone(list)
	for i, names := range overlaps {
		delete(names, list[i].GetName())
		shown[i] = withOverlaps(list[i], slices.Sorted(maps.Keys(names)))
	}
	return shown
}

// withOverlaps is a shallow copy with what it overlaps with, or a itself when that is nothing.
func withOverlaps(a *marketplacev1.Adoption, overlaps []string) *marketplacev1.Adoption {
	if len(overlaps) == 0 {
		return a
	}
	c := shallow(a)
	c.Overlaps = overlaps
	return c
}

// shallow is a copy that shares what its fields hold.
func shallow[T proto.Message](m T) T {
	c := m.ProtoReflect().New()
	m.ProtoReflect().Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		c.Set(fd, v)
		return true
	})
	return c.Interface().(T)
}

// completeAdoption fills in the models of maturities. It changes a, which must be the caller's own.
func completeAdoption(a *marketplacev1.Adoption) {
	for _, s := range a.GetServices() {
		s.Maturity = maturity.Complete(s.GetMaturity())
	}
}

// storeAdoption is [store] for adoptions; adopters follow.
func storeAdoption(adoptions *state.Edit[*marketplacev1.Adoption], index adoptersEdit, e ledger.Entry) error {
	before, _ := adoptions.Get(e.Record.GetResource())
	err := store(adoptions, e, func(a *marketplacev1.Adoption) {
		a.Etag, a.UpdateTime = etagOf(e), e.Record.GetTime()
		completeAdoption(a)
	})
	after, _ := adoptions.Get(e.Record.GetResource())
	index.note(before, after)
	return err
}
