package marketplace

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/mask"
	"kompass.krz.de/services/platform/names"
)

// interest is a new adoption as a municipality asks for it under an id, or under one of its own when that is empty, since a
// date (today when empty), and the fields that it has. Anybody may be interested in what is published, also whom the solution is not meant for.
func (w world) interest(given *marketplacev1.Adoption, id, date string, c ledger.Cause) (*marketplacev1.Adoption, []string, error) {
	a := &marketplacev1.Adoption{}
	if _, err := mask.Apply(a, given, everything); err != nil {
		return nil, nil, err
	}
	solution, err := w.adoptable(a.GetSolution(), "adoption.solution")
	if err != nil {
		return nil, nil, err
	}
	switch {
	case a.GetMunicipality() == "":
		return nil, nil, fault.New(fault.InvalidField).Field("adoption.municipality", missingDE, missingEN)
	case !w.places.has(a.GetMunicipality()):
		return nil, nil, unknownIn("adoption.municipality", a.GetMunicipality())
	}
	if other := w.adopting(a.GetMunicipality(), a.GetSolution()); other != nil {
		de, en := adopts(other)
		return nil, nil, fault.New(fault.AlreadyExists, "resource", other.GetName()).Field("adoption.municipality", de, en)
	}
	if a.Name = "adoptions/" + id; id == "" {
		a.Name = w.freeAdoption(strings.TrimPrefix(a.GetMunicipality(), municipalities) + "-" + strings.TrimPrefix(a.GetSolution(), "solutions/"))
	} else if _, taken := w.adoptions.Get(a.GetName()); taken {
		return nil, nil, fault.New(fault.AlreadyExists, "resource", a.GetName())
	}
	if len(a.GetServices()) == 0 {
		a.Services = coveredBy(solution)
	}
	forgetMaturity(a, nil)
	bad := refuse(fault.InvalidField)
	begin(a, pastDay(date, day(c.Time), bad.blame), c)
	a.Checklist = mergeChecklist(a.GetChecklist(), given.GetChecklist(), day(c.Time))
	checkAdoption(a, given.GetChecklist(), solution, day(c.Time), bad.blame)
	return a, filled(a), bad.fault()
}

// adoptable is a solution that a new adoption may be about.
func (w world) adoptable(name, field string) (*marketplacev1.Solution, error) {
	solution, known := w.solutions.Get(name)
	switch {
	case name == "":
		return nil, fault.New(fault.InvalidField).Field(field, missingDE, missingEN)
	case !known:
		return nil, unknownIn(field, name)
	case solution.GetState() != published:
		code := strings.TrimPrefix(solution.GetState().String(), "STATE_")
		return nil, fault.New(fault.StateForbids, "resource", name, "state", code).Field(field,
			"ist nicht veröffentlicht, sondern im Zustand „"+statesDE[solution.GetState()]+"“ ("+code+")", "is not published but in state "+code)
	}
	return solution, nil
}

// adopting is the active adoption of a solution in a municipality, nil when there is none.
func (w world) adopting(municipality, solution string) *marketplacev1.Adoption {
	for _, a := range w.adopters.at(municipality) {
		if a.GetSolution() == solution && active(a) {
			return a
		}
	}
	return nil
}

// adopts says that a municipality adopts a solution already.
func adopts(a *marketplacev1.Adoption) (de, en string) {
	return "„" + a.GetMunicipality() + "“ übernimmt „" + a.GetSolution() + "“ schon: „" + a.GetName() + "“, " + stateNamed(a.GetState()),
		a.GetMunicipality() + " adopts " + a.GetSolution() + " already: " + a.GetName() + ", " + stateCode(a.GetState())
}

// longestID is that of resource names.
const longestID = 63

// freeAdoption is a resource name made of text; when others have had it, with a number.
func (w world) freeAdoption(text string) string {
	for n := 1; ; n++ {
		suffix := ""
		if n > 1 {
			suffix = "-" + strconv.Itoa(n)
		}
		name := "adoptions/" + names.Folded(text[:min(len(text), longestID-len(suffix))]) + suffix
		if _, taken := w.adoptions.Get(name); !taken {
			return name
		}
	}
}

// coveredBy are the public services that a solution offers: what is only planned is left out, because it would hold up the
// rest, unless all is.
func coveredBy(solution *marketplacev1.Solution) []*marketplacev1.AdoptedService {
	var ready, planned []*marketplacev1.AdoptedService
	for _, c := range solution.GetCoverage() {
		service := &marketplacev1.AdoptedService{PublicService: c.GetPublicService()}
		switch c.GetStatus() {
		case marketplacev1.Coverage_STATUS_DISCONTINUED:
		case marketplacev1.Coverage_STATUS_PLANNED:
			planned = append(planned, service)
		default:
			ready = append(ready, service)
		}
	}
	if len(ready) == 0 {
		return planned
	}
	return ready
}

// begin notes the interest since a date, with every step of the checklist open. It changes a, which must be the caller's own.
func begin(a *marketplacev1.Adoption, date string, c ledger.Cause) {
	a.State = stateInterested
	a.Transitions = []*marketplacev1.AdoptionTransition{{To: stateInterested, Date: date, Time: timestamppb.New(c.Time), Actor: c.Actor}}
	a.Checklist = make([]*marketplacev1.ChecklistItem, len(checklistSteps))
	for i, step := range checklistSteps {
		a.Checklist[i] = &marketplacev1.ChecklistItem{Kind: step.kind, Status: marketplacev1.ChecklistItem_STATUS_OPEN}
	}
}

// filled lists the fields that a message has.
func filled(m proto.Message) (fields []string) {
	descriptors := m.ProtoReflect().Descriptor().Fields()
	for i := range descriptors.Len() {
		if fd := descriptors.Get(i); m.ProtoReflect().Has(fd) {
			fields = append(fields, string(fd.Name()))
		}
	}
	return fields
}

// mergeChecklist is a checklist with the given items in the place of those of their kinds. What is done without a date was
// done on today, or on the day that is noted already.
func mergeChecklist(before, given []*marketplacev1.ChecklistItem, today string) []*marketplacev1.ChecklistItem {
	merged := slices.Clone(before)
	for _, item := range given {
		at := slices.IndexFunc(merged, func(have *marketplacev1.ChecklistItem) bool { return have.GetKind() == item.GetKind() })
		if at < 0 {
			continue
		}
		have := merged[at]
		item = proto.CloneOf(item)
		if item.GetStatus() == marketplacev1.ChecklistItem_STATUS_UNSPECIFIED {
			item.Status = marketplacev1.ChecklistItem_STATUS_OPEN
		}
		if item.GetStatus() == marketplacev1.ChecklistItem_STATUS_DONE && item.GetDate() == "" {
			if item.Date = today; have.GetStatus() == item.GetStatus() {
				item.Date = have.GetDate()
			}
		}
		merged[at] = item
	}
	return merged
}

// checkChecklist says what is wrong with items that a request gives; field is where they stand.
func checkChecklist(field string, given []*marketplacev1.ChecklistItem, today string, wrong blame) {
	for i, item := range given {
		path := fmt.Sprintf("%s[%d].", field, i)
		done := item.GetStatus() == marketplacev1.ChecklistItem_STATUS_DONE
		switch date := item.GetDate(); {
		case !checkDay(path+"date", date, wrong):
		case date > today:
			wrong(path+"date", futureDE, futureEN)
		case date != "" && !done:
			wrong(path+"date", "gibt es nur für Erledigtes", "is only for what is done")
		}
		if item.GetStatus() == marketplacev1.ChecklistItem_STATUS_NOT_NEEDED && strings.TrimSpace(item.GetNote()) == "" {
			wrong(path+"note", "fehlt: warum es nicht gebraucht wird", "is missing: why it is not needed")
		}
	}
}

// checkAdoption says what is wrong with an adoption in itself. given are the items of the checklist as the request has
// them; solution is nil when its services are not to be checked.
func checkAdoption(a *marketplacev1.Adoption, given []*marketplacev1.ChecklistItem, solution *marketplacev1.Solution, today string, wrong blame) {
	checkChecklist("adoption.checklist", given, today, wrong)
	checkDay("adoption.planned_date", a.GetPlannedDate(), wrong)
	if solution != nil {
		var services []string
		for _, s := range a.GetServices() {
			services = append(services, s.GetPublicService())
		}
		checkServices(solution, services, "adoption.services", ".public_service", wrong)
	}
}

// checkServices says which public services a solution does not offer; there must be one at least.
func checkServices(solution *marketplacev1.Solution, services []string, field, suffix string, wrong blame) {
	if len(services) == 0 {
		wrong(field, "nennt keine Leistung, die „"+solution.GetName()+"“ anbietet", "names no public service that "+solution.GetName()+" offers")
	}
	status := make(map[string]marketplacev1.Coverage_Status, len(solution.GetCoverage()))
	for _, c := range solution.GetCoverage() {
		status[c.GetPublicService()] = c.GetStatus()
	}
	for i, s := range services {
		path := fmt.Sprintf("%s[%d]%s", field, i, suffix)
		switch status, covered := status[s]; {
		case !covered:
			wrong(path, "„"+s+"“ wird von „"+solution.GetName()+"“ nicht abgedeckt", s+" is not covered by "+solution.GetName())
		case status == marketplacev1.Coverage_STATUS_DISCONTINUED:
			wrong(path, "„"+s+"“ wird von „"+solution.GetName()+"“ nicht mehr angeboten", s+" is no longer offered by "+solution.GetName())
		}
	}
}

// forgetMaturity keeps of the services' maturities what was known before: clients cannot set them.
func forgetMaturity(a *marketplacev1.Adoption, before []*marketplacev1.AdoptedService) {
	for _, s := range a.GetServices() {
		s.Maturity = nil
		if at := slices.IndexFunc(before, func(b *marketplacev1.AdoptedService) bool { return b.GetPublicService() == s.GetPublicService() }); at >= 0 {
			s.Maturity = before[at].GetMaturity()
		}
	}
}

// editAdoption is a copy of before with what the mask names from given, and the fields that differ.
func (w world) editAdoption(before, given *marketplacev1.Adoption, m *fieldmaskpb.FieldMask, today string) (*marketplacev1.Adoption, []string, error) {
	a := proto.CloneOf(before)
	changed, err := mask.Apply(a, given, m)
	if err != nil {
		return nil, nil, err
	}
	var items []*marketplacev1.ChecklistItem
	if slices.Contains(changed, "checklist") {
		items = a.GetChecklist()
		a.Checklist = mergeChecklist(before.GetChecklist(), items, today)
	}
	forgetMaturity(a, before.GetServices())
	changed = slices.DeleteFunc(changed, func(field string) bool { return sameList(before, a, field) })
	if no := closedIn(before, a, changed); no != nil {
		return nil, nil, no.fault()
	}
	var solution *marketplacev1.Solution
	if slices.Contains(changed, "services") && !sameServices(before, a) {
		solution, _ = w.solutions.Get(a.GetSolution())
	}
	bad := refuse(fault.InvalidField)
	checkAdoption(a, items, solution, today, bad.blame)
	return a, changed, bad.fault()
}

// sameList tells whether a list did not change after all, for a client that left out what the service keeps.
func sameList(before, after *marketplacev1.Adoption, field string) bool {
	switch field {
	case "checklist":
		return slices.EqualFunc(before.GetChecklist(), after.GetChecklist(), sameItem)
	case "services":
		return slices.EqualFunc(before.GetServices(), after.GetServices(), func(a, b *marketplacev1.AdoptedService) bool { return proto.Equal(a, b) })
	}
	return false
}

// sameServices tells whether two states of an adoption are about the same public services.
func sameServices(before, after *marketplacev1.Adoption) bool {
	return slices.EqualFunc(before.GetServices(), after.GetServices(), func(a, b *marketplacev1.AdoptedService) bool {
		return a.GetPublicService() == b.GetPublicService()
	})
}

// closedIn names the changed fields that may not change in the state of an adoption; nil when all may.
func closedIn(before, after *marketplacev1.Adoption, changed []string) *refusal {
	state := before.GetState()
	no := refuse(fault.StateForbids, "resource", before.GetName(), "state", stateCode(state))
	for _, field := range changed {
		path := "adoption." + field
		switch {
		case !active(before) && field != "note":
			no.blame(path, "im Zustand "+stateNamed(state)+" ändert sich nur noch die Notiz", "in state "+stateCode(state)+" only the note may change")
		case state == stateLive && (field == "url" || field == "services"):
			no.blame(path, "ist live: die Adresse ändert sich nun am Umsetzungsstand der Kommune", "is live: the address now changes in the municipality's implementation")
		case state == stateLive && field == "checklist":
			no.blame(path, "steht seit dem Livegang fest", "stands since it went live")
		case field == "services" && state != stateInterested && state != stateOffered && !sameServices(before, after):
			no.blame(path, "die Leistungen stehen seit dem Vertrag fest; nur ihre Adressen ändern sich noch", "the public services stand since the contract; only their addresses may change")
		}
	}
	if len(no.violations) == 0 {
		return nil
	}
	return no
}
