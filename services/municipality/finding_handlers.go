package municipality

import (
	"context"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/list"
)

// ListFindings answers what does not fit together in the data of a municipality. The counts are over all of it, whatever
// the filter.
func (s *Service) ListFindings(_ context.Context, req *municipalityv1.ListFindingsRequest) (*municipalityv1.ListFindingsResponse, error) {
	r, p, err := s.read(req.GetParent())
	if err != nil {
		return nil, err
	}
	f := r.finder(s.today())
	found := f.find(p)
	all := make([]*municipalityv1.Finding, len(found))
	for n := range found {
		all[n] = f.spellOut(p, found[n])
	}
	page, next, total, err := list.Page(req, all, list.Options[*municipalityv1.Finding]{Key: findingKey, Ranked: true})
	if err != nil {
		return nil, err
	}
	return &municipalityv1.ListFindingsResponse{Findings: page, NextPageToken: next, TotalSize: total, Counts: f.count(p).message(p)}, nil
}

// findingKey tells findings apart: an implementation may have several.
func findingKey(f *municipalityv1.Finding) string {
	return f.GetImplementation() + " " + f.GetKind().String()
}

// ListFindingCounts answers how many findings each municipality and Kreis has, also those without any.
func (s *Service) ListFindingCounts(_ context.Context, req *municipalityv1.ListFindingCountsRequest) (*municipalityv1.ListFindingCountsResponse, error) {
	r, err := s.replica.Read()
	if err != nil {
		return nil, err
	}
	f, places := r.finder(s.today()), r.all()
	all := make([]*municipalityv1.FindingCounts, len(places))
	for n, p := range places {
		all[n] = f.count(p).message(p)
	}
	page, next, total, err := list.Page(req, all, list.Options[*municipalityv1.FindingCounts]{
		Key: (*municipalityv1.FindingCounts).GetMunicipality,
	})
	if err != nil {
		return nil, err
	}
	return &municipalityv1.ListFindingCountsResponse{FindingCounts: page, NextPageToken: next, TotalSize: total}, nil
}

func (c findingCounts) message(p *place) *municipalityv1.FindingCounts {
	return &municipalityv1.FindingCounts{
		Municipality:      municipalityName(p.ags),
		DisplayName:       p.municipality.GetDisplayName(),
		Total:             c[0],
		OnlineWithoutLink: c[municipalityv1.Finding_KIND_ONLINE_WITHOUT_LINK],
		LinkNotReported:   c[municipalityv1.Finding_KIND_LINK_NOT_REPORTED],
		BelowSolution:     c[municipalityv1.Finding_KIND_BELOW_SOLUTION],
		SolutionWithdrawn: c[municipalityv1.Finding_KIND_SOLUTION_WITHDRAWN],
		UnknownService:    c[municipalityv1.Finding_KIND_UNKNOWN_SERVICE],
		WithdrawnService:  c[municipalityv1.Finding_KIND_WITHDRAWN_SERVICE],
		TargetPassed:      c[municipalityv1.Finding_KIND_TARGET_PASSED],
		Untouched:         c[municipalityv1.Finding_KIND_UNTOUCHED],
		AdoptionEnded:     c[municipalityv1.Finding_KIND_ADOPTION_ENDED],
	}
}
