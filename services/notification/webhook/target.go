package webhook

import (
	"net/netip"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"kompass.krz.de/services/platform/fault"
)

// maxURL bounds an address, in bytes.
const maxURL = 2000

// localNames are endings of names that mean something in a local network alone.
var localNames = []string{"localhost", "localdomain", "local", "internal", "intranet", "lan", "home", "corp", "private", "home.arpa", "onion"}

// complaint is what is wrong with an address, for people.
type complaint struct{ de, en string }

// Check is nil when the text can be the address of a webhook, and else a fault that names the field: https (http only where the
// operator allows a network), a name instead of a number, no user, no fragment, a port for the web. It does not look the name
// up: what stands behind it is checked whenever it is called.
func (g Guard) Check(field, text string) error {
	if _, wrong := g.target(text); wrong != nil {
		return fault.New(fault.InvalidField).Field(field, wrong.de, wrong.en)
	}
	return nil
}

func (g Guard) target(text string) (*url.URL, *complaint) {
	if len(text) > maxURL {
		return nil, &complaint{"ist länger als " + strconv.Itoa(maxURL) + " Zeichen", "is longer than " + strconv.Itoa(maxURL) + " characters"}
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.Opaque != "" || strings.ContainsFunc(text, unprintable) {
		return nil, &complaint{"ist keine vollständige Adresse („https://…“)", "is not a complete address (\"https://…\")"}
	}
	switch {
	case u.User != nil:
		return nil, &complaint{"darf keinen Benutzer und kein Kennwort enthalten", "must not hold a user or a password"}
	case strings.Contains(text, "#"):
		return nil, &complaint{"darf kein Fragment („#…“) enthalten", "must not hold a fragment (\"#…\")"}
	case u.Scheme != "https" && (u.Scheme != "http" || len(g.networks) == 0):
		return nil, &complaint{"muss mit „https://“ beginnen", "must begin with \"https://\""}
	case !portAllowed(u):
		return nil, &complaint{"nennt einen Port, der nicht erlaubt ist: 443 oder ab 1024", "names a port that is not allowed: 443, or 1024 and above"}
	}
	if wrong := g.host(u.Hostname()); wrong != nil {
		return nil, wrong
	}
	return u, nil
}

func unprintable(r rune) bool { return r == ' ' || r == '\\' || !unicode.IsPrint(r) }

// portAllowed keeps requests away from the ports of other protocols.
func portAllowed(u *url.URL) bool {
	if u.Port() == "" {
		return !strings.HasSuffix(u.Host, ":")
	}
	port, err := strconv.ParseUint(u.Port(), 10, 16)
	standard := uint64(443)
	if u.Scheme == "http" {
		standard = 80
	}
	return err == nil && (port == standard || port >= 1024)
}

func (g Guard) host(host string) *complaint {
	if a, err := netip.ParseAddr(host); err == nil {
		if a.Zone() != "" || a.Is4In6() || !g.allows(a) || g.Address(a) != nil {
			return &complaint{"braucht einen Namen statt einer IP-Adresse", "needs a name instead of an IP address"}
		}
		return nil
	}
	labels := strings.Split(strings.ToLower(host), ".")
	if len(host) > 253 || slices.ContainsFunc(labels, badLabel) {
		return &complaint{"hat keinen gültigen Namen (Umlaute als „xn--…“)", "has no valid name (umlauts as \"xn--…\")"}
	}
	if last := labels[len(labels)-1]; last[0] >= '0' && last[0] <= '9' { // "127.1", "0x7f000001", "2130706433": C libraries take them for addresses
		return &complaint{"braucht einen Namen statt einer IP-Adresse", "needs a name instead of an IP address"}
	}
	if len(g.networks) == 0 && local(labels) {
		return &complaint{"hat einen Namen, der nur in einem lokalen Netz gilt", "has a name that is known in a local network only"}
	}
	return nil
}

func badLabel(label string) bool {
	return label == "" || len(label) > 63 || label[0] == '-' || label[len(label)-1] == '-' ||
		strings.ContainsFunc(label, func(r rune) bool {
			return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' && r != '_'
		})
}

func local(labels []string) bool {
	if len(labels) == 1 {
		return true
	}
	name := "." + strings.Join(labels, ".")
	return slices.ContainsFunc(localNames, func(end string) bool { return strings.HasSuffix(name, "."+end) })
}
