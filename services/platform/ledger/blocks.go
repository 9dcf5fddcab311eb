package ledger

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/minio/highwayhash"
)

// The embedded server stores a stream as numbered block files. A server that finds a bad checksum in one cuts the file
// off there, so that the good records behind it are gone for ever; hence Kompass reads the blocks itself, without
// changing them, before it lets the server open them. The layout of a record is
//
//	length u32 (top bit: has headers) | sequence u64 | time i64 | subject length u16 | subject | [headers length u32 | headers] | data | checksum 8 bytes
//
// little-endian; the checksum is HighwayHash-64 over sequence, time, subject, headers and data.
const (
	blockSuffix  = ".blk"
	recordHeader = 22
	checksumSize = 8
	headerFlag   = 1 << 31
	maxRecord    = 32 << 20
	// sequences with one of these bits are the server's own marks for removed records, which a ledger never has
	removedMarks = 3 << 62
)

// subjectForm is what a ledger's subject looks like; anything else in its place is damage, and not for a terminal.
var subjectForm = regexp.MustCompile(`^kompass\.[A-Za-z0-9._-]+$`)

var headersEnd = []byte("\r\n\r\n")

// blockDir is where the embedded server keeps the blocks of a stream below its store directory.
func blockDir(storeDir, stream string) string {
	return filepath.Join(storeDir, "jetstream", "$G", "streams", stream, "msgs")
}

// storedStreams lists the ledger's streams below a store directory, and those that only the witness knows, sorted.
func storedStreams(storeDir string, witness *Witness) ([]string, error) {
	dirs, err := os.ReadDir(filepath.Join(storeDir, "jetstream", "$G", "streams"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	streams, err := witness.streams()
	if err != nil {
		return nil, err
	}
	for _, d := range dirs {
		if d.IsDir() && strings.HasPrefix(d.Name(), streamPrefix) {
			streams = append(streams, d.Name())
		}
	}
	slices.Sort(streams)
	return slices.Compact(streams), nil
}

// readBlocks hands every stored message of a stream to visit, in order. Damage that it finds goes to report; after it,
// reading goes on with the next good record of the block. A record cut off at the very end is an unacknowledged write
// of a server that died, not damage.
func readBlocks(storeDir, stream string, visit func(Message) error, report func(*Damage)) error {
	return walkBlocks(storeDir, stream, func() *bytes.Buffer { return &bytes.Buffer{} }, visit, report)
}

// walkBlocks is readBlocks into the buffer that it is given for each block.
func walkBlocks(storeDir, stream string, buffer func() *bytes.Buffer, visit func(Message) error, report func(*Damage)) error {
	files, err := blockFiles(blockDir(storeDir, stream))
	if err != nil {
		return err
	}
	for i, index := range files {
		data, err := readFile(filepath.Join(blockDir(storeDir, stream), strconv.Itoa(index)+blockSuffix), buffer())
		if err != nil {
			return fmt.Errorf("read block: %w", err)
		}
		b := newBlock(stream, index, data)
		if err := b.walk(i == len(files)-1, visit, report); err != nil {
			return err
		}
	}
	return nil
}

// readFile reads a whole file into a buffer, whose bytes it returns.
func readFile(path string, into *bytes.Buffer) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil {
		into.Grow(int(info.Size()) + bytes.MinRead)
	}
	_, err = into.ReadFrom(f)
	return into.Bytes(), err
}

func blockFiles(dir string) ([]int, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read blocks: %w", err)
	}
	var files []int
	for _, e := range entries {
		if n, err := strconv.Atoi(strings.TrimSuffix(e.Name(), blockSuffix)); err == nil && strings.HasSuffix(e.Name(), blockSuffix) {
			files = append(files, n)
		}
	}
	slices.Sort(files)
	return files, nil
}

// checkDeclaration checks the stored declaration of a stream, without which a server ignores the whole stream.
func checkDeclaration(storeDir, stream string, report func(*Damage)) error {
	dir := filepath.Dir(blockDir(storeDir, stream))
	declaration, err := os.ReadFile(filepath.Join(dir, "meta.inf"))
	sum, errSum := os.ReadFile(filepath.Join(dir, "meta.sum"))
	if err = errors.Join(err, errSum); errors.Is(err, os.ErrNotExist) {
		report(&Damage{Stream: stream, Problem: "the stream's declaration (meta.inf, meta.sum) is missing"})
		return nil
	}
	if err != nil {
		return fmt.Errorf("read declaration of %s: %w", stream, err)
	}
	h := newChecksum(stream)
	h.Write(declaration)
	if hex.EncodeToString(h.Sum(nil)) != string(sum) {
		report(&Damage{Stream: stream, Problem: "checksum of the stream's declaration (meta.inf) does not match"})
	}
	return nil
}

// newChecksum is the server's checksum with a key made from text.
func newChecksum(text string) hash.Hash64 {
	key := sha256.Sum256([]byte(text))
	h, err := highwayhash.New64(key[:])
	if err != nil {
		panic(err) // the key has the right length by construction
	}
	return h
}

// CheckStore reads the blocks of every stream of an embedded server that is not running yet, and reports the first
// damage: a server started on damaged blocks would cut good records off. Far quicker than VerifyStore, because it
// leaves the chains to the replicas. The error is a *Damage, or one of reading files.
func CheckStore(storeDir string, witness *Witness) error {
	streams, err := storedStreams(storeDir, witness)
	if err != nil {
		return fmt.Errorf("check store: %w", err)
	}
	for _, stream := range streams {
		if err := checkStream(storeDir, stream, witness); err != nil {
			return err
		}
	}
	return nil
}

func checkStream(storeDir, stream string, witness *Witness) error {
	var first *Damage
	report := func(d *Damage) {
		if first == nil {
			first = d
		}
	}
	seen, err := witness.seenOrDamaged(stream, report)
	if err != nil {
		return err
	}
	if err := checkDeclaration(storeDir, stream, report); err != nil {
		return err
	}
	var last uint64
	var one bytes.Buffer // nothing is kept of a block
	err = walkBlocks(storeDir, stream, func() *bytes.Buffer { one.Reset(); return &one }, func(m Message) error {
		if m.Sequence != last+1 {
			report(&Damage{Stream: stream, Sequence: last + 1, Problem: fmt.Sprintf("is missing, record %d follows record %d", m.Sequence, last)})
		}
		if last = m.Sequence; last == seen.Sequence && sha256.Sum256(m.Data) != seen.Hash {
			report(&Damage{Stream: stream, Sequence: last, Subject: m.Subject, Problem: notWitnessed})
		}
		return nil
	}, report)
	if err != nil {
		return err
	}
	if last < seen.Sequence {
		report(&Damage{Stream: stream, Sequence: last + 1, Problem: fmt.Sprintf("records up to %d were written but are missing", seen.Sequence)})
	}
	if first != nil {
		return first
	}
	return nil
}

// notWitnessed is what is wrong with a whole record that differs from the one that was noted.
const notWitnessed = "is not the record that the witness saw"

type block struct {
	stream string
	name   string
	data   []byte
	hash   hash.Hash64
	// removed tells that the record which was read last is whole, but marked as removed by the server
	removed bool
}

func newBlock(stream string, index int, data []byte) *block {
	return &block{stream: stream, name: strconv.Itoa(index) + blockSuffix, data: data, hash: newChecksum(fmt.Sprintf("%s-%d", stream, index))}
}

func (b *block) walk(newest bool, visit func(Message) error, report func(*Damage)) error {
	var last uint64
	for offset := 0; offset < len(b.data); {
		m, size, ok := b.record(offset)
		if ok {
			if err := visit(m); err != nil {
				return err
			}
			last, offset = m.Sequence, offset+size
			continue
		}
		removed := b.removed
		next := b.nextGood(offset + 1)
		if next < 0 && newest && b.cutOff(offset) {
			return nil
		}
		problem := "checksum does not match"
		if removed {
			problem = "is marked as removed, which a ledger never does,"
		}
		report(&Damage{Stream: b.stream, Sequence: last + 1, Subject: b.subjectAt(offset),
			Problem: fmt.Sprintf("%s in block %s at byte %d", problem, b.name, offset)})
		if next < 0 {
			return nil
		}
		offset = next
	}
	return nil
}

// record reads the record at an offset; not ok when its length or checksum is wrong.
func (b *block) record(offset int) (m Message, size int, ok bool) {
	b.removed = false
	rest := b.data[offset:]
	if len(rest) < recordHeader+checksumSize {
		return m, 0, false
	}
	length := binary.LittleEndian.Uint32(rest)
	size = int(length &^ headerFlag)
	subjectEnd := recordHeader + int(binary.LittleEndian.Uint16(rest[20:]))
	dataStart := subjectEnd
	if length&headerFlag != 0 {
		dataStart += 4
	}
	if size > maxRecord || size > len(rest) || dataStart+checksumSize > size {
		return m, 0, false
	}
	end := size - checksumSize
	b.hash.Reset()
	b.hash.Write(rest[4:20])
	b.hash.Write(rest[recordHeader:subjectEnd])
	b.hash.Write(rest[dataStart:end])
	if !bytes.Equal(b.hash.Sum(nil), rest[end:size]) {
		return m, 0, false
	}
	if length&headerFlag != 0 {
		// the headers' length is outside of the checksum: their end marker tells whether it is right
		headers := int(binary.LittleEndian.Uint32(rest[subjectEnd:]))
		if headers > end-dataStart || bytes.Index(rest[dataStart:end], headersEnd)+len(headersEnd) != headers {
			return m, 0, false
		}
		dataStart += headers
	}
	sequence := binary.LittleEndian.Uint64(rest[4:])
	if b.removed = sequence&removedMarks != 0; b.removed {
		return m, 0, false
	}
	return Message{Subject: string(rest[recordHeader:subjectEnd]), Sequence: sequence, Data: rest[dataStart:end]}, size, true
}

// nextGood finds the next offset where a good record starts; -1 when there is none.
func (b *block) nextGood(from int) int {
	for offset := from; offset < len(b.data); offset++ {
		if _, _, ok := b.record(offset); ok {
			return offset
		}
	}
	return -1
}

// cutOff tells whether the record at an offset is longer than the rest of the block, or all zeros: never fully written.
func (b *block) cutOff(offset int) bool {
	rest := b.data[offset:]
	if len(bytes.Trim(rest, "\x00")) == 0 {
		return true
	}
	return len(rest) < 4 || int(binary.LittleEndian.Uint32(rest)&^headerFlag) > len(rest)
}

// subjectAt reads the subject of a damaged record as far as it looks like one.
func (b *block) subjectAt(offset int) string {
	rest := b.data[offset:]
	if len(rest) < recordHeader {
		return ""
	}
	end := recordHeader + int(binary.LittleEndian.Uint16(rest[20:]))
	if end > len(rest) || !subjectForm.Match(rest[recordHeader:end]) {
		return ""
	}
	return string(rest[recordHeader:end])
}
