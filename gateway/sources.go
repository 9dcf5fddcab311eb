package gateway

import (
	"strings"
	"time"
)

// Version is what one answer depends on, as numbers that only grow. The zero value stands for the whole state.
type Version = [4]uint64

// Source says how far a service of this process is, so that the edge knows for how long an answer counts.
type Source struct {
	// Revision is the token of the state, for the header Kompass-Revision.
	Revision func() string
	// Version is what the answer of an RPC ("ListOnlineServices") about a resource ("municipalities/05758004", empty for none)
	// depends on, read from one state; zero when that is more than a version can say. Nil is zero for all.
	Version func(rpc, resource string) Version
}

// source is what an endpoint's answers depend on.
type source struct {
	Source                // without Revision the service runs elsewhere
	rpc     string        // as Version knows it
	service string        // full name
	stale   time.Duration // that an answer from elsewhere may be old
	edge    *answers
}

// mark is what an answer depended on; the source says which fields count. Between two equal marks there is one answer.
type mark struct {
	hour     int64   // some answers depend on the day, and days begin with an hour
	version  Version // else revision
	revision string
	changes  uint64 // that went through this edge to services elsewhere
}

// sourceOf is what the answers of an endpoint depend on; nil when they must not be kept.
func (e *edge) sourceOf(ep *endpoint) *source {
	dot := strings.LastIndexByte(ep.rpc, '.')
	s := &source{rpc: ep.rpc[dot+1:], service: ep.rpc[:dot], stale: e.options.Stale, edge: e.answers}
	var here bool
	if s.Source, here = e.options.Sources[ep.rpc[:dot]]; !here && s.stale <= 0 {
		return nil
	}
	return s
}

// mark is how it stands for a request about a resource.
func (s *source) mark(x *exchange, resource string) mark {
	m := mark{hour: x.start.Unix() / int64(time.Hour/time.Second)}
	if s.Revision == nil {
		m.changes = s.edge.changes.Load()
		return m
	}
	if s.Version != nil {
		m.version = s.Version(s.rpc, resource)
	}
	if m.version == (Version{}) {
		m.revision = s.Revision()
	}
	return m
}

// stands tells whether a kept answer counts for a request, and the revision to say with it: one that the answer has seen, and
// whoever saw a later one gets no earlier one.
func (s *source) stands(x *exchange, a *answer) (revision []string, ok bool) {
	wanted := x.req.Header.Get(headerRevision)
	if s.Revision == nil {
		revision = a.revision
		ok = x.start.Sub(a.asked) < s.stale
	} else {
		revision, ok = []string{s.Revision()}, true // before the mark: so the answer has seen it
	}
	// The service knows how to wait for another revision.
	return revision, ok && (wanted == "" || wanted == revision[0]) && a.mark == s.mark(x, a.resource)
}
