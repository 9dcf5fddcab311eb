// Package resource carries changes of resources out: decide on a state, write, answer what is stored then. It must never
// decide anything itself.
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

// Resource is a message with a resource name and a version.
type Resource interface {
	proto.Message
	GetName() string
	GetEtag() string
}

// Kind is a kind of resource T that a service with the state W owns.
type Kind[W any, T Resource] struct {
	Token string                    // of the subject: "solution"
	Find  func(W, string) (T, bool) // the resource of a name, as clients see it
	Bare  func(T) T                 // a copy as it is stored: without what is derived
}

// Get answers the resource of a name from the present state. Errors: fault.NotFound, those of reading.
func (k Kind[W, T]) Get(replica *state.Replica[W], name string) (T, error) {
	w, err := replica.Read()
	if err != nil {
		var none T
		return none, err
	}
	return k.named(w, name)
}

func (k Kind[W, T]) named(w W, name string) (T, error) {
	entity, ok := k.Find(w, name)
	if !ok {
		return entity, fault.New(fault.NotFound, "resource", name)
	}
	return entity, nil
}

// Draft is a resource as it shall be stored.
func (k Kind[W, T]) Draft(replica *state.Replica[W], entity T, changed []string) ledger.Draft {
	return ledger.Draft{Subject: k.subject(replica, entity.GetName()), Resource: entity.GetName(), Entity: k.Bare(entity), Changed: changed}
}

func (k Kind[W, T]) subject(replica *state.Replica[W], name string) string {
	_, id, _ := strings.Cut(name, "/")
	return replica.Own().Subject(k.Token, id)
}

// Found is the resource that a change is about, guarded by what the client says about its version. Errors: fault.EtagMismatch,
// fault.NotFound.
func (k Kind[W, T]) Found(ctx context.Context, w W, name, etag string) (T, error) {
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

// Plan is what a request wants to store; nothing is a valid answer. It may run several times.
type Plan[W any] func(w W, c ledger.Cause) ([]ledger.Draft, error)

// Carry stores what a plan wants, all of it or nothing, or with validate_only only asks whether it could be. now is the time
// of the change. Errors are faults.
func Carry[W any](ctx context.Context, replica *state.Replica[W], now time.Time, req Command, plan Plan[W]) (state.Result[W], error) {
	cause, err := server.Cause(ctx, req, now)
	if err != nil {
		return state.Result[W]{}, err
	}
	if req.GetValidateOnly() {
		w, err := replica.Read()
		if err == nil {
			_, err = plan(w, cause)
		}
		return state.Result[W]{State: w}, err
	}
	return replica.Write(ctx, cause, func(w W) ([]ledger.Draft, error) { return plan(w, cause) })
}

// Decision is what becomes of one resource: its state after the change, a copy of its own, and the fields that differ.
// No fields: no change.
type Decision[W any, T Resource] func(w W, c ledger.Cause) (after T, changed []string, err error)

// Change carries a decision about the resource of a name out and answers what is stored then; with validate_only what would
// be. Errors are faults.
func Change[W any, T Resource](ctx context.Context, replica *state.Replica[W], now time.Time, req Command, k Kind[W, T], name string, decide Decision[W, T]) (T, error) {
	var none, decided T
	result, err := Carry(ctx, replica, now, req, func(w W, c ledger.Cause) ([]ledger.Draft, error) {
		entity, changed, err := decide(w, c)
		decided = entity
		if err != nil || len(changed) == 0 {
			return nil, err
		}
		return []ledger.Draft{k.Draft(replica, entity, changed)}, nil
	})
	if err != nil {
		return none, err
	}
	if req.GetValidateOnly() {
		return Preview(decided), nil
	}
	return k.named(result.State, name)
}

// Delete removes the resource of a name, guarded like [Kind.Found]; its history stays. With validate_only it only asks whether
// it could. Errors are faults.
func Delete[W any, T Resource](ctx context.Context, replica *state.Replica[W], now time.Time, req Command, k Kind[W, T], name, etag string) error {
	_, err := Carry(ctx, replica, now, req, func(w W, _ ledger.Cause) ([]ledger.Draft, error) {
		if _, err := k.Found(ctx, w, name, etag); err != nil {
			return nil, err
		}
		return []ledger.Draft{{Subject: k.subject(replica, name), Resource: name}}, nil
	})
	return err
}

// Preview is an entity as it would be: no version of it exists yet. It changes the entity.
func Preview[T proto.Message](entity T) T {
	m := entity.ProtoReflect()
	fields := m.Descriptor().Fields()
	m.Clear(fields.ByName("etag"))
	m.Clear(fields.ByName("update_time"))
	return entity
}

var id = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// CheckName refuses what cannot be the name of a resource of a collection ("solutions"): it becomes part of a subject, and a
// request's own pattern does not reach into its resource. The error is a fault that names the field.
func CheckName(field, collection, name string) error {
	if rest, ok := strings.CutPrefix(name, collection+"/"); ok && id.MatchString(rest) {
		return nil
	}
	return fault.New(fault.InvalidField).Field(field, "ist kein Ressourcenname", "is not a resource name")
}
