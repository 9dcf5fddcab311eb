package ledger

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	ledgerv1 "kompass.krz.de/proto/kompass/ledger/v1"
)

// Hash is the SHA-256 of a record's data.
type Hash [sha256.Size]byte

// Head is the end of a subject's chain: what the next record there must follow. The zero Head is an empty subject.
type Head struct {
	Sequence uint64
	Hash     Hash
}

// Cause is why a change happens; it becomes part of every record of the change.
type Cause struct {
	Actor     string
	RequestID string
	// Digest is the SHA-256 of the request without its id; set only when the client chose the id, which makes the
	// request repeatable.
	Digest []byte
	Time   time.Time
}

// Draft is an entity as it shall be after a change.
type Draft struct {
	Subject  string           // from Name.Subject
	Resource string           // resource name
	Entity   proto.Message    // nil deletes: the record is a tombstone
	Changed  []string         // fields that differ, in the proto's spelling
	Head     Head             // what the decision saw as the subject's newest record
	Revert   *ledgerv1.Revert // set when the change goes back to an earlier state
}

// Entry is a record as it was read from a stream.
type Entry struct {
	Subject  string
	Sequence uint64
	Hash     Hash
	Record   *ledgerv1.Record
	Entity   proto.Message // nil in a tombstone
	// Visible is the sequence of the record that made this one count: its own, or that of its commit.
	Visible uint64

	header nats.Header // names the span that wrote the record; mostly nil
}

// ErrDamaged is wrapped by every error that says that a stored record is not what was written.
var ErrDamaged = errors.New("ledger is damaged")

// Damage names the record that is not what was written.
type Damage struct {
	Stream   string
	Sequence uint64
	Subject  string // empty when it cannot be told
	Problem  string
}

func (d *Damage) Error() string {
	s := fmt.Sprintf("ledger %s, record %d", d.Stream, d.Sequence)
	if d.Subject != "" {
		s += " (" + d.Subject + ")"
	}
	return s + ": " + d.Problem
}

func (d *Damage) Unwrap() error { return ErrDamaged }

func encode(d Draft, c Cause, staging string, commit *ledgerv1.Commit) ([]byte, error) {
	rec := &ledgerv1.Record{
		Resource:      d.Resource,
		Deleted:       d.Entity == nil,
		Actor:         c.Actor,
		RequestId:     c.RequestID,
		RequestDigest: c.Digest,
		Time:          timestamppb.New(c.Time),
		ChangedFields: d.Changed,
		Staging:       staging,
		Commit:        commit,
		Revert:        d.Revert,
	}
	if d.Head.Sequence != 0 {
		rec.Previous = d.Head.Hash[:]
	}
	if d.Entity != nil {
		rec.Entity = &anypb.Any{}
		if err := anypb.MarshalFrom(rec.Entity, d.Entity, proto.MarshalOptions{Deterministic: true}); err != nil {
			return nil, fmt.Errorf("encode %s: %w", d.Resource, err)
		}
	}
	return proto.MarshalOptions{Deterministic: true}.Marshal(rec)
}

// decode reads a record and its entity; a record that cannot be read is damage, never nothing.
func decode(stream, subject string, seq uint64, data []byte) (Entry, error) {
	e := Entry{Subject: subject, Sequence: seq, Visible: seq, Hash: sha256.Sum256(data), Record: &ledgerv1.Record{}}
	damage := func(format string, args ...any) (Entry, error) {
		return Entry{}, &Damage{Stream: stream, Sequence: seq, Subject: subject, Problem: fmt.Sprintf(format, args...)}
	}
	if err := proto.Unmarshal(data, e.Record); err != nil {
		return damage("cannot be decoded: %v", err)
	}
	if e.Record.Resource == "" || (e.Record.Entity == nil) != e.Record.Deleted {
		return damage("is neither an entity nor a tombstone")
	}
	if e.Record.Entity != nil {
		m, err := e.Record.Entity.UnmarshalNew()
		if err != nil {
			return damage("entity cannot be decoded: %v", err)
		}
		e.Entity, e.Record.Entity.Value = m, nil
	}
	return e, nil
}
