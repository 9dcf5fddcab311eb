package gateway

import (
	"net/http"
	"strconv"
)

// This file describes what HTTP adds to the contract: headers that are honoured, and the statuses of refusals.

// headerParameters describes the headers that the endpoint honours.
func (ep *endpoint) headerParameters() []any {
	header := func(name, description string) any {
		return object{"name": name, "in": "header", "required": false, "type": "string", "description": description}
	}
	list := []any{header(headerRevision, "A revision from an earlier answer: the answer shows at least that state, or is 503.")}
	switch {
	case ep.stream:
		list = append(list, header(headerLastEvent, "The id of the last event that the client has: those after it come first. Counts more than after."))
	case ep.method == http.MethodGet:
		list = append(list, header("If-None-Match", "An ETag from an earlier answer: 304 when nothing has changed since."))
	case ep.versioned():
		list = append(list, header("If-Match", "The ETag that the change builds on: 412 when it is not the current one."))
	}
	if ep.method == http.MethodPatch {
		list = append(list, header("If-None-Match", "\"*\" only creates: 412 when there is one already."))
	}
	if ep.input.Fields().ByName("request_id") != nil {
		list = append(list, header("Idempotency-Key", "Used as requestId when the request has none: repeating it has one effect."))
	}
	return list
}

// versioned tells whether the endpoint changes one resource that has versions.
func (ep *endpoint) versioned() bool {
	if ep.method == http.MethodGet || ep.bound == "" || ep.bound == "parent" {
		return false
	}
	message := ep.input
	if ep.bodyField != nil {
		message = ep.bodyField.Message()
	}
	return message.Fields().ByName("etag") != nil
}

// statuses lists the statuses beside 200 that the endpoint answers with, ascending; whatever else happens is a problem too.
func (ep *endpoint) statuses() []int {
	reading, body := ep.method == http.MethodGet, ep.bodyField != nil || ep.bodyAll
	var list []int
	for _, s := range []struct {
		status  int
		applies bool
	}{
		{http.StatusNotModified, reading && !ep.stream},
		{http.StatusBadRequest, true},
		{http.StatusUnauthorized, true},
		{http.StatusNotFound, ep.bound != ""},
		{http.StatusConflict, !reading},
		{http.StatusPreconditionFailed, ep.versioned()},
		{http.StatusRequestEntityTooLarge, body},
		{http.StatusUnsupportedMediaType, body},
		{http.StatusUnprocessableEntity, reading && ep.params["pageSize"] != nil},
		{http.StatusServiceUnavailable, true},
	} {
		if s.applies {
			list = append(list, s.status)
		}
	}
	return list
}

// describeAnswers adds what the endpoint answers to the operation's responses, by reference to [sharedResponses].
func (ep *endpoint) describeAnswers(responses object) {
	headers := object{headerRevision: object{"type": "string", "description": "The state that the answer shows; opaque."}}
	if ep.stream {
		headers = object{}
	} else if ep.method == http.MethodGet || ep.versioned() {
		headers["ETag"] = object{"type": "string", "description": "For If-None-Match, and for If-Match when a single resource is answered."}
	}
	if good := members(responses, "200"); good != nil {
		good["headers"] = headers
		if ep.stream {
			good["description"] = "Server-sent events: event is the kind, id the sequence, data an Event. Comments are heartbeats. The last one may be \"end\" with a reason: TOO_SLOW or STOPPING."
			good["schema"] = object{"$ref": "#/definitions/Event"}
		}
		if ep.download {
			good["schema"] = object{"type": "file"}
			headers["Content-Disposition"] = object{"type": "string", "description": "The name under which to save the file."}
		}
		if ep.public {
			headers["Link"] = object{"type": "string", "description": "The licence of the data: " + Licence + "."}
		}
	}
	for _, status := range ep.statuses() {
		responses[strconv.Itoa(status)] = object{"$ref": "#/responses/" + strconv.Itoa(status)}
	}
	responses["default"] = object{"$ref": "#/responses/problem"}
}

// sharedResponses are the answers that many operations have in common.
func sharedResponses() object {
	refusal := func(description string) object {
		return object{"description": description, "schema": object{"$ref": "#/definitions/Problem"}}
	}
	busy := refusal("Not at the moment: a part is not ready, or has not seen the revision of the request yet.")
	busy["headers"] = object{"Retry-After": object{"type": "integer", "description": "Seconds to wait."}}
	return object{
		"304":     object{"description": "Nothing has changed since the ETag of If-None-Match; no body."},
		"400":     refusal("The request is not valid; the violations name fields, parameters or headers. A refused import has its report."),
		"401":     refusal("A key is missing or not valid: changes always need one, reads when they do not come from the same machine."),
		"404":     refusal("There is no such resource."),
		"409":     refusal("The present state does not allow it: exists already, state forbids, request id reused, or changed at the same moment."),
		"412":     refusal("The version of If-Match is not the current one, or If-None-Match: * met an existing resource."),
		"413":     refusal("The body is larger than allowed; the text names the limit."),
		"415":     refusal("The body has a type or a coding that is not read here."),
		"422":     refusal("The page would be too large: a smaller pageSize helps."),
		"503":     busy,
		"problem": refusal("Problem (RFC 9457)."),
	}
}
