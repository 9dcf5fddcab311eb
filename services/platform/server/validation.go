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

// Validate checks a message against the rules that stand in the contract, and its texts for control characters. It returns [fault.InvalidField] with every
// violation, fields in JSON spelling, and nil for what is no proto message.
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
	if err := v.Validate(m); err != nil {
		var invalid *protovalidate.ValidationError
		if !errors.As(err, &invalid) {
			return fault.New(fault.Internal).Cause(err)
		}
		found = min(len(invalid.Violations), maxViolations)
		for _, violation := range invalid.Violations[:found] {
			de, en := texts(violation)
			f.Field(protovalidate.FieldPathString(violation.Proto.GetField()), de, en)
		}
	}
	c := controls{f, found}
	if c.message("", m.ProtoReflect()); c.found == 0 {
		return nil
	}
	return f
}
