package marketplace

import (
	"testing"

	"pgregory.net/rapid"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
)

func TestAmountOf(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		cents, quantity, units int64
		days, whole            int
		want                   int64
		ok                     bool
	}{
		{12, 45000, 1, 365, 365, 540000, true},
		{12, 45000, 1, 184, 365, 272219, true}, // 272219.18
		{100000, 1, 0, 1, 365, 274, true},      // 273.97
		{1, 1, 2, 365, 365, 1, true},           // half up
		{1, 1, 3, 365, 365, 0, true},
		{120, 45000, 1000, 366, 366, 5400, true},
		{0, 45000, 1, 365, 365, 0, true},
		{maxCents / 100, 100, 1, 365, 365, maxCents, true},
		{maxCents/100 + 1, 100, 1, 365, 365, 0, false},
		{100_000_000_000, 100_000_000_000, 1, 366, 366, 0, false}, // far beyond 64 bits
	} {
		if got, ok := amountOf(c.cents, c.quantity, c.units, c.days, c.whole); got != c.want || ok != c.ok {
			t.Errorf("%v: %d, %v", c, got, ok)
		}
	}
}

// TestAmountLaws: a year in two parts costs the same as in one, up to a cent, and more is never less.
func TestAmountLaws(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		cents, quantity := rapid.Int64Range(0, 100_000_000).Draw(t, "cents"), rapid.Int64Range(1, 100_000).Draw(t, "quantity")
		units, whole := rapid.Int64Range(0, 1_000_000).Draw(t, "units"), rapid.SampledFrom([]int{365, 366}).Draw(t, "whole")
		days := rapid.IntRange(0, whole).Draw(t, "days")
		one, ok1 := amountOf(cents, quantity, units, days, whole)
		two, ok2 := amountOf(cents, quantity, units, whole-days, whole)
		all, ok3 := amountOf(cents, quantity, units, whole, whole)
		if !ok1 || !ok2 || !ok3 {
			t.Fatalf("%d, %d, %d is too much", one, two, all)
		}
		if off := one + two - all; off < -1 || off > 1 {
			t.Fatalf("%d and %d is not %d", one, two, all)
		}
		if more, ok := amountOf(cents+1, quantity, units, days, whole); ok && more < one {
			t.Fatalf("%d is less than %d", more, one)
		}
		if exact := cents * quantity / max(units, 1); all < exact || all > exact+1 {
			t.Fatalf("a whole year is %d, not about %d", all, exact)
		}
	})
}

func TestMoney(t *testing.T) {
	t.Parallel()
	for cents, want := range map[int64][2]string{
		0: {"0,00 €", "€0.00"}, 5: {"0,05 €", "€0.05"}, 12345: {"123,45 €", "€123.45"}, 123456: {"1.234,56 €", "€1,234.56"}, 100000000: {"1.000.000,00 €", "€1,000,000.00"},
	} {
		if de, en := money(cents, "EUR"); de != want[0] || en != want[1] {
			t.Errorf("%d: %s, %s", cents, de, en)
		}
	}
	if de, en := money(150, "CHF"); de != "1,50 CHF" || en != "CHF 1.50" {
		t.Errorf("%s, %s", de, en)
	}
}

// TestTotalsAreSumsOfLines: whatever the lines are, each currency has one sum of those that are known.
func TestTotalsAreSumsOfLines(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var totals []*marketplacev1.CostTotal
		want := map[string][3]int64{}
		for range rapid.IntRange(0, 30).Draw(t, "lines") {
			l := &marketplacev1.CostLine{
				Currency: rapid.SampledFrom([]string{"EUR", "CHF", "DKK"}).Draw(t, "currency"),
				Once:     rapid.Bool().Draw(t, "once"), Expected: rapid.Bool().Draw(t, "expected"),
			}
			if rapid.Bool().Draw(t, "known") {
				cents := rapid.Int64Range(0, maxCents).Draw(t, "cents")
				l.AmountCents = &cents
				sum := want[l.GetCurrency()]
				sum[0] += cents
				if l.GetOnce() {
					sum[1] += cents
				}
				if l.GetExpected() {
					sum[2] += cents
				}
				want[l.GetCurrency()] = sum
			}
			totals = addLine(totals, l)
		}
		if len(totals) != len(want) {
			t.Fatalf("%v, want %v", totals, want)
		}
		for i, sum := range totals {
			if got := [3]int64{sum.GetAmountCents(), sum.GetOnceCents(), sum.GetExpectedCents()}; got != want[sum.GetCurrency()] || i > 0 && totals[i-1].GetCurrency() >= sum.GetCurrency() {
				t.Fatalf("%v, want %v", totals, want)
			}
		}
	})
}
