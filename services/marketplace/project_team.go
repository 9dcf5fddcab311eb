package marketplace

import (
	"fmt"
	"strings"
	"sync"

	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	"kompass.krz.de/services/platform/relevance"
)

// teams judges who takes part in projects, in one state of the world; for one request, so for one goroutine.
type teams struct {
	catalogue catalogue
	places    places
	existing  func() relevance.Classes     // of known places, computed once
	owed      map[string]relevance.Classes // by public service, as far as asked for
}

func (w world) teams() teams {
	return teams{w.catalogue, w.places, sync.OnceValue(func() (existing relevance.Classes) {
		for _, p := range w.places.table.All() {
			if p.known {
				existing = existing.With(p.class)
			}
		}
		return existing
	}), map[string]relevance.Classes{}}
}

// classCount is the number of values of SizeClass, the unspecified one included.
const classCount = int(commonv1.SizeClass_SIZE_CLASS_STAEDTEREGION) + 1

// lacking counts, for each size class of which nobody takes part although it has known places, the public services of
// the project that it owes.
func (t teams) lacking(p *marketplacev1.Project) (counts [classCount]int32) {
	if len(p.GetPublicServices()) == 0 {
		return counts
	}
	absent := t.existing() &^ t.classesOf(p)
	if absent == 0 {
		return counts
	}
	for _, name := range p.GetPublicServices() {
		owing := t.owing(name) & absent
		for class := range counts {
			if owing.Has(commonv1.SizeClass(class)) {
				counts[class]++
			}
		}
	}
	return counts
}

// owing are the size classes that owe a public service; nobody owes one that was withdrawn.
func (t teams) owing(publicService string) relevance.Classes {
	if classes, asked := t.owed[publicService]; asked {
		return classes
	}
	s, ok := t.catalogue.services.Get(publicService)
	if !ok || s.withdrawn {
		return 0
	}
	own, _ := t.catalogue.rules.Get(publicService)
	ozg, _ := t.catalogue.rules.Get(s.ozgService)
	t.owed[publicService] = relevance.Owed(own, ozg)
	return t.owed[publicService]
}

// classesOf are the size classes that take part, the lead's among them; who only watches speaks for nobody.
func (t teams) classesOf(p *marketplacev1.Project) (present relevance.Classes) {
	add := func(name string) {
		if ags, is := strings.CutPrefix(name, municipalities); is {
			if place, ok := t.places.table.Get(ags); ok && place.known {
				present = present.With(place.class)
			}
		}
	}
	add(p.GetLead())
	for _, participant := range p.GetParticipants() {
		if participant.GetRole() != marketplacev1.Participant_ROLE_OBSERVER {
			add(participant.GetMember())
		}
	}
	return present
}

// findings say of each size class that lacks what it owes, in the order of the enum.
func (t teams) findings(p *marketplacev1.Project) (findings []*marketplacev1.TeamFinding) {
	total := len(p.GetPublicServices())
	for class, owed := range t.lacking(p) {
		if owed == 0 {
			continue
		}
		name := relevance.ClassName(commonv1.SizeClass(class))
		de := fmt.Sprintf("%d der %d Leistungen", owed, total)
		en := fmt.Sprintf("%d of the %d public services", owed, total)
		if total == 1 {
			de, en = "die einzige Leistung", "the only public service"
		}
		findings = append(findings, &marketplacev1.TeamFinding{
			SizeClass: commonv1.SizeClass(class), PublicServices: owed,
			MessageDe: "Niemand aus der Größenklasse „" + name + "“ ist dabei; sie schuldet " + de + ".",
			MessageEn: "Nobody of the size class " + name + " takes part; it owes " + en + ".",
		})
	}
	return findings
}
