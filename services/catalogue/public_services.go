package catalogue

import (
	"context"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/list"
	"kompass.krz.de/services/platform/mask"
	"kompass.krz.de/services/platform/search"
	"kompass.krz.de/services/platform/server"
)

// GetPublicService answers one public service, with theme and successors.
func (s *Service) GetPublicService(_ context.Context, req *cataloguev1.GetPublicServiceRequest) (*cataloguev1.PublicService, error) {
	snapshot, err := s.replica.Read()
	if err != nil {
		return nil, err
	}
	m, ok := snapshot.public(req.GetName())
	if !ok {
		return nil, notFound(req.GetName())
	}
	return m, nil
}

// ListPublicServices answers a page of all public services, or of what a query finds, best first.
func (s *Service) ListPublicServices(_ context.Context, req *cataloguev1.ListPublicServicesRequest) (*cataloguev1.ListPublicServicesResponse, error) {
	snapshot, err := s.replica.Read()
	if err != nil {
		return nil, err
	}
	items, next, total, err := listed(snapshot, req)
	if n := fitting(items); n < len(items) {
		// A page token does not depend on the size of the page: the same question for fewer answers it as well.
		shorter := proto.CloneOf(req)
		shorter.PageSize = int32(n) // at most 1,000
		items, next, total, err = listed(snapshot, shorter)
	}
	if err != nil {
		return nil, err
	}
	return &cataloguev1.ListPublicServicesResponse{PublicServices: items, NextPageToken: next, TotalSize: total}, nil
}

func listed(s *catalogue, req *cataloguev1.ListPublicServicesRequest) ([]*cataloguev1.PublicService, string, int32, error) {
	if strings.TrimSpace(req.GetQ()) == "" {
		return page(req, s.publicServices())
	}
	return found(s, req)
}

// mostPage is how large a page may be, in bytes; gRPC clients take 4 MiB unless they say otherwise.
const mostPage = 4<<20 - 64<<10

// fitting is how many of the items a page can hold, at least one.
func fitting(items []*cataloguev1.PublicService) int {
	size := 0
	for i, item := range items {
		if size += proto.Size(item) + 8; size > mostPage {
			return max(i, 1)
		}
	}
	return len(items)
}

// found answers a page of what a query finds.
func found(s *catalogue, req *cataloguev1.ListPublicServicesRequest) ([]*cataloguev1.PublicService, string, int32, error) {
	services := s.publicServices()
	items, index := services.active, &s.finder.active
	ordered := strings.TrimSpace(req.GetOrderBy()) != ""
	if strings.TrimSpace(req.GetFilter()) == "" && !ordered {
		if page, next, total, ok, err := best(index.over(s, items), items, req); ok || err != nil {
			return page, next, total, err
		}
	}
	withdrawn, err := filterNamesState[*cataloguev1.PublicService](req)
	if err != nil {
		return nil, "", 0, err
	}
	if withdrawn {
		items, index = services.all, &s.finder.all
	}
	hits := gathered(items, index.over(s, items).Search(req.GetQ(), search.Options{}).Hits)
	if ordered {
		slices.SortFunc(hits, func(a, b *cataloguev1.PublicService) int { return strings.Compare(a.GetName(), b.GetName()) })
	}
	return list.Page(req, hits, list.Options[*cataloguev1.PublicService]{Ranked: !ordered})
}

func gathered(items []*cataloguev1.PublicService, hits []search.Hit) []*cataloguev1.PublicService {
	found := make([]*cataloguev1.PublicService, len(hits))
	for i, hit := range hits {
		found[i] = items[hit.Doc]
	}
	return found
}

// best is the common case, without filter and order: only the page itself is gathered. ok is false when ranks have moved
// since the page before, so that its end has to be looked for among all hits.
func best(index *search.Index, items []*cataloguev1.PublicService, req *cataloguev1.ListPublicServicesRequest) (
	page []*cataloguev1.PublicService, next string, total int32, ok bool, err error,
) {
	cursor, err := list.Open(req)
	if err != nil {
		return nil, "", 0, false, err
	}
	from := max(cursor.Offset-1, 0) // the last item of the page before shows whether ranks have moved
	result := index.Search(req.GetQ(), search.Options{Offset: from, Limit: cursor.Size + cursor.Offset - from})
	hits := result.Hits
	if !cursor.First() {
		if len(hits) == 0 || hits[0].ID != cursor.Key {
			return nil, "", 0, false, nil
		}
		hits = hits[1:]
	}
	page = gathered(items, hits)
	if len(page) > 0 && cursor.Offset+len(page) < result.Total {
		next = cursor.Next(page[len(page)-1].GetName(), len(page))
	}
	return page, next, int32(result.Total), true, nil // far below 2^31
}

// UpdatePublicService sets the successors of a public service; everything else comes from imports.
func (s *Service) UpdatePublicService(ctx context.Context, req *cataloguev1.UpdatePublicServiceRequest) (*cataloguev1.PublicService, error) {
	name := req.GetPublicService().GetName()
	decide := func(at *catalogue) (*cataloguev1.PublicService, bool, error) { return succeeded(ctx, at, req) }
	if req.GetValidateOnly() {
		snapshot, err := s.replica.Read()
		if err != nil {
			return nil, err
		}
		after, _, err := decide(snapshot)
		return after, err
	}
	cause, err := server.Cause(ctx, req, s.clock())
	if err != nil {
		return nil, err
	}
	result, err := s.replica.Write(ctx, cause, func(at *catalogue) ([]ledger.Draft, error) {
		after, changed, err := decide(at)
		if err != nil || !changed {
			return nil, err
		}
		return []ledger.Draft{s.successionDraft(&cataloguev1.Succession{Name: name + successionSuffix, Successors: after.GetSuccessors()})}, nil
	})
	if err != nil {
		return nil, err
	}
	after, ok := result.State.public(name)
	if !ok {
		return nil, notFound(name)
	}
	return after, nil
}

// succeeded is a public service as a request wants it, without etag, and whether that differs from before.
func succeeded(ctx context.Context, at *catalogue, req *cataloguev1.UpdatePublicServiceRequest) (*cataloguev1.PublicService, bool, error) {
	wanted := req.GetPublicService()
	before, ok := at.public(wanted.GetName())
	version := server.Etag(ctx, wanted.GetEtag())
	switch {
	case !ok && version == "":
		return nil, false, notFound(wanted.GetName())
	case !ok || version.Exclude(before.GetEtag()) || server.CreateOnly(ctx):
		return nil, false, fault.New(fault.EtagMismatch, "resource", wanted.GetName())
	}
	after := proto.CloneOf(before)
	changed, err := mask.Apply(after, wanted, req.GetUpdateMask())
	if err != nil {
		return nil, false, err
	}
	for _, field := range changed {
		if field != "successors" {
			return nil, false, fault.New(fault.InvalidFieldMask, "path", fault.JSONPath(field)).
				Field("public_service."+field, "kommt aus dem Katalog und wird nur durch einen Import geändert", "comes from the catalogue and changes by imports alone")
		}
	}
	if err := checkSuccessors(at, after); err != nil {
		return nil, false, err
	}
	after.Etag = ""
	// A proposal that somebody confirms word for word becomes a decision.
	succession, exists := at.successions.Get(wanted.GetName())
	confirmed := exists && succession.GetProposed() && slices.Contains(req.GetUpdateMask().GetPaths(), "successors")
	return after, len(changed) > 0 || confirmed, nil
}

// checkSuccessors refuses successors that do not exist and those that lead back.
func checkSuccessors(at *catalogue, m *cataloguev1.PublicService) error {
	const field = "public_service.successors"
	for _, successor := range m.GetSuccessors() {
		if _, ok := entryOf[*cataloguev1.PublicService](at, successor); !ok {
			return fault.New(fault.UnknownReference, "resource", successor).Field(field, successor+" gibt es nicht", successor+" does not exist")
		}
		if leadsTo(at, successor, m.GetName()) {
			return fault.New(fault.InvalidField).Field(field, successor+" führt zur Leistung selbst zurück", successor+" leads back to the service itself")
		}
	}
	return nil
}

func (s *Service) successionDraft(m *cataloguev1.Succession) ledger.Draft {
	id := strings.TrimSuffix(strings.TrimPrefix(m.GetName(), publicPrefix), successionSuffix)
	return ledger.Draft{Subject: s.replica.Own().Subject("succession", id), Resource: m.GetName(), Entity: m, Changed: []string{"successors"}}
}
