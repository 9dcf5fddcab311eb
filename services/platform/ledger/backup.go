package ledger

import (
	"context"
	"fmt"
	"io"
	"time"

	"kompass.krz.de/services/platform/archive"
)

// Backup writes an archive of all that a source holds to out, and checks every chain on the way. Only after it returned
// without an error the archive is whole. Errors: a *Damage of the source, or one of reading or writing.
//
// Of a record it keeps subject and data; its sequence is its place. Headers are not kept: what counts of the message id
// is inside of the record, expectations and traces were of the moment.
func Backup(ctx context.Context, src Source, out io.Writer, created time.Time, progress func(stream string, records uint64)) ([]Report, archive.Sum, error) {
	manifest := archive.Manifest{Format: archive.Format, Created: created.UTC().Truncate(time.Second), Revision: Cut(src).Token()}
	var checks []*verification
	for _, e := range src.Extents() {
		manifest.Streams = append(manifest.Streams, archive.Stream{Name: e.Name.Stream(), Origin: e.Name.Origin, Service: e.Name.Service, Last: e.Last})
		v := newVerification(e.Name.Stream(), progress)
		v.witness = e.seen
		checks = append(checks, v)
	}
	w, err := archive.NewWriter(out, manifest)
	if err != nil {
		return nil, archive.Sum{}, err
	}
	err = src.Walk(ctx, func(stream int, m Message) error {
		if err := checks[stream].visit(m); err != nil {
			return err
		}
		return w.Add(stream, m.Sequence, archive.Record{Subject: m.Subject, Data: m.Data})
	})
	if err != nil {
		return nil, archive.Sum{}, fmt.Errorf("backup: %w", err)
	}
	reports := make([]Report, len(checks))
	for i, v := range checks {
		if reports[i] = v.finish(); !reports[i].Clean() {
			return nil, archive.Sum{}, fmt.Errorf("backup: %w", reports[i].Damages[0])
		}
	}
	sum, err := w.Close(totals(reports))
	return reports, sum, err
}
