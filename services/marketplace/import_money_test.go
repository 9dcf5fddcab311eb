package marketplace

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestReadAmount(t *testing.T) {
	t.Parallel()
	cases := map[string]string{
		"1.234,50": "123450", "1.234,5 €": "123450 EUR", "1234.5": "123450", "1,234.50": "123450", "1 234,50 EUR": "123450 EUR", "€ 0,07": "7 EUR",
		"12,-": "1200", "12": "1200", "1.234.567": "123456700", "1,234,567.89": "123456789", "CHF 3,10": "310 CHF", "12,5 Euro": "1250 EUR",
		"1'234,00": "123400", "0": "0", "1.000.000.000,00": "100000000000", "0000000000007,00": "700",
		"1000000000,01": "höchstens 1.000.000.000,00 Euro", "9999999999999": "höchstens 1.000.000.000,00 Euro",
		"1234.567": "höchstens zwei", "0.125": "höchstens zwei", "12.345": "Mehrdeutig", // as a workbook has a number
		"1.234":   "Mehrdeutig",     // a thousand, or one euro and a bit
		"1,234":   "höchstens zwei", // three decimals
		"0,125 €": "höchstens zwei", //
		"-3,00":   "nicht negativ",  //
		"1.23.4":  "Kein Betrag",    // thousands in the wrong place
		"12.34,5": "Kein Betrag",    //
		"":        "Kein Betrag",    //
		"viel":    "Kein Betrag", "1,-5": "Kein Betrag", "1e3": "Kein Betrag", "٣": "Kein Betrag",
	}
	for text, want := range cases {
		cents, currency, de, en := readAmount(text)
		got := strings.TrimSpace(fmt.Sprint(cents, " ", currency))
		if de != "" {
			got = de
		}
		if (de == "") != (en == "") || !strings.HasPrefix(got, want) && !strings.Contains(got, want) || de == "" && got != want {
			t.Errorf("%q: %s (%s), want %s", text, got, en, want)
		}
	}
}

// TestAmountsAreExact writes any number of cents in the forms of the field and reads the same back.
func TestAmountsAreExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		cents := rapid.Int64Range(0, 100_000_000_000).Draw(t, "cents")
		whole, fraction := fmt.Sprint(cents/100), fmt.Sprintf("%02d", cents%100)
		grouped := whole
		for at := len(whole) - 3; at > 0; at -= 3 {
			grouped = grouped[:at] + "." + grouped[at:]
		}
		for _, text := range []string{grouped + "," + fraction, whole + "," + fraction, whole + "." + fraction, strings.ReplaceAll(grouped, ".", ",") + "." + fraction} {
			if got, _, de, _ := readAmount(text); got != cents || de != "" {
				t.Fatalf("%q is %d (%s), want %d", text, got, de, cents)
			}
		}
	})
}
