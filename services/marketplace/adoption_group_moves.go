package marketplace

import (
	"context"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/resource"
	"kompass.krz.de/services/platform/server"
)

// namedRefusals is how many adoptions an error names that could not move; of the others it says how many.
const namedRefusals = 20

// edited is an adoption as it shall be, with the fields that differ.
type edited struct {
	after   *marketplacev1.Adoption
	changed []string
}

// refused is an adoption that cannot move.
type refused struct {
	adoption *marketplacev1.Adoption
	why      *refusal
}

// groupMove is what becomes of the adoptions of a group.
type groupMove struct {
	moved   []edited
	refused []refused
	there   int // in the wanted state already, with the wanted offer if they are named
}

// MoveAdoptionGroup moves the adoptions of a group together.
func (s *Service) MoveAdoptionGroup(ctx context.Context, req *marketplacev1.MoveAdoptionGroupRequest) (*marketplacev1.MoveAdoptionGroupResponse, error) {
	var move groupMove
	result, err := resource.Carry(ctx, s.replica, s.clock(), req, func(w world, c ledger.Cause) (drafts []ledger.Draft, err error) {
		if _, err := groupKind.Found(ctx, w, req.GetName(), req.GetEtag()); err != nil {
			return nil, err
		}
		if move, err = w.moveGroup(req, c); err != nil {
			return nil, err
		}
		return s.adoptionDrafts(move.moved), nil
	})
	if err != nil {
		return nil, err
	}
	g, ok := groupKind.Find(result.State, req.GetName())
	if !ok {
		return nil, fault.New(fault.NotFound, "resource", req.GetName())
	}
	if req.GetValidateOnly() {
		g = resource.Preview(result.State.previewGroup(g, move.moved))
	}
	if result.Repeated {
		if move, err = s.recallMove(ctx, result.State, req); err != nil {
			return nil, err
		}
	}
	answer := &marketplacev1.MoveAdoptionGroupResponse{AdoptionGroup: g, Moved: int32(len(move.moved))}
	for _, r := range move.refused {
		de, en := r.why.texts()
		answer.Refusals = append(answer.Refusals, &marketplacev1.AdoptionRefusal{
			Adoption: r.adoption.GetName(), Municipality: r.adoption.GetMunicipality(), Reason: r.why.reason.Name, MessageDe: de, MessageEn: en,
		})
	}
	return answer, nil
}

// recallMove is what an earlier try of a request did: what has a record of it moved; the rest is asked again why it cannot.
func (s *Service) recallMove(ctx context.Context, w world, req *marketplacev1.MoveAdoptionGroupRequest) (move groupMove, err error) {
	members, err := w.chosen(req.GetName(), req.GetMunicipalities())
	if err != nil {
		return move, err
	}
	group, _ := w.groups.Get(req.GetName())
	wanted := w.stepOf(req, group.GetSolution(), day(s.clock()))
	for _, a := range members {
		moved, err := s.wrote(ctx, a.GetName(), server.RequestID(ctx, req.GetRequestId()))
		if err != nil {
			return move, err
		}
		if moved {
			move.moved = append(move.moved, edited{after: a})
		} else if no := w.cannot(a, wanted); no != nil && a.GetState() != wanted.to && (active(a) || len(req.GetMunicipalities()) > 0) {
			move.refused = append(move.refused, refused{a, no})
		}
	}
	return move, nil
}

// moveGroup decides on the adoptions of a group. Without partial the first that cannot move holds all of them.
func (w world) moveGroup(req *marketplacev1.MoveAdoptionGroupRequest, c ledger.Cause) (move groupMove, err error) {
	members, err := w.chosen(req.GetName(), req.GetMunicipalities())
	if err != nil {
		return move, err
	}
	group, _ := w.groups.Get(req.GetName())
	s, named := w.stepOf(req, group.GetSolution(), day(c.Time)), len(req.GetMunicipalities()) > 0
	for _, a := range members {
		if s.reached(a, named) {
			move.there++
			continue
		}
		if !named && !active(a) {
			continue
		}
		after, changed, no := w.moved(a, s, c)
		if no == s.wrong && no != nil {
			return move, no.fault()
		}
		if no != nil {
			move.refused = append(move.refused, refused{a, no})
			continue
		}
		move.moved = append(move.moved, edited{after, changed})
	}
	switch {
	case len(move.refused)+len(move.moved) == 0 && len(s.wrong.violations) > 0:
		return move, s.wrong.fault()
	case len(move.refused) > 0 && (!req.GetPartial() || len(move.moved)+move.there == 0):
		return move, refusedTogether(req.GetName(), move.refused)
	case len(move.refused)+len(move.moved)+move.there == 0:
		return move, nothingLeft(req.GetName(), members)
	}
	return move, nil
}

// reached tells whether a group's move passes an adoption over. Another offer than the one it has replaces that when its
// municipality is named.
func (s step) reached(a *marketplacev1.Adoption, named bool) bool {
	switch {
	case a.GetState() != s.to:
		return false
	case named:
		return s.to == stateOffered && proto.Equal(a.GetOffer(), s.offer)
	}
	return true
}

// chosen are the adoptions of a group in the named municipalities, all of them when none is named.
func (w world) chosen(group string, named []string) ([]*marketplacev1.Adoption, error) {
	if _, known := w.groups.Get(group); !known {
		return nil, fault.New(fault.NotFound, "resource", group)
	}
	var members []*marketplacev1.Adoption
	at := map[string]*marketplacev1.Adoption{}
	for _, a := range w.adopters.members(group) {
		members, at[a.GetMunicipality()] = append(members, a), a
	}
	if len(named) == 0 {
		return members, nil
	}
	members = members[:0]
	bad := refuse(fault.InvalidField)
	for i, municipality := range named {
		if a := at[municipality]; a != nil {
			members = append(members, a)
			continue
		}
		bad.blame(fmt.Sprintf("municipalities[%d]", i), "„"+municipality+"“ gehört nicht zu „"+group+"“", municipality+" does not belong to "+group)
	}
	return members, bad.fault()
}

// refusedTogether names the adoptions of a group that cannot move, and what each lacks.
func refusedTogether(group string, all []refused) error {
	f := fault.New(fault.StateForbids, "resource", group, "state", stateCode(all[0].adoption.GetState()))
	for _, r := range all[:min(len(all), namedRefusals)] {
		de, en := r.why.texts()
		f = f.Field(r.adoption.GetName(), de, en)
	}
	if more := len(all) - namedRefusals; more > 0 {
		f = f.Field("municipalities", fmt.Sprintf("%d weitere Nachnutzungen können ebenso wenig", more), fmt.Sprintf("%d more adoptions cannot either", more))
	}
	return f
}

// nothingLeft says that no adoption of a group is under way any more.
func nothingLeft(group string, members []*marketplacev1.Adoption) error {
	code := ""
	if len(members) > 0 {
		code = stateCode(members[0].GetState())
	}
	return fault.New(fault.StateForbids, "resource", group, "state", code).
		Field("state", "keine Nachnutzung der Gruppe ist noch offen", "no adoption of the group is open any more")
}

// previewGroup is a group with the counts that it would have.
func (w world) previewGroup(g *marketplacev1.AdoptionGroup, moved []edited) *marketplacev1.AdoptionGroup {
	after := map[string]*marketplacev1.Adoption{}
	for _, a := range w.adopters.members(g.GetName()) {
		after[a.GetName()] = a
	}
	for _, e := range moved {
		after[e.after.GetName()] = e.after
	}
	c, adoptions := shallow(g), make([]*marketplacev1.Adoption, 0, len(after))
	for _, a := range after {
		adoptions = append(adoptions, a)
	}
	c.Counts = countStates(adoptions)
	return c
}

// CheckAdoptionGroup notes steps of the technical connection for the adoptions of a group that are not live yet.
func (s *Service) CheckAdoptionGroup(ctx context.Context, req *marketplacev1.CheckAdoptionGroupRequest) (*marketplacev1.AdoptionGroup, error) {
	result, err := resource.Carry(ctx, s.replica, s.clock(), req, func(w world, c ledger.Cause) ([]ledger.Draft, error) {
		if _, err := groupKind.Found(ctx, w, req.GetName(), req.GetEtag()); err != nil {
			return nil, err
		}
		checked, err := w.checkTogether(req, day(c.Time))
		return s.adoptionDrafts(checked), err
	})
	if err != nil {
		return nil, err
	}
	g, ok := groupKind.Find(result.State, req.GetName())
	if !ok {
		return nil, fault.New(fault.NotFound, "resource", req.GetName())
	}
	return g, nil
}

// checkTogether are the adoptions of a group that items of the checklist change.
func (w world) checkTogether(req *marketplacev1.CheckAdoptionGroupRequest, today string) (all []edited, err error) {
	members, err := w.chosen(req.GetName(), req.GetMunicipalities())
	if err != nil {
		return nil, err
	}
	bad := refuse(fault.InvalidField)
	checkChecklist("checklist", req.GetChecklist(), today, bad.blame)
	if err := bad.fault(); err != nil {
		return nil, err
	}
	var closed []refused
	for _, a := range members {
		if a.GetState() == stateLive || !active(a) {
			no := refuse(fault.StateForbids)
			no.blame("checklist", "im Zustand "+stateNamed(a.GetState())+" steht sie fest", "it stands in state "+stateCode(a.GetState()))
			closed = append(closed, refused{a, no})
			continue
		}
		after := proto.CloneOf(a)
		after.Checklist = mergeChecklist(a.GetChecklist(), req.GetChecklist(), today)
		if !slices.EqualFunc(a.GetChecklist(), after.GetChecklist(), sameItem) {
			all = append(all, edited{after, []string{"checklist"}})
		}
	}
	if len(closed) > 0 && (len(req.GetMunicipalities()) > 0 || len(closed) == len(members)) {
		return nil, refusedTogether(req.GetName(), closed)
	}
	return all, nil
}

// sameItem tells whether an item of a checklist did not change.
func sameItem(a, b *marketplacev1.ChecklistItem) bool { return proto.Equal(a, b) }
