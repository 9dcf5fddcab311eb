package catalogue

import (
	"fmt"
	"slices"

	"kompass.krz.de/services/platform/fault"
	"kompass.krz.de/services/platform/tabular"
)

// known tells whether a record of a file is the header of a table, be it one that belongs elsewhere.
func known(names []string) bool {
	l, err := recognise(names)
	return l != nil || err != nil
}

// recognise tells the table by its header; nil when it is none that the catalogue has heard of. Tables that belong
// elsewhere and headers that fit several tables are faults.
func recognise(names []string) (*layout, error) {
	foreign := headerOf(names, strangerColumns)
	relevance := &layouts[0]
	if relevance.needs(headerOf(names, relevance.columns)) && !foreign.has("place") {
		return relevance, nil
	}
	for _, s := range strangers {
		if s.needs(foreign) {
			return nil, fault.New(fault.ImportElsewhere, "table", s.table, "path", s.path).Field("file", s.de, s.en)
		}
	}
	for i := range layouts {
		if l := &layouts[i]; l.needs(headerOf(names, l.columns)) {
			return l, l.refuseMarks(names, layouts[:i])
		}
	}
	return nil, nil
}

// refuseMarks refuses a header of which the layout would ignore a column that tells an earlier table: that one was meant,
// and lacks a column that it must have. A table may ignore what tells a later one: services name their themes.
func (l *layout) refuseMarks(names []string, earlier []layout) error {
	own := synonymsOf(l.columns)
	for i := range earlier {
		other := &earlier[i]
		theirs := synonymsOf(other.columns)
		for _, name := range names {
			key := tabular.NormalizeHeader(name)
			if _, mine := own[key]; mine || !other.marked(theirs[key]) {
				continue
			}
			return unreadable(
				fmt.Sprintf("Die Kopfzeile ist mehrdeutig: Die Spalte „%s“ gehört zur Tabelle %s; als Tabelle %s würde sie übergangen.", name, other.de, l.de),
				fmt.Sprintf("The header is ambiguous: the column %s belongs to the table %s; as the table %s it would be ignored.", name, other.en, l.en))
		}
	}
	return nil
}

func (l *layout) marked(field string) bool { return slices.Contains(l.marks, field) }

// header is which columns of a layout a table has, before they are mapped for good.
type header struct {
	fields map[string]bool
	others int // columns that the layout does not know
}

func (h header) has(field string) bool { return h.fields[field] }

// headerOf looks for the columns in the header of a table.
func headerOf(names []string, columns map[string][]string) header {
	fields := synonymsOf(columns)
	h := header{fields: map[string]bool{}}
	for _, name := range names {
		if field, known := fields[tabular.NormalizeHeader(name)]; known {
			h.fields[field] = true
		} else if name != "" {
			h.others++
		}
	}
	return h
}

// synonymsOf maps what headers call the columns, in the form in which they are compared, to the columns.
func synonymsOf(columns map[string][]string) map[string]string {
	fields := map[string]string{}
	for field, synonyms := range columns {
		fields[tabular.NormalizeHeader(field)] = field
		for _, s := range synonyms {
			fields[tabular.NormalizeHeader(s)] = field
		}
	}
	return fields
}

// stranger is a table that belongs elsewhere.
type stranger struct {
	needs       func(header) bool
	table, path string
	de, en      string
}

// strangerColumns are the columns by which strangers are told.
var strangerColumns = map[string][]string{
	"place": {"ags", "ars", "Gemeindeschlüssel", "Kreisschlüssel", "Amtlicher Gemeindeschlüssel", "Regionalschlüssel", "size_class", "Größenklasse"},
	"leika": leikaColumns,
	"name":  {"Bezeichnung", "Gemeinde", "Gemeindename", "Kreis"},
	"town":  {"Ort", "Stadt", "Sitz"},
	"url":   {"Website", "Internet", "Homepage"},
	"offer": {"Anbieter", "Hersteller", "provider", "EfA-Stand", "efa_state", "Preis einmalig", "Preis je Jahr", "Preis je Einwohner", "Preis je Fall", "Lizenz", "licence", "Zugesagt am", "promised_date"},
}

// strangers are what people send here by mistake; they are recognised before the tables of the catalogue.
var strangers = []stranger{
	{
		needs: func(h header) bool { return h.has("place") && h.has("leika") },
		table: "implementations", path: "municipalities/-/implementations:import",
		de: "Das ist eine Tabelle mit Umsetzungsständen. Sie gehört nach municipalities/-/implementations:import.",
		en: "This is a table of implementation states. It belongs to municipalities/-/implementations:import.",
	},
	{
		needs: func(h header) bool { return h.has("place") },
		table: "municipalities", path: "municipalities:import",
		de: "Das ist eine Tabelle mit Gemeinden oder Kreisen. Sie gehört nach municipalities:import.",
		en: "This is a table of municipalities or Kreise. It belongs to municipalities:import.",
	},
	{
		needs: func(h header) bool { return h.has("offer") },
		table: "offers", path: "solutions:import",
		de: "Das ist eine Tabelle mit Angeboten. Sie gehört nach solutions:import.",
		en: "This is a table of offers. It belongs to solutions:import.",
	},
	{
		needs: func(h header) bool { return h.has("name") && h.has("town") && h.has("url") },
		table: "dataCentres", path: "municipalities:import",
		de: "Das ist eine Tabelle mit Rechenzentren. Sie gehört nach municipalities:import.",
		en: "This is a table of data centres. It belongs to municipalities:import.",
	},
}
