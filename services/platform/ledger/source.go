package ledger

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Source is where the records of all streams can be read from, each stream up to the end that it had at one cut: the
// files of an embedded server, a cluster, an archive.
type Source interface {
	// Extents lists the streams in the order in which Walk reads them.
	Extents() []Extent
	// Narrow makes the source end earlier, where positions say; streams that they do not name are left out. Errors:
	// ErrBeyond.
	Narrow(Positions) error
	// Walk hands over the records of all streams in order, with the index of their stream; what they hold in memory is
	// the visitor's to keep. Errors: a *Damage, that of visit, or one of reading. It can be called again.
	Walk(ctx context.Context, visit func(stream int, m Message) error) error
}

// Extent is a stream of a source and how far the source reads it.
type Extent struct {
	Name Name
	Last uint64 // sequence of the last record; 0 when there is none
	seen Head   // what the witness noted before the cut
}

// ErrBeyond says that a stream does not go as far as it shall be read.
var ErrBeyond = errors.New("no such revision")

// extents is the part that all sources have in common.
type extents []Extent

func (x extents) Extents() []Extent { return x }

func (x extents) Narrow(p Positions) error {
	for stream, last := range p {
		i := slices.IndexFunc(x, func(e Extent) bool { return e.Name.Stream() == stream })
		if i < 0 && last > 0 || i >= 0 && x[i].Last < last {
			return fmt.Errorf("%w: %s has no record %d", ErrBeyond, stream, last)
		}
	}
	for i := range x {
		x[i].Last = p[x[i].Name.Stream()]
	}
	return nil
}

// Cut is where the streams of a source end.
func Cut(s Source) Positions {
	p := Positions{}
	for _, e := range s.Extents() {
		p[e.Name.Stream()] = e.Last
	}
	return p
}

// readingOrder names services so that those that follow others come before the followed ones. Whose end is taken first
// refers to nothing that is missing in those taken later.
var readingOrder = []string{"municipality", "marketplace", "catalogue"}

// order sorts streams by origin, then as readingOrder says; services that are not named there follow others.
func (x extents) order() {
	slices.SortFunc(x, func(a, b Extent) int {
		if c := strings.Compare(a.Name.Origin, b.Name.Origin); c != 0 {
			return c
		}
		if c := slices.Index(readingOrder, a.Name.Service) - slices.Index(readingOrder, b.Name.Service); c != 0 {
			return c
		}
		return strings.Compare(a.Name.Service, b.Name.Service)
	})
}

// cutTries bounds how often the ends of the streams are read until two readings agree.
const cutTries = 50

// cut reads the ends of streams until two readings in a row agree: then all of them held at one moment. While writers
// are too quick for that, the last reading counts, which was made in reading order.
func cut[T any](read func() ([]T, error), equal func(a, b T) bool) ([]T, error) {
	before, err := read()
	for try := 0; err == nil && try < cutTries; try++ {
		var after []T
		if after, err = read(); err == nil && slices.EqualFunc(before, after, equal) {
			return after, nil
		}
		before = after
	}
	return before, err
}

// nameOf tells whose stream it is from the subjects that it is declared with.
func nameOf(subjects []string) (Name, error) {
	if len(subjects) == 1 {
		if part := strings.Split(subjects[0], "."); len(part) == 4 {
			n := Name{Origin: part[1], Service: part[2]}
			if n.Check() == nil && n.wildcard() == subjects[0] {
				return n, nil
			}
		}
	}
	return Name{}, fmt.Errorf("%w: its subjects are %s", ErrConfig, strings.Join(subjects, " "))
}

// clusterSource reads from a server.
type clusterSource struct {
	extents
	js jetstream.JetStream
}

// OpenCluster reads the streams of a server or cluster, each up to its present end. Errors: ErrRestoring.
func OpenCluster(ctx context.Context, nc *nats.Conn) (Source, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	found, err := stored(ctx, js)
	if err != nil {
		return nil, err
	}
	s := &clusterSource{js: js}
	for name, info := range found {
		if restoring(info.Config.Metadata) {
			return nil, fmt.Errorf("%s: %w", name.Stream(), ErrRestoring)
		}
		s.extents = append(s.extents, Extent{Name: name})
	}
	s.order()
	ends, err := cut(func() ([]uint64, error) { return s.ends(ctx) }, func(a, b uint64) bool { return a == b })
	if err != nil {
		return nil, err
	}
	for i, last := range ends {
		s.extents[i].Last = last
	}
	return s, nil
}

// stored lists the ledger's streams on a server.
func stored(ctx context.Context, js jetstream.JetStream) (map[Name]*jetstream.StreamInfo, error) {
	found := map[Name]*jetstream.StreamInfo{}
	streams := js.ListStreams(ctx, jetstream.WithStreamListSubject("kompass.>"))
	for info := range streams.Info() {
		if !strings.HasPrefix(info.Config.Name, streamPrefix) { // a journal
			continue
		}
		name, err := nameOf(info.Config.Subjects)
		if err != nil {
			return nil, fmt.Errorf("ledger %s: %w", info.Config.Name, err)
		}
		found[name] = info
	}
	if err := streams.Err(); err != nil {
		return nil, unavailable(err)
	}
	return found, nil
}

func (s *clusterSource) ends(ctx context.Context) ([]uint64, error) {
	ends := make([]uint64, len(s.extents))
	for i, e := range s.extents {
		stream, err := s.js.Stream(ctx, e.Name.Stream())
		if err != nil {
			return nil, unavailable(err)
		}
		ends[i] = stream.CachedInfo().State.LastSeq
	}
	return ends, nil
}

// errEnd ends a walk where the source ends.
var errEnd = errors.New("at the end")

func (s *clusterSource) Walk(ctx context.Context, visit func(int, Message) error) error {
	l := &Log{js: s.js}
	for i, e := range s.extents {
		if e.Last == 0 {
			continue
		}
		err := l.followStream(ctx, e.Name.Stream(), 0, func(batch []Message) error {
			for _, m := range batch {
				if err := visit(i, m); err != nil {
					return err
				}
				if m.Sequence >= e.Last {
					return errEnd
				}
			}
			return nil
		})
		if err == nil {
			err = ctx.Err()
		}
		if !errors.Is(err, errEnd) {
			return err
		}
	}
	return nil
}
