package main

import (
	"strings"
	"testing"
)

// TestMoneyIsNoFraction refuses amounts with a fraction over REST, by the name of the field; gRPC cannot send them.
func TestMoneyIsNoFraction(t *testing.T) {
	t.Parallel()
	p := start(t, t.TempDir())
	a, err := p.try("POST", "/v1/solutions?validateOnly=true", `{"displayName":"Neu","prices":[{"basis":"BASIS_ONCE","amountCents":12.5}]}`)
	if err != nil {
		t.Fatal(err)
	}
	if fields := names(a.json(t)["violations"], "field"); a.status != 400 || !strings.Contains(strings.Join(fields, " "), "prices[0].amountCents") {
		t.Errorf("%d %s", a.status, a.body)
	}
	p.stop()
}
