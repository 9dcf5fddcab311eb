package municipality

import (
	"context"
	"fmt"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	ledgerv1 "kompass.krz.de/proto/kompass/ledger/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/list"
	"kompass.krz.de/services/platform/mask"
	"kompass.krz.de/services/platform/server"
)

// planEdit is what a client wants of a plan.
type planEdit struct {
	request      *municipalityv1.UpdatePlanRequest
	etag         server.Versions // what it may build on
	createOnly   bool
	existingOnly bool
	latest       string // the latest start, an ISO date
}

// UpdatePlan sets capacity, start and weights of a plan, or answers the plan that would follow.
func (s *Service) UpdatePlan(ctx context.Context, req *municipalityv1.UpdatePlanRequest) (*municipalityv1.Plan, error) {
	name := req.GetPlan().GetName()
	if ags := agsOf(name); planName(ags) != name || !allDigits(ags) {
		return nil, fault.New(fault.InvalidField).Field("plan.name",
			"muss die Form „municipalities/05758004/plan“ haben", "must have the form \"municipalities/05758004/plan\"")
	}
	e := planEdit{
		request: req, etag: server.Etag(ctx, req.GetPlan().GetEtag()),
		createOnly: server.CreateOnly(ctx), existingOnly: server.ExistingOnly(ctx),
	}
	now := s.clock()
	e.latest = now.UTC().AddDate(maxYearsAhead, 0, 0).Format(time.DateOnly)
	if req.GetValidateOnly() {
		return s.wouldPlan(e, now)
	}
	if len(req.GetPlan().GetAssumptions()) > 0 {
		return nil, fault.New(fault.InvalidField).Field("plan.assumptions",
			"sind nur mit „validateOnly“ möglich und werden nie gespeichert", "are only for validate_only and never stored")
	}
	cause, err := server.Cause(ctx, req, now)
	if err != nil {
		return nil, err
	}
	result, err := s.replica.Write(ctx, cause, func(r records) ([]ledger.Draft, error) {
		after, changed, err := r.decidePlan(e)
		if err != nil || len(changed) == 0 {
			return nil, err
		}
		return []ledger.Draft{{
			Subject:  s.replica.Own().Subject("plan", agsOf(name)),
			Resource: name, Entity: after, Changed: changed,
		}}, nil
	})
	if err != nil {
		return nil, err
	}
	r, p := result.State, result.State.place(agsOf(name))
	return r.answerPlan(p, r.settingsOf(p), &municipalityv1.GetPlanRequest{Name: name}, s.today())
}

// decidePlan says what is set after an edit, and which fields differ from before. Errors are faults.
func (r records) decidePlan(e planEdit) (*municipalityv1.Plan, []string, error) {
	name := e.request.GetPlan().GetName()
	p := r.place(agsOf(name))
	if p == nil {
		return nil, nil, fault.New(fault.NotFound, "resource", municipalityName(agsOf(name)))
	}
	_, exists := r.plans.Get(agsOf(name))
	stored := proto.CloneOf(r.settingsOf(p))
	if e.createOnly && exists || e.existingOnly && !exists || e.etag.Exclude(stored.GetEtag()) {
		return nil, nil, fault.New(fault.EtagMismatch, "resource", name)
	}
	stored.Etag, stored.UpdateTime = "", nil
	after := proto.CloneOf(stored)
	if _, err := mask.Apply(after, e.request.GetPlan(), e.request.GetUpdateMask()); err != nil {
		return nil, nil, err
	}
	if proto.Size(after.GetWeights()) == 0 {
		after.Weights = nil
	}
	if d := after.GetStartDate(); d != stored.GetStartDate() {
		if err := e.checkStart(d); err != nil {
			return nil, nil, err
		}
	}
	return after, differences(stored, after), nil
}

// maxYearsAhead is how far ahead a plan may start: further on it is a typing error, and nobody plans by the dates.
const maxYearsAhead = 10

// checkStart holds the start of a plan, an ISO date or empty, to the calendar and to the years that people plan ahead.
func (e planEdit) checkStart(date string) error {
	if date == "" {
		return nil
	}
	if _, err := time.Parse(time.DateOnly, date); err != nil {
		return fault.New(fault.InvalidField).Field("plan.start_date", "ist kein Tag des Kalenders", "is not a day of the calendar")
	}
	if date > e.latest {
		return fault.New(fault.InvalidField).Field("plan.start_date",
			fmt.Sprintf("darf höchstens %d Jahre nach heute liegen", maxYearsAhead), fmt.Sprintf("may be %d years after today at most", maxYearsAhead))
	}
	return nil
}

// wouldPlan answers the plan that would follow from an edit and its assumptions: as many items as a page can hold at
// most, because what is not stored has no further pages.
func (s *Service) wouldPlan(e planEdit, now time.Time) (*municipalityv1.Plan, error) {
	r, err := s.replica.Read()
	if err != nil {
		return nil, err
	}
	after, _, err := r.decidePlan(e)
	if err != nil {
		return nil, err
	}
	r, err = r.assume(s.replica.Own(), e.request.GetPlan(), now)
	if err != nil {
		return nil, err
	}
	req := &municipalityv1.GetPlanRequest{Name: after.GetName(), PageSize: list.MaxSize}
	answer, err := r.answerPlan(r.place(agsOf(after.GetName())), after, req, dayAt(now))
	if err != nil {
		return nil, err
	}
	answer.NextPageToken = ""
	return answer, nil
}

// assume is the state as it would be with the assumptions of a plan recorded. Errors name the assumption.
func (r records) assume(own ledger.Name, wanted *municipalityv1.Plan, now time.Time) (records, error) {
	if err := checkAssumptions(wanted); err != nil {
		return r, err
	}
	var batch []ledger.Entry
	for i, a := range wanted.GetAssumptions() {
		name := a.GetName()
		after, _, err := r.decideImplementation(edit{
			request: &municipalityv1.UpdateImplementationRequest{Implementation: a}, etag: server.Versions(a.GetEtag()), today: dayAt(now).String(),
		})
		if err != nil {
			return r, placed(err, func(field string) string {
				return assumption(i) + strings.TrimPrefix(field, "implementation")
			})
		}
		batch = append(batch, ledger.Entry{
			Subject: own.Subject("implementation", agsOf(name), keyOf(name)), Entity: after,
			Record: &ledgerv1.Record{Resource: name, Time: timestamppb.New(now)},
		})
	}
	assumed, err := r.apply(batch, false)
	if err != nil {
		return r, fault.New(fault.Internal).Cause(err)
	}
	return assumed, nil
}

// assumption is the path of one assumption.
func assumption(i int) string { return fmt.Sprintf("plan.assumptions[%d]", i) }

// checkAssumptions holds assumptions to the municipality of the plan, and to one for each implementation.
func checkAssumptions(wanted *municipalityv1.Plan) error {
	seen := map[string]int{}
	for i, a := range wanted.GetAssumptions() {
		name, field := a.GetName(), assumption(i)+".name"
		first, twice := seen[name]
		switch {
		case !isImplementationName(name):
			return badName(field)
		case agsOf(name) != agsOf(wanted.GetName()):
			return fault.New(fault.InvalidField).Field(field, "gehört zu einer anderen Kommune", "belongs to another municipality")
		case twice:
			return fault.New(fault.InvalidField).Field(field, fmt.Sprintf("kommt schon in assumptions[%d] vor", first),
				fmt.Sprintf("is already in assumptions[%d]", first))
		}
		seen[name] = i
	}
	return nil
}
