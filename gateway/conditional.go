package gateway

import (
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/cespare/xxhash/v2"
)

// Media types of answers.
const (
	contentJSON    = "application/json"
	contentProblem = "application/problem+json"
	contentYAML    = "application/yaml"
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
func (x *exchange) send(status int, c content, version string) {
	tag := ""
	if status == http.StatusOK && (x.reading() || version != "") {
		tag = tagOf(version, c.body)
	}
	f := c.finish(tag)
	if x.keep != nil && status == http.StatusOK {
		x.keep(f)
	}
	x.sendFinished(status, f)
}

// sendFinished is [exchange.send] for what is made already.
func (x *exchange) sendFinished(status int, f *finished) {
	header := x.Header()
	addVary(header, varyEncoding)
	x.publish(status)
	if header["Cache-Control"] == nil {
		header["Cache-Control"] = cacheControl(x.req)
	}
	zipped := f.zip != nil && acceptsGzip(x.req.Header.Get("Accept-Encoding"))
	if f.tag != "" {
		header["Etag"] = f.etag
		if zipped {
			header["Etag"] = f.zippedEtag
		}
		if x.reading() && noneMatch(x.req.Header.Get("If-None-Match"), f.tag) {
			x.WriteHeader(http.StatusNotModified)
			return
		}
	}
	header["Content-Type"] = f.kind
	if f.disposition != "" {
		header["Content-Disposition"] = []string{f.disposition}
	}
	body, length := f.body, f.length
	if zipped {
		header["Content-Encoding"] = codingGzip
		body = f.zip()
		length = []string{strconv.Itoa(len(body))}
	}
	header["Content-Length"] = length
	x.WriteHeader(status)
	if x.req.Method != http.MethodHead {
		_, _ = x.Write(body) // the client is gone: nobody is left to tell
	}
}

// Values of headers, shared by all answers: never changed, and copied when something is added.
var (
	varyEncoding = []string{"Accept-Encoding"}
	codingGzip   = []string{"gzip"}
	cacheOpen    = []string{"no-cache"}
	cachePrivate = []string{"private, no-cache"}
)

// addVary adds to the headers that the answer depends on.
func addVary(header http.Header, values []string) {
	if before := header["Vary"]; before != nil {
		values = slices.Concat(before, values)
	}
	header["Vary"] = values
}

// cacheControl lets caches keep an answer when they ask before they use it, and only the client's own when it has a key.
func cacheControl(r *http.Request) []string {
	if r.Header.Get("Authorization") != "" {
		return cachePrivate
	}
	return cacheOpen
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
