package notification

import (
	"slices"

	"google.golang.org/protobuf/proto"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/state"
)

// directory is what the service keeps of the other streams: names, and what belongs to what. It is immutable.
type directory struct {
	known state.Table[*known] // by resource name
}

// known is a resource as others refer to it.
type known struct {
	displayName string
	above       []string // resource names of what it belongs to
}

func emptyDirectory() directory { return directory{state.NewTable[*known]()} }

// applied is the directory after a batch of one of the streams.
func (d directory) applied(batch []ledger.Entry) directory { return d.entered(batch).left(batch) }

// entered is the directory with what a batch brings, and still with what it deletes. What nothing refers to is passed over: a
// country has millions of implementations.
func (d directory) entered(batch []ledger.Entry) directory {
	edit := d.known.Edit()
	for i := range batch {
		if k := knownOf(batch[i].Entity); k != nil {
			edit.Set(batch[i].Record.GetResource(), k)
		}
	}
	return directory{edit.Done()}
}

// left is the directory without what a batch deletes, unless it came again later in the batch.
func (d directory) left(batch []ledger.Entry) directory {
	edit := d.known.Edit()
	gone := map[string]bool{}
	for i := range batch {
		gone[batch[i].Record.GetResource()] = batch[i].Entity == nil
	}
	for name, is := range gone {
		if is {
			edit.Delete(name)
		}
	}
	return directory{edit.Done()}
}

// knownOf is what the directory keeps of an entity; nil for nothing.
func knownOf(entity proto.Message) *known {
	switch e := entity.(type) {
	case *cataloguev1.Theme:
		return &known{displayName: e.GetDisplayName()}
	case *cataloguev1.Situation:
		return &known{e.GetDisplayName(), named(e.GetTheme())}
	case *cataloguev1.OzgService:
		return &known{e.GetDisplayName(), named(append([]string{e.GetTheme(), e.GetSituation()}, e.GetSecondarySituations()...)...)}
	case *cataloguev1.Procedure:
		return &known{displayName: e.GetDisplayName()}
	case *cataloguev1.PublicService:
		return &known{e.GetDisplayName(), named(e.GetOzgService())}
	case *municipalityv1.Municipality:
		return &known{e.GetDisplayName(), named(e.GetDistrict(), e.GetDataCentre())}
	case *municipalityv1.DataCentre:
		return &known{displayName: e.GetDisplayName()}
	case *municipalityv1.Portal:
		return &known{e.GetDisplayName(), named(e.GetMunicipality())}
	case *marketplacev1.Provider:
		return &known{displayName: e.GetDisplayName()}
	case *marketplacev1.Solution:
		return &known{e.GetDisplayName(), named(e.GetProvider())}
	case *marketplacev1.Project:
		return &known{e.GetDisplayName(), named(e.GetTheme())}
	case *marketplacev1.Question:
		return &known{displayName: e.GetTitle()} // an event about it lists what it asks about
	case *marketplacev1.AdoptionGroup:
		return &known{e.GetDisplayName(), named(e.GetSolution())}
	case *marketplacev1.Adoption:
		return &known{above: named(e.GetMunicipality(), e.GetSolution(), e.GetGroup())}
	case *marketplacev1.Contract:
		return &known{e.GetDisplayName(), named(e.GetProvider())}
	}
	return nil
}

// named leaves empty names out.
func named(names ...string) []string {
	return slices.DeleteFunc(names, func(name string) bool { return name == "" })
}

// nameOf is what people call a resource; its resource name when nobody gave it another.
func (d directory) nameOf(name string) string {
	if k, ok := d.known.Get(name); ok && k.displayName != "" {
		return k.displayName
	}
	return name
}

// maxTopics bounds what one event says that it concerns: several times a catalogue, in less than a third of what a message may have.
const maxTopics = 50_000

// topics collects resource names, each once.
type topics struct {
	directory directory
	seen      map[string]bool
	list      []string
}

func (d directory) topics() *topics { return &topics{directory: d, seen: map[string]bool{}} }

// add notes resources and everything that they belong to.
func (t *topics) add(names ...string) {
	for _, name := range names {
		if name == "" || t.seen[name] || len(t.list) >= maxTopics {
			continue
		}
		t.seen[name] = true
		t.list = append(t.list, name)
		if k, ok := t.directory.known.Get(name); ok {
			t.add(k.above...)
		}
	}
}
