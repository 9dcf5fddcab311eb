package names

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// PersonDE and PersonEN say of a field that [Person] found somebody in it.
const (
	PersonDE = "nennt eine Rolle, eine Stelle oder eine Organisation, nie eine Person, ihre E-Mail-Adresse oder Telefonnummer"
	PersonEN = "names a role, an office or an organisation, never a person, an e-mail address or a telephone number"
)

var (
	atSign = regexp.MustCompile(`(?i)@|[(\[{<]\s*(at|ät)\s*[)\]}>]`)

	// salutation is one with a name behind it: „Frau und Beruf“ is an office.
	salutation = regexp.MustCompile(`(^|[^\pL])((?i:herrn?|hr\.?)\s+\pL|(?i:frau|fr\.|mrs?\.?|ms\.?)\s+\p{Lu}|(?i:dr|prof)\.(-?\pL+\.)*\s*\p{Lu})`)

	// numbered is what looks like a telephone number and is none: days, spans of years, and keys of public services.
	numbered = regexp.MustCompile(`\b(99[0-9]{12}|[0-9]{1,2}\.[0-9]{1,2}\.[0-9]{4}|[0-9]{4}-[0-9]{2}-[0-9]{2}|(19|20)[0-9]{2}\s*[-–/]\s*((19|20)[0-9]{2}|[0-9]{2}))\b`)
	// digits are at least six with what people write between those of a telephone number.
	digits  = regexp.MustCompile(`[+(]{0,2}[0-9]([\s/().–-]{0,3}[0-9]){5,}`)
	dialled = regexp.MustCompile(`^[+(]*[+0]|[0-9]{3}`) // numbers of offices come in twos: „Ämter 32/50/51“
	prefix  = regexp.MustCompile(`\b0[0-9]{2,5}\s*/\s*[0-9]{2}`)
)

// Person tells whether a text that is about a role, an office or an organisation names a person all the same: by a salutation
// with a name, an e-mail address or a telephone number. A bare name it cannot tell.
func Person(text string) bool { return suspicious(text) && person(text) }

// suspicious tells cheaply whether a text may name a person at all: imports ask about texts by the hundred thousand, and few have
// an at sign, a bracket, five digits, a salutation or characters that stand for others.
func suspicious(text string) bool {
	counted, word := 0, 0
	for i, r := range text {
		switch {
		case r == '@' || r == '(' || r == '[' || r == '{' || r == '<' || r > unicode.MaxASCII && !unicode.IsLetter(r) || r >= 0x2000:
			return true
		case r >= '0' && r <= '9':
			if counted++; counted == 5 {
				return true
			}
		case unicode.IsLetter(r):
			continue
		}
		if salutations[strings.ToLower(text[word:i])] {
			return true
		}
		word = i + utf8.RuneLen(r)
	}
	return salutations[strings.ToLower(text[word:])]
}

// salutations are the words that the pattern of the same name looks for.
var salutations = map[string]bool{
	"herr": true, "herrn": true, "hr": true, "frau": true, "fr": true, "mr": true, "mrs": true, "ms": true, "dr": true, "prof": true,
}

func person(text string) bool {
	text = norm.NFKC.String(text)
	if atSign.MatchString(text) || salutation.MatchString(text) {
		return true
	}
	text = numbered.ReplaceAllString(text, "x")
	if prefix.MatchString(text) {
		return true
	}
	for _, number := range digits.FindAllString(text, -1) {
		if dialled.MatchString(strings.TrimSpace(number)) {
			return true
		}
	}
	return false
}
