package mail

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Kind is what a message says that reached the address which mail comes back to.
type Kind int

// The kinds, the later ones outweigh the earlier.
const (
	NoReport  Kind = iota // it is something else: an answer of a person, a note of absence, a receipt
	Harmless              // it reports nothing that matters: a delay, a delivery, a sender that is wrong
	Failed                // a message could not be delivered
	Complaint             // the addressee called a message unwanted
)

// Report is what such a message says. It holds no address and no words of it.
type Report struct {
	Kind   Kind
	Status string   // of a failure, after RFC 3463: "5.1.1"; empty when there is none
	Code   int      // of a failure, that a server gave: 550; 0 when none
	Marks  []string // that it names, in lower case, at most 16; which of them is genuine only the key tells
}

// Gone tells whether a failure is the address's own: nothing will ever be delivered there.
func (r Report) Gone() bool { return r.Kind == Failed && gone(r.Code, r.Status) }

const (
	maxMarks = 16
	maxParts = 64 // of one message
	maxDepth = 6  // of parts in parts
	maxField = 4096
)

// ReadReport reads a message: a delivery report (RFC 3464), a complaint (RFC 5965), or what qmail writes. to is the address that it
// was delivered to, perhaps empty. What is broken or cut off is read as far as it goes.
func ReadReport(message []byte, to string) Report {
	r := &reportReader{}
	r.findMarks([]byte(to))
	r.readMessage(message, 0)
	return r.Report
}

// reportReader collects what the parts of a message say.
type reportReader struct {
	Report
	parts int
}

var markIn = regexp.MustCompile(`(?i)\+([a-z2-7]{` + strconv.Itoa(MarkLength) + `})@`)

func (r *reportReader) findMarks(text []byte) {
	for _, found := range markIn.FindAllSubmatch(text, maxMarks) {
		mark := strings.ToLower(string(found[1]))
		if len(r.Marks) < maxMarks && !slices.Contains(r.Marks, mark) {
			r.Marks = append(r.Marks, mark)
		}
	}
}

func (r *reportReader) readMessage(message []byte, depth int) {
	head, body := splitMessage(message)
	r.findMarks(head)
	h := readFields(head)
	if kind, _ := mediaType(h["content-type"]); kind == "text/plain" {
		r.readQmail(body)
		return
	}
	r.readPart(h["content-type"], h["content-transfer-encoding"], body, depth)
}

// readPart reads a part of the message. What was sent stands in a part as well, after the report: only where it was to come back to
// counts of that. Before a report, such a part is a message that somebody passed on.
func (r *reportReader) readPart(contentType, encoding string, body []byte, depth int) {
	if r.parts++; r.parts > maxParts || depth > maxDepth {
		return
	}
	kind, boundary := mediaType(contentType)
	if boundary == "" {
		body = decoded(encoding, body)
	}
	switch {
	case strings.HasPrefix(kind, "multipart/") && boundary != "":
		r.readParts(body, boundary, depth)
	case kind == "message/delivery-status" || kind == "message/global-delivery-status":
		r.findMarks(body)
		r.readStatus(body)
	case kind == "message/feedback-report":
		r.findMarks(body)
		r.readFeedback(readFields(body))
	case r.Kind == NoReport && (kind == "message/rfc822" || kind == "message/global"):
		r.readMessage(body, depth+1)
	case strings.HasPrefix(kind, "message/") || kind == "text/rfc822-headers":
		head, _ := splitMessage(body)
		r.findMarks(head)
	}
}

func (r *reportReader) readParts(body []byte, boundary string, depth int) {
	parts := multipart.NewReader(bytes.NewReader(body), boundary)
	for {
		part, err := parts.NextRawPart()
		if err != nil {
			return
		}
		content, err := io.ReadAll(part)
		r.readPart(part.Header.Get("Content-Type"), part.Header.Get("Content-Transfer-Encoding"), content, depth+1)
		if err != nil { // cut off
			return
		}
	}
}

// readStatus reads the groups of a delivery report: one of the message, then one of each recipient.
func (r *reportReader) readStatus(text []byte) {
	for len(text) > 0 {
		var group []byte
		group, text = splitMessage(text)
		fields := readFields(group)
		action, _, _ := strings.Cut(strings.ToLower(fields["action"]), " ")
		switch action {
		case "failed":
			code, detail := diagnosed(fields["diagnostic-code"])
			r.fail(code, exact(enhanced.FindString(fields["status"]), detail))
		case "delayed", "delivered", "relayed", "expanded":
			r.Kind = max(r.Kind, Harmless)
		}
	}
}

// fail notes a failure; of several the worst counts. Who does not like the sender says nothing of the address.
func (r *reportReader) fail(code int, status string) {
	if status == badSender || status == badSenderHost {
		r.Kind = max(r.Kind, Harmless)
	} else if r.Kind < Failed || r.Kind == Failed && !r.Gone() {
		r.Kind, r.Code, r.Status = Failed, code, status
	}
}

// readFeedback reads a complaint. Some kinds of feedback complain about nothing: "not-spam", "auth-failure", "virus".
func (r *reportReader) readFeedback(fields map[string]string) {
	switch strings.ToLower(fields["feedback-type"]) {
	case "":
	case "abuse", "fraud", "opt-out", "opt-out-list":
		r.Kind, r.Code, r.Status = Complaint, 0, ""
	default:
		r.Kind = max(r.Kind, Harmless)
	}
}

var (
	enhanced   = regexp.MustCompile(`\b[245]\.[0-9]{1,3}\.[0-9]{1,3}\b`)
	diagnostic = regexp.MustCompile(`^(?:[A-Za-z0-9-]+ *; *)?([245][0-9]{2})(?:[ -]+#?([245]\.[0-9]{1,3}\.[0-9]{1,3})\b)?`)
	qmailSaid  = regexp.MustCompile(`(?m)(?:said|response): *([245][0-9]{2})(?:[ -]+#?([245]\.[0-9]{1,3}\.[0-9]{1,3})\b)?`)
	qmailCode  = regexp.MustCompile(`\(#([245]\.[0-9]{1,3}\.[0-9]{1,3})\)`)
)

// diagnosed is what another server answered: "smtp; 550 5.1.1 …".
func diagnosed(text string) (code int, detail string) {
	return answerIn(diagnostic.FindStringSubmatch(text))
}

func answerIn(found []string) (code int, detail string) {
	if found == nil {
		return 0, ""
	}
	code, _ = strconv.Atoi(found[1])
	return code, found[2]
}

// exact is the status that says more: some servers report all failures as 5.0.0, and what the other one said only beside it.
func exact(status, detail string) string {
	if detail != "" && (status == "" || strings.HasSuffix(status, ".0.0")) {
		return detail
	}
	return status
}

var qmailBegin = []byte("Hi. This is the ")

// readQmail reads a report that is plain text after a convention of its own: a paragraph of greeting, one of each recipient, and
// after a line of hyphens what was sent.
func (r *reportReader) readQmail(body []byte) {
	body = bytes.ReplaceAll(bytes.TrimLeft(body, "\r\n"), []byte("\r\n"), []byte("\n"))
	report, sent, ok := bytes.Cut(body, []byte("\n---"))
	if !ok || !bytes.HasPrefix(report, qmailBegin) || !bytes.Contains(report, []byte("\n<")) {
		return
	}
	code, detail := answerIn(qmailSaid.FindStringSubmatch(string(report)))
	if found := qmailCode.FindSubmatch(report); found != nil {
		detail = exact(detail, string(found[1]))
	}
	r.fail(code, detail)
	_, sent, _ = bytes.Cut(sent, []byte("\n"))
	head, _ := splitMessage(sent)
	r.findMarks(head)
}

// splitMessage is what stands before the first empty line, those at the beginning left out, and what follows.
func splitMessage(text []byte) (head, rest []byte) {
	text = bytes.TrimLeft(text, "\r\n")
	for at := 0; at < len(text); {
		end := bytes.IndexByte(text[at:], '\n')
		if end < 0 {
			break
		}
		next := at + end + 1
		if len(bytes.TrimRight(text[at:next], "\r\n")) == 0 {
			return text[:at], text[next:]
		}
		at = next
	}
	return text, nil
}

// readFields reads the fields of a header by their names in lower case, the first of each name, without the breaks of their lines.
// What is no field is passed over: mail comes from everywhere.
func readFields(head []byte) map[string]string {
	fields := map[string]string{}
	last, fresh := "", false
	for line := range strings.Lines(string(head)) {
		line = strings.TrimRight(line, "\r\n")
		if line != "" && (line[0] == ' ' || line[0] == '\t') {
			if fresh && len(fields[last]) < maxField {
				fields[last] += " " + strings.TrimSpace(line)
			}
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		last = strings.ToLower(strings.TrimSpace(name))
		_, known := fields[last]
		if fresh = ok && !known; fresh {
			fields[last] = strings.TrimSpace(value)
		}
	}
	return fields
}

var looseBoundary = regexp.MustCompile(`(?i)boundary="?([^";\s]+)`)

// mediaType is the type in lower case and, of several parts, what stands between them. No type is text.
func mediaType(contentType string) (kind, boundary string) {
	if contentType == "" {
		return "text/plain", ""
	}
	kind, params, err := mime.ParseMediaType(contentType)
	if err == nil {
		return kind, params["boundary"]
	}
	kind, _, _ = strings.Cut(contentType, ";") // servers write what no standard allows
	if found := looseBoundary.FindStringSubmatch(contentType); found != nil {
		boundary = found[1]
	}
	return strings.ToLower(strings.TrimSpace(kind)), boundary
}

// decoded is the content of a part; of a damaged one what comes before the damage.
func decoded(encoding string, body []byte) []byte {
	var plain io.Reader
	switch strings.ToLower(strings.TrimSpace(encoding)) {
	case "base64":
		plain = base64.NewDecoder(base64.StdEncoding, bytes.NewReader(body))
	case "quoted-printable":
		plain = quotedprintable.NewReader(bytes.NewReader(body))
	default:
		return body
	}
	content, _ := io.ReadAll(plain)
	return content
}
