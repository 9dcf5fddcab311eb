package municipality

import (
	"context"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/list"
	"kompass.krz.de/services/platform/mask"
	"kompass.krz.de/services/platform/server"
)

// GetMunicipality answers one municipality or Kreis.
func (s *Service) GetMunicipality(_ context.Context, req *municipalityv1.GetMunicipalityRequest) (*municipalityv1.Municipality, error) {
	_, p, err := s.read(req.GetName())
	if err != nil {
		return nil, err
	}
	return p.municipality, nil
}

// ListMunicipalities answers the municipalities and Kreise.
func (s *Service) ListMunicipalities(_ context.Context, req *municipalityv1.ListMunicipalitiesRequest) (*municipalityv1.ListMunicipalitiesResponse, error) {
	r, err := s.replica.Read()
	if err != nil {
		return nil, err
	}
	places := r.all()
	all := make([]*municipalityv1.Municipality, len(places))
	for i, p := range places {
		all[i] = p.municipality
	}
	page, next, total, err := list.Page(req, all, list.Options[*municipalityv1.Municipality]{})
	if err != nil {
		return nil, err
	}
	return &municipalityv1.ListMunicipalitiesResponse{Municipalities: page, NextPageToken: next, TotalSize: total}, nil
}

// UpdateMunicipality changes a municipality; the changed fields are safe from imports from then on.
func (s *Service) UpdateMunicipality(ctx context.Context, req *municipalityv1.UpdateMunicipalityRequest) (*municipalityv1.Municipality, error) {
	name := req.GetMunicipality().GetName()
	if ags := agsOf(name); municipalityName(ags) != name || !allDigits(ags) {
		return nil, fault.New(fault.InvalidField).Field("municipality.name",
			"muss die Form „municipalities/05758004“ haben", "must have the form \"municipalities/05758004\"")
	}
	wanted, createOnly := server.Etag(ctx, req.GetMunicipality().GetEtag()), server.CreateOnly(ctx)
	decide := func(r records) (*municipalityv1.Municipality, []string, error) {
		before := r.place(agsOf(name))
		switch {
		case before == nil:
			return nil, nil, fault.New(fault.NotFound, "resource", name)
		case createOnly, wanted.Exclude(before.municipality.GetEtag()):
			return nil, nil, fault.New(fault.EtagMismatch, "resource", name)
		}
		return r.decideMunicipality(before.municipality, req)
	}
	if req.GetValidateOnly() {
		r, err := s.replica.Read()
		if err != nil {
			return nil, err
		}
		after, _, err := decide(r)
		return after, err
	}
	cause, err := server.Cause(ctx, req, s.clock())
	if err != nil {
		return nil, err
	}
	result, err := s.replica.Write(ctx, cause, func(r records) ([]ledger.Draft, error) {
		after, changed, err := decide(r)
		if err != nil || len(changed) == 0 {
			return nil, err
		}
		return []ledger.Draft{s.municipalityDraft(after, changed)}, nil
	})
	if err != nil {
		return nil, err
	}
	return result.State.place(agsOf(name)).municipality, nil
}

func (s *Service) municipalityDraft(m *municipalityv1.Municipality, changed []string) ledger.Draft {
	return ledger.Draft{
		Subject:  s.replica.Own().Subject("municipality", m.GetAgs()),
		Resource: m.GetName(), Entity: m, Changed: changed,
	}
}

// decideMunicipality says what a municipality is after an edit by a person, and which fields differ.
func (r records) decideMunicipality(before *municipalityv1.Municipality, req *municipalityv1.UpdateMunicipalityRequest) (*municipalityv1.Municipality, []string, error) {
	after := storedMunicipality(before)
	changed, err := mask.Apply(after, req.GetMunicipality(), req.GetUpdateMask())
	if err != nil {
		return nil, nil, err
	}
	if err := r.checkMunicipality(after, changed); err != nil {
		return nil, nil, err
	}
	if len(changed) > 0 {
		after.LocalFields = append(after.LocalFields, jsonNames(after.ProtoReflect().Descriptor(), changed)...)
		slices.Sort(after.LocalFields)
		after.LocalFields = slices.Compact(after.LocalFields)
	}
	return after, changed, nil
}

func storedMunicipality(m *municipalityv1.Municipality) *municipalityv1.Municipality {
	c := proto.CloneOf(m)
	c.Etag, c.UpdateTime = "", nil
	return c
}

// checkMunicipality holds what an edit changed to the rules. The error is fault.InvalidField or fault.UnknownReference.
func (r records) checkMunicipality(m *municipalityv1.Municipality, changed []string) error {
	for _, field := range changed {
		path := "municipality." + field
		switch field {
		case "ags":
			return fault.New(fault.InvalidField).Field(path, "ist der Schlüssel und ändert sich nicht", "is the key and never changes")
		case "ars":
			if m.GetArs() != "" && !sameBody(m.GetAgs(), m.GetArs()) {
				return fault.New(fault.InvalidField).Field(path, "passt nicht zum AGS "+m.GetAgs(), "does not match the AGS "+m.GetAgs())
			}
		case "district":
			if d := m.GetDistrict(); d != "" {
				if p := r.place(agsOf(d)); p == nil || p.municipality.GetKind() != municipalityv1.Municipality_KIND_DISTRICT {
					return fault.New(fault.UnknownReference, "resource", d).Field(path, "diesen Kreis gibt es nicht", "there is no such Kreis")
				}
			}
		case "data_centre":
			if c := m.GetDataCentre(); c != "" {
				if _, ok := r.centres.Get(strings.TrimPrefix(c, dataCentres)); !ok {
					return fault.New(fault.UnknownReference, "resource", c).Field(path, "dieses Rechenzentrum gibt es nicht", "there is no such data centre")
				}
			}
		}
	}
	return nil
}

// GetDataCentre answers one data centre.
func (s *Service) GetDataCentre(_ context.Context, req *municipalityv1.GetDataCentreRequest) (*municipalityv1.DataCentre, error) {
	r, err := s.replica.Read()
	if err != nil {
		return nil, err
	}
	c, ok := r.centres.Get(strings.TrimPrefix(req.GetName(), dataCentres))
	if !ok {
		return nil, fault.New(fault.NotFound, "resource", req.GetName())
	}
	return c, nil
}

// ListDataCentres answers the data centres.
func (s *Service) ListDataCentres(_ context.Context, req *municipalityv1.ListDataCentresRequest) (*municipalityv1.ListDataCentresResponse, error) {
	r, err := s.replica.Read()
	if err != nil {
		return nil, err
	}
	page, next, total, err := list.Page(req, r.centres.Values(), list.Options[*municipalityv1.DataCentre]{})
	if err != nil {
		return nil, err
	}
	return &municipalityv1.ListDataCentresResponse{DataCentres: page, NextPageToken: next, TotalSize: total}, nil
}
