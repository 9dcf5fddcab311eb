// Package links says what is wrong with addresses of the web that people record. It must never look whether one answers.
package links

import (
	"net/url"
	"strconv"
	"strings"
	"unicode"
)

// Check says in German and English what is wrong with an address; empty when it is an absolute http or https address with a
// host. Letters of other scripts and umlauts may stand as they are, as browsers show them.
func Check(address string) (de, en string) {
	if bad := strings.IndexFunc(address, isForeign); bad >= 0 {
		char := strconv.QuoteRune([]rune(address[bad:])[0])
		return "enthält ein Zeichen, das in keiner Adresse steht: " + char, "has a character that no address has: " + char
	}
	u, err := url.Parse(address)
	switch {
	case err != nil || !escaped(address) || strings.Count(address, "#") > 1 || bracketed(u):
		return "ist keine lesbare Adresse", "is not a readable address"
	case u.Scheme != "https" && u.Scheme != "http" || u.Opaque != "":
		return "muss mit https:// oder http:// beginnen", "has to begin with https:// or http://"
	case u.User != nil:
		return "enthält einen Benutzernamen oder ein Kennwort", "has a user name or a password"
	case u.Hostname() == "" || strings.HasPrefix(u.Host, ".") || strings.Contains(u.Host, ".."):
		return "nennt hinter „" + u.Scheme + "://“ keinen Rechner: https://www.example.org/hund erwartet",
			"names no host behind " + u.Scheme + "://: https://www.example.org/hund expected"
	}
	if _, err := strconv.ParseUint(u.Port(), 10, 16); u.Port() != "" && err != nil {
		return "nennt einen Port, den es nicht gibt: " + u.Port(), "names a port that does not exist: " + u.Port()
	}
	return "", ""
}

// isForeign tells whether no address has a character: blanks, invisible ones, and those that RFC 3987 leaves out.
func isForeign(r rune) bool {
	return r == unicode.ReplacementChar || r == ' ' || !unicode.IsPrint(r) || strings.ContainsRune("\"<>\\^`{|}", r)
}

// escaped tells whether two hexadecimal digits stand behind each percent sign.
func escaped(address string) bool {
	for i := range len(address) {
		if address[i] == '%' && (i+2 >= len(address) || !isHex(address[i+1]) || !isHex(address[i+2])) {
			return false
		}
	}
	return true
}

func isHex(c byte) bool { return unicode.Is(unicode.ASCII_Hex_Digit, rune(c)) }

// bracketed tells whether brackets stand elsewhere than around an IPv6 address.
func bracketed(u *url.URL) bool {
	return strings.ContainsAny(u.Path+u.RawQuery+u.Fragment, "[]")
}
