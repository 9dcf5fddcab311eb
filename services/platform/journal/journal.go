package journal

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"kompass.krz.de/services/platform/ledger"
)

// Config says which journal it is and how long it remembers.
type Config struct {
	Name string // "events"; the fourth token of no ledger's subject, and unique in a data centre
	// MaxAge is when messages go by themselves; 0 keeps them until they are erased.
	MaxAge time.Duration
	// LastOnly keeps the newest message of a subject alone: what it replaces is erased. All reads then ask the leader, so
	// that no node gives out what was erased elsewhere. It is for few and small messages: every replacement rewrites a file.
	LastOnly bool
}

// Journal is one open journal.
type Journal struct {
	config   Config
	prefix   string // of all subjects, with the dot: "kompass.krz.events."
	js       jetstream.JetStream
	stream   jetstream.Stream
	failed   func() error // nil when nobody knows
	measures measures
}

// token is a part of a subject: no wildcards, no dots, nothing that needs quoting.
var token = regexp.MustCompile(`^[A-Za-z0-9_-]{1,128}$`)

var named = regexp.MustCompile(`^[a-z][a-z0-9-]{0,30}$`)

// streamPrefix differs from that of the ledger's streams, which are verified, backed up and never shorter than before.
const streamPrefix = "KJOURNAL_"

// openTime bounds the wait for a cluster that has yet to form.
const openTime = 2 * time.Minute

// Open creates a journal, or checks that the existing one keeps the same promises (ledger.ErrConfig names what differs). A
// cluster that is not formed yet is waited for. What a writer that died did not get to erase is erased now.
func Open(ctx context.Context, site ledger.Site, c Config) (*Journal, error) {
	if !named.MatchString(c.Name) || !named.MatchString(site.Origin) {
		return nil, fmt.Errorf("journal: origin %q and name %q must be lower-case letters, digits and hyphens", site.Origin, c.Name)
	}
	ctx, cancel := context.WithTimeout(ctx, openTime)
	defer cancel()
	js, err := jetstream.New(site.Conn, jetstream.WithDefaultTimeout(10*time.Second))
	if err != nil {
		return nil, fmt.Errorf("journal %s: %w", c.Name, err)
	}
	want := declaration(site, c)
	stream, err := ledger.Patiently(ctx, nil, func(ctx context.Context) (jetstream.Stream, error) {
		stream, err := js.Stream(ctx, want.Name)
		if errors.Is(err, jetstream.ErrStreamNotFound) { // several replicas may find that at once: the same stream is created once
			stream, err = js.CreateStream(ctx, want)
		}
		if errors.Is(err, jetstream.ErrStreamNotFound) { // another one has just made it, and not every node knows
			err = context.DeadlineExceeded
		}
		return stream, err
	})
	if err != nil {
		return nil, fmt.Errorf("journal %s: %w", want.Name, err)
	}
	if diff := differences(want, stream.CachedInfo().Config); diff != "" {
		return nil, fmt.Errorf("journal %s: %w: %s", want.Name, ledger.ErrConfig, diff)
	}
	numbers, err := newMeasures(site.Registerer, c.Name)
	if err != nil {
		return nil, fmt.Errorf("journal %s: %w", want.Name, err)
	}
	j := &Journal{config: c, prefix: subjects(site, c), js: js, stream: stream, failed: site.Failed, measures: numbers}
	if c.LastOnly {
		if err := j.eraseReplaced(ctx); err != nil {
			return nil, fmt.Errorf("journal %s: %w", want.Name, err)
		}
	}
	return j, nil
}

func subjects(site ledger.Site, c Config) string {
	return "kompass." + site.Origin + "." + c.Name + "."
}

// declaration is the one place that says what a journal's stream promises.
func declaration(site ledger.Site, c Config) jetstream.StreamConfig {
	window := ledger.DedupeWindow // nobody uses it, but JetStream wants one, and not longer than messages live
	if c.MaxAge > 0 {
		window = min(window, c.MaxAge)
	}
	return jetstream.StreamConfig{
		Name:               strings.ToUpper(streamPrefix + strings.ReplaceAll(site.Origin+"_"+c.Name, "-", "_")),
		Description:        "Kompass: journal " + c.Name + " of " + site.Origin,
		Subjects:           []string{subjects(site, c) + ">"},
		Retention:          jetstream.LimitsPolicy,
		Discard:            jetstream.DiscardNew,
		MaxConsumers:       -1,
		MaxMsgs:            -1,
		MaxBytes:           -1,
		MaxAge:             c.MaxAge,
		MaxMsgsPerSubject:  -1, // also with LastOnly: what JetStream drops by a limit stays readable in its files
		MaxMsgSize:         -1,
		Storage:            jetstream.FileStorage,
		Replicas:           site.Replicas,
		Duplicates:         window,
		DenyPurge:          true,
		AllowDirect:        !c.LastOnly,
		AllowAtomicPublish: true,
	}
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
	check("deny_delete", want.DenyDelete, have.DenyDelete)
	check("deny_purge", want.DenyPurge, have.DenyPurge)
	check("allow_direct", want.AllowDirect, have.AllowDirect)
	check("allow_atomic", want.AllowAtomicPublish, have.AllowAtomicPublish)
	check("compression", want.Compression, have.Compression)
	check("subjects", strings.Join(want.Subjects, " "), strings.Join(have.Subjects, " "))
	return strings.Join(d, "; ")
}

// Subject is the subject of a message: Subject("catalogue", "theme") is "kompass.krz.events.catalogue.theme". Tokens are
// letters, digits, "_" and "-", at most 128; others, and none at all, are refused.
func (j *Journal) Subject(tokens ...string) (string, error) {
	if len(tokens) == 0 {
		return "", errors.New("journal: a subject needs a token")
	}
	for _, t := range tokens {
		if !token.MatchString(t) {
			return "", fmt.Errorf("journal: %q cannot be part of a subject", t)
		}
	}
	return j.prefix + strings.Join(tokens, "."), nil
}

// Filter matches all subjects that begin with tokens and go on: Filter("catalogue") is "kompass.krz.events.catalogue.>". Without
// tokens it matches the whole journal. A token "*" stands for any.
func (j *Journal) Filter(tokens ...string) (string, error) {
	filter := j.prefix
	for _, t := range tokens {
		if t != "*" && !token.MatchString(t) {
			return "", fmt.Errorf("journal: %q cannot be part of a filter", t)
		}
		filter += t + "."
	}
	return filter + ">", nil
}
