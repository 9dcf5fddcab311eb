package names

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestPerson(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"": false, "Produktmanagement Hundesteuer": false, "Amt 32.1, Zimmer 204": false,
		"Beratungsstelle Frau und Beruf": false, "Bauherrenberatung": false, "Projekt 2025/2026": false, "Zweckverband 1999–2004": false,
		"Stand 01.03.2027": false, "Ämter 32/50/51": false, "Servicedesk 24/7": false, "Dr.-Muster-Halle": false, "Hr-Service": false,
		"Team Digitalisierung (seit 2024)": false, "Herrenhausen": false, "Datenschutzbeauftragte": false, "Meldestelle ab 2027-03-31": false,
		"Leistung 99102013002000 und 99107004012000": false,

		"muster@example.org": true, "muster＠example.org": true, "muster﹫example.org": true, "muster(at)example.org": true, "muster [ät] example.org": true,
		"Herr Muster": true, "herr muster": true, "z. Hd. Herrn Muster": true, "Frau Muster": true, "FRAU MUSTER": true, "Hr. Muster": true, "Fr. Muster": true,
		"Dr. Muster": true, "Leitung: Prof. Dr. Muster": true, "Dr.-Ing. Muster": true, "Dr.Muster": true, "Mr. Muster": true,
		"Servicedesk 05223 574-0": true, "Tel. (05223) 574 100": true, "+49 5223 574100": true, "0521/51": true, "0521 51": true, "Tel. 0521": false, "05 22 35 74": true,
		"Durchwahl 574-1234": true, "Service ０５２２３５７４": true, "Zentrale 0 52 23 / 57 40": true, "574100": true,
		"991020130020001": true, "9910201300200": true,
	} {
		if got := Person(text); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

// TestSuspicious: what names a person is always suspected.
func TestSuspicious(t *testing.T) {
	t.Parallel()
	parts := rapid.SampledFrom([]string{"Herr", "herrn", "Frau", "FRAU", "Hr.", "fr.", "Mrs", "Dr.", "Prof.", "Muster", "Amt", "Ä", "ö", "at", "ät", "(", ")", "@", "＠", "[", "0", "5", "22", "²", "０５", "/", ".", "-", "–", " ", " ", ","})
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(parts, 0, 12).Draw(t, "parts"), "")
		if person(text) && !suspicious(text) {
			t.Fatalf("%q names a person and is not suspected", text)
		}
	})
}
