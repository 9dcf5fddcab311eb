package marketplace_test

import (
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
)

// TestOfferIsKeptWhole writes every term of an offer, reads it back, and changes its prices alone.
func TestOfferIsKeptWhole(t *testing.T) {
	t.Parallel()
	m := stocked(t)
	s := offer()
	s.Versions = []*marketplacev1.SolutionVersion{{Version: "2.1", ReleaseDate: "2026-01-01", SupportEndDate: "2029-01-01", Note: "Neu"}}
	s.Coverage[0].Status, s.Coverage[0].SinceVersion = marketplacev1.Coverage_STATUS_PILOT, "2.1"
	s.Municipalities, s.SpecialistSystems = []string{"municipalities/" + herford}, []string{"Steuerverfahren"}
	s.TrustLevel, s.Licence, s.ContactRole = marketplacev1.Solution_TRUST_LEVEL_LOW, "EUPL-1.2", "Servicedesk"
	s.DocumentationUrl, s.AccessibilityUrl = "https://example.org/doc", "https://example.org/bf"
	s.Prices = []*marketplacev1.Price{{Basis: marketplacev1.Price_BASIS_PER_CASE, AmountCents: 250}}

	created := m.create(s, "hund")
	want := proto.CloneOf(s)
	want.Prices[0].Currency, want.Prices[0].Units = "EUR", 1
	same := func(got *marketplacev1.Solution) {
		t.Helper()
		got = proto.CloneOf(got)
		got.Name, got.State, got.PromiseChanges, got.Etag, got.UpdateTime = "", 0, nil, "", nil
		got.Coverage[0].Maturity = want.GetCoverage()[0].GetMaturity()
		if !proto.Equal(got, want) {
			t.Errorf("got\n%v\nwant\n%v", got, want)
		}
	}
	same(created)
	want.Prices = []*marketplacev1.Price{{Basis: marketplacev1.Price_BASIS_FREE}}
	change := &marketplacev1.Solution{Name: created.GetName(), Prices: want.GetPrices(), Licence: "not in the mask"}
	if _, err := m.UpdateSolution(t.Context(), &marketplacev1.UpdateSolutionRequest{
		Solution: change, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"prices"}},
	}); err != nil {
		t.Fatal(err)
	}
	got, err := m.GetSolution(t.Context(), &marketplacev1.GetSolutionRequest{Name: created.GetName()})
	if err != nil {
		t.Fatal(err)
	}
	same(got)

	change.DataCentres, change.Municipalities = []string{"dataCentres/nowhere"}, []string{"municipalities/99999999"}
	for _, path := range []string{"data_centres", "municipalities"} {
		if _, err := m.UpdateSolution(t.Context(), &marketplacev1.UpdateSolutionRequest{
			Solution: change, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{path}},
		}); err == nil {
			t.Errorf("%s may name what does not exist", path)
		}
	}
}
