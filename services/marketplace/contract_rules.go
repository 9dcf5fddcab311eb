package marketplace

import (
	"fmt"
	"slices"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	"kompass.krz.de/services/platform/days"
)

const (
	frameworkKind = marketplacev1.Contract_KIND_FRAMEWORK
	callOffKind   = marketplacev1.Contract_KIND_CALL_OFF
	directKind    = marketplacev1.Contract_KIND_DIRECT

	contractUpcoming   = marketplacev1.Contract_STATE_UPCOMING
	contractActive     = marketplacev1.Contract_STATE_ACTIVE
	contractTerminated = marketplacev1.Contract_STATE_TERMINATED
	contractOver       = marketplacev1.Contract_STATE_ENDED
)

// endOf is the last day of a contract as it stands: that of its termination, or of its only term; empty when it goes on.
func endOf(c *marketplacev1.Contract) string {
	if end := c.GetTermination().GetEndDate(); end != "" {
		return end
	}
	if c.GetRenewalMonths() > 0 {
		return ""
	}
	return c.GetEndDate()
}

// contractState is how a contract stands on a day.
func contractState(c *marketplacev1.Contract, today string) marketplacev1.Contract_State {
	switch end := endOf(c); {
	case end != "" && end < today:
		return contractOver
	case c.GetTermination() != nil:
		return contractTerminated
	case today < c.GetStartDate():
		return contractUpcoming
	}
	return contractActive
}

// contractTerm is the last day of the term that runs on a day, and the last day for a notice that ends the contract with it;
// each is empty when there is none.
func contractTerm(c *marketplacev1.Contract, today string) (end, notice string) {
	if c.GetEndDate() == "" {
		return endOf(c), ""
	}
	end = termEnd(c.GetEndDate(), int(c.GetRenewalMonths()), today)
	if last := endOf(c); last != "" { // nothing goes on: no notice is needed
		return min(end, last), ""
	}
	if notice = endAfter(end, -int(c.GetNoticeMonths())); notice < c.GetStartDate() {
		notice = "" // the first term is shorter than the notice: it cannot end with it
	}
	return end, notice
}

// contractLacks says in German and English why a contract (resource name) does not serve a municipality and a solution
// (resource names) on a day; empty when it does.
func (w world) contractLacks(contract, municipality, solution, day string) (de, en string) {
	c, known := w.contracts.Get(contract)
	if !known {
		return "„" + contract + "“ gibt es nicht", contract + " does not exist"
	}
	_, de, en = w.lacks(c, municipality, solution, day)
	return de, en
}

// lacks says the same of a contract that need not be stored, and which of its fields is the reason.
func (w world) lacks(c *marketplacev1.Contract, municipality, solution, day string) (field, de, en string) {
	end, ended := endOf(c), "endete"
	if c.GetTermination() != nil {
		ended = "endete durch Kündigung"
	}
	switch name := c.GetName(); {
	case c.GetKind() == frameworkKind:
		return "kind", fmt.Sprintf("„%s“ ist ein Rahmenvertrag: Es braucht einen Einzelabruf daraus", name), name + " is a framework agreement: a call-off from it is needed"
	case day < c.GetStartDate():
		return "start_date", fmt.Sprintf("„%s“ beginnt erst am %s, nach dem %s", name, days.German(c.GetStartDate()), days.German(day)), fmt.Sprintf("%s begins on %s, after %s", name, c.GetStartDate(), day)
	case end != "" && end < day:
		return "end_date", fmt.Sprintf("„%s“ %s am %s, vor dem %s", name, ended, days.German(end), days.German(day)), fmt.Sprintf("%s ended on %s, before %s", name, end, day)
	case !w.covers(c, municipality):
		return "municipalities", fmt.Sprintf("„%s“ gilt nicht für „%s“", name, municipality), fmt.Sprintf("%s does not cover %s", name, municipality)
	case !slices.Contains(c.GetSolutions(), solution):
		return "solutions", fmt.Sprintf("„%s“ enthält „%s“ nicht", name, solution), fmt.Sprintf("%s does not include %s", name, solution)
	}
	return "", "", ""
}

// covers tells whether a contract is for a municipality: as its customer, by name, or, when it names none, as one that its
// data centre serves.
func (w world) covers(c *marketplacev1.Contract, municipality string) bool {
	if c.GetCustomer() == municipality || slices.Contains(c.GetMunicipalities(), municipality) {
		return true
	}
	centre := c.GetCustomer()
	return len(c.GetMunicipalities()) == 0 && centre != "" && w.places.centreOf(municipality) == centre
}
