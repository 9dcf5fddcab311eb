package marketplace

import (
	"fmt"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	"kompass.krz.de/services/platform/days"
)

// explain says in German and English how the amount of a line comes about: "0,12 € je Einwohner und Jahr × 45.000 Einwohner ×
// 184/365 Tage".
func (c costing) explain(l *marketplacev1.CostLine, q quantity, s span) (de, en string) {
	de, en = c.factors(l, q)
	if l.AmountCents == nil && q.of > 0 {
		de, en = de+"; so viel kann nicht stimmen", en+"; so much cannot be right"
	}
	if q.of > 0 && q.of < q.all {
		de += fmt.Sprintf("; die Fallzahl ist bei %d von %d Leistungen bekannt", q.of, q.all)
		en += fmt.Sprintf("; the number of cases is known of %d of %d services", q.of, q.all)
	}
	if s.expected {
		de, en = de+"; erwartet ab "+days.German(s.first), en+"; expected from "+s.first+" on"
	}
	return de, en
}

func (c costing) factors(l *marketplacev1.CostLine, q quantity) (de, en string) {
	p := l.GetPrice()
	de, en = money(p.GetAmountCents(), l.GetCurrency())
	perDE, perEN := "", ""
	if p.GetUnits() > 1 {
		perDE, perEN = number(int64(p.GetUnits()))
		perDE, perEN = perDE+" ", perEN+" "
	}
	countDE, countEN := number(q.count)
	switch p.GetBasis() {
	case marketplacev1.Price_BASIS_FREE:
		return "kostenfrei", "free of charge"
	case marketplacev1.Price_BASIS_ONCE:
		return de + ", einmalig zu Beginn", en + ", once at the start"
	case marketplacev1.Price_BASIS_PER_YEAR:
		de, en = de+" je Jahr", en+" a year"
	case marketplacev1.Price_BASIS_PER_INHABITANT:
		de, en = de+" je "+perDE+"Einwohner und Jahr", en+" per "+perEN+plural(p, "inhabitant")+" and year"
		if q.of == 0 {
			return de + "; die Einwohnerzahl ist nicht bekannt", en + "; the number of inhabitants is not known"
		}
		de, en = de+" × "+countDE+" Einwohner", en+" × "+countEN+" inhabitants"
	case marketplacev1.Price_BASIS_PER_CASE:
		noun := "Fall"
		if p.GetUnits() > 1 {
			noun = "Fälle"
		}
		de, en = de+" je "+perDE+noun, en+" per "+perEN+plural(p, "case")
		if q.of == 0 {
			return de + "; die Fallzahl ist bei keiner der Leistungen bekannt", en + "; the number of cases is not known of any service"
		}
		de, en = de+" × "+countDE+" Fälle im Jahr", en+" × "+countEN+" cases a year"
	}
	if whole := daysOf(c.year); int(l.GetDays()) < whole {
		de, en = fmt.Sprintf("%s × %d/%d Tage", de, l.GetDays(), whole), fmt.Sprintf("%s × %d/%d days", en, l.GetDays(), whole)
	}
	return de, en
}

// plural is an English noun as it stands beside the units of a price.
func plural(p *marketplacev1.Price, noun string) string {
	if p.GetUnits() > 1 {
		return noun + "s"
	}
	return noun
}
