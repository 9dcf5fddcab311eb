package municipality

import (
	"fmt"
	"strings"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/days"
)

// spellOut makes the finding of the contract.
func (f *finder) spellOut(p *place, g finding) *municipalityv1.Finding {
	i := g.implementation
	answer := &municipalityv1.Finding{
		Kind:           g.kind,
		Implementation: implementationName(p.ags, i.service.String()),
		PublicService:  publicServices + i.service.String(),
		Department:     i.departmentName(),
	}
	if g.entry != nil {
		answer.DisplayName = g.entry.service.GetDisplayName()
	}
	answer.MessageDe, answer.MessageEn = f.messages(g)
	return answer
}

// messages say what a finding is and what to do about it, in German and English.
func (f *finder) messages(g finding) (de, en string) {
	i := g.implementation
	switch g.kind {
	case municipalityv1.Finding_KIND_ONLINE_WITHOUT_LINK:
		return "Online gemeldet, aber ohne Adresse. Adresse des Dienstes nachtragen.",
			"Reported online, but without an address. Add the address of the service."
	case municipalityv1.Finding_KIND_LINK_NOT_REPORTED:
		return "Die Adresse " + i.url + " ist eingetragen, aber nicht als online gemeldet. Wenn der Dienst läuft, online melden; sonst die Adresse entfernen.",
			"The address " + i.url + " is recorded, but not reported online. Report it online if it runs; otherwise remove the address."
	case municipalityv1.Finding_KIND_BELOW_SOLUTION:
		return f.belowMessages(g)
	case municipalityv1.Finding_KIND_SOLUTION_WITHDRAWN:
		name := f.solutionTitle(i)
		return "Die Lösung „" + name + "“ ist zurückgezogen. Eine andere Lösung wählen.",
			"The solution \"" + name + "\" is withdrawn. Choose another solution."
	case municipalityv1.Finding_KIND_UNKNOWN_SERVICE:
		return "Der Katalog kennt den Schlüssel " + i.service.String() + " nicht. Schlüssel prüfen oder den Eintrag entfernen.",
			"The catalogue does not know the key " + i.service.String() + ". Check the key or remove the entry."
	case municipalityv1.Finding_KIND_WITHDRAWN_SERVICE:
		return f.withdrawnMessages(i)
	case municipalityv1.Finding_KIND_TARGET_PASSED:
		date := i.targetDate()
		return "Der Zieltermin " + days.German(date) + " ist verstrichen. Online melden oder einen neuen Termin setzen.",
			"The target date " + date + " has passed. Report it online or set a new date."
	case municipalityv1.Finding_KIND_UNTOUCHED:
		date, ago := i.touched().String(), f.daysUntouched(i)
		return fmt.Sprintf("Zuletzt am %s geändert, vor %d Tagen. Stand prüfen und fortschreiben.", days.German(date), ago),
			fmt.Sprintf("Last changed on %s, %d days ago. Check the state and update it.", date, ago)
	case municipalityv1.Finding_KIND_ADOPTION_ENDED:
		id, name := strings.TrimPrefix(i.rest.GetAdoption(), adoptionPrefix), f.solutionTitle(i)
		return "Die Nachnutzung von „" + name + "“ („" + id + "“), mit der die Leistung online ging, ist beendet. Läuft der Dienst nicht mehr, die Phase ändern; sonst die Lösung eintragen, auf der er jetzt läuft.",
			"The adoption of \"" + name + "\" (\"" + id + "\") that put the service online is over. Change the phase if the service no longer runs; otherwise record the solution that it runs on now."
	}
	return "", ""
}

func (f *finder) belowMessages(g finding) (de, en string) {
	has, reaches, _ := f.below(g.implementation, g.entry)
	name := f.solutionTitle(g.implementation)
	return fmt.Sprintf("Gemeldet ist Reifegrad %d, die Lösung „%s“ erreicht %d (Modell %s). Reifegrad prüfen und höher melden, oder die Lösung voll nutzen.",
			has.level, name, reaches.level, has.model),
		fmt.Sprintf("Maturity %d is reported, the solution \"%s\" reaches %d (model %s). Check the maturity and report more, or use the solution in full.",
			has.level, name, reaches.level, has.model)
}

// solutionTitle is the name of the solution for people.
func (f *finder) solutionTitle(i *implementation) string {
	if title := f.market.solution(i.solution.String()).GetDisplayName(); title != "" {
		return title
	}
	return strings.TrimPrefix(i.solution.String(), "solutions/")
}

func (f *finder) withdrawnMessages(i *implementation) (de, en string) {
	successors := f.catalogue.successorsOf(i.service.String())
	if len(successors) == 0 {
		return "Der Katalog hat die Leistung zurückgezogen; ein Nachfolger ist nicht bekannt. Prüfen, ob der Eintrag noch gebraucht wird, und ihn sonst entfernen.",
			"The catalogue has withdrawn the service; no successor is known. Check whether the entry is still needed, and remove it otherwise."
	}
	names := make([]string, len(successors))
	for n, s := range successors {
		key := strings.TrimPrefix(s, publicServices)
		names[n] = key
		if e := f.catalogue.allEntries().find(key); e != nil {
			names[n] = e.service.GetDisplayName() + " (" + key + ")"
		}
	}
	list := strings.Join(names, ", ")
	return "Der Katalog hat die Leistung zurückgezogen. Nachfolger: " + list + ". Den Stand dort eintragen und diesen Eintrag entfernen.",
		"The catalogue has withdrawn the service. Successor: " + list + ". Record the state there and remove this entry."
}
