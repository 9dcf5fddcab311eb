package gateway

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"
)

// maxAnswers bounds the bytes of kept answers, keys and compressed forms included.
const maxAnswers = 64 << 20

// maxKept bounds one kept answer in bytes: larger ones are rare and would push many others out.
const maxKept = 1 << 20

// answers keeps what services answered to open reads, encoded once. An answer counts for exactly one revision of the
// state it came from, and for one hour, because some answers depend on the day. So nothing stale is ever sent, and nothing has to be
// invalidated.
type answers struct {
	kept      *otter.Cache[string, *answer]
	revisions map[string]func() string
}

// answer is one kept answer. It is immutable but for the compressed form, which is made when it is first wanted.
type answer struct {
	revision string
	hour     int64
	body     []byte
	tag      string
	zip      func() []byte
}

func newAnswers(revisions map[string]func() string) (*answers, error) {
	kept, err := otter.New(&otter.Options[string, *answer]{
		MaximumWeight: maxAnswers,
		Weigher: func(key string, a *answer) uint32 {
			return uint32(len(key)+len(a.body)*5/4+len(a.revision)) + 256 // bounded by maxKept
		},
	})
	if err != nil {
		return nil, fmt.Errorf("gateway: answers: %w", err)
	}
	return &answers{kept: kept, revisions: revisions}, nil
}

// reuse answers an open read from what was kept at the same revision, and keeps what the rest of the work answers. A
// request with a key goes to the service, which alone can judge the key; so what is kept is what anybody may read.
func (e *edge) reuse(next handler) handler {
	return func(x *exchange) {
		revision := e.answers.revisionFor(x)
		if revision == "" {
			next(x)
			return
		}
		hour := x.start.Unix() / int64(time.Hour/time.Second)
		key := x.req.URL.RequestURI()
		if a, ok := e.answers.kept.GetIfPresent(key); ok && a.revision == revision && a.hour == hour {
			x.Header().Set(headerRevision, revision)
			x.sendTagged(http.StatusOK, contentJSON, a.body, a.tag, a.zip)
			return
		}
		x.keep = func(body []byte, tag string) {
			// The state moved on while the service answered: which of the two it saw is not known.
			if x.Header().Get(headerRevision) != revision || len(body) > maxKept {
				return
			}
			e.answers.kept.Set(key, &answer{revision: revision, hour: hour, body: body, tag: tag,
				zip: sync.OnceValue(func() []byte { return compress(body) })})
		}
		next(x)
	}
}

// revisionFor is the revision of the state that would answer; empty when the answer must not be kept.
func (a *answers) revisionFor(x *exchange) string {
	if x.req.Method != http.MethodGet || x.endpoint.rpc == "" || len(x.req.RequestURI) > maxHeader {
		return ""
	}
	if x.req.Header.Get("Authorization") != "" {
		return ""
	}
	service := x.endpoint.rpc[:strings.LastIndexByte(x.endpoint.rpc, '.')]
	current := a.revisions[service]
	if current == nil {
		return ""
	}
	revision := current()
	if wanted := x.req.Header.Get(headerRevision); wanted != "" && wanted != revision {
		return "" // the service knows how to wait for it
	}
	return revision
}
