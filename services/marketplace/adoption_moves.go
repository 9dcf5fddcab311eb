package marketplace

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/days"
	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/resource"
)

// step is a wanted move of one adoption or of many.
type step struct {
	to       marketplacev1.Adoption_State
	offer    *marketplacev1.AdoptionOffer
	contract string
	date     string // "2027-03-31", never empty
	note     string
	wrong    *refusal // what the request itself lacks or gives in vain
}

// moving is a request that moves adoptions.
type moving interface {
	resource.Command
	GetName() string
	GetState() marketplacev1.Adoption_State
	GetOffer() *marketplacev1.AdoptionOffer
	GetContract() string
	GetDate() string
	GetNote() string
}

// stepOf reads the step that a request asks for of adoptions of a solution (resource name), with all that is wrong with it on
// today.
func (w world) stepOf(req moving, solution, today string) step {
	s := step{
		to: req.GetState(), offer: proto.CloneOf(req.GetOffer()), contract: req.GetContract(),
		date: req.GetDate(), note: req.GetNote(), wrong: refuse(fault.InvalidField),
	}
	s.date = pastDay(s.date, today, s.wrong.blame)
	if only(s.wrong, "offer", s.offer != nil, s.to == stateOffered, "nach „Angebot liegt vor“ (OFFERED)", "to OFFERED") {
		completePrices(s.offer.GetPrices())
		checkConditions(s.offer, s.date, s.wrong.blame)
		if of, _ := w.solutions.Get(solution); len(of.GetPrices()) == 0 && saysNothing(s.offer) {
			s.wrong.blame("offer", "braucht Preise, Bedingungen oder ein Dokument, denn „"+solution+"“ nennt keine Preise",
				"needs prices, conditions or a document, because "+solution+" has no prices")
		}
	}
	if only(s.wrong, "contract", s.contract != "", s.to == stateContracted, "nach „Vertrag geschlossen“ (CONTRACTED)", "to CONTRACTED") {
		if _, known := w.contracts.Get(s.contract); !known {
			s.wrong.reason, s.wrong.pairs = fault.UnknownReference, []string{"resource", s.contract}
			s.wrong.blame("contract", "„"+s.contract+"“ gibt es nicht", s.contract+" does not exist")
		}
	}
	if (s.to == stateEnded || s.to == stateWithdrawn) && strings.TrimSpace(s.note) == "" {
		s.wrong.blame("note", "fehlt: Ende und Rückzug brauchen einen Grund", "is missing: an end and a withdrawal need a reason")
	}
	return s
}

// pastDay is the date of a request, today when it has none; one that is no day or in the future is blamed.
func pastDay(date, today string, wrong blame) string {
	switch {
	case date == "":
		return today
	case checkDay("date", date, wrong) && date > today:
		wrong("date", futureDE, futureEN)
	}
	return date
}

const futureDE, futureEN = "liegt in der Zukunft", "is in the future"

// only tells whether a field is given that belongs to one way alone, and blames what is missing or out of place.
func only(wrong *refusal, field string, given, belongs bool, wayDE, wayEN string) bool {
	switch {
	case given && !belongs:
		wrong.blame(field, "gibt es nur auf dem Weg "+wayDE, "is only for the way "+wayEN)
	case !given && belongs:
		wrong.blame(field, "fehlt auf dem Weg "+wayDE, "is missing on the way "+wayEN)
	}
	return given && belongs
}

// checkConditions says what is wrong with an offer made on a day; its prices are expected as completePrices leaves them.
func checkConditions(o *marketplacev1.AdoptionOffer, date string, wrong blame) {
	checkPrices(o.GetPrices(), func(field, de, en string) { wrong("offer."+field, de, en) })
	if until := o.GetValidUntil(); checkDay("offer.valid_until", until, wrong) && until != "" && until < date {
		wrong("offer.valid_until", "liegt vor dem Tag des Angebots, dem "+days.German(date), "is before the day of the offer, "+date)
	}
}

// saysNothing tells whether an offer leaves everything open.
func saysNothing(o *marketplacev1.AdoptionOffer) bool {
	return len(o.GetPrices())+len(o.GetDocuments()) == 0 && strings.TrimSpace(o.GetConditions()) == ""
}

// moved is a copy of an adoption after a step, with the fields that differ, or why the step cannot be taken.
func (w world) moved(before *marketplacev1.Adoption, s step, c ledger.Cause) (*marketplacev1.Adoption, []string, *refusal) {
	if no := w.cannot(before, s); no != nil {
		return nil, nil, no
	}
	a, changed := proto.CloneOf(before), []string{"transitions"}
	if a.GetState() != s.to {
		changed = append(changed, "state")
	}
	a.State = s.to
	a.Transitions = append(a.GetTransitions(), &marketplacev1.AdoptionTransition{
		From: before.GetState(), To: s.to, Date: s.date, Time: timestamppb.New(c.Time), Actor: c.Actor, Note: s.note,
	})
	switch s.to {
	case stateOffered:
		a.Offer, changed = proto.CloneOf(s.offer), append(changed, "offer")
	case stateContracted:
		a.Contract, changed = s.contract, append(changed, "contract")
	case stateLive:
		a.LiveDate, changed = s.date, append(changed, "live_date")
		if w.stampMaturity(a) {
			changed = append(changed, "services")
		}
	case stateEnded:
		a.EndDate, changed = s.date, append(changed, "end_date")
	}
	return a, changed, nil
}

// cannot says why a step cannot be taken, with all that is missing at once; nil when it can.
func (w world) cannot(a *marketplacev1.Adoption, s step) *refusal {
	if !slices.Contains(nextStates(a.GetState()), s.to) {
		return w.noWay(a, s)
	}
	if len(s.wrong.violations) > 0 {
		return s.wrong
	}
	if last := a.GetTransitions()[len(a.GetTransitions())-1]; s.date < last.GetDate() {
		early := refuse(fault.InvalidField)
		early.blame("date", "liegt vor dem "+days.German(last.GetDate())+", seit dem „"+stateDE[last.GetTo()]+"“ gilt", "is before "+last.GetDate()+", since when it is "+stateCode(last.GetTo()))
		return early
	}
	no := refuse(fault.StateForbids, "resource", a.GetName(), "state", stateCode(a.GetState()), "wanted", stateCode(s.to))
	w.blameMissing(a, s, no.blame)
	if len(no.violations) == 0 {
		return nil
	}
	return no
}

// noWay says that no way leads from a state to the wanted one, which ways there are, and what the next step needs.
func (w world) noWay(a *marketplacev1.Adoption, s step) *refusal {
	var codes, de []string
	for _, to := range nextStates(a.GetState()) {
		codes, de = append(codes, stateCode(to)), append(de, stateNamed(to))
	}
	allowed := strings.Join(codes, ", ")
	no := refuse(fault.StateForbids, "resource", a.GetName(), "state", stateCode(a.GetState()), "wanted", stateCode(s.to), "allowed", allowed)
	from := "aus " + stateNamed(a.GetState()) + " führt kein Weg nach " + stateNamed(s.to)
	if len(codes) == 0 {
		no.blame("state", from+"; möglich ist nichts mehr", "no way leads from "+stateCode(a.GetState())+" to "+stateCode(s.to)+"; nothing is possible any more")
		return no
	}
	no.blame("state", from+"; möglich ist: "+strings.Join(de, ", "), "no way leads from "+stateCode(a.GetState())+" to "+stateCode(s.to)+"; possible is: "+allowed)
	next := step{to: nextStates(a.GetState())[0], contract: s.contract, date: s.date}
	ahead := func(field, de, en string) {
		no.blame(field, "für den nächsten Schritt: "+de, "for the next step: "+en)
	}
	if next.to == stateOffered {
		ahead("offer", missingDE, missingEN)
	}
	w.blameMissing(a, next, ahead)
	if s.to == stateLive && next.to != stateLive {
		blameIncomplete(a, no.blame)
	}
	return no
}

// blameMissing says what an adoption lacks for a step that its state allows.
func (w world) blameMissing(a *marketplacev1.Adoption, s step, wrong blame) {
	switch s.to {
	case stateContracted:
		if until := a.GetOffer().GetValidUntil(); until != "" && until < s.date {
			wrong("offer.valid_until", "das Angebot galt nur bis zum "+days.German(until)+"; es braucht ein neues", "the offer stood until "+until+" only; a new one is needed")
		}
		w.blameContract(a, s.contract, w.firstDayOf(s.contract, s.date), wrong)
	case stateConnecting:
		w.blameContract(a, a.GetContract(), w.firstDayOf(a.GetContract(), s.date), wrong)
	case stateLive:
		w.blameContract(a, a.GetContract(), s.date, wrong)
		if solution, _ := w.solutions.Get(a.GetSolution()); solution.GetState() == withdrawn {
			wrong("solution", "„"+a.GetSolution()+"“ wurde zurückgezogen", a.GetSolution()+" was withdrawn")
		} else {
			blameUnready(a, solution, wrong)
		}
		blameIncomplete(a, wrong)
		w.blameRivals(a, wrong)
	}
}

// firstDayOf is the day from which a contract that was concluded on a date has to serve: it may begin later.
func (w world) firstDayOf(contract, date string) string {
	c, _ := w.contracts.Get(contract)
	return max(c.GetStartDate(), date)
}

func (w world) blameContract(a *marketplacev1.Adoption, contract, date string, wrong blame) {
	if contract == "" {
		wrong("contract", "fehlt: ein Einzelabruf oder Einzelvertrag", "is missing: a call-off or a direct contract")
		return
	}
	if de, en := w.contractLacks(contract, a.GetMunicipality(), a.GetSolution(), date); de != "" {
		wrong("contract", de, en)
	}
}

// blameIncomplete names every step of the checklist that is open and every service without an address.
func blameIncomplete(a *marketplacev1.Adoption, wrong blame) {
	for _, needed := range checklistSteps {
		i := slices.IndexFunc(a.GetChecklist(), func(item *marketplacev1.ChecklistItem) bool { return item.GetKind() == needed.kind })
		if i < 0 || !fulfilled(a.GetChecklist()[i]) {
			wrong("checklist", needed.de+" ist noch offen", needed.en+" is still open")
		}
	}
	for i, s := range a.GetServices() {
		if s.GetUrl() == "" && a.GetUrl() == "" {
			wrong(fmt.Sprintf("services[%d].url", i), "fehlt: wo Bürgerinnen und Bürger „"+s.GetPublicService()+"“ finden",
				"is missing: where citizens find "+s.GetPublicService())
		}
	}
}

// blameUnready names every service that the solution no longer covers, or only plans.
func blameUnready(a *marketplacev1.Adoption, solution *marketplacev1.Solution, wrong blame) {
	services := make([]string, len(a.GetServices()))
	for i, s := range a.GetServices() {
		services[i] = s.GetPublicService()
	}
	checkServices(solution, services, "services", "", wrong)
	for _, c := range solution.GetCoverage() {
		if i := slices.Index(services, c.GetPublicService()); i >= 0 && c.GetStatus() == marketplacev1.Coverage_STATUS_PLANNED {
			wrong(fmt.Sprintf("services[%d]", i), "„"+services[i]+"“ ist bei „"+solution.GetName()+"“ noch geplant", services[i]+" is still planned at "+solution.GetName())
		}
	}
}

func fulfilled(item *marketplacev1.ChecklistItem) bool {
	return item.GetStatus() == marketplacev1.ChecklistItem_STATUS_DONE || item.GetStatus() == marketplacev1.ChecklistItem_STATUS_NOT_NEEDED
}

// blameRivals names every service that another adoption of the municipality is live with.
func (w world) blameRivals(a *marketplacev1.Adoption, wrong blame) {
	rivals := map[string]string{} // adoptions by public service
	for _, other := range w.adopters.at(a.GetMunicipality()) {
		if other.GetState() == stateLive && other.GetName() != a.GetName() {
			for _, s := range other.GetServices() {
				rivals[s.GetPublicService()] = other.GetName()
			}
		}
	}
	for i, s := range a.GetServices() {
		if rival := rivals[s.GetPublicService()]; rival != "" {
			wrong(fmt.Sprintf("services[%d]", i), "„"+s.GetPublicService()+"“ ist dort schon mit „"+rival+"“ live", s.GetPublicService()+" is live there already with "+rival)
		}
	}
}

// stampMaturity notes what the solution reaches for each service today; true when it says anything. a must be the caller's own.
func (w world) stampMaturity(a *marketplacev1.Adoption) (stamped bool) {
	reached := map[string]*municipalityv1.Maturity{}
	solution, _ := w.solutions.Get(a.GetSolution())
	for _, c := range solution.GetCoverage() {
		reached[c.GetPublicService()] = c.GetMaturity()
	}
	for _, s := range a.GetServices() {
		s.Maturity = proto.CloneOf(reached[s.GetPublicService()])
		stamped = stamped || s.GetMaturity() != nil
	}
	return stamped
}
