package notification

import (
	"fmt"
	"strings"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
)

// findingNames are the kinds of findings for people.
var findingNames = map[municipalityv1.Finding_Kind][2]string{
	municipalityv1.Finding_KIND_ONLINE_WITHOUT_LINK: {"online ohne Adresse", "online without an address"},
	municipalityv1.Finding_KIND_LINK_NOT_REPORTED:   {"Adresse, aber nicht online gemeldet", "address, but not reported online"},
	municipalityv1.Finding_KIND_BELOW_SOLUTION:      {"Reifegrad unter dem der Lösung", "maturity below that of the solution"},
	municipalityv1.Finding_KIND_SOLUTION_WITHDRAWN:  {"Lösung zurückgezogen", "solution withdrawn"},
	municipalityv1.Finding_KIND_UNKNOWN_SERVICE:     {"Leistung nicht im Katalog", "service not in the catalogue"},
	municipalityv1.Finding_KIND_WITHDRAWN_SERVICE:   {"Leistung aus dem Katalog entfallen", "service withdrawn from the catalogue"},
	municipalityv1.Finding_KIND_TARGET_PASSED:       {"Zieltermin verstrichen", "target date passed"},
	municipalityv1.Finding_KIND_UNTOUCHED:           {"180 Tage nicht bearbeitet", "untouched for 180 days"},
	municipalityv1.Finding_KIND_ADOPTION_ENDED:      {"Nachnutzung beendet", "adoption ended"},
}

// findings says what appeared in a municipality: a single finding with the service, several by kind.
func (d directory) findings(f *municipalityv1.KnownFindings) (de, en string) {
	place, total := d.nameOf(parentOf(f.GetName())), 0
	var kindsDE, kindsEN []string
	for _, group := range f.GetAppeared() {
		n := len(group.GetPublicServices())
		total += n
		kindsDE = append(kindsDE, fmt.Sprintf("%d × %s", n, findingNames[group.GetKind()][0]))
		kindsEN = append(kindsEN, fmt.Sprintf("%d × %s", n, findingNames[group.GetKind()][1]))
	}
	if total == 1 {
		group := f.GetAppeared()[0]
		service := d.nameOf("publicServices/" + group.GetPublicServices()[0])
		return fmt.Sprintf("%s: neue Auffälligkeit bei „%s“: %s", place, service, findingNames[group.GetKind()][0]),
			fmt.Sprintf("%s: new finding for %q: %s", place, service, findingNames[group.GetKind()][1])
	}
	return fmt.Sprintf("%s: %d neue Auffälligkeiten: %s", place, total, strings.Join(kindsDE, ", ")),
		fmt.Sprintf("%s: %d new findings: %s", place, total, strings.Join(kindsEN, ", "))
}
