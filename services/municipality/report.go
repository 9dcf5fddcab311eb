package municipality

import (
	"context"

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
	report.SizeClass, report.District = r.peersOf(p)
	report.Trend = r.trendOfPlace(p, lastTwelveMonths(today))
	report.Messages = messagesOf(report, plan.items)
	return report
}
