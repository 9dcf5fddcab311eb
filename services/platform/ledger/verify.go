package ledger

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"
)

// String is the hash in hexadecimal.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// Report is what the verification of one stream found.
type Report struct {
	Stream   string
	Records  uint64
	Subjects int  // that have a record which counts
	End      Head // the newest record
	// Digest stands for all that clients can tell apart: SHA-256 over a line for every subject, in order, with the hash of
	// its newest record that counts, in hexadecimal. Zero when something is broken.
	Digest Hash
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
		if declared, err := storedDeclaration(storeDir, stream); err == nil && restoring(declared.Metadata) {
			return nil, fmt.Errorf("%s: %w", stream, ErrRestoring)
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
	src, err := OpenCluster(ctx, nc)
	if err != nil {
		return nil, err
	}
	return verifySource(ctx, src, progress)
}

// verifySource walks every stream of a source. A source that ends at its first damage leaves the streams behind it
// unread, which is damage of theirs as well.
func verifySource(ctx context.Context, src Source, progress func(stream string, records uint64)) ([]Report, error) {
	var checks []*verification
	for _, e := range src.Extents() {
		checks = append(checks, newVerification(e.Name.Stream(), progress))
	}
	err := src.Walk(ctx, func(stream int, m Message) error { return checks[stream].visit(m) })
	var damage *Damage
	if err != nil && !errors.As(err, &damage) {
		return nil, err
	}
	reports := make([]Report, len(checks))
	for i, v := range checks {
		last := src.Extents()[i].Last
		switch {
		case damage != nil && damage.Stream == v.report.Stream:
			v.damaged(damage)
		case v.chain.last < last:
			v.damaged(&Damage{Stream: v.report.Stream, Sequence: v.chain.last + 1, Problem: "cannot be read because of the damage before it"})
		}
		reports[i] = v.finish()
	}
	return reports, nil
}

// StateDigest stands for the state of all streams: SHA-256 over the name and digest of each, in order, hexadecimal.
// Empty when something is broken.
func StateDigest(reports []Report) string {
	h := sha256.New()
	inOrder := slices.SortedFunc(slices.Values(reports), func(a, b Report) int { return strings.Compare(a.Stream, b.Stream) })
	for _, r := range inOrder {
		if !r.Clean() {
			return ""
		}
		fmt.Fprintf(h, "%s %s\n", r.Stream, r.Digest)
	}
	return hex.EncodeToString(h.Sum(nil))
}

type verification struct {
	report   Report
	chain    *Chain
	witness  Head
	seen     bool            // the witnessed record was met
	hole     bool            // damage was met since the last good record: the next sequence need not follow
	excused  map[string]bool // subjects whose newest record is not known because of damage
	visible  []Entry
	heads    map[string]Hash // of every subject, the newest record that counts
	progress func(string, uint64)
}

func newVerification(stream string, progress func(string, uint64)) *verification {
	if progress == nil {
		progress = func(string, uint64) {}
	}
	c := NewChain(Name{})
	c.stream = stream
	return &verification{report: Report{Stream: stream}, chain: c, progress: progress, excused: map[string]bool{}, heads: map[string]Hash{}}
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
		v.visible, err = v.chain.add(v.visible[:0], e)
		for _, counting := range v.visible {
			v.heads[counting.Subject] = counting.Hash
		}
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

func (v *verification) finish() Report {
	if v.witness.Sequence > 0 && !v.seen {
		v.report.add(&Damage{Stream: v.report.Stream, Sequence: v.chain.last + 1,
			Problem: fmt.Sprintf("records up to %d were written but are missing", v.witness.Sequence)})
	}
	v.report.Subjects, v.report.End = len(v.heads), v.chain.End()
	if v.report.Clean() {
		v.report.Digest = v.digest()
	}
	for _, s := range v.chain.staged {
		v.report.Uncommitted += len(s.entries)
	}
	v.progress(v.report.Stream, v.report.Records)
	return v.report
}

func (v *verification) digest() (digest Hash) {
	h := sha256.New()
	for _, subject := range slices.Sorted(maps.Keys(v.heads)) {
		fmt.Fprintf(h, "%s %s\n", subject, v.heads[subject])
	}
	h.Sum(digest[:0])
	return digest
}

// assume takes previous as the hash of a subject's newest record, which was damaged.
func (c *Chain) assume(subject string, previous []byte) {
	if len(previous) == 0 {
		c.heads.remove(subject)
		return
	}
	head := Head{Sequence: max(c.heads.get(subject).Sequence, 1)}
	copy(head.Hash[:], previous)
	c.heads.set(subject, head)
}
