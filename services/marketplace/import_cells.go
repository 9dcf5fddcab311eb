package marketplace

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/importreport"
	"kompass.krz.de/services/platform/maturity"
	"kompass.krz.de/services/platform/names"
	"kompass.krz.de/services/platform/tabular"
)

// offerCells reads the cells of one offer into a solution. Its methods answer in German and English what is wrong with a
// cell, "" when nothing is. They read cells that are not blank.
type offerCells struct {
	*importreport.Findings
	offer     *importedOffer
	currency  string // of the column for it
	zero      bool   // a price is 0
	freeWords bool   // a price says that it is free of charge
}

func (c *offerCells) kind(at importreport.Spot) (de, en string) {
	var ok bool
	if c.offer.says.Kind, ok = kindWords.read(at.Value); !ok {
		return "Keine Art: EfA-Dienst, Produkt, Formular, Modul oder Portal erwartet.", "Not a kind: EfA service, product, form, module or portal expected."
	}
	return "", ""
}

func (c *offerCells) efa(at importreport.Spot) (de, en string) {
	var ok bool
	if c.offer.says.EfaState, ok = efaWords.read(at.Value); !ok {
		return "Kein EfA-Stand: Nachnutzung sicher, Nachnutzung in Klärung, Entwicklung Land NRW, Entwicklung KDN, Entwicklung in Klärung oder kein EfA erwartet.",
			"Not an EfA state: Nachnutzung sicher, Nachnutzung in Klärung, Entwicklung Land NRW, Entwicklung KDN, Entwicklung in Klärung or kein EfA expected."
	}
	return "", ""
}

func (c *offerCells) trust(at importreport.Spot) (de, en string) {
	var ok bool
	if c.offer.says.TrustLevel, ok = trustWords.read(at.Value); !ok {
		return "Kein Vertrauensniveau: keines, niedrig, substanziell oder hoch erwartet.", "Not a trust level: none, low, substantial or high expected."
	}
	return "", ""
}

func (c *offerCells) description(at importreport.Spot) (de, en string) {
	c.offer.says.Description = strings.TrimSpace(strings.ReplaceAll(at.Value, "\r\n", "\n"))
	return "", ""
}

// text reads a column into a text of the solution.
func text(field func(*marketplacev1.Solution) *string) func(*offerCells, importreport.Spot) (de, en string) {
	return func(c *offerCells, at importreport.Spot) (de, en string) {
		*field(c.offer.says) = tabular.CleanText(at.Value)
		return "", ""
	}
}

// texts reads a column into a list of texts.
func texts(field func(*marketplacev1.Solution) *[]string) func(*offerCells, importreport.Spot) (de, en string) {
	return func(c *offerCells, at importreport.Spot) (de, en string) {
		*field(c.offer.says) = listed(at.Value)
		return "", ""
	}
}

func (c *offerCells) promised(at importreport.Spot) (de, en string) {
	var ok bool
	if c.offer.says.PromisedDate, ok = readOfferDay(tabular.CleanText(at.Value)); !ok {
		return "Kein Tag: 31.03.2027 oder 2027-03-31 erwartet.", "Not a day: 31.03.2027 or 2027-03-31 expected."
	}
	return "", ""
}

func (c *offerCells) classes(at importreport.Spot) (de, en string) {
	for _, text := range listed(at.Value) {
		class, ok := classWords.read(text)
		if !ok {
			return "„" + text + "“ ist keine Größenklasse.", text + " is not a size class."
		}
		c.offer.says.SizeClasses = append(c.offer.says.SizeClasses, class)
	}
	return "", ""
}

// agsOf is an AGS of a municipality with 8 digits, or 7 where a spreadsheet ate the zero, or of a Kreis with 5.
var agsOf = regexp.MustCompile(`^([0-9]{5}|[0-9]{7}|[0-9]{8})$`)

func (c *offerCells) municipalities(at importreport.Spot) (de, en string) {
	for _, text := range listed(at.Value) {
		ags := strings.ReplaceAll(strings.TrimPrefix(text, municipalities), " ", "")
		if !agsOf.MatchString(ags) {
			return "„" + text + "“ ist kein Amtlicher Gemeindeschlüssel: 8 Ziffern erwartet, 5 für einen Kreis.",
				text + " is not a municipality key: 8 digits expected, 5 for a Kreis."
		}
		switch len(ags) {
		case 5:
			ags += "000"
		case 7:
			ags = "0" + ags
			c.Warn(at, "LEADING_ZERO_RESTORED", "Führende Null ergänzt: "+ags+".", "Leading zero restored: "+ags+".")
		}
		c.offer.says.Municipalities = append(c.offer.says.Municipalities, municipalities+ags)
	}
	return "", ""
}

func (c *offerCells) centres(at importreport.Spot) (de, en string) {
	const prefix = "dataCentres/"
	for _, text := range listed(at.Value) {
		id := names.Folded(strings.TrimPrefix(text, prefix))
		if id == "" {
			return "„" + text + "“ ist kein Rechenzentrum.", text + " is not a data centre."
		}
		c.offer.says.DataCentres = append(c.offer.says.DataCentres, prefix+id)
	}
	return "", ""
}

// price reads a column of prices. 0 is no term; where there is no other, the offer is free of charge.
func price(basis marketplacev1.Price_Basis) func(*offerCells, importreport.Spot) (de, en string) {
	return func(c *offerCells, at importreport.Spot) (de, en string) {
		switch tabular.NormalizeHeader(at.Value) {
		case "kostenfrei", "kostenlos", "frei", "free":
			c.freeWords = true
			c.offer.spots["prices"] = at
			return "", ""
		}
		cents, currency, de, en := readAmount(at.Value)
		switch {
		case de != "":
			return de, en
		case cents == 0:
			c.zero = true
			return "", ""
		case currency != "" && c.currency != "" && currency != c.currency:
			return "Nennt eine andere Währung als die Spalte dafür: " + c.currency + ".", "Names another currency than the column for it: " + c.currency + "."
		case currency == "":
			currency = c.currency
		}
		c.offer.spots[fmt.Sprintf("prices[%d]", len(c.offer.says.GetPrices()))] = at
		c.offer.says.Prices = append(c.offer.says.Prices, &marketplacev1.Price{Basis: basis, AmountCents: cents, Currency: currency})
		return "", ""
	}
}

// free completes the prices once all of them are read.
func (c *offerCells) free() {
	if c.freeWords || c.zero && len(c.offer.says.GetPrices()) == 0 {
		c.offer.says.Prices = append(c.offer.says.Prices, &marketplacev1.Price{Basis: marketplacev1.Price_BASIS_FREE})
	}
}

// listed are the entries of a list in a cell, each once: separated by semicolons or line ends, by commas where there are none.
func listed(cell string) (entries []string) {
	separators := ";\n|"
	if !strings.ContainsAny(cell, separators) {
		separators = ","
	}
	seen := map[string]bool{}
	for text := range strings.FieldsFuncSeq(cell, func(r rune) bool { return strings.ContainsRune(separators, r) }) {
		if text = tabular.CleanText(text); text != "" && !seen[text] {
			seen[text] = true
			entries = append(entries, text)
		}
	}
	return entries
}

// readOfferDay reads a day as people and spreadsheets write it. It answers "2027-03-31".
func readOfferDay(s string) (string, bool) {
	s = strings.TrimSuffix(strings.TrimSuffix(s, " 00:00:00"), "T00:00:00")
	for _, layout := range []string{time.DateOnly, "2.1.2006", "2.1.06"} {
		if t, err := time.Parse(layout, strings.ReplaceAll(s, " ", "")); err == nil {
			return t.Format(time.DateOnly), true
		}
	}
	return "", false
}

// readLevel reads a maturity: "3", "Stufe 3", and with the model beside it "3 (2.0)".
func readLevel(level, model string) (m *municipalityv1.Maturity, de, en string) {
	number, inside, bracket := strings.Cut(strings.TrimSpace(strings.TrimPrefix(level, "Stufe")), "(")
	if bracket {
		inside = strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(inside), ")"))
	}
	model = strings.ReplaceAll(strings.TrimSpace(strings.TrimPrefix(model, "Modell")), ",", ".")
	if model == "2" {
		model = "2.0"
	}
	if bracket && model != "" && inside != model {
		return nil, "Nennt ein anderes Modell als die Spalte dafür.", "Names another model than the column for it."
	}
	if bracket {
		model = inside
	}
	n, err := strconv.ParseInt(strings.TrimSpace(number), 10, 32)
	if err != nil {
		return nil, "Keine Stufe: 3 oder 3 (2.0) erwartet.", "Not a level: 3 or 3 (2.0) expected."
	}
	m = &municipalityv1.Maturity{Model: model, Level: int32(n)}
	if field, de, en := maturity.Check(m); field != "" {
		return nil, sentence(de), sentence(en)
	}
	return m, "", ""
}
