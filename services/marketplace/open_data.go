package marketplace

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"kompass.krz.de/services/platform/opendata"
	"kompass.krz.de/services/platform/promises"
)

// openState answers the present state with the text that tells it from others, as shelves of open data want it.
func (s *Service) openState() (w world, today, state string, err error) {
	w, at, err := s.replica.ReadAt()
	today = day(s.clock())
	return w, today, fmt.Sprint(at, today), err
}

// openRef is a resource in open data: what programs and what people call it.
type openRef struct {
	Name        string `json:"name"`
	DisplayName string `json:"displayName"`
}

// openRef is nil for no resource.
func (w world) openRef(resource string) *openRef {
	if resource == "" {
		return nil
	}
	return &openRef{resource, w.displayName(resource)}
}

// openRefs are never nil: documents say [] for none.
func (w world) openRefs(resources []string) []openRef {
	refs := make([]openRef, len(resources))
	for i, r := range resources {
		refs[i] = openRef{r, w.displayName(r)}
	}
	return refs
}

// some is a list that documents never call null.
func some[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// inOneCell joins what stands in one cell.
func inOneCell[T any](items []T, spell func(T) string) string {
	texts := make([]string, len(items))
	for i, item := range items {
		texts[i] = spell(item)
	}
	return strings.Join(slices.DeleteFunc(texts, func(s string) bool { return s == "" }), "; ")
}

// called is how a cell spells a resource.
func (r openRef) called() string { return r.DisplayName }

// calledOrNot is how a cell spells a resource that may be missing.
func (r *openRef) calledOrNot() string {
	if r == nil {
		return ""
	}
	return r.DisplayName
}

// idOf is a resource name without its collection.
func idOf(resource string) string {
	return resource[strings.LastIndexByte(resource, '/')+1:]
}

// yesNo is how a cell spells a truth.
func yesNo(b bool) string {
	if b {
		return "ja"
	}
	return "nein"
}

// Columns about promised dates.
const (
	slippedTitle = "Verschoben um (Tage)"
	delayTitle   = "Verzug (Tage)"
)

// delayOf is the longest delay in days as the reliability counts it; nil when none counts on a day.
func delayOf(today string, given ...promises.Promise) (longest *int) {
	for _, p := range given {
		if days, counts := promises.Delay(p, today); counts && (longest == nil || days > *longest) {
			longest = &days
		}
	}
	return longest
}

func delayCell(days *int) string {
	if days == nil {
		return ""
	}
	return digits(*days)
}

// textColumns are columns of text under these titles.
func textColumns(titles ...string) []opendata.Column {
	columns := make([]opendata.Column, len(titles))
	for i, t := range titles {
		columns[i].Title = t
	}
	return columns
}

func digits[T ~int | ~int32](n T) string { return strconv.Itoa(int(n)) }
