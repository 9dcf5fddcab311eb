package municipality

import (
	"math"
	"time"
	"unique"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/maturity"
)

// implementation is an Implementation as it is kept: 88 bytes instead of some 400, because a country has millions. What
// does not fit into the fields, like notes, is in rest. nil stands for nothing recorded.
type implementation struct {
	sequence   uint64 // of its record
	time       int64  // of its record, in nanoseconds since 1970
	url        string
	rest       *municipalityv1.Implementation // mostly nil
	service    text                           // id of the public service
	actor      text
	solution   text // resource name
	department text
	cases      int32 // a year; unknownCases when not known
	target     day
	since      day // the recorded phase date
	from       day // since when the present standing holds; older ones are in place.past
	phase      uint8
	priority   uint8
	level      uint8 // maturity: model and level, 0 when not measured
	standing   standing
}

const unknownCases = -1

// text is a string that many implementations share.
type text struct{ handle unique.Handle[string] }

func textOf(s string) text {
	if s == "" {
		return text{}
	}
	return text{unique.Make(s)}
}

// String implements fmt.Stringer.
func (t text) String() string {
	if t == (text{}) {
		return ""
	}
	return t.handle.Value()
}

// day counts days from 1970-01-01, which is 1; 0 is no day. Days outside of 1970 to 2149 are the nearest one inside.
type day uint16

const secondsOfDay = 24 * 60 * 60

// dayOf reads "2027-03-31"; exact tells whether the day stands for just this text.
func dayOf(iso string) (d day, exact bool) {
	if iso == "" {
		return 0, true
	}
	t, err := time.Parse(time.DateOnly, iso)
	if err != nil {
		return 0, false
	}
	n := t.Unix()/secondsOfDay + 1
	d = day(min(max(n, 1), math.MaxUint16))
	return d, int64(d) == n
}

// dayAt is the day of a moment, in UTC.
func dayAt(t time.Time) day {
	return day(min(max(t.Unix()/secondsOfDay+1, 1), math.MaxUint16))
}

// String is the day as the contract writes it; empty for no day.
func (d day) String() string {
	if d == 0 {
		return ""
	}
	return time.Unix((int64(d)-1)*secondsOfDay, 0).UTC().Format(time.DateOnly)
}

// models are the maturity models that fit into implementation.level; their order must never change while it is in memory.
var models = [...]string{"", "1.1", "2.0"}

const levelBits = 4

func packMaturity(m *municipalityv1.Maturity) (packed uint8, exact bool) {
	if m == nil {
		return 0, true
	}
	for i, model := range models {
		if model == m.GetModel() && m.GetLevel() >= 0 && m.GetLevel() < 1<<levelBits && m.GetThreshold() == 0 {
			return uint8(i+1)<<levelBits | uint8(m.GetLevel()), true
		}
	}
	return 0, false
}

// recorded makes the kept form of what a record says. It shares nothing with the message that could change.
func recorded(m *municipalityv1.Implementation, e *ledger.Entry) implementation {
	i := implementation{
		sequence: e.Sequence, time: e.Record.GetTime().AsTime().UnixNano(),
		url: m.GetUrl(), service: textOf(keyOf(m.GetName())), actor: textOf(e.Record.GetActor()),
		solution: textOf(m.GetSolution()), department: textOf(m.GetDepartment()),
		cases: unknownCases, phase: uint8(m.GetPhase()), priority: uint8(m.GetPriority()), standing: standingOf(m),
	}
	rest := &municipalityv1.Implementation{
		Note: m.GetNote(), NotApplicableReason: m.GetNotApplicableReason(), Adoption: m.GetAdoption(), AdoptionEnded: m.GetAdoptionEnded(),
	}
	more := m.GetNote() != "" || m.GetNotApplicableReason() != "" || m.GetAdoption() != "" || m.GetAdoptionEnded()
	if m.AnnualCases != nil {
		if n := m.GetAnnualCases(); n >= 0 && n <= math.MaxInt32 {
			i.cases = int32(n)
		} else {
			rest.AnnualCases, more = m.AnnualCases, true
		}
	}
	var exact bool
	if i.target, exact = dayOf(m.GetTargetDate()); !exact {
		rest.TargetDate, more = m.GetTargetDate(), true
	}
	if i.since, exact = dayOf(m.GetPhaseDate()); !exact {
		rest.PhaseDate, more = m.GetPhaseDate(), true
	}
	if i.level, exact = packMaturity(m.GetMaturity()); !exact {
		rest.Maturity, more = proto.CloneOf(m.GetMaturity()), true
	}
	if m.GetPhase() < 0 || m.GetPhase() > math.MaxUint8 || m.GetPriority() < 0 || m.GetPriority() > math.MaxUint8 {
		rest.Phase, rest.Priority, more = m.GetPhase(), m.GetPriority(), true
	}
	if unknown := m.ProtoReflect().GetUnknown(); len(unknown) > 0 { // of a newer version: kept for the next change
		rest.ProtoReflect().SetUnknown(unknown)
		more = true
	}
	if more {
		i.rest = rest
	}
	return i
}

// stored is the message as the ledger holds it; nil for nothing recorded.
func (i *implementation) stored(ags string) *municipalityv1.Implementation {
	if i == nil {
		return nil
	}
	m := &municipalityv1.Implementation{}
	if i.rest != nil {
		m = proto.CloneOf(i.rest)
	}
	m.Name = implementationName(ags, i.service.String())
	m.Url, m.Solution, m.Department = i.url, i.solution.String(), i.department.String()
	if i.cases != unknownCases {
		n := int64(i.cases)
		m.AnnualCases = &n
	}
	if m.TargetDate == "" {
		m.TargetDate = i.target.String()
	}
	if m.PhaseDate == "" {
		m.PhaseDate = i.since.String()
	}
	if m.Maturity == nil {
		m.Maturity = i.maturity()
	}
	if m.Phase == 0 && m.Priority == 0 {
		m.Phase, m.Priority = municipalityv1.Implementation_Phase(i.phase), municipalityv1.Implementation_Priority(i.priority)
	}
	return m
}

// message is what is stored, with version, time and actor of its record.
func (i *implementation) message(ags string) *municipalityv1.Implementation {
	m := i.stored(ags)
	if m != nil {
		m.Etag, m.UpdateTime, m.UpdateActor = i.etag(), timestamppb.New(time.Unix(0, i.time)), i.actor.String()
	}
	return m
}

// The accessors answer for nil, too, which is nothing recorded.

func (i *implementation) etag() string {
	if i == nil {
		return ""
	}
	return etag(i.sequence)
}

func (i *implementation) maturity() *municipalityv1.Maturity {
	switch {
	case i == nil:
		return nil
	case i.level != 0:
		return &municipalityv1.Maturity{Model: models[i.level>>levelBits-1], Level: int32(i.level & (1<<levelBits - 1))}
	case i.rest != nil:
		return i.rest.GetMaturity()
	}
	return nil
}

func (i *implementation) priorityOf() municipalityv1.Implementation_Priority {
	if i == nil {
		return municipalityv1.Implementation_PRIORITY_UNSPECIFIED
	}
	return municipalityv1.Implementation_Priority(i.priority)
}

func (i *implementation) annualCases() int64 {
	if i == nil || i.cases == unknownCases {
		return 0
	}
	return int64(i.cases)
}

func (i *implementation) solutionName() string {
	if i == nil {
		return ""
	}
	return i.solution.String()
}

// adoptionEnded tells whether it is online by an adoption that is over.
func (i *implementation) adoptionEnded() bool { return i != nil && i.rest.GetAdoptionEnded() }

func (i *implementation) departmentName() string {
	if i == nil {
		return ""
	}
	return i.department.String()
}

func (i *implementation) targetDate() string {
	switch {
	case i == nil:
		return ""
	case i.rest.GetTargetDate() != "":
		return i.rest.GetTargetDate()
	}
	return i.target.String()
}

func (i *implementation) standingNow() standing {
	if i == nil {
		return unrecorded
	}
	return i.standing
}

// isOverdue tells whether the target date has passed on a day.
func (i *implementation) isOverdue(today day) bool {
	return i != nil && i.target != 0 && i.target < today
}

// standing is how far an implementation counts, as progress and gaps see it. Records that go back to a revision hold the
// numbers: they never change.
type standing uint8

const (
	unrecorded standing = iota
	standsOpen
	standsPlanned
	standsInProgress
	standsBelow
	standsFulfilled
	standsNotApplicable
)

func standingOf(m *municipalityv1.Implementation) standing {
	switch m.GetPhase() {
	case municipalityv1.Implementation_PHASE_ONLINE:
		if maturity.Online(m) {
			return standsFulfilled
		}
		return standsBelow
	case municipalityv1.Implementation_PHASE_IN_PROGRESS:
		return standsInProgress
	case municipalityv1.Implementation_PHASE_PLANNED:
		return standsPlanned
	case municipalityv1.Implementation_PHASE_NOT_APPLICABLE:
		return standsNotApplicable
	default:
		return standsOpen
	}
}
