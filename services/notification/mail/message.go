package mail

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	netmail "net/mail"
	"time"

	gomail "github.com/wneessen/go-mail"
)

// Message is one message to one recipient.
type Message struct {
	To   string    // address
	ID   string    // the same for every attempt; letters, digits, "-" and "."
	Date time.Time // of the message
	// Thread names what it is about: messages of one thread belong together in the reader's client. Empty: none.
	Thread string
	// Unsubscribe is the address that ends all mail with one POST (RFC 8058), and asks whoever opens it in a browser; empty for the
	// message that asks for consent.
	Unsubscribe string
	// Mark tells which message it is that comes back: MarkLength letters and digits, in either case. Empty: none.
	Mark string
	Content
}

// returnHeader says in the message itself where it comes back to: complaints show it, but not always the envelope.
const returnHeader = "X-Kompass-Return"

// compose makes the message that travels.
func (r *Relay) compose(m *Message) (*gomail.Msg, error) {
	to, err := netmail.ParseAddress(m.To)
	if err != nil {
		return nil, fmt.Errorf("recipient: %w", err)
	}
	msg := gomail.NewMsg(gomail.WithEncoding(gomail.EncodingQP), gomail.WithNoDefaultUserAgent()) // strangers need not know the library
	msg.FromMailAddress(r.from)
	msg.ToMailAddress(&netmail.Address{Address: to.Address}) // people's names are none of our business
	msg.Subject(m.Subject)
	msg.SetDateWithValue(m.Date)
	msg.SetMessageIDWithValue(m.ID + "@" + r.domain())
	if m.Thread != "" {
		root := "<" + threadID(m.Thread) + "@" + r.domain() + ">"
		msg.SetGenHeader(gomail.HeaderInReplyTo, root)
		msg.SetGenHeader(gomail.HeaderReferences, root)
	}
	if m.Unsubscribe != "" {
		msg.SetListUnsubscribe("<" + m.Unsubscribe + ">")
		msg.SetListUnsubscribePost()
	}
	if back := r.returnAddress(m.Mark); back != "" {
		if err := msg.EnvelopeFrom(back); err != nil {
			return nil, fmt.Errorf("return address: %w", err)
		}
		msg.SetGenHeader(returnHeader, back)
	}
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetGenHeader("X-Auto-Response-Suppress", "All")
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	msg.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	return msg, nil
}

// threadID stands for a thread: it is the id of a message that nobody ever sent.
func threadID(thread string) string {
	sum := sha256.Sum256([]byte(thread))
	return "thread." + base64.RawURLEncoding.EncodeToString(sum[:15])
}
