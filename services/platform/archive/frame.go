package archive

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"
)

// magic is the first line of every archive.
const magic = "kompass archive 1\n"

type kind byte

const (
	kindManifest kind = 'M'
	kindRecords  kind = 'R'
	kindSummary  kind = 'S'
)

// Sizes in bytes. A frame is closed when it has frameSize; one record more is as much as it can exceed that by.
const (
	headSize  = 23
	frameSize = 1 << 20
	maxFrame  = 64 << 20
)

// Sum is a link of the chain of frames.
type Sum [sha256.Size]byte

func (s Sum) String() string { return fmt.Sprintf("%x", s[:]) }

// head is what stands before the stored bytes of a frame.
type head struct {
	kind    kind
	stream  uint16
	first   uint64
	records uint32
	length  uint32 // before compression
	stored  uint32
}

func (h head) append(b []byte) []byte {
	b = append(b, byte(h.kind))
	b = binary.LittleEndian.AppendUint16(b, h.stream)
	b = binary.LittleEndian.AppendUint64(b, h.first)
	b = binary.LittleEndian.AppendUint32(b, h.records)
	b = binary.LittleEndian.AppendUint32(b, h.length)
	return binary.LittleEndian.AppendUint32(b, h.stored)
}

func parseHead(b []byte) head {
	return head{
		kind: kind(b[0]), stream: binary.LittleEndian.Uint16(b[1:]), first: binary.LittleEndian.Uint64(b[3:]),
		records: binary.LittleEndian.Uint32(b[11:]), length: binary.LittleEndian.Uint32(b[15:]), stored: binary.LittleEndian.Uint32(b[19:]),
	}
}

// next is the sum of a frame that follows one with this sum.
func (s Sum) next(head, stored []byte) (sum Sum) {
	h := sha256.New()
	h.Write(s[:])
	h.Write(head)
	h.Write(stored)
	h.Sum(sum[:0])
	return sum
}

// Record is one record of a stream, as the stream held it.
type Record struct {
	Subject string
	Data    []byte
}

func (r Record) append(b []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(r.Subject)))
	b = append(b, r.Subject...)
	b = binary.AppendUvarint(b, uint64(len(r.Data)))
	return append(b, r.Data...)
}

// parseRecords reads the records of a frame; they share memory with b. Not ok when b is not exactly n records.
func parseRecords(b []byte, n int) (records []Record, ok bool) {
	field := func() (f []byte) {
		length, size := binary.Uvarint(b)
		if ok = ok && size > 0 && length <= uint64(len(b)-size); ok {
			f, b = b[size:size+int(length):size+int(length)], b[size+int(length):]
		}
		return f
	}
	ok = true
	for ; ok && n > 0; n-- {
		subject := field()
		records = append(records, Record{Subject: string(subject), Data: field()})
	}
	return records, ok && len(b) == 0
}
