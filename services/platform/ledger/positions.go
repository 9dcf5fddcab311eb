package ledger

import (
	"encoding/base64"
	"errors"
	"slices"
	"strconv"
	"strings"
)

// Positions says up to where streams are meant: the sequence of the last record, by the stream's name.
type Positions map[string]uint64

// ErrRevision says that a revision token was not made by Kompass.
var ErrRevision = errors.New("not a revision token")

// Token is the form in which positions are given out and taken: the same that servers answer as Kompass-Revision.
func (p Positions) Token() string {
	var parts []string
	for stream, sequence := range p {
		parts = append(parts, stream+"="+strconv.FormatUint(sequence, 36))
	}
	slices.Sort(parts)
	return base64.RawURLEncoding.EncodeToString([]byte(strings.Join(parts, ",")))
}

// ParsePositions reads a token. Errors: ErrRevision.
func ParsePositions(token string) (Positions, error) {
	text, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return nil, ErrRevision
	}
	p := Positions{}
	for part := range strings.SplitSeq(string(text), ",") {
		stream, position, ok := strings.Cut(part, "=")
		sequence, err := strconv.ParseUint(position, 36, 64)
		if !ok || err != nil {
			return nil, ErrRevision
		}
		p[stream] = max(p[stream], sequence)
	}
	return p, nil
}
