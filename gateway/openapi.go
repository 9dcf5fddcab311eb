package gateway

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// object is a JSON object of the OpenAPI document.
type object = map[string]any

// amendOpenAPI turns the generated description into one of what the edge does: paths spelled out instead of
// "/v1/{name_4}", imports whose body is the file, short names of enums, updateMask, problems, and the key.
func amendOpenAPI(source []byte, routes *routes) (object, error) {
	var doc object
	if err := json.Unmarshal(source, &doc); err != nil {
		return nil, fmt.Errorf("openapi: %w", err)
	}
	doc["info"] = object{"title": "Kompass", "version": "v1",
		"description": "Was Kommunen online schulden, was fehlt, und was die Lücken schließt. / What municipalities owe online, what is missing, and what closes the gaps."}
	doc["securityDefinitions"] = object{"key": object{"type": "apiKey", "in": "header", "name": "Authorization",
		"description": "Bearer KEY"}}
	paths := object{}
	for path, item := range members(doc, "paths") {
		for method := range members(item) {
			operation := members(item, method)
			spelled := spellPath(path, operation)
			r, _ := routes.find(placeholders(spelled))
			ep := endpointOf(r, method)
			if ep == nil { // a part that is not served here
				continue
			}
			ep.describe(operation, members(doc, "definitions"))
			if paths[spelled] == nil {
				paths[spelled] = object{}
			}
			members(paths, spelled)[method] = operation
		}
	}
	doc["paths"] = paths
	doc["responses"] = sharedResponses()
	members(doc, "definitions")["Problem"] = problemSchema()
	delete(members(doc, "definitions"), "HttpBody") // is a file over HTTP
	return doc, nil
}

// members follows keys through objects; nil where there is none.
func members(value any, keys ...string) object {
	o, _ := value.(object)
	for _, key := range keys {
		o, _ = o[key].(object)
	}
	return o
}

// items returns the objects of a list.
func items(value any) []object {
	list, _ := value.([]any)
	var objects []object
	for _, v := range list {
		if o, ok := v.(object); ok {
			objects = append(objects, o)
		}
	}
	return objects
}

func text(value any) string {
	s, _ := value.(string)
	return s
}

// spellPath replaces "{name_4}" by its pattern, with one parameter for each "[^/]+": "publicServices/{publicService}/relevance".
func spellPath(path string, operation object) string {
	var rest []any
	for _, p := range items(operation["parameters"]) {
		pattern := text(p["pattern"])
		if p["in"] != "path" || pattern == "" {
			rest = append(rest, p)
			continue
		}
		segments := strings.Split(strings.ReplaceAll(pattern, "[^/]+", "*"), "/")
		for i, segment := range segments {
			if segment != "*" {
				continue
			}
			name := "id"
			if i > 0 {
				name = singular(segments[i-1])
			}
			segments[i] = "{" + name + "}"
			rest = append(rest, object{"name": name, "in": "path", "required": true, "type": "string",
				"description": text(p["description"])})
		}
		path = strings.Replace(path, "{"+text(p["name"])+"}", strings.Join(segments, "/"), 1)
	}
	operation["parameters"] = rest
	return path
}

// singular names one member of a collection: "municipalities" has the member "municipality".
func singular(collection string) string {
	if stem, ok := strings.CutSuffix(collection, "ies"); ok {
		return stem + "y"
	}
	return strings.TrimSuffix(collection, "s")
}

// placeholders turns "{x}" into a segment that routes can find.
func placeholders(path string) string {
	segments := strings.Split(path, "/")
	for i, s := range segments {
		if _, verb, found := strings.Cut(s, "}"); found {
			segments[i] = "x" + verb
		}
	}
	return strings.Join(segments, "/")
}

func endpointOf(r *route, method string) *endpoint {
	if r == nil {
		return nil
	}
	return r.endpoints[strings.ToUpper(method)]
}

// uploadTypes are the types that an import's file may have; the edge takes any, the format follows from the file.
var uploadTypes = []any{"text/csv", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	"application/xml", "application/yaml", "application/geo+json", "application/octet-stream"}

// messageTypes are the types of the one upload that is no file of an import but a mail: it has no choice of a format.
var messageTypes = []any{"message/rfc822", "application/octet-stream"}

// downloadTypes are the types that a file may have which the edge answers with, and that of problems.
var downloadTypes = []any{"text/csv", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", contentProblem}

// describe amends one operation; definitions have the texts of an import's fields, which become parameters.
func (ep *endpoint) describe(operation, definitions object) {
	ep.describeAnswers(members(operation, "responses"))
	switch {
	case ep.download:
		operation["produces"] = downloadTypes
	case ep.stream:
		operation["produces"] = []any{contentEvents, contentProblem}
	}
	if ep.public {
		operation["produces"] = append([]any{contentJSON}, downloadTypes...)
	}
	if ep.method != "GET" {
		operation["security"] = []any{object{"key": []any{}}}
	}
	var kept []any
	listed, fields := map[string]bool{}, object{}
	for _, p := range items(operation["parameters"]) {
		if ep.upload && p["in"] == "body" {
			request := refName(members(p, "schema"))
			fields = members(definitions, request, "properties")
			delete(definitions, request)
			p = object{"name": "file", "in": "body", "required": true, "description": "The file itself. A form (multipart/form-data) with the file in its part \"file\" is taken as well.",
				"schema": object{"type": "string", "format": "binary"}}
			operation["consumes"] = uploadTypes
			if ep.params["format"] == nil {
				operation["consumes"] = messageTypes
			}
		}
		if query := ep.params[text(p["name"])]; query != nil && p["in"] == "query" {
			query.describe(p)
		}
		listed[text(p["name"])] = true
		kept = append(kept, p)
	}
	for _, name := range slices.Sorted(maps.Keys(ep.params)) {
		if !listed[name] && (ep.upload || name == updateMask) {
			p := object{"name": name, "in": "query", "required": false, "type": "string",
				"description": cmp.Or(text(members(fields, name)["description"]), text(members(fields, name)["title"]))}
			ep.params[name].describe(p)
			kept = append(kept, p)
		}
	}
	operation["parameters"] = append(kept, ep.headerParameters()...)
}

// describe amends one parameter of the query.
func (p *param) describe(parameter object) {
	words := p.words
	if p.choices != "" {
		words = strings.Split(p.choices, ", ")
		if of := members(parameter, "items"); of != nil { // of a list
			parameter = of
		}
		delete(parameter, "default")
	}
	var names []any
	for _, word := range words {
		names = append(names, word)
	}
	if names != nil {
		parameter["enum"] = names
	}
	if p.field.Kind().String() == "bool" {
		parameter["type"] = "boolean"
	}
	if p.field.JSONName() == updateMask {
		parameter["description"] = "The fields to change, comma-separated; those of the body when absent."
	}
}

// problemSchema describes [problem].
func problemSchema() object {
	plain := func(description string) object { return object{"type": "string", "description": description} }
	return object{"type": "object", "description": "Why a request was refused (RFC 9457).", "properties": object{
		"type":      plain("Page that explains the reason."),
		"title":     plain("Name of the status, German or as Accept-Language asks."),
		"status":    object{"type": "integer", "format": "int32", "description": "HTTP status."},
		"detail":    plain("What is wrong, German or as Accept-Language asks."),
		"detailEn":  plain("What is wrong, in English."),
		"instance":  plain("Path of the request."),
		"reason":    plain("Machine-readable reason."),
		"requestId": plain("Id of the request in the log."),
		"violations": object{"type": "array", "description": "The fields, parameters or headers to blame.",
			"items": object{"type": "object", "properties": object{
				"field": plain("Where, in JSON spelling."), "description": plain("What is wrong, German / English."), "reason": plain("Machine-readable reason.")}}},
		"report": object{"$ref": "#/definitions/ImportReport"},
	}}
}
