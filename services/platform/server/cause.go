package server

import (
	"context"
	"crypto/sha256"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/ledger"
)

// Change is a request that changes something.
type Change interface {
	proto.Message
	GetRequestId() string
}

// Cause says on whose behalf, by which request and when something changes. Only a request whose client named it can be
// repeated: it gets a digest, over its kind and all of its fields but the id. Error: fault.Internal.
func Cause(ctx context.Context, req Change, now time.Time) (ledger.Cause, error) {
	c := ledger.Cause{Actor: Actor(ctx), RequestID: RequestID(ctx, req.GetRequestId()), Time: now}
	if req.GetRequestId() == "" && !HasIdempotencyKey(ctx) {
		return c, nil
	}
	m := req.ProtoReflect()
	anonymous := m.New() // shares the fields: an imported file is not copied
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if fd.Name() != "request_id" {
			anonymous.Set(fd, v)
		}
		return true
	})
	data, err := proto.MarshalOptions{Deterministic: true}.MarshalAppend([]byte(m.Descriptor().FullName()), anonymous.Interface())
	if err != nil {
		return c, fault.New(fault.Internal).Cause(err)
	}
	digest := sha256.Sum256(data)
	c.Digest = digest[:]
	return c, nil
}
