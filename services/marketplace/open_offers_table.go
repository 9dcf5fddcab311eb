package marketplace

import (
	"fmt"
	"slices"
	"strings"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	"kompass.krz.de/services/platform/opendata"
	"kompass.krz.de/services/platform/promises"
	"kompass.krz.de/services/platform/relevance"
	"kompass.krz.de/services/platform/tabular"
)

// offerTable are the columns of the table of offers: a row for each public service that a solution covers. An import knows
// most of them under the same names.
var offerTable = slices.Concat(
	textColumns("ID", "Name", "Anbieter", "Art", "EfA-Stand", "LeiKa-Schlüssel", "Leistung", "Reifegradmodell"),
	[]opendata.Column{{Title: "Reifegrad", Kind: tabular.Number}},
	textColumns("Status", "Ab Version", "Beschreibung", "URL", "Dokumentation", "Barrierefreiheit", "Lizenz", "Ansprechstelle",
		"Vertrauensniveau", "Größenklassen", "Kommunen", "Rechenzentren", "Basiskomponenten", "Fachverfahren"),
	[]opendata.Column{{Title: "Zugesagt am", Kind: tabular.Date}, {Title: "Verschiebungen", Kind: tabular.Number}, {Title: slippedTitle, Kind: tabular.Number}, {Title: delayTitle, Kind: tabular.Number}},
	textColumns("Währung", "Preis einmalig", "Preis je Jahr", "Preis je Einwohner", "Preis je Fall"),
	[]opendata.Column{{Title: "Kommunen mit Umsetzung", Kind: tabular.Number}, {Title: "Beispiel"}},
)

// Words of the table, by value.
var (
	kindTitles = [...]string{
		marketplacev1.Solution_KIND_EFA_SERVICE: "EfA-Dienst", marketplacev1.Solution_KIND_PRODUCT: "Produkt", marketplacev1.Solution_KIND_FORM: "Formular",
		marketplacev1.Solution_KIND_MODULE: "Modul", marketplacev1.Solution_KIND_PORTAL: "Portal",
	}
	efaTitles = [...]string{
		marketplacev1.Solution_EFA_STATE_REUSE_IN_CLARIFICATION:       "Nachnutzung aus anderem Land in Klärung",
		marketplacev1.Solution_EFA_STATE_REUSE_CERTAIN:                "Nachnutzung aus anderem Land sicher",
		marketplacev1.Solution_EFA_STATE_DEVELOPMENT_STATE:            "Entwicklung Land NRW",
		marketplacev1.Solution_EFA_STATE_DEVELOPMENT_KDN:              "Entwicklung KDN",
		marketplacev1.Solution_EFA_STATE_DEVELOPMENT_IN_CLARIFICATION: "Entwicklung in Klärung",
		marketplacev1.Solution_EFA_STATE_NONE:                         "kein EfA",
	}
	trustTitles = [...]string{
		marketplacev1.Solution_TRUST_LEVEL_NONE: "keines", marketplacev1.Solution_TRUST_LEVEL_LOW: "niedrig",
		marketplacev1.Solution_TRUST_LEVEL_SUBSTANTIAL: "substanziell", marketplacev1.Solution_TRUST_LEVEL_HIGH: "hoch",
	}
	statusTitles = [...]string{
		marketplacev1.Coverage_STATUS_UNSPECIFIED: "verfügbar", marketplacev1.Coverage_STATUS_PLANNED: "geplant", marketplacev1.Coverage_STATUS_PILOT: "Pilot",
		marketplacev1.Coverage_STATUS_AVAILABLE: "verfügbar", marketplacev1.Coverage_STATUS_DISCONTINUED: "eingestellt",
	}
)

// offerRows are the rows of all published solutions on a day; one without coverage has one row.
func (w world) offerRows(today string) func(yield func([]string) bool) {
	return func(yield func([]string) bool) {
		for s := range w.publishedSolutions {
			row := w.offerRow(s, today)
			for _, c := range s.GetCoverage() {
				w.fillCoverage(row, c)
				if !yield(row) {
					return
				}
			}
			if len(s.GetCoverage()) == 0 && !yield(row) {
				return
			}
		}
	}
}

// Where a row says what is covered.
const (
	keyCell = 5 + iota
	serviceCell
	modelCell
	levelCell
	statusCell
	sinceCell
)

func (w world) fillCoverage(row []string, c *marketplacev1.Coverage) {
	row[keyCell], row[serviceCell] = idOf(c.GetPublicService()), w.displayName(c.GetPublicService())
	row[modelCell], row[levelCell] = "", ""
	if m := c.GetMaturity(); m != nil {
		row[modelCell], row[levelCell] = "Modell "+m.GetModel(), digits(m.GetLevel())
	}
	row[statusCell], row[sinceCell] = statusTitles[c.GetStatus()], c.GetSinceVersion()
}

// offerRow spells out a solution in the order of offerTable; what it covers comes later.
func (w world) offerRow(s *marketplacev1.Solution, today string) []string {
	currency, prices := "", priceCells(s.GetPrices())
	if len(s.GetPrices()) > 0 { // all have one
		currency = s.GetPrices()[0].GetCurrency()
	}
	return []string{
		idOf(s.GetName()), s.GetDisplayName(), w.openRef(s.GetProvider()).calledOrNot(), kindTitles[s.GetKind()], efaTitles[s.GetEfaState()],
		"", "", "", "", "", "",
		s.GetDescription(), s.GetUrl(), s.GetDocumentationUrl(), s.GetAccessibilityUrl(), s.GetLicence(), s.GetContactRole(),
		trustTitles[s.GetTrustLevel()],
		inOneCell(s.GetSizeClasses(), relevance.ClassName),
		inOneCell(s.GetMunicipalities(), idOf), inOneCell(s.GetDataCentres(), w.displayName),
		strings.Join(s.GetBaseComponents(), "; "), strings.Join(s.GetSpecialistSystems(), "; "),
		s.GetPromisedDate(), digits(s.GetSlipCount()), digits(s.GetSlipDays()), delayCell(delayOf(today, promises.OfSolution(s))),
		currency, prices[0], prices[1], prices[2], prices[3],
		digits(s.GetUserCount()), yesNo(s.GetExample()),
	}
}

// priceCells spell the terms of a price model by basis: "1.234,50", and "12,00 je 1.000" where the amount is for more than one.
func priceCells(prices []*marketplacev1.Price) (cells [4]string) {
	for _, p := range prices {
		if p.GetBasis() == marketplacev1.Price_BASIS_FREE {
			cells[0] = "kostenfrei"
			continue
		}
		text := germanNumber(p.GetAmountCents()/100) + fmt.Sprintf(",%02d", p.GetAmountCents()%100)
		if p.GetUnits() > 1 {
			text += " je " + germanNumber(int64(p.GetUnits()))
		}
		cell := &cells[p.GetBasis()-marketplacev1.Price_BASIS_ONCE]
		if *cell != "" {
			text = *cell + "; " + text
		}
		*cell = text
	}
	return cells
}

// germanNumber spells a number that is not negative with a dot before every three digits.
func germanNumber(n int64) string {
	text := fmt.Sprint(n)
	for i := len(text) - 3; i > 0; i -= 3 {
		text = text[:i] + "." + text[i:]
	}
	return text
}
