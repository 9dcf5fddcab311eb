package marketplace

import (
	"fmt"
	"slices"
	"strings"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	"kompass.krz.de/services/platform/days"
	"kompass.krz.de/services/platform/fault"
)

// violations collects what is wrong with a contract of a request.
type violations struct {
	bad   *fault.Error
	count int
}

// maxViolations bounds how many things that hang on a contract are named.
const maxViolations = 20

func (v *violations) blame(field, de, en string) {
	if v.bad == nil {
		v.bad = fault.New(fault.InvalidField)
	}
	if v.count++; v.count <= maxViolations {
		v.bad = v.bad.Field("contract."+field, de, en)
	}
}

// err is the fault of all that was blamed, nil when nothing was.
func (v *violations) err() error {
	if v.bad == nil {
		return nil
	}
	return v.bad
}

// checkContract says what is wrong with a contract in itself.
func checkContract(c *marketplacev1.Contract) error {
	var v violations
	if strings.TrimSpace(c.GetDisplayName()) == "" {
		v.blame("display_name", missingDE, missingEN)
	}
	if c.GetKind() == marketplacev1.Contract_KIND_UNSPECIFIED {
		v.blame("kind", missingDE, missingEN)
	}
	checkParties(c, &v)
	if len(c.GetSolutions()) == 0 {
		v.blame("solutions", "nennt keine Lösung", "names no solution")
	}
	checkPrices(c.GetPrices(), v.blame)
	checkRunningTime(c, &v)
	return v.err()
}

// checkParties looks at who concludes a contract and where it comes from.
func checkParties(c *marketplacev1.Contract, v *violations) {
	called := c.GetKind() == callOffKind
	switch from := c.GetFramework(); {
	case called && from == "":
		v.blame("framework", "fehlt: Ein Einzelabruf gehört zu einem Rahmenvertrag", "is missing: a call-off belongs to a framework agreement")
	case !called && from != "":
		v.blame("framework", "gibt es nur beim Einzelabruf", "is only for a call-off")
	}
	if c.GetProvider() == "" && (!called || c.GetFramework() == "") { // of a call-off it is the framework's
		v.blame("provider", missingDE, missingEN)
	}
	customer, organisation := c.GetCustomer(), strings.TrimSpace(c.GetOrganisation())
	switch {
	case customer != "" && organisation != "":
		v.blame("organisation", "steht nicht neben „customer“: Es gibt einen Auftraggeber", "has no place beside customer: one orders")
	case organisation != "" && c.GetKind() != directKind:
		v.blame("organisation", "gibt es nur beim Einzelvertrag", "is only for a direct contract")
	case customer == "" && organisation == "" && c.GetKind() == directKind:
		v.blame("customer", "fehlt, und „organisation“ auch", "is missing, and so is organisation")
	case customer == "" && organisation == "":
		v.blame("customer", missingDE, missingEN)
	}
}

// checkRunningTime looks at the days of a contract.
func checkRunningTime(c *marketplacev1.Contract, v *violations) {
	start, end := c.GetStartDate(), c.GetEndDate()
	if start == "" {
		v.blame("start_date", missingDE, missingEN)
	}
	valid := checkDay("start_date", start, v.blame)
	valid = checkDay("end_date", end, v.blame) && valid
	if valid && end != "" && end < start {
		v.blame("end_date", "liegt vor dem Beginn am "+days.German(start), "is before the start on "+start)
	}
	if end == "" && c.GetRenewalMonths() > 0 {
		v.blame("renewal_months", "braucht „end_date“, das Ende der ersten Laufzeit", "needs end_date, the end of the first term")
	}
}

// checkContractReferences names what the changed fields refer to and nobody knows.
func (w world) checkContractReferences(c *marketplacev1.Contract, changed []string) error {
	var bad *fault.Error
	check := func(field, resource string, known bool) {
		if resource == "" || known {
			return
		}
		if bad == nil {
			bad = fault.New(fault.UnknownReference, "resource", resource)
		}
		bad = bad.Field("contract."+field, "„"+resource+"“ gibt es nicht", resource+" does not exist")
	}
	one := func(field, resource string) {
		if slices.Contains(changed, field) {
			check(field, resource, w.knows(resource))
		}
	}
	if slices.Contains(changed, "framework") {
		_, known := w.contracts.Get(c.GetFramework())
		check("framework", c.GetFramework(), known)
	}
	one("provider", c.GetProvider())
	one("customer", c.GetCustomer())
	checkNamed(changed, "municipalities", c.GetMunicipalities(), w.places.has, check)
	checkNamed(changed, "solutions", c.GetSolutions(), w.knows, check)
	if bad == nil {
		return nil
	}
	return bad
}

// checkContractRelations says where a contract contradicts its framework agreement or the references of other contracts.
// Only what changed is looked at: a framework may end before its call-offs do.
func (w world) checkContractRelations(c *marketplacev1.Contract, changed []string) error {
	var v violations
	if f, ok := w.contracts.Get(c.GetFramework()); ok {
		if f.GetKind() != frameworkKind {
			v.blame("framework", "„"+f.GetName()+"“ ist kein Rahmenvertrag", f.GetName()+" is no framework agreement")
			return v.err()
		}
		for _, m := range misfits(c, f) {
			field, _, _ := strings.Cut(m.field, "[")
			if slices.Contains(changed, field) || slices.Contains(changed, "framework") {
				v.blame(m.field, m.de, m.en)
			}
		}
	}
	if slices.Contains(changed, "reference") || slices.Contains(changed, "provider") {
		if other := w.sameReference(c); other != "" {
			v.blame("reference", "„"+c.GetReference()+"“ hat schon „"+other+"“ dieses Anbieters", c.GetReference()+" is that of "+other+" of this provider already")
		}
	}
	return v.err()
}

// sameReference is another contract of the provider with the same reference; empty when there is none.
func (w world) sameReference(c *marketplacev1.Contract) string {
	reference := strings.TrimSpace(c.GetReference())
	if reference == "" {
		return ""
	}
	for name, other := range w.contracts.All() {
		if name != c.GetName() && other.GetProvider() == c.GetProvider() && strings.TrimSpace(other.GetReference()) == reference {
			return name
		}
	}
	return ""
}

// misfit is where a call-off contradicts its framework agreement: the fields of both, and what is wrong.
type misfit struct{ field, of, de, en string }

// misfits are all of them. A call-off may outlast its framework, but begins while that runs.
func misfits(c, f *marketplacev1.Contract) (all []misfit) {
	add := func(field, of, de, en string) { all = append(all, misfit{field, of, de, en}) }
	if c.GetProvider() != f.GetProvider() {
		add("provider", "provider", "der Rahmenvertrag ist mit „"+f.GetProvider()+"“", "the framework agreement is with "+f.GetProvider())
	}
	if start, end := c.GetStartDate(), endOf(f); start < f.GetStartDate() {
		add("start_date", "start_date", "liegt vor dem Beginn des Rahmenvertrags am "+days.German(f.GetStartDate()), "is before the framework agreement begins on "+f.GetStartDate())
	} else if end != "" && start > end {
		add("start_date", "end_date", "liegt nach dem Ende des Rahmenvertrags am "+days.German(end), "is after the framework agreement ends on "+end)
	}
	for i, s := range c.GetSolutions() {
		if !slices.Contains(f.GetSolutions(), s) {
			add(fmt.Sprintf("solutions[%d]", i), "solutions", "„"+s+"“ enthält der Rahmenvertrag nicht", "the framework agreement does not include "+s)
		}
	}
	if len(f.GetMunicipalities()) == 0 {
		return all
	}
	outside := func(field, municipality string) {
		if municipality != f.GetCustomer() && !slices.Contains(f.GetMunicipalities(), municipality) {
			add(field, "municipalities", "der Rahmenvertrag gilt nicht für „"+municipality+"“", "the framework agreement is not for "+municipality)
		}
	}
	if strings.HasPrefix(c.GetCustomer(), municipalities) {
		outside("customer", c.GetCustomer())
	} else if len(c.GetMunicipalities()) == 0 {
		add("municipalities", "municipalities", "fehlt: Der Rahmenvertrag gilt nur für bestimmte Kommunen", "is missing: the framework agreement is for named municipalities only")
	}
	for i, m := range c.GetMunicipalities() {
		outside(fmt.Sprintf("municipalities[%d]", i), m)
	}
	return all
}

// checkStillOpen refuses changes of a contract that is terminated or over, but for its note and documents.
func checkStillOpen(before *marketplacev1.Contract, changed []string, today string) error {
	state := contractState(before, today)
	if state != contractTerminated && state != contractOver {
		return nil
	}
	code := strings.TrimPrefix(state.String(), "STATE_")
	var bad *fault.Error
	for _, field := range changed {
		if field == "note" || field == "documents" {
			continue
		}
		if bad == nil {
			bad = fault.New(fault.StateForbids, "resource", before.GetName(), "state", code, "verb", "update", "allowed", "note, documents")
		}
		bad = bad.Field("contract."+field, "bleibt, denn der Vertrag ist "+contractStatesDE[state]+" ("+code+"); zu ändern sind nur noch note und documents",
			"stays, because the contract is "+code+"; only note and documents may still change")
	}
	if bad == nil {
		return nil
	}
	return bad
}

var contractStatesDE = map[marketplacev1.Contract_State]string{
	contractUpcoming: "noch nicht in Kraft", contractActive: "in Kraft", contractTerminated: "gekündigt", contractOver: "beendet",
}

// checkLinked refuses a change that takes the ground from what hangs on the contract: call-offs that no longer fit, and
// adoptions that it would no longer serve on the day they came under contract, or today while they are under way.
func (w world) checkLinked(before, after *marketplacev1.Contract, today string) error {
	var v violations
	links := w.contractLinks()
	for _, c := range links.callOffs[after.GetName()] {
		known := misfits(c, before)
		for _, m := range misfits(c, after) {
			if !slices.Contains(known, m) {
				v.blame(m.of, "widerspricht dem Einzelabruf „"+c.GetName()+"“, "+m.field+": "+m.de, "contradicts the call-off "+c.GetName()+", "+m.field+": "+m.en)
			}
		}
	}
	for _, a := range links.adoptions[after.GetName()] {
		known := daysUnderContract(a, before, today)
		for i, d := range daysUnderContract(a, after, today) {
			if field, _, _ := w.lacks(before, a.GetMunicipality(), a.GetSolution(), known[i]); field != "" {
				continue
			}
			if field, de, en := w.lacks(after, a.GetMunicipality(), a.GetSolution(), d); field != "" {
				v.blame(field, "„"+a.GetName()+"“ steht unter diesem Vertrag: "+de, a.GetName()+" is under this contract: "+en)
				break
			}
		}
	}
	return v.err()
}

// daysUnderContract are the days on which an adoption needs a contract to serve it, as many for every contract. Before it is
// live the contract may begin later.
func daysUnderContract(a *marketplacev1.Adoption, c *marketplacev1.Contract, today string) (needed []string) {
	for _, t := range a.GetTransitions() {
		if t.GetTo() == stateContracted {
			needed = append(needed, max(t.GetDate(), c.GetStartDate()))
		}
	}
	if live := a.GetLiveDate(); live != "" {
		needed = append(needed, live)
	}
	switch a.GetState() {
	case stateContracted, stateConnecting:
		needed = append(needed, max(today, c.GetStartDate()))
	case stateLive:
		needed = append(needed, today)
	}
	return needed
}
