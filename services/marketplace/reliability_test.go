package marketplace_test

import (
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
)

// TestReliability: a promise that is put off shows in the solution and, as soon as that is submitted, in its provider.
func TestReliability(t *testing.T) {
	t.Parallel()
	m := stocked(t)
	ctx := t.Context()
	forged := offer()
	forged.SlipCount, forged.SlipDays = 7, 700
	if s := m.create(forged, "a"); s.GetSlipCount() != 0 || s.GetSlipDays() != 0 {
		t.Errorf("created with %d slips, %d days", s.GetSlipCount(), s.GetSlipDays())
	}
	later := &marketplacev1.Solution{Name: "solutions/a", PromisedDate: "2027-06-12"} // 73 days
	for _, validateOnly := range []bool{true, false} {
		s, err := m.UpdateSolution(ctx, &marketplacev1.UpdateSolutionRequest{Solution: later, ValidateOnly: validateOnly})
		if err != nil || s.GetSlipCount() != 1 || s.GetSlipDays() != 73 {
			t.Fatalf("put off (validate only %t): %v, %v", validateOnly, s, err)
		}
	}
	provider := func() *marketplacev1.Provider {
		got, err := m.GetProvider(ctx, &marketplacev1.GetProviderRequest{Name: "providers/krz"})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if r := provider().GetReliability(); r == nil || r.Percent != nil || r.GetPromises() != 0 {
		t.Errorf("a draft counts: %v", r)
	}
	if _, err := verbs["submit"](ctx, m, "solutions/a"); err != nil {
		t.Fatal(err)
	}
	read := provider()
	if want := (&marketplacev1.Reliability{Percent: proto.Int32(80), Promises: 1, MeanDelayDays: 73}); !proto.Equal(read.GetReliability(), want) {
		t.Errorf("%v, want %v", read.GetReliability(), want)
	}
	listed, err := m.ListProviders(ctx, &marketplacev1.ListProvidersRequest{Filter: "reliability.percent < 81"})
	if err != nil || len(listed.GetProviders()) != 1 || !proto.Equal(listed.GetProviders()[0], read) {
		t.Errorf("listed %v, %v", listed, err)
	}
	read.ContactRole = "Servicedesk"
	back := &marketplacev1.UpdateProviderRequest{Provider: read, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"contact_role", "reliability"}}}
	updated, err := m.UpdateProvider(ctx, back)
	if err != nil || updated.GetContactRole() != "Servicedesk" || !proto.Equal(updated.GetReliability(), read.GetReliability()) {
		t.Errorf("sent back: %v, %v", updated, err)
	}
	read.Etag, read.Reliability = "", &marketplacev1.Reliability{Percent: proto.Int32(100)}
	if _, err := m.UpdateProvider(ctx, back); err == nil {
		t.Error("a client could set the reliability")
	}
}
