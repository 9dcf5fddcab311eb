package gateway

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/reflect/protoreflect"

	commonv1 "kompass.krz.de/proto/kompass/common/v1"
)

// errorDomain marks the statuses whose texts were written for clients.
const errorDomain = "kompass.krz.de"

// problem is the body of every refusal: application/problem+json (RFC 9457).
type problem struct {
	// Type is "/problems/REASON", a page that explains it, or "about:blank" when there is none.
	Type string `json:"type"`
	// Title names the status, in German or as Accept-Language asks.
	Title string `json:"title"`
	// Status is that of the answer.
	Status int `json:"status"`
	// Detail says what is wrong, in German or as Accept-Language asks.
	Detail string `json:"detail"`
	// DetailEn says it in English.
	DetailEn string `json:"detailEn"`
	// Instance is the path of the request.
	Instance string `json:"instance"`
	// Reason is what machines branch on.
	Reason string `json:"reason"`
	// RequestID is what the log knows the request by.
	RequestID string `json:"requestId"`
	// Violations name what is to blame, in JSON spelling.
	Violations []violation `json:"violations"`
	// Report is that of a refused import.
	Report json.RawMessage `json:"report,omitempty"`

	detailDe   string
	retryAfter int // seconds, 0 for none
}

// violation names one field, parameter or header.
type violation struct {
	Field       string `json:"field"`
	Description string `json:"description"` // German / English
	Reason      string `json:"reason"`
}

func violate(field string, reason *Reason, de, en string) violation {
	return violation{Field: field, Description: de + " / " + en, Reason: reason.Name}
}

// refuse answers with a reason of the edge itself.
func (x *exchange) refuse(reason *Reason, violations ...violation) {
	p := problem{Reason: reason.Name, Status: reason.status, detailDe: reason.DE, DetailEn: reason.EN, Violations: violations}
	if reason.status == http.StatusServiceUnavailable {
		p.retryAfter = 5
	}
	if reason == reasonTooLarge {
		limit := sizeText(x.limit)
		p.detailDe, p.DetailEn = p.detailDe+" Erlaubt sind "+limit+".", p.DetailEn+" The limit is "+limit+"."
	}
	x.sendProblem(&p)
}

// sizeText writes a number of bytes as people read it, in the largest unit that divides it.
func sizeText(bytes int64) string {
	switch {
	case bytes%(1<<20) == 0:
		return strconv.FormatInt(bytes>>20, 10) + " MiB"
	case bytes%(1<<10) == 0:
		return strconv.FormatInt(bytes>>10, 10) + " KiB"
	}
	return strconv.FormatInt(bytes, 10) + " Bytes"
}

// answerError is grpc-gateway's error handler. Only statuses of our own domain bring their texts along; of all others
// the code decides, and their text goes to the log.
func (e *edge) answerError(ctx context.Context, _ *runtime.ServeMux, _ runtime.Marshaler, _ http.ResponseWriter, r *http.Request, err error) {
	x := exchangeOf(ctx)
	if x == nil {
		x = exchangeOf(r.Context())
	}
	st := status.Convert(err)
	if deadline := x.req.Context().Err(); deadline == context.DeadlineExceeded && st.Code() == codes.Canceled {
		st = status.New(codes.DeadlineExceeded, st.Message()) // whichever side noticed first
	}
	x.cause = st.Message()
	if md, ok := runtime.ServerMetadataFromContext(ctx); ok {
		for _, revision := range append(md.HeaderMD.Get(mdRevision), md.TrailerMD.Get(mdRevision)...) {
			x.Header().Set(headerRevision, revision)
		}
	}
	p := problemOf(st, x.endpoint)
	p.placeFields(x.endpoint.bodyField)
	x.sendProblem(p)
}

// tooLargeForGRPC is how all of its texts about a message's own limit end, on either side.
const tooLargeForGRPC = "larger than max"

// problemOf reads a status that answers a request to the endpoint.
func problemOf(st *status.Status, ep *endpoint) *problem {
	reason := reasonOf(st.Code())
	var violations []violation
	if reason == reasonTooMany && strings.Contains(st.Message(), tooLargeForGRPC) {
		// What the edge lets in is smaller than what gRPC carries; so for a read it was the answer.
		reason = reasonTooLarge
		if ep.method == http.MethodGet {
			reason = reasonAnswerTooLarge
			if ep.params["pageSize"] != nil {
				violations = []violation{violate("pageSize", reason, "muss kleiner sein", "has to be smaller")}
			}
		}
	}
	p := &problem{Reason: reason.Name, Status: reason.status, detailDe: reason.DE, DetailEn: reason.EN, Violations: violations}
	details, ours := st.Details(), false
	for _, d := range details {
		if info, ok := d.(*errdetails.ErrorInfo); ok && info.GetDomain() == errorDomain {
			p.Reason, ours = info.GetReason(), true
			p.Status = statusOf(st.Code(), p.Reason)
		}
	}
	if ours {
		p.readDetails(details)
	}
	if p.retryAfter == 0 && (p.Status == http.StatusServiceUnavailable || p.Status == http.StatusTooManyRequests) {
		p.retryAfter = 1
	}
	return p
}

// placeFields spells the fields as the client sent them: without the name of the field that the body fills.
func (p *problem) placeFields(body protoreflect.FieldDescriptor) {
	if body == nil {
		return
	}
	for i, v := range p.Violations {
		p.Violations[i].Field = strings.TrimPrefix(v.Field, body.JSONName()+".")
	}
}

// readDetails takes over what a status of our domain says.
func (p *problem) readDetails(details []any) {
	for _, d := range details {
		switch d := d.(type) {
		case *errdetails.LocalizedMessage:
			if strings.HasPrefix(d.GetLocale(), "en") {
				p.DetailEn = d.GetMessage()
			} else {
				p.detailDe = d.GetMessage()
			}
		case *errdetails.BadRequest:
			for _, v := range d.GetFieldViolations() {
				p.Violations = append(p.Violations, violation{v.GetField(), v.GetDescription(), v.GetReason()})
			}
		case *errdetails.RetryInfo:
			p.retryAfter = max(1, int(d.GetRetryDelay().AsDuration().Seconds()))
		case *commonv1.ImportReport:
			if report, err := (codec{}).Marshal(d); err == nil {
				p.Report = report
			}
		}
	}
}

// sendProblem completes a problem and answers with it.
func (x *exchange) sendProblem(p *problem) {
	de, en := titleOf(p.Status)
	p.Title, p.Detail = de, p.detailDe
	language := "de"
	if prefersEnglish(x.req.Header.Get("Accept-Language")) {
		p.Title, p.Detail, language = en, p.DetailEn, "en"
	}
	p.Type = "about:blank"
	if _, known := x.edge.reasons[p.Reason]; known {
		p.Type = problemPath + p.Reason
	}
	p.Instance, p.RequestID = x.req.URL.EscapedPath(), x.id
	if p.Violations == nil {
		p.Violations = []violation{}
	}
	header := x.Header()
	setAll(header, "Content-Language", language, "Cache-Control", "no-store")
	header.Add("Vary", "Accept-Language")
	if p.Status == http.StatusUnauthorized {
		header.Set("WWW-Authenticate", "Bearer")
	}
	if p.retryAfter > 0 {
		header.Set("Retry-After", strconv.Itoa(p.retryAfter))
	}
	body, err := json.Marshal(p)
	if err != nil {
		body = []byte(`{"type":"about:blank","status":500}`) // only a report that is no JSON could do that
	}
	x.send(p.Status, content{contentType: contentProblem, body: body}, "")
}

// prefersEnglish reads Accept-Language: German unless English weighs more.
func prefersEnglish(header string) bool {
	de, en := 0.0, 0.0
	for item := range strings.SplitSeq(header, ",") {
		tag, parameters, _ := strings.Cut(item, ";")
		tag, _, _ = strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
		switch tag {
		case "de":
			de = max(de, quality(parameters))
		case "en":
			en = max(en, quality(parameters))
		}
	}
	return en > de
}
