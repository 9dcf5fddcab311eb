// Package resource carries changes of single resources out: decide on a state, write, answer what is stored then. It must
// never decide anything itself.
package resource

import (
	"context"
	"regexp"
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

// Delete removes the resource of a name, guarded like [Found]; its history stays. Errors are faults.
func Delete[W any, T interface {
	proto.Message
	GetEtag() string
}](ctx context.Context, replica *state.Replica[W], now time.Time, req Command, k Kind[W, T], name, etag string) error {
	cause, err := server.Cause(ctx, req, now)
	if err != nil {
		return err
	}
	_, id, _ := strings.Cut(name, "/")
	decide := func(w W) ([]ledger.Draft, error) {
		if _, err := Found(ctx, w, k, name, etag); err != nil {
			return nil, err
		}
		return []ledger.Draft{{Subject: replica.Own().Subject(k.Token, id), Resource: name}}, nil
	}
	if req.GetValidateOnly() {
		w, err := replica.Read()
		if err == nil {
			_, err = decide(w)
		}
		return err
	}
	_, err = replica.Write(ctx, cause, decide)
	return err
}

var id = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// CheckName refuses what cannot be the name of a resource of a collection: it becomes part of a subject, and a request's own
// pattern does not reach into its resource. The error is a fault that names the field.
func CheckName(field, collection, name string) error {
	if rest, ok := strings.CutPrefix(name, collection+"/"); ok && id.MatchString(rest) {
		return nil
	}
	return fault.New(fault.InvalidField).Field(field, "ist kein Ressourcenname", "is not a resource name")
}
