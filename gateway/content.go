package gateway

import (
	"strconv"
	"strings"
	"sync"
)

// content is what an answer carries.
type content struct {
	contentType string
	disposition string // of a download; else empty
	body        []byte
}

// finished is content with everything that headers say about it, as net/http holds it. Answers share these; nobody changes them.
type finished struct {
	content
	tag                            string // without quotes; empty for none
	etag, zippedEtag, kind, length []string
	zip                            func() []byte // the compressed body; nil when compression does not pay
}

// finish makes the headers of content with a tag.
func (c content) finish(tag string) *finished {
	f := &finished{content: c, tag: tag, kind: []string{c.contentType}, length: []string{strconv.Itoa(len(c.body))}}
	if tag != "" {
		f.etag, f.zippedEtag = []string{quoteTag(tag, false)}, []string{quoteTag(tag, true)}
	}
	if len(c.body) >= minCompress && compressible(c.contentType) {
		f.zip = func() []byte { return compress(c.body) }
	}
	return f
}

// zipOnce lets all who want the compressed body share it.
func (f *finished) zipOnce() {
	if f.zip != nil {
		f.zip = sync.OnceValue(func() []byte { return compress(f.body) })
	}
}

// compressible tells whether a type is text; workbooks are compressed already.
func compressible(contentType string) bool {
	return strings.HasPrefix(contentType, "text/") || strings.HasPrefix(contentType, "application/json") || contentType == contentProblem || contentType == contentYAML
}
