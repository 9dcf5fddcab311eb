package marketplace

import (
	"context"
	"strings"

	"google.golang.org/protobuf/proto"

	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/server"
	"kompass.krz.de/services/platform/state"
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

// plan is what a request wants to store; nothing is a valid answer. It may run several times.
type plan func(w world, c ledger.Cause) ([]ledger.Draft, error)

// carry stores what a plan wants, all of it or nothing, or with validate_only only asks whether it could be.
func (s *Service) carry(ctx context.Context, req command, p plan) (state.Result[world], error) {
	cause, err := server.Cause(ctx, req, s.clock())
	if err != nil {
		return state.Result[world]{}, err
	}
	if req.GetValidateOnly() {
		w, err := s.replica.Read()
		if err == nil {
			_, err = p(w, cause)
		}
		return state.Result[world]{State: w}, err
	}
	return s.replica.Write(ctx, cause, func(w world) ([]ledger.Draft, error) { return p(w, cause) })
}

// draftOf is an entity as it shall be stored.
func draftOf[T interface {
	proto.Message
	GetName() string
}](s *Service, k kind[T], entity T, changed []string) ledger.Draft {
	_, id, _ := strings.Cut(entity.GetName(), "/")
	return ledger.Draft{Subject: s.replica.Own().Subject(k.token, id), Resource: entity.GetName(), Entity: k.bare(entity), Changed: changed}
}

// change carries a decision about the entity of a resource name out, or with validate_only only answers what would be.
func change[T interface {
	proto.Message
	GetName() string
}](ctx context.Context, s *Service, req command, k kind[T], name string, decide decision[T]) (T, error) {
	var none, decided T
	result, err := s.carry(ctx, req, func(w world, c ledger.Cause) ([]ledger.Draft, error) {
		entity, changed, err := decide(w, c)
		decided = entity
		if err != nil || len(changed) == 0 {
			return nil, err
		}
		return []ledger.Draft{draftOf(s, k, entity, changed)}, nil
	})
	if err != nil {
		return none, err
	}
	if req.GetValidateOnly() {
		return preview(decided), nil
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
