package archive

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/klauspost/compress/zstd"
)

// Damage says where an archive is not what was written.
type Damage struct {
	Offset   int64  // of the damaged frame, in bytes
	Stream   string // whose records are concerned; empty when it is the manifest or the summary
	Sequence uint64 // of the first record concerned
	Problem  string
}

func (d *Damage) Error() string {
	text := fmt.Sprintf("archive, frame at byte %d: %s", d.Offset, d.Problem)
	if d.Stream != "" {
		text += fmt.Sprintf("; it holds the records from %d of %s", d.Sequence, d.Stream)
	}
	return text
}

// Frame is a run of records of one stream.
type Frame struct {
	Stream  int    // index in the manifest
	First   uint64 // sequence of the first record; the others follow it one by one
	Records []Record
}

// Reader reads an archive from front to back and checks every byte of it.
type Reader struct {
	in       io.Reader
	decoder  *zstd.Decoder
	manifest Manifest
	summary  Summary
	sum      Sum
	offset   int64 // of the frame that is read next
	stream   int   // the record expected next: stream and sequence
	next     uint64
	stored   []byte
}

// NewReader reads the manifest. Errors: *Damage, or one of reading.
func NewReader(in io.Reader) (*Reader, error) {
	decoder, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxFrame))
	if err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	r := &Reader{in: in, decoder: decoder, sum: sha256.Sum256([]byte(magic))}
	first := make([]byte, len(magic))
	if err := r.fill(first); err != nil {
		return nil, err
	}
	if string(first) != magic {
		return nil, r.damage("this is no archive of Kompass, or its first line was altered")
	}
	r.offset = int64(len(magic))
	if err := r.readJSON(kindManifest, &r.manifest); err != nil {
		return nil, err
	}
	if r.manifest.Format != Format {
		return nil, fmt.Errorf("archive: its form is number %d, and this program reads number %d", r.manifest.Format, Format)
	}
	r.advance(0)
	return r, nil
}

// Manifest is what the archive says of itself at its beginning.
func (r *Reader) Manifest() Manifest { return r.manifest }

// Summary is what the archive says of itself at its end; known when Next has returned io.EOF.
func (r *Reader) Summary() Summary { return r.summary }

// Sum stands for all frames read so far.
func (r *Reader) Sum() Sum { return r.sum }

// Close frees what decompression needs.
func (r *Reader) Close() { r.decoder.Close() }

// Next returns the next run of records; io.EOF when the whole archive was read and is whole. Other errors: *Damage, or
// one of reading.
func (r *Reader) Next() (Frame, error) {
	if r.stream == len(r.manifest.Streams) {
		return Frame{}, r.end()
	}
	start := r.offset
	h, stored, err := r.read()
	if err != nil {
		return Frame{}, err
	}
	wrong := func(problem string) (Frame, error) { return Frame{}, r.damageAt(start, problem) }
	s := r.manifest.Streams[r.stream]
	if h.kind != kindRecords || int(h.stream) != r.stream || h.first != r.next || h.records == 0 || uint64(h.records) > s.Last-r.next+1 {
		return wrong("other records stand there")
	}
	content, err := r.decoder.DecodeAll(stored, make([]byte, 0, min(h.length, maxFrame)))
	if err != nil || len(content) != int(h.length) {
		return wrong("cannot be decompressed")
	}
	records, ok := parseRecords(content, int(h.records))
	if !ok {
		return wrong("its records cannot be told apart")
	}
	r.advance(uint64(h.records))
	return Frame{Stream: int(h.stream), First: h.first, Records: records}, nil
}

// advance moves on by n records, and over streams that have no more.
func (r *Reader) advance(n uint64) {
	for r.next = max(r.next, 1) + n; r.stream < len(r.manifest.Streams) && r.next > r.manifest.Streams[r.stream].Last; {
		r.stream, r.next = r.stream+1, 1
	}
}

func (r *Reader) end() error {
	if err := r.readJSON(kindSummary, &r.summary); err != nil {
		return err
	}
	var more [1]byte
	switch _, err := io.ReadFull(r.in, more[:]); {
	case errors.Is(err, io.EOF):
		return io.EOF
	case err != nil:
		return fmt.Errorf("archive: %w", err)
	}
	return r.damage("something follows the end")
}

func (r *Reader) readJSON(k kind, v any) error {
	start := r.offset
	h, stored, err := r.read()
	if err == nil && (h.kind != k || json.Unmarshal(stored, v) != nil) {
		return r.damageAt(start, "does not describe the archive")
	}
	return err
}

// read reads a frame and checks its sum; the bytes are valid until the next call.
func (r *Reader) read() (head, []byte, error) {
	var front [headSize]byte
	if err := r.fill(front[:]); err != nil {
		return head{}, nil, err
	}
	h := parseHead(front[:])
	if h.stored > maxFrame || h.length > maxFrame {
		return h, nil, r.damage("its length was altered")
	}
	r.stored = slices.Grow(r.stored[:0], int(h.stored)+len(r.sum))[:int(h.stored)+len(r.sum)]
	if err := r.fill(r.stored); err != nil {
		return h, nil, err
	}
	stored, sum := r.stored[:h.stored], r.stored[h.stored:]
	r.sum = r.sum.next(front[:], stored)
	if Sum(sum) != r.sum {
		return h, nil, r.damage("was altered: its sum does not match")
	}
	r.offset += int64(headSize + len(r.stored))
	return h, stored, nil
}

func (r *Reader) fill(b []byte) error {
	_, err := io.ReadFull(r.in, b)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return r.damage("is cut off")
	}
	if err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	return nil
}

// damage is one of the frame that is being read.
func (r *Reader) damage(problem string) *Damage { return r.damageAt(r.offset, problem) }

func (r *Reader) damageAt(offset int64, problem string) *Damage {
	d := &Damage{Offset: offset, Problem: problem}
	if r.stream < len(r.manifest.Streams) && r.next > 0 {
		d.Stream, d.Sequence = r.manifest.Streams[r.stream].Name, r.next
	}
	return d
}
