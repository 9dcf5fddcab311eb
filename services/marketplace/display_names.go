package marketplace

import (
	"cmp"
	"strings"
)

// displayName is what people call a resource: its own name, or its resource name while no other is known.
func (w world) displayName(resource string) string {
	name := ""
	switch collection, id, _ := strings.Cut(resource, "/"); collection {
	case "municipalities":
		if p, ok := w.places.table.Get(id); ok {
			name = p.name
		}
	case "dataCentres":
		name, _ = w.places.centres.Get(resource)
	case "themes":
		name, _ = w.catalogue.themeNames.Get(resource)
	case "publicServices":
		s, _ := w.catalogue.services.Get(resource)
		name = s.displayName
	case "providers":
		p, _ := w.providers.Get(resource)
		name = p.GetDisplayName()
	case "solutions":
		s, _ := w.solutions.Get(resource)
		name = s.GetDisplayName()
	}
	return cmp.Or(name, resource)
}
