package catalogue

import (
	"fmt"
	"strings"
	"unicode/utf8"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	"kompass.krz.de/services/platform/importreport"
	"kompass.krz.de/services/platform/tabular"
)

// imported is a file as it was read, before it is held against the catalogue.
type imported struct {
	*importreport.Findings

	entries   []row
	spoken    []protoreflect.FieldDescriptor // what the file says something about; other fields keep their value
	deleted   []deletion                     // by an XZuFi delivery
	sources   map[string][]string            // numbers that an XZuFi delivery writes, by resource name
	relevance []relevanceRow
	columns   tabular.Columns // none of an XZuFi delivery
}

// row is an entry and where it stands in the file.
type row struct {
	importreport.Spot // of its key
	entry             entry
	cells             *tabular.Row // none of an XZuFi delivery
}

// Lengths of texts, in characters. Real ones are far below; what is above is not a name but a paste gone wrong, and would
// make answers larger than a client takes.
const (
	mostName = 1_000
	mostText = 20_000
	mostNote = 2_000 // as the contract bounds the note of a relevance
)

// rowReader turns the rows of one table into entries.
type rowReader struct {
	*imported
	at   *tabular.Row
	seen map[string]int // resource name → index of its row
}

// cell reads a column, cleaned.
func (r *rowReader) cell(column string) string { return r.columns.Value(*r.at, column) }

// text reads a column whose text may have so many characters; a longer one is reported.
func (r *rowReader) text(column string, most int) string {
	text := r.cell(column)
	r.bound(r.place(column), text, most)
	return text
}

// bound reports a text of more than so many characters.
func (in *imported) bound(at importreport.Spot, text string, most int) {
	if len(text) <= most || utf8.RuneCountInString(text) <= most {
		return
	}
	in.Fail(at, "TEXT_TOO_LONG", fmt.Sprintf("Der Text hat mehr als %d Zeichen.", most), fmt.Sprintf("The text has more than %d characters.", most))
}

// find reports a finding about a cell: an error, a warning when the value was taken after a repair, or a note.
func (in *imported) find(at importreport.Spot, f finding) {
	switch {
	case f.none():
	case f.note:
		in.Info(at, f.reason, f.de, f.en)
	case f.repair:
		in.Warn(at, f.reason, f.de, f.en)
	default:
		in.Fail(at, f.reason, f.de, f.en)
	}
}

// place is the cell of a column, for issues.
func (r *rowReader) place(column string) importreport.Spot {
	at := importreport.Spot{Line: r.at.Line}
	if r.columns.Has(column) {
		at.Column, at.Value = r.columns.Name(column), r.columns.Raw(*r.at, column)
	}
	return at
}

// nameColumn is the first column with a display name.
func (r *rowReader) nameColumn() string {
	if r.cell("name") == "" && (r.cell("name2") != "" || !r.columns.Has("name")) {
		return "name2"
	}
	return "name"
}

// name reads the display name; "" is reported.
func (r *rowReader) name() string {
	column := r.nameColumn()
	name := r.text(column, mostName)
	if sameName(name) == "" || foldedID(name) == "" {
		r.Fail(r.place(column), "MISSING_NAME", "Der Name fehlt.", "The name is missing.")
		return ""
	}
	return name
}

// putRow adds the entry of the row unless the file had it before; key is the column that tells entries apart.
func (r *rowReader) putRow(key string, e entry) { r.put(r.place(key), r.at, e) }

// put adds an entry unless the file had it before.
func (r *rowReader) put(at importreport.Spot, cells *tabular.Row, e entry) {
	first, again := r.seen[e.GetName()]
	if !again {
		r.seen[e.GetName()] = len(r.entries)
		r.entries = append(r.entries, row{at, e, cells})
		return
	}
	before := r.entries[first]
	switch {
	case proto.Equal(before.entry, e):
		r.Warn(at, "DUPLICATE_ROW", fmt.Sprintf("Die Zeile steht schon in Zeile %d.", before.Line),
			fmt.Sprintf("The row repeats line %d.", before.Line))
	case strings.HasPrefix(e.GetName(), publicPrefix+keylessPrefix), r.Report.GetFormat() == commonv1.FileFormat_FILE_FORMAT_XZUFI:
		r.Warn(at, "DUPLICATE_ENTRY", fmt.Sprintf("Den Eintrag gibt es schon in Zeile %d; es gilt der erste.", before.Line),
			fmt.Sprintf("The entry is in line %d already; the first one counts.", before.Line))
	default:
		r.Fail(at, "DUPLICATE_KEY", fmt.Sprintf("Widerspricht Zeile %d mit demselben Schlüssel.", before.Line),
			fmt.Sprintf("Contradicts line %d, which has the same key.", before.Line))
	}
}

func (r *rowReader) theme() {
	if name := r.name(); name != "" {
		r.putRow(r.nameColumn(), &cataloguev1.Theme{Name: themesPrefix + foldedID(name), DisplayName: name})
	}
}

func (r *rowReader) situation() {
	if name := r.name(); name != "" {
		m := &cataloguev1.Situation{Name: situationsPrefix + foldedID(name), DisplayName: name, Theme: reference(themesPrefix, r.text("theme", mostName))}
		r.putRow(r.nameColumn(), m)
	}
}

func (r *rowReader) ozgService() {
	id := r.key("ozg", ozgID)
	name := r.name()
	if id == "" || name == "" {
		return
	}
	m := &cataloguev1.OzgService{
		Name: ozgPrefix + id, OzgId: id, DisplayName: name,
		Situation: reference(situationsPrefix, r.text("situation", mostName)),
		Theme:     reference(themesPrefix, r.text("theme", mostName)),
	}
	if m.Situation == "" {
		m.Situation = reference(situationsPrefix, r.text("business", mostName))
	}
	for _, other := range words(r.text("secondary", mostText), false) {
		if ref := reference(situationsPrefix, other); ref != "" && ref != m.Situation {
			m.SecondarySituations = append(m.SecondarySituations, ref)
		}
	}
	r.putRow("ozg", m)
}

func (r *rowReader) procedure() {
	code := r.key("code", procedureCode)
	name := r.name()
	if code != "" && name != "" {
		r.putRow("code", &cataloguev1.Procedure{Name: proceduresPrefix + code, Code: code, DisplayName: name})
	}
}

func (r *rowReader) publicService() {
	key, bad := "", noKey(r.cell("leika"))
	if bad.none() {
		key, bad = leikaKey(r.cell("leika"))
	}
	r.find(r.place("leika"), bad)
	name := r.name()
	if bad.fatal() || name == "" {
		return
	}
	m := &cataloguev1.PublicService{
		DisplayName: name, LegalBasis: r.text("legal", mostText), Laws: words(r.text("laws", mostText), true),
		LawAbbreviations: words(r.text("lawsShort", mostText), true), Summary: r.text("summary", mostText), Keywords: words(r.text("keywords", mostText), true),
	}
	identify(m, key)
	var f finding
	m.LeikaTypes, f = leikaTypes(r.cell("types"))
	r.find(r.place("types"), f)
	m.Sdg1, f = flag(r.cell("sdg1"))
	r.find(r.place("sdg1"), f)
	m.Sdg2, f = flag(r.cell("sdg2"))
	r.find(r.place("sdg2"), f)
	m.OzgService = r.bundle()
	if key == "" {
		r.putRow(r.nameColumn(), m)
	} else {
		r.putRow("leika", m)
	}
}

// bundle reads the OZG service of a public service; of several the first counts.
func (r *rowReader) bundle() string {
	ids := words(r.cell("ozg"), true)
	if len(ids) == 0 {
		return ""
	}
	if len(ids) > 1 {
		r.Warn(r.place("ozg"), "SEVERAL_OZG_SERVICES", "Mehrere OZG-Leistungen; es gilt die erste.", "Several OZG services; the first one counts.")
	}
	id, f := ozgID(ids[0])
	r.find(r.place("ozg"), f)
	if id == "" {
		return ""
	}
	return ozgPrefix + id
}

// key reads the key of a row, which must be there.
func (r *rowReader) key(column string, parse func(string) (string, finding)) string {
	id, f := parse(r.cell(column))
	if f.none() && id == "" {
		f = finding{reason: "MISSING_KEY", de: "Der Schlüssel fehlt.", en: "The key is missing."}
	}
	r.find(r.place(column), f)
	return id
}

// identify gives a public service its name: by the key, or without one by its display name.
func identify(m *cataloguev1.PublicService, key string) {
	if key == "" {
		m.Name = publicPrefix + keylessID(m.GetDisplayName())
		return
	}
	m.Name, m.LeikaKey, m.Procedure = publicPrefix+key, key, key[8:11]
}

// reference is the resource name that a display name leads to, whether or not it exists yet.
func reference(prefix, name string) string {
	id := foldedID(name)
	if id == "" {
		return ""
	}
	return prefix + id
}
