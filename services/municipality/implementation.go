package municipality

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/mask"
	"kompass.krz.de/services/platform/maturity"
)

// edit is what a client wants of one implementation.
type edit struct {
	request      *municipalityv1.UpdateImplementationRequest
	etag         string // the version it builds on; empty for any
	createOnly   bool
	existingOnly bool
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
	if e.createOnly && recorded != nil || e.existingOnly && recorded == nil || e.etag != "" && e.etag != recorded.etag() {
		return nil, nil, fault.New(fault.EtagMismatch, "resource", name)
	}
	before, after := recorded.stored(p.ags), &municipalityv1.Implementation{Name: name}
	if before != nil {
		after = recorded.stored(p.ags)
	}
	if _, err := mask.Apply(after, wanted, e.request.GetUpdateMask()); err != nil {
		return nil, nil, err
	}
	settle(before, after)
	if err := r.checkReferences(before, after); err != nil {
		return nil, nil, err
	}
	if err := checkImplementation(after); err != nil {
		return nil, nil, err
	}
	if before == nil {
		return after, differences(&municipalityv1.Implementation{}, after), nil
	}
	return after, differences(before, after), nil
}

// settle does what follows from an edit: a maturity names its model, the one recorded when the edit names none, and a
// reason goes with the phase that it explains. A reason that the edit itself gave stays: in another phase it is a contradiction to tell about.
func settle(before, after *municipalityv1.Implementation) {
	if m := after.GetMaturity(); m != nil && m.GetModel() == "" {
		m.Model = before.GetMaturity().GetModel()
	}
	after.Maturity = maturity.Stored(after.GetMaturity())
	if after.GetPhase() != municipalityv1.Implementation_PHASE_NOT_APPLICABLE &&
		after.GetNotApplicableReason() == before.GetNotApplicableReason() {
		after.NotApplicableReason = ""
	}
}

// checkImplementation holds an implementation to the rules that concern it alone. The error is fault.InvalidField.
func checkImplementation(i *municipalityv1.Implementation) error {
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
	if d := i.GetTargetDate(); d != "" {
		if _, err := time.Parse(time.DateOnly, d); err != nil {
			blame("target_date", "ist kein Tag des Kalenders", "is not a day of the calendar")
		}
	}
	if i.GetUrl() != "" && !isWebAddress(i.GetUrl()) {
		blame("url", "muss eine vollständige Adresse mit http oder https sein", "must be an absolute http or https address")
	}
	if !found {
		return nil
	}
	return bad
}

func isWebAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Hostname() != ""
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
