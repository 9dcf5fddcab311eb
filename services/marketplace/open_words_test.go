package marketplace

import (
	"testing"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
)

// TestOpenWordsAreRead: what the table of open data says, an import of offers understands.
func TestOpenWordsAreRead(t *testing.T) {
	t.Parallel()
	for kind, word := range kindTitles {
		if read, ok := kindWords.read(word); word != "" && (!ok || read != marketplacev1.Solution_Kind(kind)) {
			t.Errorf("%q is read as %v", word, read)
		}
	}
	for state, word := range efaTitles {
		if read, ok := efaWords.read(word); word != "" && (!ok || read != marketplacev1.Solution_EfaState(state)) {
			t.Errorf("%q is read as %v", word, read)
		}
	}
	for level, word := range trustTitles {
		if read, ok := trustWords.read(word); word != "" && (!ok || read != marketplacev1.Solution_TrustLevel(level)) {
			t.Errorf("%q is read as %v", word, read)
		}
	}
	for status, word := range statusTitles {
		if read, ok := statusWords.read(word); status > 0 && (!ok || read != marketplacev1.Coverage_Status(status)) {
			t.Errorf("%q is read as %v", word, read)
		}
	}
}

// TestPriceCells: cents to the last one, terms of one basis side by side.
func TestPriceCells(t *testing.T) {
	t.Parallel()
	term := func(basis marketplacev1.Price_Basis, cents int64, units int32) *marketplacev1.Price {
		return &marketplacev1.Price{Basis: basis, AmountCents: cents, Units: units}
	}
	got := priceCells([]*marketplacev1.Price{term(1, 5, 1), term(2, 100_000_000_000, 1), term(3, 12, 1000), term(4, 100, 0), term(4, 123456, 10)})
	if want := [4]string{"0,05", "1.000.000.000,00", "0,12 je 1.000", "1,00; 1.234,56 je 10"}; got != want {
		t.Errorf("got %q", got)
	}
	if got := priceCells([]*marketplacev1.Price{term(5, 0, 0)}); got != [4]string{"kostenfrei"} {
		t.Errorf("free: %q", got)
	}
	if got := priceCells(nil); got != [4]string{} {
		t.Errorf("none: %q", got)
	}
}
