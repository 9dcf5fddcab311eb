package municipality

import (
	"slices"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/relevance"
)

// fits tells whether a solution is for a place: by its size class, by its name, or because it is for everybody.
func fits(s *marketplacev1.Solution, place *municipalityv1.Municipality) bool {
	everybody := len(s.GetSizeClasses()) == 0 && len(s.GetMunicipalities()) == 0
	return everybody || namesClass(s, place) || slices.Contains(s.GetMunicipalities(), place.GetName())
}

// namesClass tells whether a solution names the size class of a place.
func namesClass(s *marketplacev1.Solution, place *municipalityv1.Municipality) bool {
	return len(s.GetSizeClasses()) > 0 && relevance.ClassesFor(s.GetSizeClasses()).Has(place.GetSizeClass())
}
