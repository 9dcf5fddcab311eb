package municipality

import (
	"context"

	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
)

// nextItems is how many items of the plan a report shows.
const nextItems = 10

// GetReport answers where a municipality stands, how it got there and what comes next.
func (s *Service) GetReport(_ context.Context, req *municipalityv1.GetReportRequest) (*municipalityv1.Report, error) {
	r, p, err := s.read(req.GetName())
	if err != nil {
		return nil, err
	}
	return r.reportOf(p, s.today()), nil
}

// reportOf puts the report of a place together; all of it follows from what other methods answer.
func (r records) reportOf(p *place, today day) *municipalityv1.Report {
	settings := r.settingsOf(p)
	plan := r.planOf(p, settings, today)
	report := &municipalityv1.Report{
		Name:         p.municipality.GetName() + "/report",
		Municipality: p.municipality,
		Date:         today.String(),
		NextItems:    plan.spellOut(0, min(nextItems, len(plan.items)), settings.GetWeights()),
		OverdueSize:  int32(plan.overdue),
		Departments:  plan.departments,
		PlanEndDate:  plan.end,
	}
	report.Themes, report.Total = r.progressOf([]*place{p}, municipalityv1.ListProgressRequest_GROUP_BY_THEME)
	report.Total.Key, report.Total.DisplayName = p.municipality.GetName(), p.municipality.GetDisplayName()
	peers := r.peers()
	report.District = peers.districts[municipalityName(p.area)]
	if class := p.municipality.GetSizeClass(); class != commonv1.SizeClass_SIZE_CLASS_UNSPECIFIED {
		report.SizeClass = peers.classes[class.String()]
	}
	report.Messages = messagesOf(report, plan.items)
	return report
}

// peers are what a place is compared with, by the key of the group; the messages are shared and must not be changed.
type peers struct {
	classes, districts map[string]*municipalityv1.ProgressGroup
}

// peers sums up all places, once for each state that reports are asked of.
func (r records) peers() *peers {
	return r.sums.get(r.catalogue, func() *peers {
		all := r.all()
		by := func(g municipalityv1.ListProgressRequest_GroupBy) map[string]*municipalityv1.ProgressGroup {
			groups, _ := r.progressOf(all, g)
			found := make(map[string]*municipalityv1.ProgressGroup, len(groups))
			for _, group := range groups {
				found[group.GetKey()] = group
			}
			return found
		}
		return &peers{by(municipalityv1.ListProgressRequest_GROUP_BY_SIZE_CLASS), by(municipalityv1.ListProgressRequest_GROUP_BY_DISTRICT)}
	})
}
