package municipality

import (
	"slices"
	"strings"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/tabular"
)

// kreise finds Kreise by name, for tables that have no keys of them.
type kreise struct {
	delivered []placeRow
	byName    map[string][]string // AGS, each once; made when the first name is looked up
	column    string              // that has names; empty when none has
	used      bool                // some name of the column was found
}

// useless tells whether a column has names, none of which says anything.
func (k *kreise) useless() bool { return k.column != "" && !k.used }

// find lists the Kreise of a name: those that are recorded, and those that come with the same file.
func (k *kreise) find(r records, name string) []string {
	if k.byName == nil {
		k.byName = map[string][]string{}
		for _, p := range r.all() {
			k.add(p.municipality, p.municipality.GetAgs())
		}
		for i := range k.delivered {
			k.add(k.delivered[i].values, k.delivered[i].ags)
		}
	}
	return k.byName[bareDistrict(name)]
}

func (k *kreise) add(m *municipalityv1.Municipality, ags string) {
	name := bareDistrict(m.GetDisplayName())
	if m.GetKind() == municipalityv1.Municipality_KIND_DISTRICT && name != "" && !slices.Contains(k.byName[name], ags) {
		k.byName[name] = append(k.byName[name], ags)
	}
}

// bareDistrict is the name of a Kreis without what it is: "Kreis Herford", "Herford" and "herford, Landkreis" are one.
func bareDistrict(name string) string {
	words := strings.Split(tabular.NormalizeHeader(name), "_")
	return strings.Join(slices.DeleteFunc(words, func(word string) bool {
		return word == "kreis" || word == "landkreis" || word == "staedteregion"
	}), "_")
}

// resolveDistrict finds the Kreis that a row names, as a resource name; empty when the row names none, or none that can
// be told and fits the row's own key. A name is no key: what does not fit is told, not refused.
func (p *planning) resolveDistrict(row *placeRow) string {
	if !row.named {
		return ""
	}
	p.kreise.column = row.district.Column
	found := p.kreise.find(p.records, row.district.Value)
	switch {
	case len(found) == 0:
		p.Warn(row.district, "UNKNOWN_DISTRICT", "Einen Kreis dieses Namens gibt es hier noch nicht.", "A Kreis of this name is not known here yet.")
		return ""
	case len(found) > 1:
		list := strings.Join(found, ", ")
		p.Warn(row.district, "AMBIGUOUS_DISTRICT", "So heißen mehrere Kreise ("+list+").", "Several Kreise have this name ("+list+").")
		return ""
	case found[0][:5] != row.ags[:5]:
		p.Warn(row.district, "KEYS_DISAGREE", "Die Gemeinde "+row.ags+" gehört nach ihrem Schlüssel nicht zu diesem Kreis ("+found[0]+").",
			"By its key, the municipality "+row.ags+" does not belong to this Kreis ("+found[0]+").")
		return ""
	}
	p.kreise.used = true
	return municipalityName(found[0])
}
