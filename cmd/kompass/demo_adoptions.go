package main

import (
	"context"
	"slices"
	"strconv"

	"google.golang.org/grpc"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
)

// contracts adds the contracts, a framework agreement before what is called off from it.
func (l *starterLoader) contracts() {
	for _, r := range l.rows("contracts") {
		l.step(r["id"], func(ctx context.Context, opts ...grpc.CallOption) error {
			_, err := l.marketplace.CreateContract(ctx, &marketplacev1.CreateContractRequest{ContractId: r["id"], Contract: contract(r)}, opts...)
			return err
		})
	}
}

// way is how an adoption gets live.
var way = []marketplacev1.Adoption_State{
	marketplacev1.Adoption_STATE_INTERESTED, marketplacev1.Adoption_STATE_OFFERED, marketplacev1.Adoption_STATE_CONTRACTED,
	marketplacev1.Adoption_STATE_CONNECTING, marketplacev1.Adoption_STATE_LIVE,
}

// adoptions adds the adoptions and takes each as far as its row says.
func (l *starterLoader) adoptions() {
	for _, r := range l.rows("adoptions") {
		l.step(r["id"], func(ctx context.Context, opts ...grpc.CallOption) error {
			_, err := l.marketplace.CreateAdoption(ctx, &marketplacev1.CreateAdoptionRequest{AdoptionId: r["id"], Adoption: adoption(r)}, opts...)
			return err
		})
		state := marketplacev1.Adoption_State(marketplacev1.Adoption_State_value["STATE_"+r["state"]])
		for i, to := range way[1 : 1+slices.Index(way, state)] {
			l.move(r, way[i], to)
		}
	}
}

// move does a move only while the adoption is in the state that it starts from, so that it can be repeated.
func (l *starterLoader) move(r map[string]string, from, to marketplacev1.Adoption_State) {
	name := "adoptions/" + r["id"]
	request := &marketplacev1.MoveAdoptionRequest{Name: name, State: to}
	switch to {
	case marketplacev1.Adoption_STATE_OFFERED:
		request.Offer = &marketplacev1.AdoptionOffer{Prices: prices(r), Conditions: r["conditions"]}
	case marketplacev1.Adoption_STATE_CONTRACTED:
		request.Contract = "contracts/" + r["contract"]
	}
	l.step(name, func(ctx context.Context, opts ...grpc.CallOption) error {
		a, err := l.marketplace.GetAdoption(ctx, &marketplacev1.GetAdoptionRequest{Name: name})
		if err != nil || a.GetState() != from {
			return err
		}
		_, err = l.marketplace.MoveAdoption(ctx, request, opts...)
		return err
	})
}

func contract(r map[string]string) *marketplacev1.Contract {
	c := &marketplacev1.Contract{
		DisplayName: r["name"], Kind: marketplacev1.Contract_Kind(marketplacev1.Contract_Kind_value["KIND_"+r["kind"]]), Provider: "providers/" + r["provider"],
		Customer: r["customer"], StartDate: r["start_date"], Note: r["note"], Example: r["example"] == "ja",
	}
	if r["framework"] != "" {
		c.Framework = "contracts/" + r["framework"]
	}
	for _, id := range list(r["solutions"]) {
		c.Solutions = append(c.Solutions, "solutions/"+id)
	}
	if months, err := strconv.ParseInt(r["notice_months"], 10, 32); err == nil {
		c.NoticeMonths = int32(months)
	}
	return c
}

func adoption(r map[string]string) *marketplacev1.Adoption {
	a := &marketplacev1.Adoption{
		Municipality: "municipalities/" + r["ags"], Solution: "solutions/" + r["solution"], Url: r["url"], ResponsibleOffice: r["office"],
		PlannedDate: r["planned_date"], Note: r["note"], Example: r["example"] == "ja",
	}
	for _, kind := range list(r["done"]) {
		a.Checklist = append(a.Checklist, &marketplacev1.ChecklistItem{
			Kind: marketplacev1.ChecklistItem_Kind(marketplacev1.ChecklistItem_Kind_value["KIND_"+kind]), Status: marketplacev1.ChecklistItem_STATUS_DONE,
		})
	}
	return a
}

// prices are the terms of an offer, in cents.
func prices(r map[string]string) (terms []*marketplacev1.Price) {
	for _, term := range []struct {
		column string
		basis  marketplacev1.Price_Basis
	}{{"once_cents", marketplacev1.Price_BASIS_ONCE}, {"per_year_cents", marketplacev1.Price_BASIS_PER_YEAR}} {
		if cents, err := strconv.ParseInt(r[term.column], 10, 64); err == nil {
			terms = append(terms, &marketplacev1.Price{Basis: term.basis, AmountCents: cents})
		}
	}
	return terms
}
