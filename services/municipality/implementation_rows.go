package municipality

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"

	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/importreport"
	"kompass.krz.de/services/platform/links"
	"kompass.krz.de/services/platform/tabular"
)

// stateTable is a table of implementation states that was read, before anything is compared with what is recorded.
type stateTable struct {
	findings *importreport.Findings
	columns  tabular.Columns
	has      []bool // by stateColumns
	rows     []stateRow

	parent     string // AGS of the municipality that all rows belong to; empty when each says its own
	lines      map[stateKey]int
	phases     words[municipalityv1.Implementation_Phase]
	priorities words[municipalityv1.Implementation_Priority]
}

// stateRow is what one row says. Its values are read but not yet judged; the solution is as the cell has it.
type stateRow struct {
	tabular.Row
	stateKey
	version string
	values  *municipalityv1.Implementation
	blank   bool // no column that can be edited has anything
}

type stateKey struct{ ags, key string }

func newStateTable(table *tabular.Table, columns tabular.Columns, parent string) *stateTable {
	t := &stateTable{
		findings: importreport.OfTable(commonv1.ImportReport_TABLE_IMPLEMENTATIONS, table, columns), columns: columns, parent: parent,
		has: make([]bool, len(stateColumns)), rows: make([]stateRow, 0, len(table.Rows)), lines: make(map[stateKey]int, len(table.Rows)),
		phases: newWords("phase_", phaseWords), priorities: newWords("priority_", priorityWords),
	}
	for i, c := range stateColumns {
		t.has[i] = columns.Has(c.field)
	}
	for _, r := range table.Rows {
		row := stateRow{Row: r, blank: true}
		if t.keys(&row) && t.cells(&row) {
			t.rows = append(t.rows, row)
		}
	}
	return t
}

// at is a field's cell of a row, for messages.
func (t *stateTable) at(row *stateRow, field string) importreport.Spot {
	return importreport.At(row.Line, t.columns.Name(field), t.columns.Raw(row.Row, field))
}

// refuse blames a cell.
func (t *stateTable) refuse(row *stateRow, field, reason, de, en string) bool {
	t.findings.Fail(t.at(row, field), reason, de, en)
	return false
}

// keys reads which implementation a row is about.
func (t *stateTable) keys(row *stateRow) bool {
	if !t.ags(row) {
		return false
	}
	text := t.columns.Value(row.Row, "key")
	id, restored, ok := readServiceID(text)
	switch {
	case text == "":
		return t.refuse(row, "key", "MISSING_KEY", "Der LeiKa-Schlüssel fehlt.", "The LeiKa key is missing.")
	case !ok && strings.ContainsAny(text, "eE") && strings.Trim(text, "0123456789.,eE+ ") == "":
		return t.refuse(row, "key", "INVALID_KEY", "Die Tabellenkalkulation hat den Schlüssel in eine Zahl verwandelt; bitte als XLSX exportieren oder die Spalte als Text öffnen.",
			"The spreadsheet turned the key into a number; export as XLSX or open the column as text.")
	case !ok:
		return t.refuse(row, "key", "INVALID_KEY", "Kein LeiKa-Schlüssel: 14 Ziffern erwartet.", "Not a LeiKa key: 14 digits expected.")
	}
	repaired(t.findings, t.at(row, "key"), restored, id)
	row.key = id
	if first, twice := t.lines[row.stateKey]; twice {
		return t.refuse(row, "key", "DUPLICATE_KEY", fmt.Sprintf("Diese Leistung steht für diese Kommune schon in Zeile %d.", first),
			fmt.Sprintf("This service of this municipality is already in line %d.", first))
	}
	t.lines[row.stateKey] = row.Line
	return true
}

// ags reads to which municipality a row belongs.
func (t *stateTable) ags(row *stateRow) bool {
	field := "ags"
	text := t.columns.Value(row.Row, field)
	ags, restored, ok := parseAGS(text)
	if ars := t.columns.Value(row.Row, "ars"); text == "" && ars != "" {
		field, text = "ars", ars
		if ags, restored, ok = parseARS(ars); ok {
			ags = agsOfARS(ags)
		}
	}
	switch {
	case text == "" && t.parent != "":
		row.ags = t.parent
		return true
	case text == "":
		return t.refuse(row, field, "MISSING_KEY", "Der Gemeindeschlüssel fehlt.", "The municipality key is missing.")
	case !ok:
		return t.refuse(row, field, "INVALID_AGS", "Kein Amtlicher Gemeindeschlüssel: 8 Ziffern erwartet, 5 für einen Kreis.",
			"Not a municipality key: 8 digits expected, 5 for a Kreis.")
	case t.parent != "" && ags != t.parent:
		return t.refuse(row, field, "OTHER_MUNICIPALITY", "Die Zeile gehört zu einer anderen Kommune als "+t.parent+".",
			"The row belongs to another municipality than "+t.parent+".")
	}
	repaired(t.findings, t.at(row, field), restored, ags)
	row.ags = ags
	return true
}

// cells reads what can be edited, and reports every bad cell.
func (t *stateTable) cells(row *stateRow) bool {
	row.version = t.columns.Value(row.Row, "version")
	row.values = &municipalityv1.Implementation{}
	good := true
	for i, c := range stateColumns {
		if !c.edits || !t.has[i] {
			continue
		}
		text := plainText(t.columns.Raw(row.Row, c.field))
		if text == "" {
			continue
		}
		row.blank = false
		if de, en := t.cell(row, c.field, text); de != "" {
			good = t.refuse(row, c.field, "INVALID_VALUE", de, en)
		}
	}
	if m := plainText(t.columns.Raw(row.Row, "model")); m != "" && row.values.GetMaturity() == nil && good {
		return t.refuse(row, "model", "INVALID_VALUE", "Zum Reifegradmodell fehlt die Stufe.", "The level of this maturity model is missing.")
	}
	return good
}

// cell reads one cell that is not blank. It answers in German and English what is wrong with it.
func (t *stateTable) cell(row *stateRow, field, text string) (de, en string) {
	v := row.values
	var ok bool
	switch field {
	case "phase":
		if v.Phase, ok = t.phases.read(text); !ok {
			return "Keine Phase: offen, in Planung, in Bearbeitung, online oder nicht zutreffend erwartet.",
				"Not a phase: open, planned, in progress, online or not applicable expected."
		}
	case "priority":
		if v.Priority, ok = t.priorities.read(text); !ok {
			return "Keine Priorität: niedrig, mittel oder hoch erwartet.", "Not a priority: low, medium or high expected."
		}
	case "phase_date", "target_date":
		var day string
		if day, ok = readDay(text); !ok {
			return "Kein Tag: 31.03.2027 oder 2027-03-31 erwartet.", "Not a day: 31.03.2027 or 2027-03-31 expected."
		}
		if field == "phase_date" {
			v.PhaseDate = day
		} else {
			v.TargetDate = day
		}
	case "model":
		if _, ok = readModel(text); !ok {
			return "Kein Reifegradmodell: 1.1 oder 2.0 erwartet.", "Not a maturity model: 1.1 or 2.0 expected."
		}
	case "level":
		return t.level(row, text)
	case "annual_cases":
		n, ok := readCases(text)
		if !ok {
			return notCount(text)
		}
		v.AnnualCases = proto.Int64(n)
	default:
		return textCell(v, field, text)
	}
	return "", ""
}

// level reads a maturity; its model stands beside it or in a column of its own.
func (t *stateTable) level(row *stateRow, text string) (de, en string) {
	level, model, ok := readLevel(text)
	if !ok {
		return "Keine Stufe: 3 oder 3 (1.1) erwartet.", "Not a level: 3 or 3 (1.1) expected."
	}
	if named, ok := readModel(plainText(t.columns.Raw(row.Row, "model"))); ok {
		if model != "" && model != named {
			return "Nennt ein anderes Modell als die Spalte " + t.columns.Name("model") + ".", "Names another model than the column " + t.columns.Name("model") + "."
		}
		model = named
	}
	row.values.Maturity = &municipalityv1.Maturity{Model: model, Level: level}
	return "", ""
}

// textCell reads a text, as long as the contract allows.
func textCell(v *municipalityv1.Implementation, field, text string) (de, en string) {
	longest := 0
	switch field {
	case "url":
		if !strings.Contains(text, "://") {
			text = "https://" + text
		}
		longest, v.Url = 2000, text
		if de, en := links.Check(text); de != "" {
			return "Die Adresse " + de + ".", "The address " + en + "."
		}
	case "solution":
		longest, v.Solution = 300, text
	case "department":
		longest, v.Department = 200, text
	case "note":
		longest, v.Note = 4000, text
	case "not_applicable_reason":
		longest, v.NotApplicableReason = 1000, text
	}
	if len(text) > longest && utf8.RuneCountInString(text) > longest {
		return fmt.Sprintf("Länger als %d Zeichen.", longest), fmt.Sprintf("Longer than %d characters.", longest)
	}
	return "", ""
}
