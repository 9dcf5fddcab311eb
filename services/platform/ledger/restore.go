package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A stream that is being restored says so in its declaration, with the sum of the archive. The mark goes when all streams
// are there and were read back. Whoever meets it refuses the ledger; the restore of the same archive goes on.
const restoreMark = "kompass-restore"

// ErrRestoring says that a restore of this ledger was interrupted.
var ErrRestoring = errors.New("its restore is not complete: restore the same archive again")

// ErrNotEmpty says that there is something where an archive shall be restored.
var ErrNotEmpty = errors.New("is not empty")

func restoring(metadata map[string]string) bool { return metadata[restoreMark] != "" }

// Restore writes the records of an archive, which must have been verified, to the streams of a site, each at the
// sequence that it had, and reads them back. The streams must be empty, or what an interrupted restore of this archive
// left. Errors: ErrNotEmpty, ErrDamaged, ErrUnavailable.
func Restore(ctx context.Context, site Site, a *Archive, progress func(stream string, records uint64)) error {
	if a.verified == nil {
		return errors.New("restore: the archive has not been verified")
	}
	js, err := jetstream.New(site.Conn)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	r := &restore{Archive: a, site: site, js: js, progress: progress}
	for _, step := range []func(context.Context) error{r.claim, r.write, r.readBack, r.witness, r.release} {
		if err := step(ctx); err != nil {
			return fmt.Errorf("restore: %w", err)
		}
	}
	return nil
}

type restore struct {
	*Archive
	site     Site
	js       jetstream.JetStream
	present  []uint64 // how many records of each stream are there already
	progress func(string, uint64)
}

// claim makes all streams, marked, before the first record is written.
func (r *restore) claim(ctx context.Context) error {
	found, err := stored(ctx, r.js)
	if err != nil {
		return err
	}
	begun, foreign := false, false
	var filled []string
	for n, info := range found {
		mark := info.Config.Metadata[restoreMark]
		if mark != "" && mark != r.sum.String() {
			return fmt.Errorf("%s: that was another archive: %w", n.Stream(), ErrRestoring)
		}
		begun = begun || mark != ""
		if mark == "" && info.State.LastSeq > 0 {
			filled = append(filled, fmt.Sprintf("%s (%d records)", n.Stream(), info.State.LastSeq))
			foreign = foreign || !slices.ContainsFunc(r.extents, func(e Extent) bool { return e.Name == n })
		}
	}
	if len(filled) > 0 && (foreign || !begun) { // beside a mark, one without is complete: the very end was interrupted
		slices.Sort(filled)
		return fmt.Errorf("the ledger %w: %v", ErrNotEmpty, filled)
	}
	r.present = make([]uint64, len(r.extents))
	for i, e := range r.extents {
		stream, err := r.js.CreateOrUpdateStream(ctx, r.marked(e.Name))
		if err != nil {
			return fmt.Errorf("%s: %w", e.Name.Stream(), err)
		}
		r.present[i] = stream.CachedInfo().State.LastSeq
	}
	return nil
}

func (r *restore) marked(n Name) jetstream.StreamConfig {
	d := declaration(n, r.site.Replicas)
	d.Metadata = map[string]string{restoreMark: r.sum.String()}
	return d
}

// write publishes what is not there yet, in atomic batches.
func (r *restore) write(ctx context.Context) error {
	b := &restoreBatch{restore: r, log: &Log{js: r.js}}
	err := r.Walk(ctx, func(stream int, m Message) error {
		if m.Sequence <= r.present[stream] {
			return nil
		}
		if len(b.messages) == BatchSize || stream != b.stream {
			if err := b.send(ctx); err != nil {
				return err
			}
		}
		b.add(stream, m)
		return nil
	})
	if err != nil {
		return err
	}
	return b.send(ctx)
}

// restoreBatch is a run of records of one stream that travels together.
type restoreBatch struct {
	*restore
	log      *Log
	messages []*nats.Msg
	stream   int
	last     uint64
}

// add appends a record. The first one of a batch names the sequence before it, so that nothing can come in between.
func (b *restoreBatch) add(stream int, m Message) {
	msg := &nats.Msg{Subject: m.Subject, Data: m.Data, Header: nats.Header{}}
	if len(b.messages) == 0 {
		msg.Header.Set(jetstream.ExpectedLastSeqHeader, strconv.FormatUint(m.Sequence-1, 10))
	}
	b.messages, b.stream, b.last = append(b.messages, msg), stream, m.Sequence
}

func (b *restoreBatch) send(ctx context.Context) error {
	if len(b.messages) == 0 {
		return nil
	}
	name := b.extents[b.stream].Name.Stream()
	got, err := b.log.publish(ctx, b.messages)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if got != b.last {
		return fmt.Errorf("%s: %w: record %d became record %d", name, ErrConflict, b.last, got)
	}
	b.messages = b.messages[:0]
	b.progress(name, b.last)
	return nil
}

// readBack verifies what was written, in the files where they are at hand, and compares it with the archive.
func (r *restore) readBack(ctx context.Context) error {
	var written Source = &clusterSource{extents: r.extents, js: r.js}
	if r.site.Store != "" {
		written = &storeSource{extents: r.extents, dir: r.site.Store}
	}
	reports, err := verifySource(ctx, written, nil)
	if err != nil {
		return err
	}
	for i, got := range reports {
		want := r.verified[i]
		if !got.Clean() {
			return got.Damages[0]
		}
		if got.End != want.End || got.Digest != want.Digest {
			return &Damage{Stream: got.Stream, Sequence: got.End.Sequence, Problem: "the restored stream is not that of the archive"}
		}
	}
	return nil
}

// witness notes where the streams end.
func (r *restore) witness(context.Context) error {
	if r.site.Witness == nil {
		return nil
	}
	for i, e := range r.extents {
		notes, err := r.site.Witness.Open(e.Name)
		if err != nil {
			return err
		}
		if end := r.verified[i].End; end.Sequence > 0 {
			err = notes.Note(end)
		}
		if err := errors.Join(err, notes.Close()); err != nil {
			return err
		}
	}
	return nil
}

// release takes the marks away.
func (r *restore) release(ctx context.Context) error {
	for _, e := range r.extents {
		if _, err := r.js.UpdateStream(ctx, declaration(e.Name, r.site.Replicas)); err != nil {
			return fmt.Errorf("%s: %w", e.Name.Stream(), err)
		}
	}
	return nil
}
