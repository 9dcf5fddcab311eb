package catalogue

import (
	"slices"

	commonv1 "kompass.krz.de/proto/kompass/common/v1"
)

// Columns that several tables have, as catalogues of the field name them.
var (
	leikaColumns = []string{
		"leika_key", "LeiKa-ID", "LeiKa-Schlüssel", "LeiKa", "Leistungsschlüssel", "LeiKa-Nummer", "LeiKa-Leistungsschlüssel",
		"Leistung Schlüssel", "LeiKa-Nr.", "Leistungsschlüssel (LeiKa)", "LeiKa-Schlüssel (Leistung)", "Leistungs-ID",
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
	columns map[string][]string // column → what headers call it
	needs   func(header) bool   // tells the table by its columns
	speaks  map[string][]string // column → proto fields that it fills, beyond the display name
	read    func(*rowReader)    // reads one row
	marks   []string            // columns that betray the table where it is taken for one that comes later
	de, en  string              // what the table is, and which columns it must have
}

// layouts in the order in which they are tried: what names more columns comes first.
var layouts = []layout{
	{
		table:   commonv1.ImportReport_TABLE_RELEVANCE,
		columns: relevanceColumns(),
		needs: func(h header) bool {
			return (h.has("target") || h.has("leika") || h.has("ozg")) && slices.ContainsFunc(classColumns, func(cc classColumn) bool { return h.has(cc.field) })
		},
		read:  (*rowReader).relevance,
		marks: classFields(),
		de:    "Zuständigkeiten (nötig: LeiKa-Schlüssel oder OZG-ID)",
		en:    "relevance (needs a LeiKa key or OZG id)",
	},
	{
		table: commonv1.ImportReport_TABLE_PUBLIC_SERVICES,
		columns: map[string][]string{
			"leika": append([]string{"Schlüssel"}, leikaColumns...),
			"ozg":   ozgColumns,
			"name": {"leika_name", "Leistungsbezeichnung", "Leistungsname", "Leistung", "LeiKa-Leistung", "Leistungsbezeichnung I", "LeiKa-Leistungsbezeichnung", "Bezeichnung der Leistung",
				"Name der Leistung", "Leistungstitel", "display_name"},
			"name2":     {"Bezeichnung", "leika_bezeichnung", "Titel"},
			"types":     {"typisierung", "LeiKa-Typ", "LeiKa-Typisierung", "Typ", "Typ(en)", "LeiKa-Typ(en)", "Typen", "leika_types"},
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
		read:  (*rowReader).publicService,
		marks: []string{"leika", "name"},
		de:    "Leistungen (nötig: LeiKa-Schlüssel und Leistungsbezeichnung)",
		en:    "public services (needs LeiKa key and name)",
	},
	{
		table: commonv1.ImportReport_TABLE_PROCEDURES,
		columns: map[string][]string{
			"code": {"verrichtung_code", "Verrichtungscode", "Verrichtungsschlüssel", "Verrichtungskennung", "VVV"},
			"name": {"Verrichtung", "Verrichtungsbezeichnung", "display_name"}, "name2": {"Bezeichnung"},
		},
		needs: func(h header) bool { return h.has("code") && (h.has("name") || h.has("name2")) },
		read:  (*rowReader).procedure,
		marks: []string{"code"},
		de:    "Verrichtungen (nötig: Verrichtungscode und Verrichtung)",
		en:    "procedures (needs code and name)",
	},
	{
		table: commonv1.ImportReport_TABLE_OZG_SERVICES,
		columns: map[string][]string{
			"ozg":       ozgColumns,
			"name":      {"ozg_leistung", "OZG-Name", "OZG-Leistungsbezeichnung", "Leistungsbündel", "Name der OZG-Leistung", "Bezeichnung der OZG-Leistung", "Leistung", "display_name"},
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
		read:  (*rowReader).ozgService,
		marks: []string{"ozg", "name"},
		de:    "OZG-Leistungen (nötig: OZG-ID und OZG-Leistung)",
		en:    "OZG services (needs OZG id and name)",
	},
	{
		table:   commonv1.ImportReport_TABLE_SITUATIONS,
		columns: map[string][]string{"name": append([]string{"Bezeichnung", "display_name"}, situationColumns...), "theme": themeColumns},
		needs:   func(h header) bool { return h.has("name") && h.has("theme") },
		speaks:  map[string][]string{"theme": {"theme"}},
		read:    (*rowReader).situation,
		de:      "Lagen",
		en:      "situations",
	},
	{
		table:   commonv1.ImportReport_TABLE_THEMES,
		columns: map[string][]string{"name": append([]string{"Bezeichnung", "display_name"}, themeColumns...), "number": {"id", "Nr", "Nummer", "themenfeld_id"}},
		// A name alone says little: any other column makes it another table.
		needs: func(h header) bool { return h.has("name") && h.others == 0 },
		read:  (*rowReader).theme,
		de:    "Themenfelder",
		en:    "themes",
	},
}
