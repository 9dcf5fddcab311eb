package server

import (
	"context"
	"errors"
	"strings"
	"sync"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"kompass.krz.de/services/platform/fault"
)

// maxViolations bounds what one answer lists; the first ones tell enough.
const maxViolations = 50

// validator is shared by all servers of the process: it compiles the rules of a message once.
var validator = sync.OnceValues(newValidator)

func newValidator() (protovalidate.Validator, error) {
	return protovalidate.New(protovalidate.WithMessageDescriptors(requestMessages()...))
}

// warm compiles the rules of all requests of the contract before the first call needs them.
func warm() { _, _ = validator() }

// requestMessages are the requests of all services of Kompass that are linked in.
func requestMessages() (messages []protoreflect.MessageDescriptor) {
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		if !strings.HasPrefix(string(file.Package()), "kompass.") {
			return true
		}
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for j := range methods.Len() {
				messages = append(messages, methods.Get(j).Input())
			}
		}
		return true
	})
	return messages
}

// validation checks every request against the rules that stand in the contract.
func validation(ctx context.Context, c *Call, next Next) error {
	c.Check(Validate)
	return next(ctx)
}

// Validate checks a message against the rules that stand in the contract, and its texts as [characters] does. It returns [fault.InvalidField] with every
// violation, fields in JSON spelling, and nil for what is no proto message. A batch that is carried out item by item is not
// held responsible for what is in its lists: its service validates each item, so that a bad one fails alone.
func Validate(request any) error {
	m, ok := request.(proto.Message)
	if !ok {
		return nil
	}
	v, err := validator()
	if err != nil {
		return fault.New(fault.Internal).Cause(err)
	}
	f, found := fault.New(fault.InvalidField), 0
	batch, ok := request.(interface{ GetPerItem() bool })
	perItem := ok && batch.GetPerItem()
	if err := v.Validate(m); err != nil {
		var invalid *protovalidate.ValidationError
		if !errors.As(err, &invalid) {
			return fault.New(fault.Internal).Cause(err)
		}
		for _, violation := range invalid.Violations {
			if found == maxViolations || perItem && inList(violation) {
				continue
			}
			de, en := texts(violation)
			f.Field(protovalidate.FieldPathString(violation.Proto.GetField()), de, en)
			found++
		}
	}
	c := characters{f, found, perItem}
	if c.message("", m.ProtoReflect()); c.found == 0 {
		return nil
	}
	return f
}

// inList tells whether a violation is about an entry of a list of the request.
func inList(v *protovalidate.Violation) bool {
	path := v.Proto.GetField().GetElements()
	return len(path) > 0 && path[0].GetSubscript() != nil
}
