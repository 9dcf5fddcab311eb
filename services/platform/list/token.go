package list

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"kompass.krz.de/services/platform/fault"
)

const (
	// DefaultSize is the number of items of a page when the request does not say.
	DefaultSize = 50
	// MaxSize is the largest page.
	MaxSize = 1000
	// maxKey bounds the key inside a token, in bytes, so that the token stays below the 1,024 characters the contract allows.
	maxKey = 600

	tokenVersion = 1
	digestSize   = 8
)

// Request is what the generated List…Request messages have. Filter and order_by are optional: see [Page].
type Request interface {
	proto.Message
	GetPageSize() int32
	GetPageToken() string
}

// Cursor is where a list goes on and how much of it is wanted. Handlers that seek an index themselves use it directly:
// [Open], seek behind Key (or skip Offset items), take Size items, and answer [Cursor.Next] when there are more.
type Cursor struct {
	// Size is the number of items wanted, 1 to [MaxSize].
	Size int
	// Key is the key of the last item of the page before; empty on the first page.
	Key string
	// Offset is the number of items on all pages before.
	Offset int

	query [sha256.Size]byte
}

// Open reads page size and page token. A token that is damaged or was made for another request (any field but page_size
// and page_token differs) is refused with [fault.InvalidPageToken].
func Open(req Request) (Cursor, error) {
	size := int(req.GetPageSize())
	switch {
	case size < 0:
		return Cursor{}, fault.New(fault.InvalidField).Field("page_size", "darf nicht negativ sein", "must not be negative")
	case size == 0:
		size = DefaultSize
	case size > MaxSize:
		size = MaxSize
	}
	c := Cursor{Size: size, query: digest(req)}
	if token := req.GetPageToken(); token != "" && !c.read(token) {
		return Cursor{}, fault.New(fault.InvalidPageToken).Field("page_token",
			"ist beschädigt oder gehört zu einer anderen Abfrage", "is damaged or belongs to a different query")
	}
	return c, nil
}

// First tells whether this is the first page.
func (c Cursor) First() bool { return c.Key == "" && c.Offset == 0 }

// Next makes the token of the page behind n items, the last of which has that key (at most 600 bytes).
func (c Cursor) Next(key string, n int) string {
	if len(key) > maxKey {
		key = "" // the offset alone still finds the place
	}
	body := make([]byte, 0, 1+digestSize+binary.MaxVarintLen64+len(key))
	body = append(body, tokenVersion)
	body = append(body, make([]byte, digestSize)...)
	body = binary.AppendUvarint(body, uint64(c.Offset+n)) // never negative
	body = append(body, key...)
	copy(body[1:], c.seal(body[1+digestSize:]))
	return base64.RawURLEncoding.EncodeToString(body)
}

// read takes key and offset from a token; false when it was not made for this query.
func (c *Cursor) read(token string) bool {
	body, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(body) <= 1+digestSize || body[0] != tokenVersion {
		return false
	}
	place := body[1+digestSize:]
	if string(c.seal(place)) != string(body[1:1+digestSize]) {
		return false
	}
	offset, n := binary.Uvarint(place)
	if n <= 0 || offset == 0 || offset > 1<<31 {
		return false
	}
	c.Offset, c.Key = int(offset), string(place[n:]) // bounded above
	return true
}

// seal binds a place to the query. It is no signature: whoever forges a token only moves within a list that they may read.
func (c *Cursor) seal(place []byte) []byte {
	h := sha256.New()
	h.Write(c.query[:])
	h.Write(place)
	return h.Sum(nil)[:digestSize]
}

// digest is the SHA-256 of the request without its page fields.
func digest(req Request) [sha256.Size]byte {
	m := req.ProtoReflect()
	query := m.New()
	m.Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if name := fd.Name(); name != "page_size" && name != "page_token" {
			query.Set(fd, v)
		}
		return true
	})
	buf := make([]byte, 0, 256)
	buf = append(append(buf, m.Descriptor().FullName()...), 0)
	// Marshalling a decoded request cannot fail; if it did, all its queries would share one digest and nothing worse.
	buf, _ = proto.MarshalOptions{Deterministic: true}.MarshalAppend(buf, query.Interface())
	return sha256.Sum256(buf)
}
