package marketplace

import "kompass.krz.de/services/platform/names"

// newID is the id that a request asks for, or one made from the display name; field is the request's field for it.
func newID(asked, displayName, field string) (string, error) {
	return names.ID(asked, displayName, field)
}
