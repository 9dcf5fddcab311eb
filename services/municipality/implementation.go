package municipality

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/mask"
	"kompass.krz.de/services/platform/maturity"
	"kompass.krz.de/services/platform/names"
	"kompass.krz.de/services/platform/server"
)

// edit is what a client wants of one implementation.
type edit struct {
	request      *municipalityv1.UpdateImplementationRequest
	etag         server.Versions // what it may build on
	createOnly   bool
	existingOnly bool
	today        string // the day of the change, "2027-03-31"
}

// decideImplementation says what an implementation is after an edit, and which fields differ from before (proto names;
// none when it stays as it is). Errors are faults.
func (r records) decideImplementation(e edit) (*municipalityv1.Implementation, []string, error) {
	wanted := e.request.GetImplementation()
	name := wanted.GetName()
	p := r.place(agsOf(name))
	if p == nil {
		return nil, nil, fault.New(fault.NotFound, "resource", municipalityName(agsOf(name)))
	}
	recorded := p.find(keyOf(name))
	if e.createOnly && recorded != nil || e.existingOnly && recorded == nil || e.etag.Exclude(recorded.etag()) {
		return nil, nil, fault.New(fault.EtagMismatch, "resource", name)
	}
	before, after := recorded.stored(p.ags), &municipalityv1.Implementation{Name: name}
	if before != nil {
		after = recorded.stored(p.ags)
	}
	if _, err := mask.Apply(after, wanted, e.request.GetUpdateMask()); err != nil {
		return nil, nil, err
	}
	changed, err := r.conclude(before, after, e.today, namesPhaseDate(e.request.GetUpdateMask()))
	if err != nil {
		return nil, nil, err
	}
	return after, changed, nil
}

// conclude does to an edited implementation what follows from the edit, holds it to the rules and says which fields
// differ from before, which is nil when nothing was recorded. dated tells that the edit names the date of the phase
// even where it is the one of before. Errors are faults.
func (r records) conclude(before, after *municipalityv1.Implementation, today string, dated bool) ([]string, error) {
	settle(before, after)
	settlePhaseDate(before, after, today, dated)
	if err := r.checkReferences(before, after); err != nil {
		return nil, err
	}
	if err := checkImplementation(before, after, today); err != nil {
		return nil, err
	}
	return changedFields(before, after), nil
}

// namesPhaseDate tells whether a mask names the date of the phase on purpose.
func namesPhaseDate(m *fieldmaskpb.FieldMask) bool {
	return slices.Contains(m.GetPaths(), "phase_date") || slices.Contains(m.GetPaths(), "phaseDate")
}

// settle does what follows from an edit: a maturity names its model, the one recorded when the edit names none, and a
// reason goes with the phase that it explains. A reason that the edit itself gave stays: in another phase it is a contradiction to tell about.
// With another phase or solution it is no longer the adoption that put it online.
func settle(before, after *municipalityv1.Implementation) {
	if m := after.GetMaturity(); m != nil && m.GetModel() == "" {
		m.Model = before.GetMaturity().GetModel()
	}
	after.Maturity = maturity.Stored(after.GetMaturity())
	if after.GetPhase() != municipalityv1.Implementation_PHASE_NOT_APPLICABLE &&
		after.GetNotApplicableReason() == before.GetNotApplicableReason() {
		after.NotApplicableReason = ""
	}
	if after.GetPhase() != before.GetPhase() || after.GetSolution() != before.GetSolution() {
		after.Adoption, after.AdoptionEnded = "", false
	}
}

// settlePhaseDate dates the phase. A phase that changes without a date of its own begins today; one that stays keeps its
// date, also when the edit empties it, because nobody says anything else by that. Without a phase there is no date.
func settlePhaseDate(before, after *municipalityv1.Implementation, today string, dated bool) {
	same := after.GetPhaseDate() == before.GetPhaseDate()
	switch {
	case after.GetPhase() == municipalityv1.Implementation_PHASE_UNSPECIFIED:
		if same {
			after.PhaseDate = ""
		}
	case after.GetPhase() == before.GetPhase():
		after.PhaseDate = cmp.Or(after.GetPhaseDate(), before.GetPhaseDate())
	case after.GetPhaseDate() == "", same && !dated:
		after.PhaseDate = today
	}
}

// firstTargetDate bounds target dates: an earlier one is a slip, like 01.01.0001 for a blank cell.
const firstTargetDate = "1970-01-01"

// checkImplementation holds an implementation to the rules that concern it alone. The error is fault.InvalidField.
func checkImplementation(before, i *municipalityv1.Implementation, today string) error {
	bad := fault.New(fault.InvalidField)
	found := false
	blame := func(field, de, en string) {
		bad, found = bad.Field("implementation."+field, de, en), true
	}
	inapplicable := i.GetPhase() == municipalityv1.Implementation_PHASE_NOT_APPLICABLE
	switch reason := strings.TrimSpace(i.GetNotApplicableReason()); {
	case inapplicable && reason == "":
		blame("not_applicable_reason", "muss begründen, warum die Leistung nicht zutrifft", "must say why the service is not applicable")
	case !inapplicable && reason != "":
		blame("not_applicable_reason", "ist nur in der Phase „nicht zutreffend“ erlaubt", "is only allowed in the phase not applicable")
	}
	if field, de, en := maturity.Check(i.GetMaturity()); field != "" {
		blame("maturity."+field, de, en)
	}
	switch d := i.GetTargetDate(); {
	case d == "":
	case !isDay(d):
		blame("target_date", "ist kein Tag des Kalenders", "is not a day of the calendar")
	case d < firstTargetDate && d != before.GetTargetDate():
		blame("target_date", "liegt vor 1970", "lies before 1970")
	}
	if i.GetPhaseDate() != before.GetPhaseDate() {
		if de, en := checkPhaseDate(i, today); de != "" {
			blame("phase_date", de, en)
		}
	}
	if d := i.GetDepartment(); d != before.GetDepartment() && names.Person(d) {
		blame("department", names.PersonDE, names.PersonEN)
	}
	if !found {
		return nil
	}
	return bad
}

// checkPhaseDate says what is wrong with the date of a phase, in German and English; empty when nothing is.
func checkPhaseDate(i *municipalityv1.Implementation, today string) (de, en string) {
	switch d := i.GetPhaseDate(); {
	case d == "":
	case !isDay(d):
		return "ist kein Tag des Kalenders", "is not a day of the calendar"
	case d > today:
		return "liegt in der Zukunft", "lies in the future"
	case i.GetPhase() == municipalityv1.Implementation_PHASE_UNSPECIFIED:
		return "ist nur zusammen mit einer Phase erlaubt", "is only allowed together with a phase"
	}
	return "", ""
}

func isDay(iso string) bool {
	_, err := time.Parse(time.DateOnly, iso)
	return err == nil
}

// checkReferences refuses a new record for a service that is unknown or withdrawn, and a newly named solution that is
// unknown or not to be had. What was recorded before may stay as it is.
func (r records) checkReferences(before, after *municipalityv1.Implementation) error {
	if before == nil {
		if err := r.checkService(keyOf(after.GetName())); err != nil {
			return err
		}
	}
	name := after.GetSolution()
	if name == "" || name == before.GetSolution() {
		return nil
	}
	switch s := r.market.solution(name); {
	case s == nil:
		return fault.New(fault.UnknownReference, "resource", name).
			Field("implementation.solution", "diese Lösung gibt es im Marktplatz nicht", "the marketplace has no such solution")
	case s.GetState() == marketplacev1.Solution_STATE_DRAFT:
		return fault.New(fault.StateForbids, "resource", name, "state", "DRAFT").
			Field("implementation.solution", "die Lösung ist noch ein Entwurf", "the solution is still a draft")
	case s.GetState() == marketplacev1.Solution_STATE_WITHDRAWN:
		return fault.New(fault.StateForbids, "resource", name, "state", "WITHDRAWN").
			Field("implementation.solution", "die Lösung wurde zurückgezogen", "the solution was withdrawn")
	}
	return nil
}

func (r records) checkService(key string) error {
	name := publicServices + key
	s, ok := r.catalogue.services.Get(key)
	if !ok {
		return fault.New(fault.UnknownReference, "resource", name).
			Field("implementation.name", "diese Leistung kennt der Katalog nicht", "the catalogue has no such public service")
	}
	if s.GetState() != cataloguev1.EntryState_ENTRY_STATE_WITHDRAWN {
		return nil
	}
	de, en := "die Leistung ist nicht mehr im Katalog", "the service is no longer in the catalogue"
	if successors := r.catalogue.successorsOf(key); len(successors) > 0 {
		list := strings.Join(successors, ", ")
		de, en = de+"; Nachfolger: "+list, en+"; its successors are "+list
	}
	return fault.New(fault.StateForbids, "resource", name, "state", "WITHDRAWN").Field("implementation.name", de, en)
}

// differences lists the top-level fields in which two messages of one type differ, in the order of the message.
func differences(before, after proto.Message) []string {
	a, b := before.ProtoReflect(), after.ProtoReflect()
	var changed []string
	fields := a.Descriptor().Fields()
	for i := range fields.Len() {
		fd := fields.Get(i)
		if fd.Name() != "name" && (a.Has(fd) != b.Has(fd) || a.Has(fd) && !a.Get(fd).Equal(b.Get(fd))) {
			changed = append(changed, string(fd.Name()))
		}
	}
	return changed
}

// changedFields is differences for implementations, without reflection: imports compare them by the hundred thousand.
// before may be nil.
func changedFields(before, after *municipalityv1.Implementation) []string {
	var changed []string
	for _, f := range []struct {
		name string
		same bool
	}{
		{"phase", before.GetPhase() == after.GetPhase()},
		{"maturity", proto.Equal(before.GetMaturity(), after.GetMaturity())},
		{"url", before.GetUrl() == after.GetUrl()},
		{"solution", before.GetSolution() == after.GetSolution()},
		{"department", before.GetDepartment() == after.GetDepartment()},
		{"annual_cases", sameCases(before, after)},
		{"priority", before.GetPriority() == after.GetPriority()},
		{"target_date", before.GetTargetDate() == after.GetTargetDate()},
		{"note", before.GetNote() == after.GetNote()},
		{"not_applicable_reason", before.GetNotApplicableReason() == after.GetNotApplicableReason()},
		{"phase_date", before.GetPhaseDate() == after.GetPhaseDate()},
		{"adoption", before.GetAdoption() == after.GetAdoption()},
		{"adoption_ended", before.GetAdoptionEnded() == after.GetAdoptionEnded()},
	} {
		if !f.same {
			changed = append(changed, f.name)
		}
	}
	return changed
}

func sameCases(a, b *municipalityv1.Implementation) bool {
	return (a.GetAnnualCases() == b.GetAnnualCases()) && (a == nil || a.AnnualCases == nil) == (b == nil || b.AnnualCases == nil)
}

// show is what is recorded as clients see it: with what follows from catalogue, marketplace and maturity model. nil stays nil.
func (r records) show(p *place, i *implementation) *municipalityv1.Implementation {
	if i == nil {
		return nil
	}
	return r.complete(i.message(p.ags))
}

// present is a copy of an implementation as clients see it. nil stays nil.
func (r records) present(i *municipalityv1.Implementation) *municipalityv1.Implementation {
	if i == nil {
		return nil
	}
	return r.complete(proto.CloneOf(i))
}

// complete fills in what follows from other records.
func (r records) complete(i *municipalityv1.Implementation) *municipalityv1.Implementation {
	key := keyOf(i.GetName())
	service, _ := r.catalogue.services.Get(key)
	i.PublicService, i.DisplayName = publicServices+key, service.GetDisplayName()
	i.Fulfilled, i.SolutionWithdrawn = maturity.Online(i), r.market.withdrawn(i.GetSolution())
	i.Maturity = maturity.Complete(i.GetMaturity())
	return i
}

// jsonNames spells proto field names as JSON does.
func jsonNames(m protoreflect.MessageDescriptor, names []string) []string {
	spelled := slices.Clone(names)
	for i, name := range names {
		if fd := m.Fields().ByName(protoreflect.Name(name)); fd != nil {
			spelled[i] = fd.JSONName()
		}
	}
	return spelled
}
