package ledger

import (
	"context"
	"errors"
	"fmt"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Report is what the verification of one stream found.
type Report struct {
	Stream   string
	Records  uint64
	Subjects int
	// Uncommitted counts records that a writer staged and never committed; they never counted and do no harm.
	Uncommitted int
	Damages     []*Damage
}

// Clean tells whether nothing is broken.
func (r Report) Clean() bool { return len(r.Damages) == 0 }

// maxDamages bounds the damages of one report: after that the rest is noise.
const maxDamages = 100

func (r *Report) add(d *Damage) {
	if len(r.Damages) < maxDamages {
		r.Damages = append(r.Damages, d)
	}
}

// VerifyStore walks every stream in the files of an embedded server, which may be running or not, and changes nothing.
// Streams that only the witness knows are damaged. progress, if not nil, is called now and then with the stream and its records so far.
func VerifyStore(storeDir string, witness *Witness, progress func(stream string, records uint64)) ([]Report, error) {
	streams, err := storedStreams(storeDir, witness)
	if err != nil {
		return nil, fmt.Errorf("verify: %w", err)
	}
	var reports []Report
	for _, stream := range streams {
		v := newVerification(stream, progress)
		// What the witness saw comes first: a running server may append meanwhile, and never the other way round.
		if err := v.expect(witness); err != nil {
			return nil, err
		}
		if err := checkDeclaration(storeDir, stream, v.damaged); err != nil {
			return nil, err
		}
		if err := readBlocks(storeDir, stream, v.visit, v.damaged); err != nil {
			return nil, err
		}
		reports = append(reports, v.finish())
	}
	return reports, nil
}

// VerifyCluster walks every stream of Kompass on an external cluster.
func VerifyCluster(ctx context.Context, nc *nats.Conn, progress func(stream string, records uint64)) ([]Report, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, fmt.Errorf("verify: %w", err)
	}
	var reports []Report
	streams := js.StreamNames(ctx, jetstream.WithStreamListSubject("kompass.>"))
	for name := range streams.Name() {
		stream, err := patiently(ctx, nil, func(ctx context.Context) (jetstream.Stream, error) { return js.Stream(ctx, name) })
		if err != nil {
			return nil, fmt.Errorf("verify %s: %w", name, err)
		}
		last, err := lastSequence(ctx, stream) // a list of streams says nothing about those without a leader
		if err != nil {
			return nil, fmt.Errorf("verify %s: %w", name, err)
		}
		v := newVerification(name, progress)
		if err := v.follow(ctx, js, last); err != nil {
			return nil, err
		}
		reports = append(reports, v.finish())
	}
	return reports, streams.Err()
}

type verification struct {
	report   Report
	chain    *Chain
	witness  Head
	seen     bool            // the witnessed record was met
	hole     bool            // damage was met since the last good record: the next sequence need not follow
	excused  map[string]bool // subjects whose newest record is not known because of damage
	progress func(string, uint64)
}

func newVerification(stream string, progress func(string, uint64)) *verification {
	if progress == nil {
		progress = func(string, uint64) {}
	}
	c := NewChain(Name{})
	c.stream = stream
	return &verification{report: Report{Stream: stream}, chain: c, progress: progress, excused: map[string]bool{}}
}

func (v *verification) expect(w *Witness) error {
	head, err := w.seenOrDamaged(v.report.Stream, v.report.add)
	v.witness = head
	return err
}

func (v *verification) damaged(d *Damage) {
	v.report.add(d)
	v.hole = true
	if d.Subject != "" {
		v.excused[d.Subject] = true
	}
}

// visit checks one record. After damage it goes on as if the damaged record had been right, so that one damage is
// named once.
func (v *verification) visit(m Message) error {
	v.report.Records++
	if v.report.Records%10_000 == 0 {
		v.progress(v.report.Stream, v.report.Records)
	}
	if v.hole {
		v.chain.last, v.hole = m.Sequence-1, false
	}
	e, err := decode(v.report.Stream, m.Subject, m.Sequence, m.Data)
	if err == nil {
		if v.excused[m.Subject] {
			delete(v.excused, m.Subject)
			v.chain.assume(m.Subject, e.Record.Previous)
		}
		_, err = v.chain.add(nil, e)
	}
	var damage *Damage
	if errors.As(err, &damage) {
		v.damaged(damage)
		v.excused[m.Subject] = true
		v.chain.last = m.Sequence
	} else if err != nil {
		return err
	}
	v.compare(m, e, damage)
	return nil
}

// compare checks the record that the witness noted.
func (v *verification) compare(m Message, e Entry, damage *Damage) {
	if m.Sequence != v.witness.Sequence {
		return
	}
	v.seen = true
	if damage == nil && e.Hash != v.witness.Hash {
		v.report.add(&Damage{Stream: v.report.Stream, Sequence: m.Sequence, Subject: m.Subject, Problem: notWitnessed})
	}
}

// follow reads the records of a stream on a cluster up to last.
func (v *verification) follow(ctx context.Context, js jetstream.JetStream, last uint64) error {
	if last == 0 {
		return nil
	}
	stop := errors.New("at the end")
	l := &Log{js: js}
	err := l.followStream(ctx, v.report.Stream, 0, func(batch []Message) error {
		for _, m := range batch {
			if err := v.visit(m); err != nil {
				return err
			}
			if m.Sequence >= last {
				return stop
			}
		}
		return nil
	})
	if errors.Is(err, stop) {
		return nil
	}
	return err
}

func (v *verification) finish() Report {
	if v.witness.Sequence > 0 && !v.seen {
		v.report.add(&Damage{Stream: v.report.Stream, Sequence: v.chain.last + 1,
			Problem: fmt.Sprintf("records up to %d were written but are missing", v.witness.Sequence)})
	}
	v.report.Subjects = len(v.chain.heads)
	for _, s := range v.chain.staged {
		v.report.Uncommitted += len(s.entries)
	}
	v.progress(v.report.Stream, v.report.Records)
	return v.report
}

// assume takes previous as the hash of a subject's newest record, which was damaged.
func (c *Chain) assume(subject string, previous []byte) {
	if len(previous) == 0 {
		delete(c.heads, subject)
		return
	}
	head := Head{Sequence: max(c.heads[subject].Sequence, 1)}
	copy(head.Hash[:], previous)
	c.heads[subject] = head
}
