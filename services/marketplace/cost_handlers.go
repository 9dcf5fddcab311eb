package marketplace

import (
	"context"
	"strconv"
	"strings"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/list"
)

// costing is for the year that a request asks for, this one when it is 0.
func (s *Service) costing(w world, year int32, texts bool) costing {
	now := s.clock().UTC()
	c := costing{w: w, year: int(year), today: day(now), texts: texts}
	if year == 0 {
		c.year = now.Year()
	}
	return c
}

// GetCostOverview answers what the adoptions of a municipality cost in a year, term by term.
func (s *Service) GetCostOverview(_ context.Context, req *marketplacev1.GetCostOverviewRequest) (*marketplacev1.CostOverview, error) {
	w, err := s.replica.Read()
	if err != nil {
		return nil, err
	}
	var adoptions []*marketplacev1.Adoption
	for _, a := range w.adopters.at(req.GetParent()) {
		adoptions = append(adoptions, a)
	}
	o := s.costing(w, req.GetYear(), true).overview(req.GetParent(), adoptions)
	if o == nil {
		return nil, fault.New(fault.NotFound, "resource", req.GetParent())
	}
	return o, nil
}

// ListCostOverviews answers a page of municipalities with what their adoptions cost in a year, and the sums over all that match.
func (s *Service) ListCostOverviews(_ context.Context, req *marketplacev1.ListCostOverviewsRequest) (*marketplacev1.ListCostOverviewsResponse, error) {
	w, err := s.replica.Read()
	if err != nil {
		return nil, err
	}
	all := s.costing(w, req.GetYear(), false).all()
	filter, err := list.CompileFilter(req.GetFilter(), (&marketplacev1.CostOverview{}).ProtoReflect().Descriptor())
	if err != nil {
		return nil, err
	}
	if filter.Names("lines") {
		return nil, fault.New(fault.InvalidFilter, "position", strconv.Itoa(strings.Index(req.GetFilter(), "lines")+1)).
			Field("filter", "die Zeilen stehen nur in der Übersicht einer einzelnen Kommune", "the lines are in the overview of a single municipality only")
	}
	page, next, total, err := list.Page(req, all, list.Options[*marketplacev1.CostOverview]{Key: (*marketplacev1.CostOverview).GetMunicipality})
	if err != nil {
		return nil, err
	}
	answer := &marketplacev1.ListCostOverviewsResponse{Costs: page, NextPageToken: next, TotalSize: total}
	for _, o := range all {
		if !filter.Matches(o) {
			continue
		}
		for _, t := range o.GetTotals() {
			answer.Totals = addTotal(answer.Totals, t)
		}
	}
	return answer, nil
}

// all are the overviews of every municipality that has costs in the year, by name, without their lines.
func (c costing) all() (overviews []*marketplacev1.CostOverview) {
	var of []*marketplacev1.Adoption
	done := func() {
		if len(of) == 0 {
			return
		}
		if o := c.overview(of[0].GetMunicipality(), of); o != nil && len(o.GetLines()) > 0 {
			o.Lines = nil
			overviews = append(overviews, o)
		}
		of = of[:0]
	}
	for _, a := range c.w.adopters.byPlace.All() { // by municipality
		if len(of) > 0 && of[0].GetMunicipality() != a.GetMunicipality() {
			done()
		}
		of = append(of, a)
	}
	done()
	return overviews
}
