package ledger

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/trace"
)

// DedupeWindow is how long a stream itself recognises a repeated message id. Package state remembers request ids for
// longer; the window only covers the moment before its replica has caught up.
const DedupeWindow = 2 * time.Minute

// ErrConfig is returned by Open when a stream exists with other promises than the ledger needs.
var ErrConfig = errors.New("stream is configured differently")

// Name says which stream: the service that owns it and the data centre that is its only writer.
type Name struct {
	Origin  string // data centre: "krz"
	Service string // "catalogue", "municipality", "marketplace", "notification"
}

var token = regexp.MustCompile(`^[a-z][a-z0-9-]{0,30}$`)

// streamPrefix begins the name of every stream of Kompass.
const streamPrefix = "KOMPASS_"

// Check reports an origin or service that cannot be part of a subject.
func (n Name) Check() error {
	if !token.MatchString(n.Origin) || !token.MatchString(n.Service) {
		return fmt.Errorf("origin %q and service %q must be lower-case letters, digits and hyphens", n.Origin, n.Service)
	}
	return nil
}

// Stream is the name of the JetStream stream: "KOMPASS_KRZ_CATALOGUE".
func (n Name) Stream() string {
	return strings.ToUpper(streamPrefix + strings.ReplaceAll(n.Origin, "-", "_") + "_" + n.Service)
}

// Subject is the subject of an entity: "kompass.krz.catalogue.publicService.99012001001000".
func (n Name) Subject(entity string, id ...string) string {
	return "kompass." + n.Origin + "." + n.Service + "." + entity + "." + strings.Join(id, ".")
}

func (n Name) wildcard() string { return "kompass." + n.Origin + "." + n.Service + ".>" }

// Log is one service's stream.
type Log struct {
	name   Name
	js     jetstream.JetStream
	stream jetstream.Stream
	notes  *Notes // nil without witness
	store  string // directory of the embedded server's files; empty when it is elsewhere
	// writesAlone says that all writers use this very log: what it appends, it need not be told.
	writesAlone bool
	sole        atomic.Pointer[sole] // while the feed follows a stream that this process writes alone
	feed        *Feed
	failed      func() error // nil when nobody knows

	measures *measures
	tracer   trace.Tracer // nil while nothing is traced

	closing sync.Once
	closed  error
}

// declaration is the one place that says what every stream promises.
func declaration(n Name, replicas int) jetstream.StreamConfig {
	return jetstream.StreamConfig{
		Name:               n.Stream(),
		Description:        "Kompass: " + n.Service + " of " + n.Origin,
		Subjects:           []string{n.wildcard()},
		Retention:          jetstream.LimitsPolicy,
		Discard:            jetstream.DiscardNew,
		MaxConsumers:       -1,
		MaxMsgs:            -1,
		MaxBytes:           -1,
		MaxMsgsPerSubject:  -1,
		MaxMsgSize:         -1,
		Storage:            jetstream.FileStorage,
		Replicas:           replicas,
		Duplicates:         DedupeWindow,
		DenyDelete:         true,
		DenyPurge:          true,
		AllowDirect:        true,
		AllowAtomicPublish: true,
	}
}

// Open creates the stream, or checks that the existing one keeps the same promises (ErrConfig names what differs).
// replicas is 1 for the embedded server and 3 for a cluster. A cluster that is not formed yet is waited for.
func Open(ctx context.Context, nc *nats.Conn, n Name, replicas int) (*Log, error) {
	return openStream(ctx, nc, n, replicas, nil)
}

func openStream(ctx context.Context, nc *nats.Conn, n Name, replicas int, waiting func(error)) (*Log, error) {
	ctx, cancel := context.WithTimeout(ctx, formTime)
	defer cancel()
	if err := n.Check(); err != nil {
		return nil, err
	}
	js, err := jetstream.New(nc, jetstream.WithDefaultTimeout(10*time.Second))
	if err != nil {
		return nil, fmt.Errorf("ledger %s: %w", n.Stream(), err)
	}
	want := declaration(n, replicas)
	stream, err := Patiently(ctx, waiting, func(ctx context.Context) (jetstream.Stream, error) {
		stream, err := js.Stream(ctx, want.Name)
		if errors.Is(err, jetstream.ErrStreamNotFound) { // several replicas may find that at once: the same stream is created once
			stream, err = js.CreateStream(ctx, want)
		}
		if errors.Is(err, jetstream.ErrStreamNotFound) { // another one has just made it, and not every node knows
			err = errLeaderless
		}
		return stream, err
	})
	if err != nil {
		return nil, fmt.Errorf("ledger %s: %w", want.Name, err)
	}
	if restoring(stream.CachedInfo().Config.Metadata) {
		return nil, fmt.Errorf("ledger %s: %w", want.Name, ErrRestoring)
	}
	if diff := differences(want, stream.CachedInfo().Config); diff != "" {
		return nil, fmt.Errorf("ledger %s: %w: %s", want.Name, ErrConfig, diff)
	}
	l := &Log{name: n, js: js, stream: stream, measures: newMeasures(nil, n)}
	l.feed = newFeed(l)
	return l, nil
}

func differences(want, have jetstream.StreamConfig) string {
	var d []string
	check := func(field string, w, h any) {
		if w != h {
			d = append(d, fmt.Sprintf("%s is %v, must be %v", field, h, w))
		}
	}
	check("retention", want.Retention, have.Retention)
	check("discard", want.Discard, have.Discard)
	check("max_msgs", want.MaxMsgs, have.MaxMsgs)
	check("max_bytes", want.MaxBytes, have.MaxBytes)
	check("max_age", want.MaxAge, have.MaxAge)
	check("max_msgs_per_subject", want.MaxMsgsPerSubject, have.MaxMsgsPerSubject)
	check("storage", want.Storage, have.Storage)
	check("replicas", want.Replicas, have.Replicas)
	check("duplicate_window", want.Duplicates, have.Duplicates)
	check("deny_delete", want.DenyDelete, have.DenyDelete)
	check("deny_purge", want.DenyPurge, have.DenyPurge)
	check("allow_atomic", want.AllowAtomicPublish, have.AllowAtomicPublish)
	check("subjects", strings.Join(want.Subjects, " "), strings.Join(have.Subjects, " "))
	return strings.Join(d, "; ")
}

// Feed follows the stream for this log's readers.
func (l *Log) Feed() *Feed { return l.feed }

// Name says which stream it is.
func (l *Log) Name() Name { return l.name }

// LastSequence asks the stream's leader for the sequence of the newest record; 0 while there is none.
func (l *Log) LastSequence(ctx context.Context) (uint64, error) {
	last, err := lastSequence(ctx, l.stream)
	if err != nil {
		return 0, unavailable(err)
	}
	return last, nil
}

// Site is where ledgers live: a connection, the data centre whose streams they are, and how often each is replicated.
type Site struct {
	Conn     *nats.Conn
	Origin   string
	Replicas int
	// Witness of the embedded server; nil with an external cluster, whose replicas are the witnesses of each other.
	Witness *Witness
	// Store is the directory of the embedded server's files, from which replays read; empty when they are not at hand.
	Store string
	// Failed, if not nil, says why nothing can be stored at the moment: writes then fail at once instead of waiting.
	Failed func() error
	// Logger hears that a cluster is waited for; nil is silent.
	Logger *slog.Logger
	// Registerer takes the numbers of all logs; nil keeps them private.
	Registerer prometheus.Registerer
	// Tracer makes the spans of what is written and applied; nil traces nothing.
	Tracer trace.Tracer
	// Shared lets all services of a process read each stream once; nil lets every Open read for itself.
	Shared *Shared
}

// Shared holds the logs of a process.
type Shared struct {
	mu   sync.Mutex
	logs map[Name]*Log
}

// Open opens the stream of a service, and creates it when it is the first to ask. Errors: ErrConfig, and a *Damage when
// the stream is shorter than the witness knows it, or gone.
func (s Site) Open(ctx context.Context, service string) (*Log, error) {
	name := Name{Origin: s.Origin, Service: service}
	if s.Shared == nil {
		return s.observed(s.open(ctx, name))
	}
	s.Shared.mu.Lock()
	defer s.Shared.mu.Unlock()
	if l := s.Shared.logs[name]; l != nil {
		return l, nil
	}
	l, err := s.observed(s.open(ctx, name))
	if err == nil {
		if s.Shared.logs == nil {
			s.Shared.logs = map[Name]*Log{}
		}
		s.Shared.logs[name] = l
	}
	return l, err
}

func (s Site) open(ctx context.Context, name Name) (*Log, error) {
	if s.Witness == nil {
		return openStream(ctx, s.Conn, name, s.Replicas, s.waiting(name))
	}
	seen, err := s.Witness.Seen(name.Stream())
	if err != nil {
		return nil, err
	}
	missing := &Damage{Stream: name.Stream(), Sequence: 1, Problem: fmt.Sprintf("records up to %d were written but are missing", seen.Sequence)}
	if seen.Sequence > 0 && !exists(ctx, s.Conn, name) {
		return nil, missing // creating it anew would overwrite what may still be rescued
	}
	l, err := Open(ctx, s.Conn, name, s.Replicas)
	if err != nil {
		return nil, err
	}
	l.failed, l.store = s.Failed, s.Store
	l.writesAlone = s.Shared != nil
	if last := l.stream.CachedInfo().State.LastSeq; last < seen.Sequence {
		missing.Sequence = last + 1
		return nil, missing
	}
	l.notes, err = s.Witness.Open(name)
	return l, err
}

// waiting logs now and then why a stream cannot be opened yet.
func (s Site) waiting(n Name) func(error) {
	if s.Logger == nil {
		return nil
	}
	var said time.Time
	return func(err error) {
		if time.Since(said) > formTime/24 {
			said = time.Now()
			s.Logger.Warn("NATS cluster is not ready, waiting", "stream", n.Stream(), "replicas", s.Replicas, "error", err)
		}
	}
}

func exists(ctx context.Context, nc *nats.Conn, n Name) bool {
	js, err := jetstream.New(nc)
	if err != nil {
		return false
	}
	_, err = js.Stream(ctx, n.Stream())
	return err == nil
}

// note tells the witness, if there is one, that the stream reached head.
func (l *Log) note(head Head) error {
	if l.notes == nil {
		return nil
	}
	return l.notes.Note(head)
}

// Close makes what the witness noted durable. The connection stays open: it is the caller's. Closing twice is harmless.
func (l *Log) Close() error {
	l.closing.Do(func() {
		if l.notes != nil {
			l.closed = l.notes.Close()
		}
	})
	return l.closed
}
