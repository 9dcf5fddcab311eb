package catalogue

import (
	"fmt"
	"strings"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	"kompass.krz.de/services/platform/importreport"
)

// classColumn is the column of one size class in a relevance table.
type classColumn struct {
	class commonv1.SizeClass
	field string
	names []string
}

var classColumns = []classColumn{
	{commonv1.SizeClass_SIZE_CLASS_KREISFREIE_STADT, "kreisfreie_stadt", []string{"Kreisfreie Städte", "Kreisfreie"}},
	{commonv1.SizeClass_SIZE_CLASS_STAEDTEREGIONSANGEHOERIGE_STADT, "staedteregionsangehoerige_stadt", []string{"Städteregionsangehörige Stadt (Aachen)", "Städteregionsangehörige Städte"}},
	{commonv1.SizeClass_SIZE_CLASS_GROSSE_KREISANGEHOERIGE_STADT, "grosse_kreisangehoerige_stadt", []string{"Große kreisangehörige Städte", "Große Kreisangehörige", "Große Kommunen", "Große Städte"}},
	{commonv1.SizeClass_SIZE_CLASS_MITTLERE_KREISANGEHOERIGE_STADT, "mittlere_kreisangehoerige_stadt", []string{"Mittlere kreisangehörige Städte", "Mittlere Kreisangehörige", "Mittlere Kommunen", "Mittlere Städte", "Mittlere Gemeinden"}},
	{commonv1.SizeClass_SIZE_CLASS_KLEINE_KREISANGEHOERIGE_GEMEINDE, "kleine_kreisangehoerige_gemeinde", []string{"Kleine kreisangehörige Gemeinden", "Kleine Kreisangehörige", "Kleine kreisangehörige Stadt", "Kleine Kommunen", "Kleine Gemeinden",
		"Kleine Städte", "Kleine Städte und Gemeinden", "Kleine kreisangehörige Städte und Gemeinden"}},
	{commonv1.SizeClass_SIZE_CLASS_KREIS, "kreis", []string{"Kreise"}},
	{commonv1.SizeClass_SIZE_CLASS_STAEDTEREGION, "staedteregion", []string{"Städteregion Aachen"}},
}

// relevanceRow is what a file says about one target: a rule for every class that has a column, unspecified where the cell
// is empty.
type relevanceRow struct {
	line   int
	target importreport.Spot // as the file has it
	name   string            // of the relevance
	rules  map[commonv1.SizeClass]cataloguev1.Obligation
	note   string
}

func relevanceColumns() map[string][]string {
	columns := map[string][]string{
		"target": {"ziel", "Leistung oder OZG-Leistung"}, "leika": leikaColumns, "ozg": ozgColumns,
		"note": {"Notiz", "Begründung", "Bemerkung", "Hinweis", "Zuständigkeit"},
	}
	for _, c := range classColumns {
		columns[c.field] = append([]string{c.class.String()}, c.names...)
	}
	return columns
}

func classFields() []string {
	fields := make([]string, len(classColumns))
	for i, c := range classColumns {
		fields[i] = c.field
	}
	return fields
}

// relevance reads one row of rules.
func (r *rowReader) relevance() {
	column, name, f := r.target()
	where := r.place(column)
	r.find(where, f)
	rules, ok := r.rules()
	if name == "" || !ok {
		return
	}
	if first, again := r.seen[name]; again {
		line := r.imported.relevance[first].line
		r.Fail(where, "DUPLICATE_KEY", fmt.Sprintf("Zeile %d hat dasselbe Ziel.", line), fmt.Sprintf("Line %d has the same target.", line))
		return
	}
	r.seen[name] = len(r.imported.relevance)
	r.imported.relevance = append(r.imported.relevance, relevanceRow{line: r.at.Line, target: where, name: name, rules: rules, note: r.text("note", mostNote)})
}

// rules reads the cells of the size classes; false when one of them is bad.
func (r *rowReader) rules() (rules map[commonv1.SizeClass]cataloguev1.Obligation, ok bool) {
	rules, ok = map[commonv1.SizeClass]cataloguev1.Obligation{}, true
	for _, c := range classColumns {
		if !r.columns.Has(c.field) {
			continue
		}
		rule, f := obligation(r.cell(c.field))
		r.find(r.place(c.field), f)
		rules[c.class], ok = rule, ok && f.none()
	}
	return rules, ok
}

// target reads whom a row speaks of, and the column that says so: a LeiKa key, an id without key, or "ozg:" and an OZG id.
func (r *rowReader) target() (column, name string, f finding) {
	column = "target"
	if !r.columns.Has(column) {
		if column = "leika"; r.cell(column) == "" {
			column = "ozg"
		}
	}
	cell := r.cell(column)
	name, f = relevanceTarget(cell, column == "ozg")
	if f.none() && name == "" {
		f = finding{reason: "MISSING_KEY", de: "Der Schlüssel fehlt.", en: "The key is missing."}
	}
	return column, name, f
}

// relevanceTarget is the name of the relevance that a cell speaks of.
func relevanceTarget(cell string, ozg bool) (string, finding) {
	text := strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(cell, publicPrefix), ozgPrefix), relevanceSuffix)
	if strings.HasPrefix(text, keylessPrefix) && isPublicID(text) {
		return publicPrefix + text + relevanceSuffix, finding{}
	}
	if ozg || len(text) >= 3 && strings.EqualFold(text[:3], "ozg") || isDigits(text, ozgDigits) {
		id, f := ozgID(text)
		if id == "" {
			return "", f
		}
		return ozgPrefix + id + relevanceSuffix, f
	}
	key, f := leikaKey(text)
	if key == "" {
		return "", f
	}
	return publicPrefix + key + relevanceSuffix, f
}
