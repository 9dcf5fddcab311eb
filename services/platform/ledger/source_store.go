package ledger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// storeSource reads the block files of an embedded server, which may be running or not, and changes nothing.
type storeSource struct {
	extents
	dir string
}

// OpenStore reads the streams in the files of an embedded server, each up to its present end. What was acknowledged
// before is inside: the server syncs a record before it acknowledges it. Errors: a *Damage, ErrRestoring, or one of reading.
func OpenStore(storeDir string, witness *Witness) (Source, error) {
	streams, err := storedStreams(storeDir, witness)
	if err != nil {
		return nil, fmt.Errorf("ledger: %w", err)
	}
	s := &storeSource{dir: storeDir}
	for _, stream := range streams {
		e, err := storedExtent(storeDir, stream, witness)
		if err != nil {
			return nil, err
		}
		s.extents = append(s.extents, e)
	}
	s.order()
	tails, err := cut(s.tails, func(a, b tail) bool { return a == b })
	if err != nil {
		return nil, err
	}
	for i, t := range tails {
		if s.extents[i].Last, err = s.last(s.extents[i].Name.Stream(), t); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// storedExtent reads whose stream it is, and what the witness knows of it before its end is taken.
func storedExtent(storeDir, stream string, witness *Witness) (e Extent, err error) {
	var first *Damage
	report := func(d *Damage) {
		if first == nil {
			first = d
		}
	}
	if e.seen, err = witness.seenOrDamaged(stream, report); err != nil {
		return e, err
	}
	if err := checkDeclaration(storeDir, stream, report); err != nil {
		return e, err
	}
	if first != nil {
		return e, first
	}
	declared, err := storedDeclaration(storeDir, stream)
	if err != nil {
		return e, err
	}
	if restoring(declared.Metadata) {
		return e, fmt.Errorf("%s: %w", stream, ErrRestoring)
	}
	if e.Name, err = nameOf(declared.Subjects); err != nil {
		return e, fmt.Errorf("ledger %s: %w", stream, err)
	}
	return e, nil
}

// storedConfig is what is needed of a stored declaration.
type storedConfig struct {
	Subjects []string          `json:"subjects"`
	Metadata map[string]string `json:"metadata"`
}

func storedDeclaration(storeDir, stream string) (c storedConfig, err error) {
	text, err := os.ReadFile(filepath.Join(filepath.Dir(blockDir(storeDir, stream)), "meta.inf"))
	if err == nil {
		err = json.Unmarshal(text, &c)
	}
	if err != nil {
		return c, fmt.Errorf("read declaration of %s: %w", stream, err)
	}
	return c, nil
}

// tail is the end of a stream's files at a moment.
type tail struct {
	block int // index of the newest block; 0 when there is none
	size  int64
}

func (s *storeSource) tails() ([]tail, error) {
	tails := make([]tail, len(s.extents))
	for i, e := range s.extents {
		dir := blockDir(s.dir, e.Name.Stream())
		files, err := blockFiles(dir)
		if err != nil {
			return nil, err
		}
		if len(files) == 0 {
			continue
		}
		newest := files[len(files)-1]
		info, err := os.Stat(filepath.Join(dir, strconv.Itoa(newest)+blockSuffix))
		if err != nil {
			return nil, fmt.Errorf("read blocks: %w", err)
		}
		tails[i] = tail{newest, info.Size()}
	}
	return tails, nil
}

// last reads the sequence of the last whole record before a tail. A new block may still be empty; then it is the last
// one of the block before.
func (s *storeSource) last(stream string, t tail) (last uint64, err error) {
	for ; t.block > 0 && last == 0; t = (tail{t.block - 1, -1}) {
		data, err := os.ReadFile(filepath.Join(blockDir(s.dir, stream), strconv.Itoa(t.block)+blockSuffix))
		if errors.Is(err, os.ErrNotExist) {
			return 0, nil
		}
		if err != nil {
			return 0, fmt.Errorf("read block: %w", err)
		}
		if t.size >= 0 && t.size < int64(len(data)) {
			data = data[:t.size]
		}
		var damage *Damage
		err = newBlock(stream, t.block, data).walk(t.size >= 0, func(m Message) error {
			last = m.Sequence
			return nil
		}, func(d *Damage) { damage = d })
		if err != nil {
			return 0, err
		}
		if damage != nil {
			return 0, damage
		}
	}
	return last, nil
}

func (s *storeSource) Walk(ctx context.Context, visit func(int, Message) error) error {
	for i, e := range s.extents {
		if e.Last == 0 {
			continue
		}
		var damage *Damage
		reached := uint64(0)
		err := readBlocks(s.dir, e.Name.Stream(), func(m Message) error {
			if damage != nil {
				return damage
			}
			if reached = m.Sequence; m.Sequence > e.Last {
				return errEnd
			}
			if err := ctx.Err(); err != nil {
				return err
			}
			return visit(i, m)
		}, func(d *Damage) {
			if damage == nil {
				damage = d
			}
		})
		switch {
		case errors.Is(err, errEnd): // what follows was written after the cut
		case err != nil:
			return err
		case damage != nil:
			return damage
		case reached < e.Last:
			return &Damage{Stream: e.Name.Stream(), Sequence: reached + 1, Problem: fmt.Sprintf("records up to %d are missing", e.Last)}
		}
	}
	return nil
}
