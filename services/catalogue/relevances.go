package catalogue

import (
	"context"
	"strings"

	"google.golang.org/protobuf/proto"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/mask"
	"kompass.krz.de/services/platform/relevance"
	"kompass.krz.de/services/platform/server"
)

// unset is the etag of rules that nobody has set yet, which a change can build on like on any other.
var unset = etag(0)

// relevanceOf is the relevance of an entry of the catalogue, after inheritance; false when neither entry nor rules exist.
func (s *catalogue) relevanceOf(name string) (*cataloguev1.Relevance, bool) {
	stored, ok := s.relevance.Get(name)
	target, exists := s.entries.Get(strings.TrimSuffix(name, relevanceSuffix))
	if !ok && !exists {
		return nil, false
	}
	answer := &cataloguev1.Relevance{Name: name, Etag: unset}
	if ok {
		answer = proto.CloneOf(stored)
	}
	s.inherit(answer, target)
	return answer, true
}

// inherit fills in what holds for every size class.
func (s *catalogue) inherit(r *cataloguev1.Relevance, target entry) {
	var ozg *cataloguev1.Relevance
	if m, ok := target.(*cataloguev1.PublicService); ok && m.GetOzgService() != "" {
		ozg, _ = s.relevance.Get(m.GetOzgService() + relevanceSuffix)
	}
	r.EffectiveRules = relevance.EffectiveRules(r, ozg)
}

// GetRelevance answers who owes a public service or the services of an OZG service.
func (s *Service) GetRelevance(_ context.Context, req *cataloguev1.GetRelevanceRequest) (*cataloguev1.Relevance, error) {
	snapshot, err := s.replica.Read()
	if err != nil {
		return nil, err
	}
	r, ok := snapshot.relevanceOf(req.GetName())
	if !ok {
		return nil, notFound(req.GetName())
	}
	return r, nil
}

// UpdateRelevance sets own rules; naming the rules replaces all of them.
func (s *Service) UpdateRelevance(ctx context.Context, req *cataloguev1.UpdateRelevanceRequest) (*cataloguev1.Relevance, error) {
	name := req.GetRelevance().GetName()
	if !isRelevanceName(name) {
		return nil, fault.New(fault.InvalidField).Field("relevance.name",
			"ist nicht publicServices/…/relevance oder ozgServices/…/relevance", "is not publicServices/…/relevance or ozgServices/…/relevance")
	}
	if req.GetValidateOnly() {
		snapshot, err := s.replica.Read()
		if err != nil {
			return nil, err
		}
		after, _, err := ruled(ctx, snapshot, req)
		return after, err
	}
	cause, err := server.Cause(ctx, req, s.clock())
	if err != nil {
		return nil, err
	}
	result, err := s.replica.Write(ctx, cause, func(at *catalogue) ([]ledger.Draft, error) {
		after, changed, err := ruled(ctx, at, req)
		if err != nil || len(changed) == 0 {
			return nil, err
		}
		return []ledger.Draft{s.relevanceDraft(after, changed)}, nil
	})
	if err != nil {
		return nil, err
	}
	after, ok := result.State.relevanceOf(name)
	if !ok {
		return nil, notFound(name)
	}
	return after, nil
}

// ruled is a relevance as a request wants it, without etag, and the fields that differ from before.
func ruled(ctx context.Context, at *catalogue, req *cataloguev1.UpdateRelevanceRequest) (*cataloguev1.Relevance, []string, error) {
	wanted := req.GetRelevance()
	before, ok := at.relevanceOf(wanted.GetName())
	version := server.Etag(ctx, wanted.GetEtag())
	switch {
	case !ok && version == "":
		return nil, nil, notFound(wanted.GetName())
	case version.Exclude(before.GetEtag()), server.CreateOnly(ctx) && before.GetEtag() != unset:
		return nil, nil, fault.New(fault.EtagMismatch, "resource", wanted.GetName())
	}
	after := proto.CloneOf(before)
	if _, err := mask.Apply(after, wanted, req.GetUpdateMask()); err != nil {
		return nil, nil, err
	}
	for i, rule := range inOrder(after.GetRules()) {
		if i > 0 && rule.GetSizeClass() == after.GetRules()[i-1].GetSizeClass() {
			return nil, nil, fault.New(fault.InvalidField).Field("relevance.rules", "nennt eine Größenklasse zweimal", "names a size class twice")
		}
	}
	target, _ := at.entries.Get(strings.TrimSuffix(after.GetName(), relevanceSuffix))
	at.inherit(after, target)
	after.Etag = ""
	return after, relevanceDiffers(before, after), nil
}

// relevanceDraft stores the rules and the note; what follows from them is not stored.
func (s *Service) relevanceDraft(m *cataloguev1.Relevance, changed []string) ledger.Draft {
	id := strings.TrimSuffix(m.GetName(), relevanceSuffix)
	if rest, ok := strings.CutPrefix(id, ozgPrefix); ok {
		id = "ozg-" + rest
	}
	return ledger.Draft{
		Subject:  s.replica.Own().Subject("relevance", strings.TrimPrefix(id, publicPrefix)),
		Resource: m.GetName(),
		Entity:   &cataloguev1.Relevance{Name: m.GetName(), Rules: m.GetRules(), Note: m.GetNote()},
		Changed:  changed,
	}
}

func isRelevanceName(name string) bool {
	rest, ok := strings.CutSuffix(name, relevanceSuffix)
	if id, public := strings.CutPrefix(rest, publicPrefix); public {
		return ok && isPublicID(id)
	}
	id, ozg := strings.CutPrefix(rest, ozgPrefix)
	return ok && ozg && isDigits(id, ozgDigits)
}
