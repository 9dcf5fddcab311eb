package municipality

import (
	"context"
	"slices"
	"strings"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/list"
	"kompass.krz.de/services/platform/search"
)

// ListGaps answers what a municipality owes and does not have online, with solutions that close it.
func (s *Service) ListGaps(ctx context.Context, req *municipalityv1.ListGapsRequest) (*municipalityv1.ListGapsResponse, error) {
	v, err := s.viewOf(ctx, req.GetParent(), req.GetAsOf(), false)
	if err != nil {
		return nil, err
	}
	r, p := v.records, v.then
	found := r.gapsOf(p, v.day)
	gaps := found.gaps
	if req.GetIncludeNotAssessed() {
		gaps = r.withUnassessed(p, gaps, v.day)
	}
	contest := r.contestFor(v.now, found, s.today())
	answer := &municipalityv1.ListGapsResponse{
		OwedSize:        int32(found.owed),
		NotAssessedSize: int32(len(r.catalogue.dutiesOf(p.municipality.GetSizeClass()).notAssessed)),
	}
	if strings.TrimSpace(req.GetFilter()) == "" && strings.TrimSpace(req.GetOrderBy()) == "" {
		err = r.pageGaps(answer, req, p, gaps, contest)
	} else {
		err = r.filterGaps(answer, req, p, gaps, contest)
	}
	if err != nil {
		return nil, err
	}
	return answer, nil
}

// pageGaps spells out no more than the page.
func (r records) pageGaps(answer *municipalityv1.ListGapsResponse, req *municipalityv1.ListGapsRequest, p *place, gaps []gap, c *contest) error {
	cursor, err := list.Open(req)
	if err != nil {
		return err
	}
	from := afterGap(gaps, cursor)
	page := gaps[from:min(from+cursor.Size, len(gaps))]
	answer.TotalSize = int32(len(gaps))
	answer.Gaps = make([]*municipalityv1.Gap, len(page))
	for i := range page {
		answer.Gaps[i] = r.spellOut(p, &page[i])
		answer.Gaps[i].Candidates = c.rank(r.market.covering(page[i].service.GetName()))
	}
	if from+len(page) < len(gaps) {
		answer.NextPageToken = cursor.Next(page[len(page)-1].id, len(page))
	}
	return nil
}

// afterGap is where a page begins: behind the last gap of the page before, or where that was when it is closed by now.
func afterGap(gaps []gap, cursor list.Cursor) int {
	offset := min(cursor.Offset, len(gaps))
	if cursor.First() || offset > 0 && gaps[offset-1].id == cursor.Key {
		return offset
	}
	if i := slices.IndexFunc(gaps, func(g gap) bool { return g.id == cursor.Key }); i >= 0 {
		return i + 1
	}
	return offset
}

// filterGaps spells everything out, candidates only where the filter looks at them or they are on the page.
func (r records) filterGaps(answer *municipalityv1.ListGapsResponse, req *municipalityv1.ListGapsRequest, p *place, gaps []gap, c *contest) error {
	filter, err := list.CompileFilter(req.GetFilter(), (*municipalityv1.Gap)(nil).ProtoReflect().Descriptor())
	if err != nil {
		return err
	}
	early := filter.Names("candidates")
	all := make([]*municipalityv1.Gap, len(gaps))
	for i := range gaps {
		all[i] = r.spellOut(p, &gaps[i])
		if early {
			all[i].Candidates = c.rank(r.market.covering(all[i].GetPublicService()))
		}
	}
	answer.Gaps, answer.NextPageToken, answer.TotalSize, err = list.Page(req, all, list.Options[*municipalityv1.Gap]{
		Key: (*municipalityv1.Gap).GetPublicService, Ranked: true,
	})
	if err == nil && !early {
		for _, g := range answer.GetGaps() {
			g.Candidates = c.rank(r.market.covering(g.GetPublicService()))
		}
	}
	return err
}

// ListOnlineServices answers what citizens of a municipality can use online.
func (s *Service) ListOnlineServices(ctx context.Context, req *municipalityv1.ListOnlineServicesRequest) (*municipalityv1.ListOnlineServicesResponse, error) {
	v, err := s.viewOf(ctx, req.GetParent(), req.GetAsOf(), true)
	if err != nil {
		return nil, err
	}
	r, online := v.records, v.onlineOf(v.then)
	if strings.TrimSpace(req.GetQ()) != "" {
		return r.searchOnline(req, online)
	}
	return pageOnline(req, online.services)
}

// pageOnline answers a page of services that are in an order of their own.
func pageOnline(req *municipalityv1.ListOnlineServicesRequest, services []*municipalityv1.OnlineService) (*municipalityv1.ListOnlineServicesResponse, error) {
	page, next, total, err := list.Page(req, services, list.Options[*municipalityv1.OnlineService]{
		Key: (*municipalityv1.OnlineService).GetPublicService, Ranked: true,
	})
	if err != nil {
		return nil, err
	}
	return &municipalityv1.ListOnlineServicesResponse{OnlineServices: page, NextPageToken: next, TotalSize: total}, nil
}

// searchOnline answers in the order of the search, unless another one is asked for; pages go on by offset.
func (r records) searchOnline(req *municipalityv1.ListOnlineServicesRequest, online *onlineList) (*municipalityv1.ListOnlineServicesResponse, error) {
	cursor, err := list.Open(req)
	if err != nil {
		return nil, err
	}
	filter, err := list.CompileFilter(req.GetFilter(), (*municipalityv1.OnlineService)(nil).ProtoReflect().Descriptor())
	if err != nil {
		return nil, err
	}
	index := online.search(r.catalogue.allEntries())
	if strings.TrimSpace(req.GetOrderBy()) != "" {
		var found []*municipalityv1.OnlineService
		for _, hit := range index.Search(req.GetQ(), search.Options{Limit: len(online.services)}).Hits {
			found = append(found, online.services[hit.Doc])
		}
		return pageOnline(req, found)
	}
	result := index.Search(req.GetQ(), search.Options{
		Offset: cursor.Offset, Limit: cursor.Size,
		Keep: func(doc int) bool { return filter.Matches(online.services[doc]) },
	})
	answer := &municipalityv1.ListOnlineServicesResponse{TotalSize: int32(result.Total)}
	for _, hit := range result.Hits {
		answer.OnlineServices = append(answer.OnlineServices, online.services[hit.Doc])
	}
	if n := len(result.Hits); n > 0 && cursor.Offset+n < result.Total {
		answer.NextPageToken = cursor.Next(result.Hits[n-1].ID, n)
	}
	return answer, nil
}

// ListProgress answers how far themes, Kreise, size classes or municipalities are, or were on a day.
func (s *Service) ListProgress(_ context.Context, req *municipalityv1.ListProgressRequest) (*municipalityv1.ListProgressResponse, error) {
	r, err := s.replica.Read()
	if err != nil {
		return nil, err
	}
	at, err := pastDay("as_of", req.GetAsOf(), s.today())
	if err != nil {
		return nil, err
	}
	places, err := r.placesThat(req.GetFilter())
	if err != nil {
		return nil, err
	}
	groups, total := r.progressAt(places, req.GetGroupBy(), at)
	return &municipalityv1.ListProgressResponse{Progress: groups, Total: total}, nil
}
