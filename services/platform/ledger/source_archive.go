package ledger

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"kompass.krz.de/services/platform/archive"
)

// Archive is a source that reads the file of a backup. Every walk reads and checks the whole file.
type Archive struct {
	extents
	path     string
	manifest archive.Manifest
	summary  archive.Summary // known after a walk
	sum      archive.Sum     // of the whole file, known after a walk
	verified []Report        // of a verification that found nothing
}

// OpenArchive reads the manifest of an archive. Errors: ErrDamaged when it cannot be believed.
func OpenArchive(path string) (*Archive, error) {
	a := &Archive{path: path}
	err := a.read(func(r *archive.Reader) error {
		a.manifest = r.Manifest()
		return nil
	})
	if err != nil {
		return nil, err
	}
	for _, s := range a.manifest.Streams {
		e := Extent{Name: Name{Origin: s.Origin, Service: s.Service}, Last: s.Last}
		twice := slices.ContainsFunc(a.extents, func(o Extent) bool { return o.Name == e.Name })
		if e.Name.Check() != nil || e.Name.Stream() != s.Name || twice {
			return nil, fmt.Errorf("%w: archive %s: its manifest names a stream %q of %q", ErrDamaged, path, s.Name, s.Service)
		}
		a.extents = append(a.extents, e)
	}
	return a, nil
}

// Manifest is what the archive says of itself.
func (a *Archive) Manifest() archive.Manifest { return a.manifest }

// Sum stands for the whole file, once it has been verified: no other archive has it.
func (a *Archive) Sum() archive.Sum { return a.sum }

// read opens the file for use, and says whose damage it is.
func (a *Archive) read(use func(*archive.Reader) error) error {
	file, err := os.Open(a.path)
	if err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	defer file.Close()
	r, err := archive.NewReader(bufio.NewReaderSize(file, 1<<20))
	if err == nil {
		defer r.Close()
		err = use(r)
	}
	var d *archive.Damage
	switch {
	case errors.As(err, &d) && d.Stream != "":
		return &Damage{Stream: d.Stream, Sequence: d.Sequence, Problem: fmt.Sprintf("frame of the archive at byte %d %s", d.Offset, d.Problem)}
	case d != nil:
		return fmt.Errorf("%w: %s: %w", ErrDamaged, a.path, err)
	}
	return err
}

// Walk hands over the records. The end of the file is checked as well.
func (a *Archive) Walk(ctx context.Context, visit func(int, Message) error) error {
	return a.read(func(r *archive.Reader) error {
		for {
			f, err := r.Next()
			if errors.Is(err, io.EOF) {
				a.summary, a.sum = r.Summary(), r.Sum()
				return nil
			}
			if err == nil {
				err = ctx.Err()
			}
			if err == nil {
				err = a.hand(f, visit)
			}
			if err != nil {
				return err
			}
		}
	})
}

func (a *Archive) hand(f archive.Frame, visit func(int, Message) error) error {
	e := a.extents[f.Stream]
	below := strings.TrimSuffix(e.Name.wildcard(), ">")
	for i, r := range f.Records {
		m := Message{Subject: r.Subject, Sequence: f.First + uint64(i), Data: r.Data}
		if m.Sequence > e.Last {
			return nil
		}
		if !strings.HasPrefix(m.Subject, below) || !subjectForm.MatchString(m.Subject) {
			return &Damage{Stream: e.Name.Stream(), Sequence: m.Sequence, Problem: "has a subject that is not of this stream"}
		}
		if err := visit(f.Stream, m); err != nil {
			return err
		}
	}
	return nil
}

// Verify walks every chain of the archive, as VerifyStore does with files, and compares what it finds with what the
// backup found. Damage of the archive that is of no stream is an error, ErrDamaged.
func (a *Archive) Verify(ctx context.Context, progress func(stream string, records uint64)) ([]Report, error) {
	reports, err := verifySource(ctx, a, progress)
	if err != nil {
		return nil, err
	}
	a.compare(reports)
	if !slices.ContainsFunc(reports, func(r Report) bool { return !r.Clean() }) {
		a.verified = reports
	}
	return reports, nil
}

// compare holds clean reports against the summary.
func (a *Archive) compare(reports []Report) {
	if slices.ContainsFunc(reports, func(r Report) bool { return !r.Clean() }) {
		return // the walk did not come to the summary, or what it says is known to be wrong
	}
	totals := totals(reports)
	if !slices.Equal(totals.Streams, a.summary.Streams) || totals.Digest != a.summary.Digest {
		for i := range reports {
			reports[i].add(&Damage{Stream: reports[i].Stream, Sequence: reports[i].End.Sequence, Problem: "its state is not the one that the backup found"})
		}
	}
}

// totals is what an archive's summary says of reports.
func totals(reports []Report) archive.Summary {
	s := archive.Summary{Digest: StateDigest(reports)}
	for _, r := range reports {
		s.Streams = append(s.Streams, archive.Total{Name: r.Stream, Records: r.Records, Entities: r.Subjects, Digest: r.Digest.String()})
	}
	return s
}
