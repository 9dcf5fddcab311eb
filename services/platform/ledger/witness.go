package ledger

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// Witness remembers outside of the streams how far each one reached, so that the loss of their newest records is
// noticed: a chain on its own cannot tell that its end is missing. One small file a stream, rewritten in place.
type Witness struct{ dir string }

// witnessLine has a fixed length, so that rewriting it in place never leaves the rest of an older one.
const witnessLine = "%020d %s\n"

// NewWitness keeps its files in dir, which it creates.
func NewWitness(dir string) (*Witness, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("witness: %w", err)
	}
	return &Witness{dir: dir}, nil
}

// ReadWitness reads what a witness noted in dir; it need not exist and is not created.
func ReadWitness(dir string) *Witness { return &Witness{dir: dir} }

// WitnessDir is where the witness lives below a data directory.
func WitnessDir(dataDir string) string { return filepath.Join(dataDir, "witness") }

func (w *Witness) path(stream string) string { return filepath.Join(w.dir, stream) }

// Open returns what notes the heads of one stream.
func (w *Witness) Open(n Name) (*Notes, error) {
	f, err := os.OpenFile(w.path(n.Stream()), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("witness: %w", err)
	}
	return &Notes{file: f}, nil
}

// Seen is the newest head that was noted for a stream; the zero Head when there is none.
func (w *Witness) Seen(stream string) (Head, error) {
	f, err := os.Open(w.path(stream))
	if errors.Is(err, os.ErrNotExist) {
		return Head{}, nil
	}
	if err != nil {
		return Head{}, fmt.Errorf("witness: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, 1024))
	if err != nil || len(text) == 0 {
		return Head{}, err
	}
	var head Head
	var sum string
	if _, err := fmt.Fscanf(strings.NewReader(string(text)), witnessLine, &head.Sequence, &sum); err != nil {
		return Head{}, fmt.Errorf("%w: %s: %w", ErrWitness, stream, err)
	}
	if n, err := hex.Decode(head.Hash[:], []byte(sum)); err != nil || n != len(head.Hash) {
		return Head{}, fmt.Errorf("%w: %s", ErrWitness, stream)
	}
	return head, nil
}

// ErrWitness says that a witness's file cannot be read.
var ErrWitness = errors.New("witness is not readable")

// seenOrDamaged is Seen, with a file that cannot be read as damage.
func (w *Witness) seenOrDamaged(stream string, report func(*Damage)) (Head, error) {
	head, err := w.Seen(stream)
	if errors.Is(err, ErrWitness) {
		report(&Damage{Stream: stream, Problem: fmt.Sprintf("witness %s is not readable: if verify finds nothing else, remove that file", w.path(stream))})
		return Head{}, nil
	}
	return head, err
}

// streams lists what the witness has notes of.
func (w *Witness) streams() ([]string, error) {
	files, err := os.ReadDir(w.dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("witness: %w", err)
	}
	var streams []string
	for _, f := range files {
		if info, err := f.Info(); err == nil && info.Size() > 0 && strings.HasPrefix(f.Name(), streamPrefix) {
			streams = append(streams, f.Name())
		}
	}
	return streams, nil
}

// Notes writes down the heads of one stream.
type Notes struct{ file *os.File }

// Note writes down a newer head. It survives the end of the process, not that of the machine: see Close.
func (n *Notes) Note(h Head) error {
	_, err := n.file.WriteAt(fmt.Appendf(nil, witnessLine, h.Sequence, hex.EncodeToString(h.Hash[:])), 0)
	return err
}

// Close makes the newest head durable.
func (n *Notes) Close() error { return errors.Join(n.file.Sync(), n.file.Close()) }
