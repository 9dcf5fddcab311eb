package municipality

import (
	"strings"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
)

// The parts of resource names.
const (
	municipalities  = "municipalities/"
	implementations = "/implementations/"
	dataCentres     = "dataCentres/"
	publicServices  = "publicServices/"
	solutions       = "solutions/"

	agsLength = 8
	// keyStart is where the public service begins in the name of an implementation.
	keyStart = len(municipalities) + agsLength + len(implementations)
)

// agsOf is the AGS in the name of a municipality, or of something below it; empty when there is none.
func agsOf(name string) string {
	rest, ok := strings.CutPrefix(name, municipalities)
	if !ok || len(rest) < agsLength {
		return ""
	}
	return rest[:agsLength]
}

// keyOf is the public service's id in the name of an implementation; empty when there is none.
func keyOf(name string) string {
	if len(name) <= keyStart {
		return ""
	}
	return name[keyStart:]
}

func municipalityName(ags string) string { return municipalities + ags }

func implementationName(ags, key string) string { return municipalities + ags + implementations + key }

// isImplementationName tells whether a name is that of an implementation.
func isImplementationName(name string) bool {
	ags, key := agsOf(name), keyOf(name)
	return ags != "" && key != "" && allDigits(ags) && name == implementationName(ags, key) && isServiceID(key)
}

// isServiceID tells whether an id is a LeiKa key, or that of an entry without one.
func isServiceID(id string) bool {
	if rest, ok := strings.CutPrefix(id, "ohne-"); ok {
		return rest != "" && strings.Trim(rest, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
	}
	return len(id) == 14 && allDigits(id)
}

func allDigits(s string) bool {
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// districtOf is the AGS of the Kreis that a municipality belongs to, from its record or else from its key; empty for a
// Kreis and for a kreisfreie Stadt.
func districtOf(m *municipalityv1.Municipality) string {
	if ags := agsOf(m.GetDistrict()); ags != "" {
		return ags
	}
	if m.GetKind() != municipalityv1.Municipality_KIND_MUNICIPALITY || len(m.GetAgs()) != agsLength {
		return ""
	}
	return m.GetAgs()[:5] + "000"
}
