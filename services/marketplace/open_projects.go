package marketplace

import (
	"context"
	"strings"

	"google.golang.org/genproto/googleapis/api/httpbody"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	"kompass.krz.de/services/platform/opendata"
	"kompass.krz.de/services/platform/tabular"
)

// GetOpenProjects answers the projects as open data: what they are about, who takes part, and their dates. Workshops,
// decisions and who changed what when stay inside. Examples are marked as such.
func (s *Service) GetOpenProjects(ctx context.Context, req *marketplacev1.GetOpenProjectsRequest) (*httpbody.HttpBody, error) {
	return s.projectShelf.File(ctx, req.GetFormat(), func() (string, func() opendata.Data, error) {
		w, today, state, err := s.openState()
		return state, func() opendata.Data { return w.openProjects(today) }, err
	})
}

// openProject is a project in open data.
type openProject struct {
	openRef

	Description    string            `json:"description"`
	Theme          *openRef          `json:"theme,omitempty"`
	Lead           *openRef          `json:"lead,omitempty"`
	Phase          string            `json:"phase"` // that was reached, as in the API
	Phases         []openPhase       `json:"phases"`
	Deferred       bool              `json:"deferred"`
	DeferredReason string            `json:"deferredReason"`
	Participants   []openParticipant `json:"participants"`
	Actors         []openActor       `json:"actors"`
	PublicServices []openRef         `json:"publicServices"`
	Solutions      []openRef         `json:"solutions"` // published ones
	BaseComponents []string          `json:"baseComponents"`
	SlipCount      int               `json:"slipCount"`
	SlipDays       int               `json:"slipDays"`
	DelayDays      *int              `json:"delayDays,omitempty"` // the longest of a phase, see delayOf
	Example        bool              `json:"example"`
}

type openPhase struct {
	Phase       string `json:"phase"`
	PlannedDate string `json:"plannedDate"`
	ActualDate  string `json:"actualDate"`
}

type openParticipant struct {
	openRef

	Role string `json:"role"`
}

type openActor struct {
	Kind        string `json:"kind"`
	DisplayName string `json:"displayName"`
	Task        string `json:"task"`
}

// openProjects are the projects of a state, by name.
func (w world) openProjects(today string) opendata.Data {
	stored := w.projectList()
	open := func(p *marketplacev1.Project) openProject { return w.openProject(p, today) }
	return opendata.Data{
		Title: "Umsetzungsprojekte", AsOf: today, Columns: projectColumns,
		Document: func(head opendata.Head) any {
			return struct {
				opendata.Head
				Projects []openProject `json:"projects"`
			}{head, opendata.Entries(stored, open)}
		},
		Rows: opendata.Rows(stored, func(p *marketplacev1.Project) []string { return open(p).row(p) }),
	}
}

func (w world) openProject(p *marketplacev1.Project, today string) openProject {
	o := openProject{
		openRef: openRef{p.GetName(), p.GetDisplayName()}, Description: p.GetDescription(),
		Theme: w.openRef(p.GetTheme()), Lead: w.openRef(p.GetLead()),
		Phase: reached(p).String(), Phases: []openPhase{}, Deferred: p.GetDeferred(), DeferredReason: p.GetDeferredReason(),
		Participants: []openParticipant{}, Actors: []openActor{}, Solutions: []openRef{},
		PublicServices: w.openRefs(p.GetPublicServices()), BaseComponents: some(p.GetBaseComponents()), Example: p.GetExample(),
	}
	for _, phase := range p.GetPhases() {
		o.Phases = append(o.Phases, openPhase{phase.GetPhase().String(), phase.GetPlannedDate(), phase.GetActualDate()})
	}
	for _, m := range p.GetParticipants() {
		o.Participants = append(o.Participants, openParticipant{*w.openRef(m.GetMember()), m.GetRole().String()})
	}
	for _, a := range p.GetActors() {
		o.Actors = append(o.Actors, openActor{a.GetKind().String(), a.GetDisplayName(), a.GetTask()})
	}
	for _, name := range p.GetSolutions() {
		if s, ok := w.solutions.Get(name); ok && s.GetState() == published {
			o.Solutions = append(o.Solutions, openRef{name, s.GetDisplayName()})
		}
	}
	o.SlipCount, o.SlipDays = slips(p)
	o.DelayDays = delayOf(today, projectPromises(p)...)
	return o
}

// projectColumns are those of the table of projects, with two dates for each phase.
var projectColumns = func() []opendata.Column {
	columns := textColumns("ID", "Name", "Beschreibung", "Themenfeld", "Federführung", "Phase", "Zurückgestellt")
	for _, title := range phaseTitles[1:] {
		columns = append(columns, opendata.Column{Title: title + " geplant", Kind: tabular.Date}, opendata.Column{Title: title + " erreicht", Kind: tabular.Date})
	}
	columns = append(columns, textColumns("Beteiligte", "Akteure", "LeiKa-Schlüssel", "Lösungen", "Basiskomponenten")...)
	return append(columns, opendata.Column{Title: "Verschiebungen", Kind: tabular.Number}, opendata.Column{Title: slippedTitle, Kind: tabular.Number},
		opendata.Column{Title: delayTitle, Kind: tabular.Number},
		opendata.Column{Title: "Beispiel"})
}()

// row spells out a project in the order of projectColumns.
func (o openProject) row(p *marketplacev1.Project) []string {
	cells := []string{idOf(o.Name), o.DisplayName, o.Description, o.Theme.calledOrNot(), o.Lead.calledOrNot(), phaseTitles[reached(p)], yesNo(o.Deferred)}
	dates := make([]string, 2*len(phaseTitles[1:]))
	for _, phase := range p.GetPhases() {
		at := 2 * (phase.GetPhase() - 1)
		dates[at], dates[at+1] = phase.GetPlannedDate(), phase.GetActualDate()
	}
	return append(append(cells, dates...),
		inOneCell(o.Participants, func(m openParticipant) string { return m.DisplayName }),
		inOneCell(o.Actors, func(a openActor) string { return a.DisplayName }),
		inOneCell(o.PublicServices, func(r openRef) string { return idOf(r.Name) }),
		inOneCell(o.Solutions, openRef.called), strings.Join(o.BaseComponents, "; "),
		digits(o.SlipCount), digits(o.SlipDays), delayCell(o.DelayDays), yesNo(o.Example))
}
