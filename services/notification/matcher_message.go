package notification

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	notificationv1 "kompass.krz.de/proto/kompass/notification/v1"
	"kompass.krz.de/services/platform/journal"
)

// matchesKept is how long the journal "matches" remembers: as long as that of the events.
const matchesKept = eventsKept

// The first tokens of subjects in the journal "matches". What the matcher writes has one guard.
const (
	tokenMatcher = "matcher" // then what it is: "match" or "position"
	tokenMark    = "mark"    // then the recipient's id and "read"
)

// reached says up to where the events have found their addressees: all up to event, or of that event those up to an addressee.
type reached struct {
	event     uint64
	addressee string // empty: all of them
}

// before tells whether a position is behind another.
func (r reached) before(other reached) bool {
	switch {
	case r.event != other.event:
		return r.event < other.event
	case r.addressee == "":
		return false
	}
	return other.addressee == "" || r.addressee < other.addressee
}

func (r reached) String() string {
	return strings.TrimSuffix(strconv.FormatUint(r.event, 10)+" "+r.addressee, " ")
}

// reachedBy is where the matcher stood after a message.
func reachedBy(m journal.Message) (reached, error) {
	text := strings.Join(m.Header[headerPosition], "")
	event, addressee, _ := strings.Cut(text, " ")
	sequence, err := strconv.ParseUint(event, 10, 64)
	if err != nil {
		return reached{}, fmt.Errorf("match %d of the journal has the position %q: %w", m.Sequence, text, err)
	}
	return reached{sequence, addressee}, nil
}

// reachedAfter is the place after a message of the journal "matches". Marks say nothing about it.
func reachedAfter(at reached, m journal.Message) (reached, error) {
	if kind, _ := kindOfMatch(m); kind != "match" && kind != "position" {
		return at, nil
	}
	after, err := reachedBy(m)
	if err == nil && at.before(after) {
		at = after
	}
	return at, err
}

// found is an event and who hears of it, in the order of their names.
type found struct {
	event    uint64
	stored   time.Time
	resource string // what it is about
	hits     []*notificationv1.Hit
}

// maxMatch bounds the bytes of one message; whom that leaves over is in the next.
const maxMatch = 256 << 10

// messages are the matches of an event from a position on: those before it are in the journal.
func (f found) messages(subject string, from reached) ([]journal.Message, error) {
	hits := f.hits
	if from.event == f.event {
		for len(hits) > 0 && !from.before(reached{f.event, addresseeOf(hits[0])}) {
			hits = hits[1:]
		}
	}
	var messages []journal.Message
	for len(hits) > 0 {
		n, size := 0, 0
		for n < len(hits) && (n == 0 || size+proto.Size(hits[n]) <= maxMatch) {
			size += proto.Size(hits[n])
			n++
		}
		after := reached{event: f.event}
		if n < len(hits) {
			after.addressee = addresseeOf(hits[n-1])
		}
		m, err := matchMessage(subject, &notificationv1.Match{Event: f.event, Stored: timestamppb.New(f.stored), Resource: f.resource, Hits: hits[:n]}, after)
		if err != nil {
			return nil, err
		}
		messages, hits = append(messages, m), hits[n:]
	}
	return messages, nil
}

func matchMessage(subject string, match *notificationv1.Match, after reached) (journal.Message, error) {
	data, err := proto.Marshal(match)
	return journal.Message{Subject: subject, Data: data, Header: positionHeader(after)}, err
}

func positionHeader(after reached) map[string][]string {
	return map[string][]string{headerPosition: {after.String()}}
}

// kindOfMatch is what a message of the journal "matches" is: "match", "position" or "read". recipient is whose mark it is.
func kindOfMatch(m journal.Message) (kind, recipient string) {
	tokens := strings.Split(m.Subject, ".")
	if len(tokens) == 6 && tokens[3] == tokenMark {
		recipient = "recipients/" + tokens[4]
	}
	return tokens[len(tokens)-1], recipient
}

// matchFrom reads a match of the journal; nil for a message that is none.
func matchFrom(m journal.Message) (*notificationv1.Match, error) {
	if kind, _ := kindOfMatch(m); kind != "match" {
		return nil, nil
	}
	match := &notificationv1.Match{}
	if err := proto.Unmarshal(m.Data, match); err != nil {
		return nil, fmt.Errorf("match %d of the journal: %w", m.Sequence, err)
	}
	return match, nil
}
