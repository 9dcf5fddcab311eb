package municipality

import (
	"context"
	"fmt"
	"slices"
	"strings"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/days"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/list"
)

const (
	// maxTrendDays bounds the days of one trend.
	maxTrendDays = 1000
	// maxTrendPoints bounds the points of all series together: every municipality of Germany, by month, for a year.
	maxTrendPoints = 200_000
)

// ListProgressTrend answers how far themes, Kreise, size classes or municipalities were on past days.
func (s *Service) ListProgressTrend(_ context.Context, req *municipalityv1.ListProgressTrendRequest) (*municipalityv1.ListProgressTrendResponse, error) {
	r, err := s.replica.Read()
	if err != nil {
		return nil, err
	}
	days, err := trendDays(req, s.today())
	if err != nil {
		return nil, err
	}
	places, err := r.placesThat(req.GetFilter())
	if err != nil {
		return nil, err
	}
	t := r.newTrend(places, req.GetGroupBy(), days)
	if n := len(t.groups) * len(days); n > maxTrendPoints {
		return nil, fault.New(fault.InvalidField).Field("interval",
			fmt.Sprintf("ergibt %d Gruppen an %d Tagen; zusammen sind höchstens %s Werte möglich", len(t.groups), len(days), thousands(maxTrendPoints, ".")),
			fmt.Sprintf("makes %d groups on %d days; at most %s points are possible", len(t.groups), len(days), thousands(maxTrendPoints, ",")))
	}
	series, total := t.series()
	return &municipalityv1.ListProgressTrendResponse{Series: series, Total: total}, nil
}

// trendDays are the days that a request asks about. Errors: fault.InvalidField.
func trendDays(req *municipalityv1.ListProgressTrendRequest, today day) ([]day, error) {
	to, err := pastDay("to_date", req.GetToDate(), today)
	if err != nil {
		return nil, err
	}
	to = min(to, today)
	from := to.yearBefore()
	if req.GetFromDate() != "" {
		if from, err = pastDay("from_date", req.GetFromDate(), today); err != nil {
			return nil, err
		}
		from = min(from, today)
	}
	if from > to {
		return nil, fault.New(fault.InvalidField).Field("from_date", "liegt nach dem letzten Tag, dem "+days.German(to.String()),
			"lies after the last day, "+to.String())
	}
	days := pointsBetween(from, to, req.GetInterval())
	if len(days) > maxTrendDays {
		return nil, fault.New(fault.InvalidField).Field("interval",
			fmt.Sprintf("ergibt %d Tage, möglich sind %d: bitte einen größeren Abstand oder weniger Zeit wählen", len(days), maxTrendDays),
			fmt.Sprintf("makes %d days, %d are possible: choose a longer interval or less time", len(days), maxTrendDays))
	}
	return days, nil
}

// pastDay reads a day that a request asks about: endOfTime, which is the present, for today and for no day at all.
// Days before 1970 are refused because phases that began earlier are kept as if they had begun then. Errors:
// fault.InvalidField.
func pastDay(field, iso string, today day) (day, error) {
	blame := func(de, en string) (day, error) {
		return 0, fault.New(fault.InvalidField).Field(field, de, en)
	}
	d, exact := dayOf(iso)
	switch {
	case iso == "":
		return endOfTime, nil
	case d == 0:
		return blame("ist kein Tag des Kalenders", "is not a day of the calendar")
	case d > today || !exact && d > 1:
		return blame("liegt in der Zukunft", "lies in the future")
	case !exact:
		return blame("liegt vor dem 01.01.1970", "lies before 1970-01-01")
	case d == today:
		return endOfTime, nil
	}
	return d, nil
}

// placesThat are the places that a filter over municipalities lets through, all without one. Errors: fault.InvalidFilter.
func (r records) placesThat(expression string) ([]*place, error) {
	places := r.all()
	if strings.TrimSpace(expression) == "" {
		return places, nil
	}
	filter, err := list.CompileFilter(expression, (*municipalityv1.Municipality)(nil).ProtoReflect().Descriptor())
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(places, func(p *place) bool { return !filter.Matches(p.municipality) }), nil
}
