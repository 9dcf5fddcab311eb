package marketplace

import (
	"fmt"
	"slices"

	"golang.org/x/text/currency"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
)

// blame notes what is wrong with a field of a solution, in German and English.
type blame func(field, de, en string)

// checkOffer says what is wrong with the terms of an offer; they are checked in every state.
func checkOffer(s *marketplacev1.Solution, wrong blame) {
	checkVersions(s, wrong)
	checkPrices(s.GetPrices(), wrong)
}

func checkVersions(s *marketplacev1.Solution, wrong blame) {
	listed := map[string]bool{}
	for i, v := range s.GetVersions() {
		listed[v.GetVersion()] = true
		released, ends := v.GetReleaseDate(), v.GetSupportEndDate()
		path := fmt.Sprintf("versions[%d].", i)
		days := checkDay(path+"release_date", released, wrong)
		days = checkDay(path+"support_end_date", ends, wrong) && days
		if days && released != "" && ends != "" && ends < released {
			wrong(path+"support_end_date", "liegt vor der Veröffentlichung", "is before the release")
		}
	}
	for i, c := range s.GetCoverage() {
		if since := c.GetSinceVersion(); since != "" && len(listed) > 0 && !listed[since] {
			wrong(fmt.Sprintf("coverage[%d].since_version", i), "„"+since+"“ ist keine der Versionen", since+" is not one of the versions")
		}
	}
}

// checkDay tells whether a date is empty or a day of the calendar that can be reckoned with, and blames the field when not.
func checkDay(field, date string, wrong blame) bool {
	switch {
	case !isDay(date):
		wrong(field, notADayDE, notADayEN)
	case date != "" && (date < firstDay || date > lastDay):
		wrong(field, "liegt nicht zwischen "+firstDay+" und "+lastDay+"; was offen ist, bleibt leer",
			"is not between "+firstDay+" and "+lastDay+"; what is open stays empty")
	default:
		return true
	}
	return false
}

// checkPrices expects the terms as completePrices leaves them.
func checkPrices(prices []*marketplacev1.Price, wrong blame) {
	currency := ""
	for i, p := range prices {
		path := fmt.Sprintf("prices[%d].", i)
		switch free := p.GetBasis() == marketplacev1.Price_BASIS_FREE; {
		case free && p.GetAmountCents() != 0:
			wrong(path+"amount_cents", "steht nicht bei „kostenfrei“", "has no place beside free of charge")
		case free && len(prices) > 1:
			wrong(path+"basis", "„kostenfrei“ steht allein", "free of charge stands alone")
		case !free && p.GetAmountCents() <= 0:
			wrong(path+"amount_cents", "muss größer als 0 sein", "must be greater than 0")
		}
		if p.GetUnits() > 1 && !counted(p.GetBasis()) {
			wrong(path+"units", "gibt es nur je Einwohner und je Fall", "is only for prices per inhabitant and per case")
		}
		switch given := p.GetCurrency(); {
		case given != "" && !isCurrency(given):
			wrong(path+"currency", "„"+given+"“ ist keine Währung nach ISO 4217", given+" is not a currency of ISO 4217")
		case currency == "":
			currency = given
		case given != "" && given != currency:
			wrong(path+"currency", "alle Preise haben dieselbe Währung, hier "+currency, "all prices have one currency, here "+currency)
		}
	}
}

// isCurrency tells whether a code is that of a currency: ISO 4217 also has some for gold and for nothing at all.
func isCurrency(code string) bool {
	_, err := currency.ParseISO(code)
	return err == nil && code[0] != 'X' || slices.Contains([]string{"XAF", "XCD", "XOF", "XPF"}, code)
}

// counted tells whether a price is for a number of inhabitants or cases.
func counted(b marketplacev1.Price_Basis) bool {
	return b == marketplacev1.Price_BASIS_PER_INHABITANT || b == marketplacev1.Price_BASIS_PER_CASE
}

// completePrices fills in what a price leaves open: euro, and one unit where units count. It changes the prices, which
// must be the caller's own.
func completePrices(prices []*marketplacev1.Price) {
	for _, p := range prices {
		if p.GetCurrency() == "" && p.GetBasis() != marketplacev1.Price_BASIS_FREE {
			p.Currency = "EUR"
		}
		if p.GetUnits() == 0 && counted(p.GetBasis()) {
			p.Units = 1
		}
	}
}

// checkNamed checks a list of resource names when it changed.
func checkNamed(changed []string, field string, named []string, known func(string) bool, check func(field, resource string, known bool)) {
	if !slices.Contains(changed, field) {
		return
	}
	for i, name := range named {
		check(fmt.Sprintf("%s[%d]", field, i), name, known(name))
	}
}
