package state

import (
	"context"
	"encoding/base64"
	"strconv"
	"strings"

	"kompass.krz.de/services/platform/ledger"
)

// Token says up to where the streams are applied, for WaitFor on any replica that follows some of them. It is opaque to
// clients: which streams a service follows may change.
func (r *Replica[S]) Token() string {
	s := r.current.Load()
	var b strings.Builder
	for i, src := range r.sources {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(src.log.Name().Stream())
		b.WriteByte('=')
		b.WriteString(strconv.FormatUint(s.positions[i], 36))
	}
	return base64.RawURLEncoding.EncodeToString([]byte(b.String()))
}

// Join adds to a token what another one stands for in streams that the first does not name. So a client that goes from one
// service to the next, and carries nothing but the newest token, keeps what it has seen. A token that cannot be read adds
// nothing, and neither does one that would make the result longer than a token may be.
func Join(token, carried string) string {
	if carried == "" || carried == token {
		return token
	}
	own, err := base64.RawURLEncoding.DecodeString(token)
	more, errMore := base64.RawURLEncoding.DecodeString(carried)
	if err != nil || errMore != nil {
		return token
	}
	joined := string(own)
	for part := range strings.SplitSeq(string(more), ",") {
		if stream, _, ok := strings.Cut(part, "="); ok && !strings.Contains(","+joined, ","+stream+"=") {
			joined += "," + part
		}
	}
	if longer := base64.RawURLEncoding.EncodeToString([]byte(joined)); len(longer) <= maxToken {
		return longer
	}
	return token
}

// maxToken bounds the length of a token in bytes.
const maxToken = 4096

// WaitFor waits until this replica has applied what a token stands for, as far as it follows the same streams.
// Errors are faults: InvalidRevision, NotCaughtUp, StreamBroken.
func (r *Replica[S]) WaitFor(ctx context.Context, token string) error {
	want, err := r.parse(token)
	if err != nil {
		return asFault(err)
	}
	ctx, cancel := context.WithTimeout(ctx, waitLimit)
	defer cancel()
	r.measures.waiting.Inc()
	defer r.measures.waiting.Dec()
	for i, seq := range want {
		if _, err := r.await(ctx, r.sources[i], seq); err != nil {
			return asFault(err)
		}
	}
	return nil
}

func (r *Replica[S]) parse(token string) ([]uint64, error) {
	if len(token) > maxToken {
		return nil, ledger.ErrRevision
	}
	positions, err := ledger.ParsePositions(token)
	want := make([]uint64, len(r.sources))
	for i, src := range r.sources {
		want[i] = positions[src.log.Name().Stream()]
	}
	return want, err
}
