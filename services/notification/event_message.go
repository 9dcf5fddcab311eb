package notification

import (
	"cmp"
	"fmt"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/platform/journal"
	"kompass.krz.de/services/platform/ledger"
)

// eventsKept is how long the journal "events" remembers.
const eventsKept = 180 * 24 * time.Hour

// headerPosition says in an event's message where in its ledger its publisher stands after it.
const headerPosition = "Kompass-Position"

// position says up to where a ledger has become events: all commits before commit, and of that one the first part events.
type position struct {
	commit uint64 // ledger.Entry.Visible
	part   int
}

// before tells whether a position is behind another.
func (p position) before(other position) bool {
	return cmp.Or(cmp.Compare(p.commit, other.commit), cmp.Compare(p.part, other.part)) < 0
}

// positions say it of all ledgers, in the order of the publisher's sources.
type positions [3]position

// before tells whether one of them is behind.
func (p positions) before(other positions) bool {
	for i := range p {
		if p[i].before(other[i]) {
			return true
		}
	}
	return false
}

func (p position) String() string {
	return strconv.FormatUint(p.commit, 10) + "." + strconv.Itoa(p.part)
}

func positionFrom(text string) (position, error) {
	commit, part, _ := strings.Cut(text, ".")
	c, err := strconv.ParseUint(commit, 10, 64)
	if err != nil {
		return position{}, err
	}
	n, err := strconv.Atoi(part)
	return position{c, n}, err
}

// eventMessage is an event as it stands in the journal: a CloudEvent in binary mode, after its binding to NATS. subject is that of
// the record that it is about; name makes one of the journal of its tokens.
func eventMessage(name func(tokens ...string) (string, error), subject string, event *notificationv1.Event, after position) (journal.Message, error) {
	data, err := protojson.Marshal(event)
	if err != nil {
		return journal.Message{}, fmt.Errorf("event %s: %w", event.GetId(), err)
	}
	tokens := strings.Split(subject, ".")
	origin, tokens := tokens[1], tokens[2:]
	named, err := name(tokens...)
	if err != nil { // an id that is too long for a subject
		named, err = name(tokens[:2]...)
	}
	return journal.Message{Subject: named, Data: data, Header: map[string][]string{
		"ce-specversion":     {"1.0"},
		"ce-id":              {event.GetId()},
		"ce-type":            {event.GetType()},
		"ce-source":          {"/kompass/" + origin + "/" + tokens[0]},
		"ce-subject":         {event.GetResource()},
		"ce-time":            {event.GetTime().AsTime().Format(time.RFC3339Nano)},
		"ce-datacontenttype": {"application/json"},
		headerPosition:       {after.String()},
	}}, err
}

// eventFrom reads an event of the journal; nil for a message that is none.
func eventFrom(m journal.Message) (*notificationv1.Event, error) {
	if len(m.Header["ce-id"]) == 0 {
		return nil, nil
	}
	event := &notificationv1.Event{}
	if err := (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal(m.Data, event); err != nil {
		return nil, fmt.Errorf("event %d of the journal: %w", m.Sequence, err)
	}
	event.Sequence = m.Sequence
	return event, nil
}

// positionOf is where the publisher stood after a message.
func positionOf(m journal.Message) (position, error) {
	text := strings.Join(m.Header[headerPosition], "")
	p, err := positionFrom(text)
	if err != nil {
		return position{}, fmt.Errorf("event %d of the journal has the position %q: %w", m.Sequence, text, err)
	}
	return p, nil
}

// headerBegin says in the first message of the journal where each ledger ended when it began: history is no news.
const headerBegin = "Kompass-Begin"

func beginMessage(name func(tokens ...string) (string, error), ends ledger.Positions) (journal.Message, error) {
	subject, err := name("begin")
	return journal.Message{Subject: subject, Header: map[string][]string{headerBegin: {ends.Token()}}}, err
}

func beginFrom(m journal.Message) (ledger.Positions, error) {
	return ledger.ParsePositions(strings.Join(m.Header[headerBegin], ""))
}
