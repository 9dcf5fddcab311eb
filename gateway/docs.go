package gateway

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"
)

// What the page /docs shows, taken from the OpenAPI document.
type (
	docGroup struct {
		ID, DE, EN string
		Operations []docOperation
	}
	docOperation struct {
		ID, Method, Class, Path, DE, EN, Answer string
		Parameters                              []docParameter
		Refusals                                []docRefusal
	}
	docRefusal   struct{ Status, DE, EN string }
	docParameter struct{ Name, Place, Kind, Text, Choices string }
	docType      struct {
		Name, Text, Choices string
		Fields              []docField
	}
	docField struct {
		Name, Kind, Ref, Text string
		ReadOnly              bool
	}
)

// germanTexts reads pages/deutsch.json: German names of services and methods by their operation ids.
func germanTexts() (map[string]string, error) {
	source, err := pageFiles.ReadFile("pages/deutsch.json")
	if err != nil {
		return nil, err
	}
	var german map[string]string
	if err := json.Unmarshal(source, &german); err != nil {
		return nil, fmt.Errorf("pages/deutsch.json: %w", err)
	}
	return german, nil
}

// docGroups sorts the operations by service and path.
func docGroups(doc object, german map[string]string) []docGroup {
	var groups []docGroup
	for _, tag := range items(doc["tags"]) {
		name := text(tag["name"])
		g := docGroup{ID: strings.ToLower(name), DE: cmp.Or(german[name], name), EN: text(tag["description"])}
		for _, path := range slices.Sorted(maps.Keys(members(doc, "paths"))) {
			for _, method := range []string{"get", "post", "patch", "delete"} {
				operation := members(doc, "paths", path, method)
				if tags, _ := operation["tags"].([]any); len(tags) > 0 && tags[0] == name {
					g.Operations = append(g.Operations, docOperationOf(path, method, operation, german))
				}
			}
		}
		if g.Operations != nil {
			groups = append(groups, g)
		}
	}
	return groups
}

func docOperationOf(path, method string, operation object, german map[string]string) docOperation {
	id := text(operation["operationId"])
	o := docOperation{
		ID: id, Method: strings.ToUpper(method), Class: method, Path: path,
		DE: german[id], EN: strings.TrimSpace(text(operation["summary"]) + " " + text(operation["description"])),
		Answer: refName(members(operation, "responses", "200", "schema")),
	}
	for _, p := range items(operation["parameters"]) {
		d := docParameter{Name: text(p["name"]), Place: placeName(text(p["in"])), Kind: text(p["type"]), Text: firstParagraph(text(p["description"]))}
		if p["in"] == "body" {
			d.Kind = cmp.Or(refName(members(p, "schema")), text(members(p, "schema")["format"]), "object")
		}
		d.Choices = choicesOf(p)
		o.Parameters = append(o.Parameters, d)
	}
	for _, code := range slices.Sorted(maps.Keys(members(operation, "responses"))) {
		if status, err := strconv.Atoi(code); err == nil && status >= http.StatusBadRequest {
			de, en := titleOf(status)
			o.Refusals = append(o.Refusals, docRefusal{code, de, en})
		}
	}
	return o
}

func placeName(in string) string {
	switch in {
	case "path":
		return "Pfad"
	case "query":
		return "Parameter"
	case "header":
		return "Kopfzeile"
	case "body":
		return "Inhalt"
	}
	return in
}

// firstParagraph leaves out the list of enum values that the generator appends.
func firstParagraph(s string) string {
	first, _, _ := strings.Cut(s, "\n\n")
	return first
}

func choicesOf(o object) string {
	list, _ := o["enum"].([]any)
	names := make([]string, 0, len(list))
	for _, v := range list {
		names = append(names, text(v))
	}
	return strings.Join(names, ", ")
}

// refName is the type that a schema refers to.
func refName(schema object) string {
	return strings.TrimPrefix(text(schema["$ref"]), "#/definitions/")
}

// docTypes lists the definitions with their fields.
func docTypes(doc object) []docType {
	definitions := members(doc, "definitions")
	var types []docType
	for _, name := range slices.Sorted(maps.Keys(definitions)) {
		definition := members(definitions, name)
		t := docType{Name: name, Text: cmp.Or(text(definition["description"]), text(definition["title"])), Choices: choicesOf(definition)}
		properties := members(definition, "properties")
		for _, field := range slices.Sorted(maps.Keys(properties)) {
			t.Fields = append(t.Fields, docFieldOf(field, members(properties, field)))
		}
		types = append(types, t)
	}
	return types
}

func docFieldOf(name string, property object) docField {
	f := docField{Name: name, Kind: text(property["type"]), Ref: refName(property),
		Text: cmp.Or(text(property["description"]), text(property["title"]))}
	f.ReadOnly, _ = property["readOnly"].(bool)
	if list := members(property, "items"); list != nil {
		f.Ref = refName(list)
		f.Kind = cmp.Or(f.Ref, text(list["type"])) + "[]"
	}
	f.Kind = cmp.Or(f.Kind, f.Ref)
	return f
}
