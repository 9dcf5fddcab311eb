package webhook

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// contentType of a CloudEvent in structured mode.
const contentType = "application/cloudevents+json; charset=utf-8"

// ErrEvent says that an event has no id, source or type, or data that is not JSON.
var ErrEvent = errors.New("not a CloudEvent: it needs id, source, type and data in JSON")

// Event is a CloudEvent 1.0 with data in JSON.
type Event struct {
	ID       string // the same everywhere and for ever, unique within its source
	Source   string // who tells, as a URI reference
	Type     string // reverse-DNS name with a version
	Subject  string // resource name; may be empty
	Time     time.Time
	Sequence uint64          // place in the order of all events; 0 is left out
	Data     json.RawMessage // empty is left out
}

// Body is the event in structured mode: what is sent and signed. The attribute "sequence" (of the extension of that name) has
// twenty digits, so that it orders as text. It fails with ErrEvent.
func (e Event) Body() ([]byte, error) {
	if e.ID == "" || e.Source == "" || e.Type == "" || len(e.Data) > 0 && !json.Valid(e.Data) {
		return nil, ErrEvent
	}
	envelope := struct {
		SpecVersion string          `json:"specversion"`
		ID          string          `json:"id"`
		Source      string          `json:"source"`
		Type        string          `json:"type"`
		Subject     string          `json:"subject,omitempty"`
		Time        string          `json:"time,omitempty"`
		Sequence    string          `json:"sequence,omitempty"`
		ContentType string          `json:"datacontenttype,omitempty"`
		Data        json.RawMessage `json:"data,omitempty"`
	}{SpecVersion: "1.0", ID: e.ID, Source: e.Source, Type: e.Type, Subject: e.Subject, Data: e.Data}
	if !e.Time.IsZero() {
		envelope.Time = e.Time.UTC().Format(time.RFC3339Nano)
	}
	if e.Sequence > 0 {
		envelope.Sequence = fmt.Sprintf("%020d", e.Sequence)
	}
	if len(e.Data) > 0 {
		envelope.ContentType = "application/json"
	}
	return json.Marshal(envelope)
}

// MessageID is the event's id as Sign takes it: the dots of "krz.marketplace.4711" become underscores.
func (e Event) MessageID() string { return strings.ReplaceAll(e.ID, ".", "_") }
