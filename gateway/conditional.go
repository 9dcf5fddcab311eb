package gateway

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// Media types of answers.
const (
	contentJSON    = "application/json"
	contentProblem = "application/problem+json"
	contentHTML    = "text/html; charset=utf-8"
	contentText    = "text/plain; charset=utf-8"
)

// A tag has up to three parts: VERSION~HASH-gzip. VERSION is the etag of the resource, which If-Match is about; HASH is
// that of the body, because derived fields (fulfilled, effective rules) change without the version; the suffix
// keeps the tag strong, as the compressed bytes are another representation.
const (
	tagHash   = "~"
	tagSuffix = "-gzip"
)

// send answers with a body that is complete: ETag, 304, compression and length follow from it. version is the etag of
// a single resource, or empty.
func (x *exchange) send(status int, contentType string, body []byte, version string) {
	tag := ""
	if status == http.StatusOK && (x.reading() || version != "") {
		tag = tagOf(version, body)
	}
	if x.keep != nil && status == http.StatusOK {
		x.keep(body, tag)
	}
	x.sendTagged(status, contentType, body, tag, func() []byte { return compress(body) })
}

// sendTagged is [exchange.send] for a body whose tag is known; zip is asked only when the client takes gzip.
func (x *exchange) sendTagged(status int, contentType string, body []byte, tag string, zip func() []byte) {
	header := x.Header()
	header.Add("Vary", "Accept-Encoding")
	if header.Get("Cache-Control") == "" {
		header.Set("Cache-Control", cacheControl(x.req))
	}
	zipped := len(body) >= minCompress && acceptsGzip(x.req.Header.Get("Accept-Encoding"))
	if tag != "" {
		header.Set("ETag", quoteTag(tag, zipped))
		if x.reading() && noneMatch(x.req.Header.Get("If-None-Match"), tag) {
			x.WriteHeader(http.StatusNotModified)
			return
		}
	}
	header.Set("Content-Type", contentType)
	if zipped {
		header.Set("Content-Encoding", "gzip")
		body = zip()
	}
	x.write(status, body)
}

// write sends bytes of known length.
func (x *exchange) write(status int, body []byte) {
	x.Header().Set("Content-Length", strconv.Itoa(len(body)))
	x.WriteHeader(status)
	if x.req.Method != http.MethodHead {
		_, _ = x.Write(body) // the client is gone: nobody is left to tell
	}
}

// cacheControl lets caches keep an answer when they ask before they use it, and only the client's own when it has a key.
func cacheControl(r *http.Request) string {
	if r.Header.Get("Authorization") != "" {
		return "private, no-cache"
	}
	return "no-cache"
}

// tagOf makes the tag of an uncompressed body, without quotes.
func tagOf(version string, body []byte) string {
	version = strings.Trim(version, `"`)
	var b [17]byte
	hash := strconv.AppendUint(b[:0], xxhash.Sum64(body), 16)
	if version == "" || !tagText(version) {
		return string(hash)
	}
	return version + tagHash + string(hash)
}

// quoteTag spells a tag as the header has it.
func quoteTag(base string, zipped bool) string {
	if zipped {
		return `"` + base + tagSuffix + `"`
	}
	return `"` + base + `"`
}

// tagText tells whether s may stand between the quotes of a tag (RFC 9110, 8.8.3).
func tagText(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c == '"' || c == ',' || c >= 0x7f {
			return false
		}
	}
	return true
}

// noneMatch tells whether an If-None-Match header names the tag; the comparison is weak (RFC 9110, 13.1.2).
func noneMatch(header, base string) bool {
	for tag := range tagsOf(header) {
		if tag == "*" || strings.TrimSuffix(tag, tagSuffix) == base {
			return true
		}
	}
	return false
}

// tagsOf yields the tags of a header without W/ and quotes; unquoted ones are taken as they are.
func tagsOf(header string) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for item := range strings.SplitSeq(header, ",") {
			tag := strings.Trim(strings.TrimPrefix(strings.TrimSpace(item), "W/"), `"`)
			if tag != "" && !yield(tag) {
				return
			}
		}
	}
}

// versionsOf rewrites an If-Match header for the services: the versions alone, as they stand in the etag fields.
func versionsOf(header string) string {
	var b strings.Builder
	for tag := range tagsOf(header) {
		if b.Len() > 0 {
			b.WriteString(", ")
		}
		if tag == "*" {
			b.WriteString(tag)
			continue
		}
		version := strings.TrimSuffix(tag, tagSuffix)
		if i := strings.LastIndex(version, tagHash); i > 0 {
			version = version[:i]
		}
		b.WriteString(`"` + version + `"`)
	}
	return b.String()
}
