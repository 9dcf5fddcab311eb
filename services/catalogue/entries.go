package catalogue

import (
	"context"
	"strings"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	"kompass.krz.de/services/platform/list"
)

// get answers one entry, withdrawn ones included.
func get[T entry](s *Service, name string) (T, error) {
	var none T
	snapshot, err := s.replica.Read()
	if err != nil {
		return none, err
	}
	e, ok := entryOf[T](snapshot, name)
	if !ok {
		return none, notFound(name)
	}
	return e, nil
}

// page answers a page of entries; withdrawn ones are left out unless the filter names the state.
func page[T entry](req list.Request, all *lazyList[T]) ([]T, string, int32, error) {
	items := all.active
	if namesState, err := filterNamesState[T](req); err != nil {
		return nil, "", 0, err
	} else if namesState {
		items = all.all
	}
	return list.Page(req, items, list.Options[T]{})
}

// filterNamesState tells whether the filter of a request speaks of the state.
func filterNamesState[T entry](req list.Request) (bool, error) {
	r, ok := req.(interface{ GetFilter() string })
	if !ok || strings.TrimSpace(r.GetFilter()) == "" {
		return false, nil
	}
	var item T
	filter, err := list.CompileFilter(r.GetFilter(), item.ProtoReflect().Descriptor())
	if err != nil {
		return false, err
	}
	return filter.Names("state"), nil
}

// GetTheme answers one theme.
func (s *Service) GetTheme(_ context.Context, req *cataloguev1.GetThemeRequest) (*cataloguev1.Theme, error) {
	return get[*cataloguev1.Theme](s, req.GetName())
}

// ListThemes answers a page of themes.
func (s *Service) ListThemes(_ context.Context, req *cataloguev1.ListThemesRequest) (*cataloguev1.ListThemesResponse, error) {
	snapshot, err := s.replica.Read()
	if err != nil {
		return nil, err
	}
	items, next, total, err := page(req, snapshot.lists.themes.of(snapshot, themesPrefix, nil))
	if err != nil {
		return nil, err
	}
	return &cataloguev1.ListThemesResponse{Themes: items, NextPageToken: next, TotalSize: total}, nil
}

// GetSituation answers one situation.
func (s *Service) GetSituation(_ context.Context, req *cataloguev1.GetSituationRequest) (*cataloguev1.Situation, error) {
	return get[*cataloguev1.Situation](s, req.GetName())
}

// ListSituations answers a page of situations.
func (s *Service) ListSituations(_ context.Context, req *cataloguev1.ListSituationsRequest) (*cataloguev1.ListSituationsResponse, error) {
	snapshot, err := s.replica.Read()
	if err != nil {
		return nil, err
	}
	items, next, total, err := page(req, snapshot.lists.situations.of(snapshot, situationsPrefix, nil))
	if err != nil {
		return nil, err
	}
	return &cataloguev1.ListSituationsResponse{Situations: items, NextPageToken: next, TotalSize: total}, nil
}

// GetOzgService answers one OZG service.
func (s *Service) GetOzgService(_ context.Context, req *cataloguev1.GetOzgServiceRequest) (*cataloguev1.OzgService, error) {
	return get[*cataloguev1.OzgService](s, req.GetName())
}

// ListOzgServices answers a page of OZG services.
func (s *Service) ListOzgServices(_ context.Context, req *cataloguev1.ListOzgServicesRequest) (*cataloguev1.ListOzgServicesResponse, error) {
	snapshot, err := s.replica.Read()
	if err != nil {
		return nil, err
	}
	items, next, total, err := page(req, snapshot.lists.ozg.of(snapshot, ozgPrefix, nil))
	if err != nil {
		return nil, err
	}
	return &cataloguev1.ListOzgServicesResponse{OzgServices: items, NextPageToken: next, TotalSize: total}, nil
}

// ListProcedures answers a page of procedures.
func (s *Service) ListProcedures(_ context.Context, req *cataloguev1.ListProceduresRequest) (*cataloguev1.ListProceduresResponse, error) {
	snapshot, err := s.replica.Read()
	if err != nil {
		return nil, err
	}
	items, next, total, err := page(req, snapshot.lists.procedures.of(snapshot, proceduresPrefix, nil))
	if err != nil {
		return nil, err
	}
	return &cataloguev1.ListProceduresResponse{Procedures: items, NextPageToken: next, TotalSize: total}, nil
}
