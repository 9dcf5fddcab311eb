package municipality

import (
	"testing"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
)

// TestDepartmentNamesNobody: a department that names a person is refused when it is new; what was recorded before stays.
func TestDepartmentNamesNobody(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before, after string
		refused       bool
	}{
		"an office":         {"", "Steueramt", false},
		"a person":          {"", "Frau Muster", true},
		"another person":    {"Herr Muster", "Frau Muster", true},
		"recorded before":   {"Frau Muster", "Frau Muster", false},
		"a person no more":  {"Frau Muster", "Steueramt", false},
		"an e-mail address": {"Steueramt", "steueramt@ort.example", true},
	} {
		err := checkImplementation(&municipalityv1.Implementation{Department: c.before}, &municipalityv1.Implementation{Department: c.after}, "2026-11-23")
		if (err != nil) != c.refused {
			t.Errorf("%s: %v", name, err)
		}
	}
}
