package archive

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

// Writer writes an archive from front to back. Without Close the archive is not whole, and every reader sees that.
type Writer struct {
	out     io.Writer
	streams []Stream
	sum     Sum
	encoder *zstd.Encoder
	open    head // of the frame that is being filled
	content []byte
	stored  []byte
}

// NewWriter begins an archive. The records must follow in the order of the manifest's streams.
func NewWriter(out io.Writer, m Manifest) (*Writer, error) {
	encoder, err := zstd.NewWriter(nil, zstd.WithEncoderCRC(false)) // the frame's sum does that
	if err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	w := &Writer{out: out, streams: m.Streams, sum: sha256.Sum256([]byte(magic)), encoder: encoder}
	if _, err := io.WriteString(out, magic); err != nil {
		return nil, fmt.Errorf("archive: %w", err)
	}
	return w, w.writeJSON(kindManifest, m)
}

// errOrder says that a writer was not given what its manifest promises.
var errOrder = errors.New("archive: records are not those of the manifest")

// Add appends the record with a sequence of the stream at an index of the manifest.
func (w *Writer) Add(stream int, sequence uint64, r Record) error {
	if w.open.records > 0 && (int(w.open.stream) != stream || len(w.content) >= frameSize) {
		if err := w.flush(); err != nil {
			return err
		}
	}
	if w.open.records == 0 {
		w.open = head{kind: kindRecords, stream: uint16(stream), first: sequence}
	}
	if stream >= len(w.streams) || sequence != w.open.first+uint64(w.open.records) || sequence > w.streams[stream].Last {
		return fmt.Errorf("%w: record %d of stream %d", errOrder, sequence, stream)
	}
	w.content = r.append(w.content)
	w.open.records++
	return nil
}

func (w *Writer) flush() error {
	if w.open.records == 0 {
		return nil
	}
	w.stored = w.encoder.EncodeAll(w.content, w.stored[:0])
	w.open.length = uint32(len(w.content))
	err := w.write(w.open, w.stored)
	w.open, w.content = head{}, w.content[:0]
	return err
}

func (w *Writer) write(h head, stored []byte) error {
	if len(stored) > maxFrame || h.length > maxFrame {
		return fmt.Errorf("archive: a frame of %d bytes is too large", h.length)
	}
	h.stored = uint32(len(stored))
	front := h.append(nil)
	w.sum = w.sum.next(front, stored)
	for _, part := range [][]byte{front, stored, w.sum[:]} {
		if _, err := w.out.Write(part); err != nil {
			return fmt.Errorf("archive: %w", err)
		}
	}
	return nil
}

func (w *Writer) writeJSON(k kind, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return fmt.Errorf("archive: %w", err)
	}
	return w.write(head{kind: k, length: uint32(len(text))}, text)
}

// Close ends the archive and returns the sum that stands for all of it. The writer below stays open.
func (w *Writer) Close(s Summary) (Sum, error) {
	if err := w.flush(); err != nil {
		return Sum{}, err
	}
	err := errors.Join(w.writeJSON(kindSummary, s), w.encoder.Close())
	return w.sum, err
}
