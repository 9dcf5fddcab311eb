package municipality

import (
	"errors"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"

	"kompass.krz.de/services/platform/fault"
)

// placed is a fault about a part of a request: the same reason, its fields named from the whole. place turns the path of
// a field within the part into that within the request; an empty path is the part itself. Other errors stay as they are.
func placed(err error, place func(field string) string) error {
	var f *fault.Error
	if !errors.As(err, &f) {
		return err
	}
	var pairs []string
	for _, d := range f.GRPCStatus().Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			for k, v := range info.GetMetadata() {
				pairs = append(pairs, k, v)
			}
		}
	}
	moved := fault.New(f.Reason(), pairs...).Cause(f)
	violations := violationsOf(f)
	if len(violations) == 0 {
		de, en := f.Texts()
		return moved.Field(place(""), de, en)
	}
	for _, v := range violations {
		de, en, _ := strings.Cut(v.GetDescription(), " / ")
		moved = moved.Field(place(v.GetField()), de, en)
	}
	return moved
}
