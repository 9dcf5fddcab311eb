package marketplace

import (
	"cmp"
	"math/big"
	"slices"
	"strconv"
	"strings"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
)

// maxCents is more than any line can come to (100 billion): what is beyond is a mistyped price, and sums stay far from 2^63.
const maxCents = 10_000_000_000_000

// amountOf is cents for so many units, for a quantity, over so many days of a year with whole days: rounded half up, once.
// It is false when the result is beyond maxCents.
func amountOf(cents, quantity, units int64, days, whole int) (int64, bool) {
	n := big.NewInt(cents)
	n.Mul(n, big.NewInt(quantity)).Mul(n, big.NewInt(int64(days)))
	d := new(big.Int).Mul(big.NewInt(max(units, 1)), big.NewInt(int64(whole)))
	n.Lsh(n, 1).Add(n, d).Quo(n, d.Lsh(d, 1))
	if !n.IsInt64() || n.Int64() > maxCents {
		return 0, false
	}
	return n.Int64(), true
}

// addLine adds a line to the sums of its currency, which are by currency.
func addLine(totals []*marketplacev1.CostTotal, l *marketplacev1.CostLine) []*marketplacev1.CostTotal {
	if l.AmountCents == nil {
		return totals
	}
	sum := &marketplacev1.CostTotal{Currency: l.GetCurrency(), AmountCents: l.GetAmountCents()}
	if l.GetOnce() {
		sum.OnceCents = l.GetAmountCents()
	}
	if l.GetExpected() {
		sum.ExpectedCents = l.GetAmountCents()
	}
	return addTotal(totals, sum)
}

// addTotal adds a sum to those of its currency. It keeps none of what it is given.
func addTotal(totals []*marketplacev1.CostTotal, sum *marketplacev1.CostTotal) []*marketplacev1.CostTotal {
	at, found := slices.BinarySearchFunc(totals, sum.GetCurrency(), func(t *marketplacev1.CostTotal, c string) int { return cmp.Compare(t.GetCurrency(), c) })
	if !found {
		totals = slices.Insert(totals, at, &marketplacev1.CostTotal{Currency: sum.GetCurrency()})
	}
	t := totals[at]
	t.AmountCents += sum.GetAmountCents()
	t.OnceCents += sum.GetOnceCents()
	t.ExpectedCents += sum.GetExpectedCents()
	return totals
}

// money is an amount as people read it: "1.234,56 €" and "€1,234.56".
func money(cents int64, currency string) (de, en string) {
	whole, rest := cents/100, strconv.FormatInt(100+cents%100, 10)[1:]
	if de, en = number(whole); currency == "EUR" {
		return de + "," + rest + " €", "€" + en + "." + rest
	}
	return de + "," + rest + " " + currency, currency + " " + en + "." + rest
}

// number is a number that is not negative, with its thousands marked: "45.000" and "45,000".
func number(n int64) (de, en string) {
	digits := strconv.FormatInt(n, 10)
	var b strings.Builder
	for i, d := range digits {
		if i > 0 && (len(digits)-i)%3 == 0 {
			b.WriteByte('.')
		}
		b.WriteRune(d)
	}
	return b.String(), strings.ReplaceAll(b.String(), ".", ",")
}
