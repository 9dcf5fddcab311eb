package municipality

import (
	"context"
	"slices"
	"strings"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/list"
)

// planSuffix ends the name of a plan.
const planSuffix = "/plan"

func planName(ags string) string { return municipalityName(ags) + planSuffix }

// GetPlan answers the gaps of a municipality in the order in which they should be closed.
func (s *Service) GetPlan(_ context.Context, req *municipalityv1.GetPlanRequest) (*municipalityv1.Plan, error) {
	r, p, err := s.read(req.GetName())
	if err != nil {
		return nil, err
	}
	return r.answerPlan(p, r.settingsOf(p), req, s.today())
}

// settingsOf is what people set of a place's plan; an empty plan of the version 0 when nobody did.
func (r records) settingsOf(p *place) *municipalityv1.Plan {
	ags := p.municipality.GetAgs()
	if set, ok := r.plans.Get(ags); ok {
		return set
	}
	return &municipalityv1.Plan{Name: planName(ags), Etag: etag(0)}
}

// answerPlan computes a plan from its settings and answers a page of it. Totals, departments and the end are those of
// the whole plan, whatever the filter.
func (r records) answerPlan(p *place, settings *municipalityv1.Plan, req *municipalityv1.GetPlanRequest, today day) (*municipalityv1.Plan, error) {
	made := r.planOf(p, settings, today)
	answer := &municipalityv1.Plan{
		Name: settings.GetName(), MonthlyCapacity: settings.GetMonthlyCapacity(), StartDate: settings.GetStartDate(),
		Weights: settings.GetWeights(), Etag: settings.GetEtag(), UpdateTime: settings.GetUpdateTime(),
		AsOfDate: today.String(), OverdueSize: int32(made.overdue), EndDate: made.end, Departments: made.departments,
	}
	page := made.page
	if strings.TrimSpace(req.GetFilter()) != "" {
		page = made.filtered
	}
	return answer, page(answer, req)
}

// page spells out no more than the page.
func (p *plan) page(answer *municipalityv1.Plan, req *municipalityv1.GetPlanRequest) error {
	cursor, err := list.Open(req)
	if err != nil {
		return err
	}
	from := p.after(cursor)
	to := min(from+cursor.Size, len(p.items))
	answer.TotalSize = int32(len(p.items))
	answer.Items = p.spellOut(from, to, answer.GetWeights())
	if to > from && to < len(p.items) {
		answer.NextPageToken = cursor.Next(p.items[to-1].service, to-from)
	}
	return nil
}

// after is where a page begins: behind the last item of the page before, or where that was when it is closed by now.
func (p *plan) after(cursor list.Cursor) int {
	offset := min(cursor.Offset, len(p.items))
	if offset > 0 && p.items[offset-1].service == cursor.Key {
		return offset
	}
	if i := slices.IndexFunc(p.items, func(i item) bool { return i.service == cursor.Key }); i >= 0 {
		return i + 1
	}
	return offset
}

// filtered spells everything out, terms only where the filter looks at them or they are on the page.
func (p *plan) filtered(answer *municipalityv1.Plan, req *municipalityv1.GetPlanRequest) error {
	filter, err := list.CompileFilter(req.GetFilter(), (*municipalityv1.PlanItem)(nil).ProtoReflect().Descriptor())
	if err != nil {
		return err
	}
	all := make([]*municipalityv1.PlanItem, len(p.items))
	for i := range p.items {
		all[i] = p.items[i].spellOut(i + 1)
		if filter.Names("terms") {
			all[i].Terms = spellTerms(p.items[i].task, answer.GetWeights())
		}
	}
	answer.Items, answer.NextPageToken, answer.TotalSize, err = list.Page(req, all, list.Options[*municipalityv1.PlanItem]{
		Key: (*municipalityv1.PlanItem).GetPublicService, Ranked: true,
	})
	for _, i := range answer.GetItems() {
		if i.Terms == nil {
			i.Terms = spellTerms(p.items[i.GetPosition()-1].task, answer.GetWeights())
		}
	}
	return err
}

// spellOut makes the items of the contract, from one index to before another.
func (p *plan) spellOut(from, to int, weights *municipalityv1.PlanWeights) []*municipalityv1.PlanItem {
	spelled := make([]*municipalityv1.PlanItem, to-from)
	for i := range spelled {
		spelled[i] = p.items[from+i].spellOut(from + i + 1)
		spelled[i].Terms = spellTerms(p.items[from+i].task, weights)
	}
	return spelled
}

// spellOut makes the item of the contract, without terms.
func (i *item) spellOut(position int) *municipalityv1.PlanItem {
	m := &municipalityv1.PlanItem{
		Position:             int32(position),
		PublicService:        i.service,
		DisplayName:          i.name,
		Theme:                i.theme,
		Kind:                 i.kind,
		Department:           i.department,
		TargetDate:           i.target,
		TargetDateSource:     municipalityv1.PlanItem_DATE_SOURCE_RECORDED,
		Overdue:              i.late > 0,
		OverdueDays:          int32(i.late),
		RecordedTargetDate:   i.recorded,
		Score:                i.score,
		Solution:             i.choice.solution.GetName(),
		SolutionDisplayName:  i.choice.solution.GetDisplayName(),
		SolutionPromisedDate: i.choice.promised,
	}
	if i.proposed {
		m.TargetDateSource = municipalityv1.PlanItem_DATE_SOURCE_PROPOSED
	}
	return m
}
