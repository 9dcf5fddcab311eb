package main

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/reflect/protoreflect"

	"kompass.krz.de/proto/asyncapi"
	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/notification/webhook"
)

// TestAsyncAPI compares the description of the events with the contract: every field of an event with its type, and every kind.
func TestAsyncAPI(t *testing.T) {
	t.Parallel()
	var doc struct {
		Asyncapi string
		Channels map[string]struct {
			Messages map[string]map[string]string
		}
		Components struct {
			Messages map[string]struct {
				Payload map[string]string
			}
			Schemas map[string]struct {
				Properties map[string]struct {
					Type  string
					Enum  []string
					Items struct{ Type string }
				}
			}
		}
	}
	if err := yaml.Unmarshal(asyncapi.YAML, &doc); err != nil {
		t.Fatal(err)
	}
	for name, message := range map[string]string{"events": "event", "stream": "event", "webhooks": "webhook"} {
		if got := doc.Channels[name].Messages[message]["$ref"]; got != "#/components/messages/"+message {
			t.Errorf("channel %s has the message %q", name, got)
		}
	}
	for message, schema := range map[string]string{"event": "Event", "webhook": "CloudEvent"} {
		if got := doc.Components.Messages[message].Payload["$ref"]; got != "#/components/schemas/"+schema {
			t.Errorf("message %s is %q", message, got)
		}
	}
	if doc.Asyncapi != "3.0.0" || len(doc.Channels) != 3 {
		t.Error("the document has not the form that is expected")
	}
	if got, want := slices.Sorted(maps.Keys(doc.Components.Schemas["CloudEvent"].Properties)), slices.Sorted(maps.Keys(envelope(t))); !slices.Equal(got, want) {
		t.Errorf("a CloudEvent has %v, want %v", got, want)
	}
	event := (&notificationv1.Event{}).ProtoReflect().Descriptor()
	described := doc.Components.Schemas["Event"].Properties
	for i := range event.Fields().Len() {
		field := event.Fields().Get(i)
		p, ok := described[field.JSONName()]
		delete(described, field.JSONName())
		if got := p.Type + p.Items.Type; !ok || got != jsonType(field) {
			t.Errorf("%s is %q, want %q", field.JSONName(), got, jsonType(field))
		}
		if field.Enum() == nil {
			continue
		}
		var kinds []string
		for i := range field.Enum().Values().Len() {
			if i > 0 {
				kinds = append(kinds, string(field.Enum().Values().Get(i).Name()))
			}
		}
		if !slices.Equal(p.Enum, kinds) {
			t.Errorf("kinds %v, want %v", p.Enum, kinds)
		}
	}
	if len(described) > 0 {
		t.Errorf("no such fields: %v", slices.Sorted(maps.Keys(described)))
	}
}

// envelope is what a webhook is sent, with everything that it may have.
func envelope(t *testing.T) (members map[string]any) {
	t.Helper()
	body, err := webhook.Event{ID: "1", Source: "/", Type: "t", Subject: "s", Time: time.Unix(1, 0), Sequence: 1, Data: []byte("{}")}.Body()
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(body, &members); err != nil {
		t.Fatal(err)
	}
	return members
}

// jsonType is the type of a field in JSON; that of a list with that of its items.
func jsonType(field protoreflect.FieldDescriptor) string {
	one := "string" // also 64-bit numbers, times and enums
	if field.Kind() == protoreflect.Int32Kind {
		one = "integer"
	}
	if field.IsList() {
		return "array" + one
	}
	return one
}
