package webhook

import (
	"cmp"
	"maps"
	"net/http"
	"slices"
)

// Class says in one machine-readable word what became of a request.
type Class string

// The classes. An empty one is a success.
const (
	Delivered      Class = ""                // 2xx
	Refused        Class = "REFUSED_ADDRESS" // the guard said no: nothing was sent
	Unresolved     Class = "UNRESOLVED"      // the name has no address
	Unreachable    Class = "UNREACHABLE"     // nobody takes connections there
	BadCertificate Class = "TLS"             // no secure channel: certificate, version, no TLS at all
	Timeout        Class = "TIMEOUT"         // no answer in time
	Lost           Class = "CONNECTION_LOST" // the connection broke before an answer
	BadAnswer      Class = "BAD_ANSWER"      // what came is not HTTP, or its header is too large
	Redirect       Class = "REDIRECT"        // 3xx: not followed
	Gone           Class = "GONE"            // 410: the receiver wants no more
	Throttled      Class = "THROTTLED"       // 429 and 503: later
	Rejected       Class = "REJECTED"        // another 4xx
	ServerError    Class = "SERVER_ERROR"    // another 5xx
	NoConsent      Class = "NO_CONSENT"      // the receiver did not agree to be called (handshake only)
	Cancelled      Class = "CANCELLED"       // we gave up ourselves; says nothing about the receiver
	Unsigned       Class = "UNSIGNED"        // the message has no valid id or no key: nothing was sent
)

// texts say to the owner of a webhook what happened, German and English.
var texts = map[Class][2]string{
	Delivered:      {"zugestellt", "delivered"},
	Refused:        {"die Adresse darf nicht aufgerufen werden", "the address must not be called"},
	Unresolved:     {"der Name ist nicht bekannt", "the name is not known"},
	Unreachable:    {"unter der Adresse ist niemand erreichbar", "nobody can be reached at the address"},
	BadCertificate: {"die gesicherte Verbindung kam nicht zustande (Zertifikat oder TLS-Version)", "no secure connection could be made (certificate or TLS version)"},
	Timeout:        {"keine Antwort innerhalb der Frist", "no answer in time"},
	Lost:           {"die Verbindung brach vor der Antwort ab", "the connection broke before an answer"},
	BadAnswer:      {"die Antwort ist kein gültiges HTTP", "the answer is not valid HTTP"},
	Redirect:       {"die Antwort ist eine Umleitung; bitte die endgültige Adresse eintragen", "the answer is a redirect; please enter the final address"},
	Gone:           {"der Empfänger möchte keine Nachrichten mehr (410)", "the receiver wants no more messages (410)"},
	Throttled:      {"der Empfänger bittet um eine Pause", "the receiver asks for a pause"},
	Rejected:       {"der Empfänger hat die Nachricht abgelehnt", "the receiver rejected the message"},
	ServerError:    {"beim Empfänger ist ein Fehler aufgetreten", "the receiver had an error"},
	NoConsent:      {"der Empfänger hat nicht zugestimmt (WebHook-Allowed-Origin fehlt)", "the receiver did not agree (WebHook-Allowed-Origin is missing)"},
	Cancelled:      {"von uns abgebrochen", "broken off by us"},
	Unsigned:       {"die Nachricht ließ sich nicht signieren", "the message could not be signed"},
}

// Texts say what the class means, German and English; both are empty for a class that does not exist.
func (c Class) Texts() (de, en string) { return texts[c][0], texts[c][1] }

// Classes lists all classes, in no order.
func Classes() []Class { return slices.Collect(maps.Keys(texts)) }

// Name is the class in one word that is never empty: "DELIVERED" for a success.
func (c Class) Name() string { return cmp.Or(string(c), "DELIVERED") }

func classOf(status int) Class {
	switch {
	case status >= 200 && status < 300:
		return Delivered
	case status >= 300 && status < 400:
		return Redirect
	case status == http.StatusGone:
		return Gone
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable:
		return Throttled
	case status >= 400 && status < 500:
		return Rejected
	case status >= 500 && status < 600:
		return ServerError
	default:
		return BadAnswer
	}
}
