// Package resource carries changes of single resources out: decide on a state, write, answer what is stored then. It must
// never decide anything itself.
package resource

import (
	"context"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/server"
	"kompass.krz.de/services/platform/state"
)

// Command is what every request that changes something has.
type Command interface {
	server.Change
	GetValidateOnly() bool
}

// Kind is a kind of resource T that a service with the state W owns.
type Kind[W any, T proto.Message] struct {
	Token string                    // of the subject: "solution"
	Find  func(W, string) (T, bool) // the resource of a name, as clients see it
	Bare  func(T) T                 // a copy as it is stored: without what is derived
}

// Decision is what becomes of one resource: its state after the change, a copy of its own, and the fields that differ.
// No fields: no change.
type Decision[W any, T proto.Message] func(w W, c ledger.Cause) (after T, changed []string, err error)

// Change carries a decision about the resource of a name out, or with validate_only only answers what would be. Errors are faults.
func Change[W any, T proto.Message](ctx context.Context, replica *state.Replica[W], now time.Time, req Command, k Kind[W, T], name string, decide Decision[W, T]) (T, error) {
	var none T
	cause, err := server.Cause(ctx, req, now)
	if err != nil {
		return none, err
	}
	if req.GetValidateOnly() {
		w, err := replica.Read()
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
	subject := replica.Own().Subject(k.Token, id)
	result, err := replica.Write(ctx, cause, func(w W) ([]ledger.Draft, error) {
		entity, changed, err := decide(w, cause)
		if err != nil || len(changed) == 0 {
			return nil, err
		}
		return []ledger.Draft{{Subject: subject, Resource: name, Entity: k.Bare(entity), Changed: changed}}, nil
	})
	if err != nil {
		return none, err
	}
	entity, ok := k.Find(result.State, name)
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

// Found is the resource that a change is about, guarded by what the client says about its version. Errors: EtagMismatch, NotFound.
func Found[W any, T interface {
	proto.Message
	GetEtag() string
}](ctx context.Context, w W, k Kind[W, T], name, etag string) (T, error) {
	entity, ok := k.Find(w, name)
	wanted := server.Etag(ctx, etag)
	switch {
	case ok && (server.CreateOnly(ctx) || wanted.Exclude(entity.GetEtag())), !ok && wanted != "":
		return entity, fault.New(fault.EtagMismatch, "resource", name)
	case !ok:
		return entity, fault.New(fault.NotFound, "resource", name)
	}
	return entity, nil
}
