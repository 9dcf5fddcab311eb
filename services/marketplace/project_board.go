package marketplace

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"golang.org/x/text/collate"
	"golang.org/x/text/language"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
)

// phaseTitles head the columns of the board, by phase.
var phaseTitles = [...]string{
	marketplacev1.Project_PHASE_UNSPECIFIED:     "Noch nicht begonnen",
	marketplacev1.Project_PHASE_PREPARATION:     "Vorbereitung",
	marketplacev1.Project_PHASE_CONCEPT:         "Konzeption",
	marketplacev1.Project_PHASE_IMPLEMENTATION:  "Umsetzung",
	marketplacev1.Project_PHASE_PILOT:           "Pilotierung NRW",
	marketplacev1.Project_PHASE_ROLLOUT_STATE:   "Start Roll-out NRW",
	marketplacev1.Project_PHASE_ROLLOUT_COUNTRY: "Start bundesweiter Roll-out",
}

const deferredTitle = "Zurückgestellt"

// GetProjectBoard answers the projects by phase. All columns are there, also empty ones.
func (s *Service) GetProjectBoard(_ context.Context, req *marketplacev1.GetProjectBoardRequest) (*marketplacev1.ProjectBoard, error) {
	w, err := s.replica.Read()
	if err != nil {
		return nil, err
	}
	if theme := req.GetTheme(); theme != "" {
		if _, known := w.catalogue.themeNames.Get(theme); !known {
			return nil, unknownIn("theme", theme)
		}
	}
	return projectView{w.teams(), day(s.clock())}.board(w.projectList(), req.GetTheme()), nil
}

// board sorts stored projects into columns; theme "" takes all.
func (v projectView) board(projects []*marketplacev1.Project, theme string) *marketplacev1.ProjectBoard {
	columns := make([]*marketplacev1.ProjectColumn, 0, len(phaseTitles)+1)
	for phase, title := range phaseTitles {
		columns = append(columns, &marketplacev1.ProjectColumn{Phase: marketplacev1.Project_Phase(phase), DisplayName: title})
	}
	deferred := &marketplacev1.ProjectColumn{Deferred: true, DisplayName: deferredTitle}
	columns = append(columns, deferred)
	german, buf := collate.New(language.German), &collate.Buffer{}
	keys := make(map[*marketplacev1.ProjectCard]string, len(projects)) // of the names: comparing costs more than making them
	for _, p := range projects {
		if theme != "" && p.GetTheme() != theme {
			continue
		}
		column := columns[reached(p)]
		if p.GetDeferred() {
			column = deferred
		}
		card := v.card(p)
		column.Cards, keys[card] = append(column.Cards, card), string(german.KeyFromString(buf, card.GetDisplayName()))
		buf.Reset()
	}
	for _, column := range columns {
		slices.SortFunc(column.Cards, func(a, b *marketplacev1.ProjectCard) int {
			if order := compareDates(a, b); order != 0 {
				return order
			}
			return cmp.Or(strings.Compare(keys[a], keys[b]), strings.Compare(a.GetProject(), b.GetProject()))
		})
	}
	return &marketplacev1.ProjectBoard{Columns: columns}
}

// card is a stored project as the board shows it.
func (v projectView) card(p *marketplacev1.Project) *marketplacev1.ProjectCard {
	phase, date := next(p)
	count, longest := slips(p)
	lacking := int32(0)
	for _, owed := range v.teams.lacking(p) {
		if owed > 0 {
			lacking++
		}
	}
	return &marketplacev1.ProjectCard{
		Project: p.GetName(), DisplayName: p.GetDisplayName(), Theme: p.GetTheme(), Lead: p.GetLead(),
		NextPhase: phase, NextDate: date, Overdue: date != "" && date < v.today,
		SlipCount: int32(count), SlipDays: int32(longest),
		Municipalities: municipalitiesIn(p), TeamFindings: lacking,
	}
}

// municipalitiesIn counts the municipalities and Kreise that take part, the lead among them, each once.
func municipalitiesIn(p *marketplacev1.Project) (count int32) {
	lead := strings.HasPrefix(p.GetLead(), municipalities)
	for _, participant := range p.GetParticipants() {
		if strings.HasPrefix(participant.GetMember(), municipalities) {
			count++
		}
		lead = lead && participant.GetMember() != p.GetLead()
	}
	if lead {
		count++
	}
	return count
}

// compareDates puts what is late first, then by next date, those without one last.
func compareDates(a, b *marketplacev1.ProjectCard) int {
	switch {
	case a.GetOverdue() != b.GetOverdue():
		return before(a.GetOverdue())
	case (a.GetNextDate() == "") != (b.GetNextDate() == ""):
		return before(a.GetNextDate() != "")
	}
	return strings.Compare(a.GetNextDate(), b.GetNextDate())
}

// before is the order of two of which only one is first.
func before(first bool) int {
	if first {
		return -1
	}
	return 1
}
