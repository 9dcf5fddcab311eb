package municipality

import (
	"slices"
	"strings"

	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/relevance"
	"kompass.krz.de/services/platform/state"
)

// district is a Kreis with its municipalities, or a kreisfreie Stadt. Places are summed up district by district, so that a
// change of one place costs the sum of its district, not that of a country. It is immutable but for what is derived from it.
type district struct {
	places []*place // the known ones, by AGS
	sums   memo[*catalogue, *classSums]
}

// classSums say how far the places of a district are, by size class.
type classSums [commonv1.SizeClass_SIZE_CLASS_STAEDTEREGION + 1]group

// classIndex is where a size class is in a list of all; that of the unspecified one for classes that nobody knows.
func classIndex(class commonv1.SizeClass) int {
	if class < 0 || class > commonv1.SizeClass_SIZE_CLASS_STAEDTEREGION {
		return 0
	}
	return int(class)
}

func (a *district) sumsOf(c *catalogue) *classSums {
	return a.sums.get(c, func() *classSums {
		sums := &classSums{}
		for _, p := range a.places {
			class := p.municipality.GetSizeClass()
			var all counts
			for _, theme := range p.tallyAt(c.dutiesOf(class), endOfTime) {
				all.add(theme)
			}
			sums[classIndex(class)].include(all)
		}
		return sums
	})
}

// peersOf says how far all places of a place's size class are together, and all of its Kreis, itself included. The
// answer for the class is nil when nobody knows it.
func (r records) peersOf(p *place) (sameClass, sameDistrict *municipalityv1.ProgressGroup) {
	if own, ok := r.districts.Get(p.area); ok {
		key, name := r.districtGroup(p)
		sum := group{key: key, name: name}
		sums := own.sumsOf(r.catalogue)
		for i := range sums {
			sum.join(&sums[i])
		}
		sameDistrict = sum.spellOut()
	}
	known := p.municipality.GetSizeClass()
	if known == commonv1.SizeClass_SIZE_CLASS_UNSPECIFIED {
		return nil, sameDistrict
	}
	sum := group{key: known.String(), name: relevance.ClassName(known)}
	for _, a := range r.districts.All() {
		sum.join(&a.sumsOf(r.catalogue)[classIndex(known)])
	}
	return sum.spellOut(), sameDistrict
}

// join counts the places of another group in.
func (g *group) join(other *group) {
	g.add(other.counts)
	g.places += other.places
}

// districtsEdit is a change of all districts under way; it copies one when it touches it first.
type districtsEdit struct {
	table *state.Edit[*district]
	fresh map[string]*district
}

func editDistricts(table state.Table[*district]) *districtsEdit {
	return &districtsEdit{table: table.Edit(), fresh: map[string]*district{}}
}

func (e *districtsEdit) done() state.Table[*district] { return e.table.Done() }

// move puts a place as it is now where it belongs; before is nil for a new one.
func (e *districtsEdit) move(before, after *place) {
	if before != nil && before.municipality != nil && before.area != after.area {
		old := e.at(before.area)
		if i, found := old.find(before.ags); found {
			old.places = slices.Delete(old.places, i, i+1)
		}
	}
	if after.municipality == nil {
		return
	}
	a := e.at(after.area)
	if i, found := a.find(after.ags); found {
		a.places[i] = after
	} else {
		a.places = slices.Insert(a.places, i, after)
	}
}

func (e *districtsEdit) at(ags string) *district {
	a := e.fresh[ags]
	if a == nil {
		a = &district{}
		if old, ok := e.table.Get(ags); ok {
			a.places = slices.Clone(old.places)
		}
		e.fresh[ags] = a
		e.table.Set(ags, a)
	}
	return a
}

func (a *district) find(ags string) (int, bool) {
	return slices.BinarySearchFunc(a.places, ags, func(p *place, ags string) int { return strings.Compare(p.ags, ags) })
}
