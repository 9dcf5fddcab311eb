package marketplace

import (
	"slices"

	"google.golang.org/protobuf/types/known/fieldmaskpb"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	"kompass.krz.de/services/platform/fault"
)

const localFields = "local_fields"

// keepLocal notes which fields of an imported solution people changed, so that later imports leave them alone. It answers
// what changed in all, and changes after, which must be the caller's own.
func keepLocal(before, after *marketplacev1.Solution, changed []string) []string {
	if after.GetExternalId() == "" {
		return changed
	}
	local := slices.Clone(after.GetLocalFields())
	for _, field := range changed {
		if field != "promise_changes" {
			local = append(local, field)
		}
	}
	slices.Sort(local)
	if local = slices.Compact(local); slices.Equal(local, before.GetLocalFields()) {
		after.LocalFields = before.GetLocalFields()
		return changed
	}
	after.LocalFields = local
	return append(changed, localFields)
}

// giveBack leaves of the local fields of s, which must be the caller's own, those that the request goes on to name, when its
// mask is about them: the next import then takes the others. It answers the mask for the rest of the solution. The list only
// ever says what people edited, so that nothing can be added to it: fault.InvalidField.
func giveBack(s, given *marketplacev1.Solution, m *fieldmaskpb.FieldMask) (*fieldmaskpb.FieldMask, error) {
	about := func(path string) bool { return path == localFields || path == "localFields" }
	if !slices.ContainsFunc(m.GetPaths(), about) {
		return m, nil
	}
	for _, field := range given.GetLocalFields() {
		if !slices.Contains(s.GetLocalFields(), field) {
			return nil, fault.New(fault.InvalidField).Field("solution.local_fields", "„"+field+"“ steht nicht in der Liste; Einträge lassen sich nur entfernen",
				field+" is not in the list; entries can only be removed")
		}
	}
	s.LocalFields = given.GetLocalFields()
	rest := slices.DeleteFunc(slices.Clone(m.GetPaths()), about)
	if len(rest) == 0 {
		rest = []string{"name"} // an empty mask would mean all that the request has
	}
	return &fieldmaskpb.FieldMask{Paths: rest}, nil
}
