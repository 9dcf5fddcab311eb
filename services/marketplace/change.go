package marketplace

import (
	"context"
	"strings"

	"google.golang.org/protobuf/proto"

	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/server"
)

// command is what every request that changes something has.
type command interface {
	server.Change
	GetValidateOnly() bool
}

// kind is a kind of entity that the service owns.
type kind[T proto.Message] struct {
	token string                        // of the subject: "solution"
	find  func(world, string) (T, bool) // the entity of a resource name, as clients see it
	bare  func(T) T                     // a copy as it is stored: without what is derived
}

// decision is what becomes of one entity: its state after the change, a copy of its own, and the fields that differ.
// No fields: no change.
type decision[T proto.Message] func(w world, c ledger.Cause) (after T, changed []string, err error)

// change carries a decision about the entity of a resource name out, or with validate_only only answers what would be.
func change[T proto.Message](ctx context.Context, s *Service, req command, k kind[T], name string, decide decision[T]) (T, error) {
	var none T
	cause, err := server.Cause(ctx, req, s.clock())
	if err != nil {
		return none, err
	}
	if req.GetValidateOnly() {
		w, err := s.replica.Read()
		if err != nil {
			return none, err
		}
		entity, _, err := decide(w, cause)
		if err != nil {
			return none, err
		}
		return preview(entity), nil
	}
	_, id, _ := strings.Cut(name, "/")
	subject := s.replica.Own().Subject(k.token, id)
	result, err := s.replica.Write(ctx, cause, func(w world) ([]ledger.Draft, error) {
		entity, changed, err := decide(w, cause)
		if err != nil || len(changed) == 0 {
			return nil, err
		}
		return []ledger.Draft{{Subject: subject, Resource: name, Entity: k.bare(entity), Changed: changed}}, nil
	})
	if err != nil {
		return none, err
	}
	entity, ok := k.find(result.State, name)
	if !ok {
		return none, fault.New(fault.NotFound, "resource", name)
	}
	return entity, nil
}

// preview is an entity as it would be: no version of it exists yet.
func preview[T proto.Message](entity T) T {
	m := entity.ProtoReflect()
	fields := m.Descriptor().Fields()
	m.Clear(fields.ByName("etag"))
	m.Clear(fields.ByName("update_time"))
	return entity
}

// found is the entity that a change is about, guarded by what the client says about its version.
func found[T interface {
	proto.Message
	GetEtag() string
}](ctx context.Context, w world, k kind[T], name, etag string) (T, error) {
	entity, ok := k.find(w, name)
	wanted := server.Etag(ctx, etag)
	switch {
	case ok && (server.CreateOnly(ctx) || wanted.Exclude(entity.GetEtag())), !ok && wanted != "":
		return entity, fault.New(fault.EtagMismatch, "resource", name)
	case !ok:
		return entity, fault.New(fault.NotFound, "resource", name)
	}
	return entity, nil
}
