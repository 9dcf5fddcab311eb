package catalogue

import (
	"slices"

	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	"kompass.krz.de/services/platform/tabular"
)

// Columns that several tables have, as catalogues of the field name them.
var (
	leikaColumns = []string{
		"leika_key", "LeiKa-ID", "LeiKa-Schlüssel", "LeiKa", "Leistungsschlüssel", "LeiKa-Nummer", "LeiKa-Leistungsschlüssel",
		"Leistung Schlüssel",
	}
	ozgColumns       = []string{"ozg_id", "ozgid", "OZG-ID", "OZG-Nummer", "OZG Nr", "OZG-Leistung-ID", "ozg_leistung_id", "OZG-Leistungs-ID", "OZG-Schlüssel"}
	themeColumns     = []string{"themenfeld", "OZG-Themenfeld", "Themenfeld-Name", "Themenfelder", "theme"}
	situationColumns = []string{
		"lage", "Lebenslage", "Lebens- und Geschäftslage", "Lebens- oder Geschäftslage", "Lebens-/Geschäftslage", "Primäre Lage", "LL/GL", "situation",
	}
	businessColumns = []string{"geschaeftslage"}
)

// layout says how a table is recognised and read.
type layout struct {
	table   commonv1.ImportReport_Table
	columns map[string][]string            // column → what headers call it
	needs   func(header) bool              // tells the table by its columns
	speaks  map[string][]string            // column → proto fields that it fills, beyond the display name
	read    func(*rowReader, *tabular.Row) // reads one row
}

// layouts in the order in which they are tried: what names more columns comes first.
var layouts = []layout{
	{
		table:   commonv1.ImportReport_TABLE_RELEVANCE,
		columns: relevanceColumns(),
		needs: func(h header) bool {
			return (h.has("target") || h.has("leika") || h.has("ozg")) && slices.ContainsFunc(classColumns, func(cc classColumn) bool { return h.has(cc.field) })
		},
		read: (*rowReader).relevance,
	},
	{
		table: commonv1.ImportReport_TABLE_PUBLIC_SERVICES,
		columns: map[string][]string{
			"leika":     append([]string{"Schlüssel"}, leikaColumns...),
			"ozg":       ozgColumns,
			"name":      {"leika_name", "Leistungsbezeichnung", "Leistungsname", "Leistung", "LeiKa-Leistung", "Leistungsbezeichnung I", "display_name"},
			"name2":     {"Bezeichnung", "leika_bezeichnung", "Titel"},
			"types":     {"typisierung", "LeiKa-Typ", "LeiKa-Typisierung", "Typ", "leika_types"},
			"legal":     {"legal_basis", "Rechtsgrundlage", "Rechtsgrundlagen", "Rechtsgrundlage(n)", "Handlungsgrundlage", "Handlungsgrundlage(n)", "Handlungsgrundlagen"},
			"laws":      {"Gesetze", "Gesetz", "Gesetz(e)"},
			"lawsShort": {"law_shortcuts", "law_abbreviations", "Gesetzeskürzel", "Gesetzesabkürzungen", "Abkürzungen", "Kürzel"},
			"sdg1":      {"relevance1", "SDG 1", "SDG Anhang I", "SDG Anhang 1", "SDG-Relevanz Anhang I", "SDG I"},
			"sdg2":      {"relevance2", "SDG 2", "SDG Anhang II", "SDG Anhang 2", "SDG-Relevanz Anhang II", "SDG II"},
			"summary":   {"Kurztext", "Kurzbeschreibung", "Zusammenfassung", "Beschreibung"},
			"keywords":  {"Stichworte", "Stichwörter", "Schlagworte", "Schlagwörter", "Suchbegriffe", "Synonyme"},
		},
		needs: func(h header) bool { return h.has("leika") && (h.has("name") || h.has("name2")) },
		speaks: map[string][]string{
			"ozg": {"ozg_service"}, "types": {"leika_types"}, "legal": {"legal_basis"}, "laws": {"laws"}, "lawsShort": {"law_abbreviations"},
			"sdg1": {"sdg1"}, "sdg2": {"sdg2"}, "summary": {"summary"}, "keywords": {"keywords"},
		},
		read: (*rowReader).publicService,
	},
	{
		table: commonv1.ImportReport_TABLE_PROCEDURES,
		columns: map[string][]string{
			"code": {"verrichtung_code", "Verrichtungscode", "Verrichtungsschlüssel", "Verrichtungskennung", "VVV"},
			"name": {"Verrichtung", "Verrichtungsbezeichnung", "display_name"}, "name2": {"Bezeichnung"},
		},
		needs: func(h header) bool { return h.has("code") && (h.has("name") || h.has("name2")) },
		read:  (*rowReader).procedure,
	},
	{
		table: commonv1.ImportReport_TABLE_OZG_SERVICES,
		columns: map[string][]string{
			"ozg":       ozgColumns,
			"name":      {"ozg_leistung", "OZG-Name", "OZG-Leistungsbezeichnung", "Leistungsbündel", "Leistung", "display_name"},
			"name2":     {"Bezeichnung", "ozg_bezeichnung", "Titel"},
			"situation": situationColumns,
			"business":  businessColumns,
			"secondary": {"secondary_situations", "Weitere Lagen", "Sekundäre Lagen", "Sekundäre Lage", "Nebenlagen", "Weitere Lebens- und Geschäftslagen"},
			"theme":     themeColumns,
		},
		needs: func(h header) bool { return h.has("ozg") && (h.has("name") || h.has("name2")) },
		speaks: map[string][]string{
			"situation": {"situation"}, "business": {"situation"}, "secondary": {"secondary_situations"}, "theme": {"theme"},
		},
		read: (*rowReader).ozgService,
	},
	{
		table:   commonv1.ImportReport_TABLE_SITUATIONS,
		columns: map[string][]string{"name": append([]string{"Bezeichnung", "display_name"}, situationColumns...), "theme": themeColumns},
		needs:   func(h header) bool { return h.has("name") && h.has("theme") },
		speaks:  map[string][]string{"theme": {"theme"}},
		read:    (*rowReader).situation,
	},
	{
		table:   commonv1.ImportReport_TABLE_THEMES,
		columns: map[string][]string{"name": append([]string{"Bezeichnung", "display_name"}, themeColumns...), "number": {"id", "Nr", "Nummer", "themenfeld_id"}},
		// A name alone says little: any other column makes it another table.
		needs: func(h header) bool { return h.has("name") && h.others == 0 },
		read:  (*rowReader).theme,
	},
}

// header is which columns of a layout a table has, before they are mapped for good.
type header struct {
	fields map[string]bool
	others int // columns that the layout does not know
}

func (h header) has(field string) bool { return h.fields[field] }

// headerOf looks for the columns in the header of a table.
func headerOf(names []string, columns map[string][]string) header {
	fields := map[string]string{}
	for field, synonyms := range columns {
		fields[tabular.NormalizeHeader(field)] = field
		for _, s := range synonyms {
			fields[tabular.NormalizeHeader(s)] = field
		}
	}
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
}

// strangers are what people send here by mistake; they are recognised before the tables of the catalogue.
var strangers = []stranger{
	{
		needs: func(h header) bool { return h.has("place") && h.has("leika") },
		table: "implementations", path: "municipalities/{ags}/implementations:import",
		de: "Das ist eine Tabelle mit Umsetzungsständen. Sie gehört nach municipalities/{ags}/implementations:import.",
		en: "This is a table of implementation states. It belongs to municipalities/{ags}/implementations:import.",
	},
	{
		needs: func(h header) bool { return h.has("place") },
		table: "municipalities", path: "municipalities:import",
		de: "Das ist eine Tabelle mit Gemeinden oder Kreisen. Sie gehört nach municipalities:import.",
		en: "This is a table of municipalities or Kreise. It belongs to municipalities:import.",
	},
	{
		needs: func(h header) bool { return h.has("name") && h.has("town") && h.has("url") },
		table: "dataCentres", path: "municipalities:import",
		de: "Das ist eine Tabelle mit Rechenzentren. Sie gehört nach municipalities:import.",
		en: "This is a table of data centres. It belongs to municipalities:import.",
	},
}
