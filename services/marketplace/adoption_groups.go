package marketplace

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/links"
	"kompass.krz.de/services/platform/list"
	"kompass.krz.de/services/platform/mask"
	"kompass.krz.de/services/platform/names"
	"kompass.krz.de/services/platform/resource"
	"kompass.krz.de/services/platform/state"
)

var groupKind = resource.Kind[world, *marketplacev1.AdoptionGroup]{
	Token: "adoptionGroup",
	Find: func(w world, name string) (*marketplacev1.AdoptionGroup, bool) {
		g, ok := w.groups.Get(name)
		if !ok {
			return nil, false
		}
		return w.adopters.shownGroup(g), true
	},
	Bare: func(g *marketplacev1.AdoptionGroup) *marketplacev1.AdoptionGroup {
		g = proto.CloneOf(g)
		g.Etag, g.UpdateTime, g.Counts = "", nil, nil
		return g
	},
}

// shownGroup is a shallow copy of a stored group with how far its adoptions are.
func (a adopters) shownGroup(g *marketplacev1.AdoptionGroup) *marketplacev1.AdoptionGroup {
	c, members := shallow(g), make([]*marketplacev1.Adoption, 0, len(g.GetMunicipalities()))
	for _, m := range a.members(g.GetName()) {
		members = append(members, m)
	}
	c.Counts = countStates(members)
	return c
}

// shownGroups are all groups as shownGroup makes them, by name.
func (a adopters) shownGroups(groups state.Table[*marketplacev1.AdoptionGroup]) []*marketplacev1.AdoptionGroup {
	list := groups.Values()
	for i, g := range list {
		list[i] = a.shownGroup(g)
	}
	return list
}

// countStates counts adoptions by state, in the order of the states.
func countStates(adoptions []*marketplacev1.Adoption) (counts []*marketplacev1.AdoptionCount) {
	var of [stateWithdrawn + 1]int32
	for _, a := range adoptions {
		of[a.GetState()]++
	}
	for state, n := range of {
		if n > 0 {
			counts = append(counts, &marketplacev1.AdoptionCount{State: marketplacev1.Adoption_State(state), Adoptions: n})
		}
	}
	return counts
}

// GetAdoptionGroup answers one group adoption.
func (s *Service) GetAdoptionGroup(_ context.Context, req *marketplacev1.GetAdoptionGroupRequest) (*marketplacev1.AdoptionGroup, error) {
	return groupKind.Get(s.replica, req.GetName())
}

// ListAdoptionGroups answers a page of group adoptions.
func (s *Service) ListAdoptionGroups(_ context.Context, req *marketplacev1.ListAdoptionGroupsRequest) (*marketplacev1.ListAdoptionGroupsResponse, error) {
	w, err := s.replica.Read()
	if err != nil {
		return nil, err
	}
	page, next, total, err := list.Page(req, w.groupList(), list.Options[*marketplacev1.AdoptionGroup]{})
	if err != nil {
		return nil, err
	}
	return &marketplacev1.ListAdoptionGroupsResponse{AdoptionGroups: page, NextPageToken: next, TotalSize: total}, nil
}

// UpdateAdoptionGroup changes what may change of a group adoption; its adoptions stay as they are.
func (s *Service) UpdateAdoptionGroup(ctx context.Context, req *marketplacev1.UpdateAdoptionGroupRequest) (*marketplacev1.AdoptionGroup, error) {
	name := req.GetAdoptionGroup().GetName()
	if err := resource.CheckName("adoption_group.name", "adoptionGroups", name); err != nil {
		return nil, err
	}
	return resource.Change(ctx, s.replica, s.clock(), req, groupKind, name, func(w world, _ ledger.Cause) (*marketplacev1.AdoptionGroup, []string, error) {
		before, err := groupKind.Found(ctx, w, name, req.GetAdoptionGroup().GetEtag())
		if err != nil {
			return nil, nil, err
		}
		g := proto.CloneOf(before)
		changed, err := mask.Apply(g, req.GetAdoptionGroup(), req.GetUpdateMask())
		if err != nil {
			return nil, nil, err
		}
		return g, changed, w.checkGroup(g, slices.Contains(changed, "coordinator"))
	})
}

// checkGroup says what a group lacks; its coordinator is looked up when coordinated.
func (w world) checkGroup(g *marketplacev1.AdoptionGroup, coordinated bool) error {
	if strings.TrimSpace(g.GetDisplayName()) == "" {
		return fault.New(fault.InvalidField).Field("adoption_group.display_name", missingDE, missingEN)
	}
	if coordinated && g.GetCoordinator() != "" && !w.knows(g.GetCoordinator()) {
		return unknownIn("adoption_group.coordinator", g.GetCoordinator())
	}
	return nil
}

// CreateAdoptionGroup records the interest of many municipalities in a solution: the group and an adoption for each, in one write.
func (s *Service) CreateAdoptionGroup(ctx context.Context, req *marketplacev1.CreateAdoptionGroupRequest) (*marketplacev1.AdoptionGroup, error) {
	id, err := names.ID(req.GetAdoptionGroupId(), req.GetAdoptionGroup().GetDisplayName(), "adoption_group_id")
	if err != nil {
		return nil, err
	}
	name := "adoptionGroups/" + id
	var created *marketplacev1.AdoptionGroup
	result, err := resource.Carry(ctx, s.replica, s.clock(), req, func(w world, c ledger.Cause) ([]ledger.Draft, error) {
		if _, taken := w.groups.Get(name); taken {
			return nil, fault.New(fault.AlreadyExists, "resource", name)
		}
		g, adoptions, err := w.interestTogether(name, req.GetAdoptionGroup(), req.GetDate(), c)
		if err != nil {
			return nil, err
		}
		created = shallow(g)
		created.Counts = countStates(adoptions)
		begun := make([]edited, len(adoptions))
		for i, a := range adoptions {
			begun[i] = edited{a, filled(a)}
		}
		return append(s.adoptionDrafts(begun), groupKind.Draft(s.replica, g, filled(g))), nil
	})
	if err != nil {
		return nil, err
	}
	if req.GetValidateOnly() {
		return created, nil
	}
	g, ok := groupKind.Find(result.State, name)
	if !ok {
		return nil, fault.New(fault.NotFound, "resource", name)
	}
	return g, nil
}

// maxInterests bounds the public services of all adoptions of a group together: each stands in a record with its address.
const maxInterests = 100_000

// interestTogether is a new group and its adoptions, since a date; today when empty.
func (w world) interestTogether(name string, given *marketplacev1.AdoptionGroup, date string, c ledger.Cause) (*marketplacev1.AdoptionGroup, []*marketplacev1.Adoption, error) {
	g := &marketplacev1.AdoptionGroup{Name: name}
	if _, err := mask.Apply(g, given, everything); err != nil {
		return nil, nil, err
	}
	if err := w.checkGroup(g, true); err != nil {
		return nil, nil, err
	}
	solution, err := w.adoptable(g.GetSolution(), "adoption_group.solution")
	if err != nil {
		return nil, nil, err
	}
	services := g.GetPublicServices()
	if len(services) == 0 {
		for _, s := range coveredBy(solution) {
			services = append(services, s.GetPublicService())
		}
	}
	if len(services)*len(g.GetMunicipalities()) > maxInterests {
		return nil, nil, fault.New(fault.TooLarge, "limit", strconv.Itoa(maxInterests)+" (Kommunen × Leistungen / municipalities × public services)")
	}
	bad := refuse(fault.InvalidField)
	checkServices(solution, services, "adoption_group.public_services", "", bad.blame)
	w.checkMunicipalities(g, bad)
	checkTemplate(g.GetUrlTemplate(), bad.blame)
	date = pastDay(date, day(c.Time), bad.blame)
	if err := bad.fault(); err != nil {
		return nil, nil, err
	}
	adoptions := make([]*marketplacev1.Adoption, len(g.GetMunicipalities()))
	for i, municipality := range g.GetMunicipalities() {
		adoptions[i] = w.member(g, municipality, services, date, c)
	}
	return g, adoptions, nil
}

// checkMunicipalities says which municipalities of a group are unknown or adopt its solution already.
func (w world) checkMunicipalities(g *marketplacev1.AdoptionGroup, bad *refusal) {
	if len(g.GetMunicipalities()) == 0 {
		bad.blame("adoption_group.municipalities", missingDE, missingEN)
	}
	for i, municipality := range g.GetMunicipalities() {
		path := fmt.Sprintf("adoption_group.municipalities[%d]", i)
		if !w.places.has(municipality) {
			bad.blame(path, "„"+municipality+"“ gibt es nicht", municipality+" does not exist")
		} else if other := w.adopting(municipality, g.GetSolution()); other != nil {
			de, en := adopts(other)
			bad.blame(path, de, en)
		}
	}
}

// address is what a template stands for in a municipality and for a public service.
func address(template, municipality, service string) string {
	return strings.NewReplacer("{ags}", strings.TrimPrefix(municipality, municipalities), "{key}", strings.TrimPrefix(service, "publicServices/")).Replace(template)
}

// checkTemplate says what is wrong with a template of addresses.
func checkTemplate(template string, wrong blame) {
	if template == "" {
		return
	}
	example := address(template, "municipalities/00000000", "publicServices/00000000000000")
	if strings.ContainsAny(example, "{}") {
		wrong("adoption_group.url_template", "geschweifte Klammern gibt es nur als {ags} und {key}", "braces are only for {ags} and {key}")
		return
	}
	if de, en := links.Check(example); de != "" {
		wrong("adoption_group.url_template", "ergibt „"+example+"“, und das "+de, "makes "+example+", which "+en)
	}
}

// member is the adoption of one municipality of a new group.
func (w world) member(g *marketplacev1.AdoptionGroup, municipality string, services []string, date string, c ledger.Cause) *marketplacev1.Adoption {
	ags, id := strings.TrimPrefix(municipality, municipalities), strings.TrimPrefix(g.GetName(), "adoptionGroups/")
	a := &marketplacev1.Adoption{
		Name:         w.freeAdoption(strings.TrimRight(id[:min(len(id), longestID-len(ags)-len("-00-"))], "-") + "-" + ags),
		Municipality: municipality, Solution: g.GetSolution(), Group: g.GetName(), Example: g.GetExample(),
		Services: make([]*marketplacev1.AdoptedService, len(services)),
	}
	for i, s := range services {
		a.Services[i] = &marketplacev1.AdoptedService{PublicService: s, Url: address(g.GetUrlTemplate(), municipality, s)}
	}
	begin(a, date, c)
	return a
}
