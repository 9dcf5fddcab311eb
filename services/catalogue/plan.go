package catalogue

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	commonv1 "kompass.krz.de/proto/kompass/common/v1"
	"kompass.krz.de/services/platform/importreport"
)

// planned is an entry as it shall be, with the fields that differ from before.
type planned struct {
	entry   entry
	changed []string
}

// plan is what an import would do to one state of the catalogue.
type plan struct {
	*importreport.Findings

	state  *catalogue
	file   *imported
	scope  cataloguev1.ImportScope
	number int64 // of the revision that it would become

	entries     []planned // in the order of the names
	sources     []planned // entries of which the numbers of offices change and nothing else
	successions []*cataloguev1.Succession
	relevance   []relevanceChange

	before int // active entries of the kind
	newly  []entry
	gone   []entry
	themes map[string]bool // official themes that come along
}

// plan holds a file against the catalogue. It changes neither.
func (in *imported) plan(s *catalogue, scope cataloguev1.ImportScope) *plan {
	p := &plan{
		state: s, file: in, scope: scope, Findings: in.Clone(), number: int64(len(s.revisions)) + 1, themes: map[string]bool{},
	}
	if in.Report.GetTable() == commonv1.ImportReport_TABLE_RELEVANCE {
		p.planRelevance()
		return p
	}
	k := kindOf(in.Report.GetTable())
	p.before = s.active[k.prefix]
	listed := make(map[string]bool, len(in.entries))
	for _, row := range in.entries {
		listed[row.entry.GetName()] = true
	}
	for _, row := range in.entries {
		p.refer(row)
		p.take(row.entry)
	}
	lost := p.leaving()
	p.withdraw(k, listed, lost)
	p.succeed()
	p.remember(lost)
	slices.SortFunc(p.entries, func(a, b planned) int { return strings.Compare(a.entry.GetName(), b.entry.GetName()) })
	return p
}

// take plans one entry of the file.
func (p *plan) take(e entry) {
	before, existed := p.state.entries.Get(e.GetName())
	if !existed {
		after := proto.CloneOf(e)
		setState(after, cataloguev1.EntryState_ENTRY_STATE_ACTIVE, p.number)
		p.entries = append(p.entries, planned{entry: after})
		p.newly = append(p.newly, after)
		p.Report.Added++
		return
	}
	differ := differences(before, e, p.file.spoken)
	if active(before) && len(differ) == 0 {
		p.Report.Unchanged++
		return
	}
	after := merged(before, e, differ)
	setState(after, cataloguev1.EntryState_ENTRY_STATE_ACTIVE, p.number)
	changed := names(differ)
	if active(before) {
		p.Report.Changed++
	} else {
		p.Report.Added++
		p.newly = append(p.newly, after)
		changed = append(changed, "state")
	}
	p.entries = append(p.entries, planned{after, changed})
}

// merged is before with these fields of e: what a file does not speak of stays.
func merged(before, e entry, fields []protoreflect.FieldDescriptor) entry {
	after := proto.CloneOf(before)
	clearServed(after)
	to, from := after.ProtoReflect(), e.ProtoReflect()
	for _, fd := range fields {
		if from.Has(fd) {
			to.Set(fd, from.Get(fd))
		} else {
			to.Clear(fd)
		}
	}
	return after
}

// clearServed removes what apply put into the memory alone.
func clearServed(e entry) {
	if m, ok := e.(*cataloguev1.PublicService); ok {
		m.Etag = ""
	}
}

func names(fields []protoreflect.FieldDescriptor) []string {
	list := make([]string, len(fields), len(fields)+1)
	for i, fd := range fields {
		list[i] = string(fd.Name())
	}
	return list
}

// withdraw plans the end of what a complete file no longer lists, and of what a delivery deletes.
func (p *plan) withdraw(k *kind, listed map[string]bool, lost map[string][]string) {
	if p.scope == cataloguev1.ImportScope_IMPORT_SCOPE_COMPLETE {
		for name, e := range p.state.entries.Prefix(k.prefix) {
			if active(e) && !listed[name] {
				p.end(e)
			}
		}
		return
	}
	p.delete(listed, lost)
}

func (p *plan) end(e entry) {
	after := proto.CloneOf(e)
	clearServed(after)
	setState(after, cataloguev1.EntryState_ENTRY_STATE_WITHDRAWN, p.number)
	p.entries = append(p.entries, planned{after, []string{"state"}})
	p.gone = append(p.gone, after)
	p.Report.Withdrawn++
}

// shrinks tells whether the plan withdraws more than 20 % of what is active of its kind.
func (p *plan) shrinks() bool { return int(p.Report.GetWithdrawn())*5 > p.before }

// refer reports the references of an entry that lead nowhere yet. They are kept: the table that they lead to may come
// later.
func (p *plan) refer(r row) {
	switch m := r.entry.(type) {
	case *cataloguev1.Situation:
		p.referTheme(r, m.GetTheme())
	case *cataloguev1.OzgService:
		p.referTheme(r, m.GetTheme())
		for i, situation := range append([]string{m.GetSituation()}, m.GetSecondarySituations()...) {
			column := "situation"
			if i > 0 {
				column = "secondary"
			} else if !p.file.columns.Has(column) {
				column = "business"
			}
			p.missing(r, column, situation, "UNKNOWN_SITUATION", "Die Lage „%s“ ist noch nicht im Katalog.", "The situation %s is not in the catalogue yet.")
		}
	case *cataloguev1.PublicService:
		p.missing(r, "ozg", m.GetOzgService(), "UNKNOWN_OZG_SERVICE", "Die OZG-Leistung „%s“ ist noch nicht im Katalog.", "The OZG service %s is not in the catalogue yet.")
	}
}

// missing reports one reference unless it leads to an active entry.
func (p *plan) missing(r row, column, name, reason, de, en string) {
	if name == "" {
		return
	}
	if e, ok := p.state.entries.Get(name); ok && active(e) {
		return
	}
	at, text := p.quoted(r, column, name)
	p.Warn(at, reason, fmt.Sprintf(de, text), fmt.Sprintf(en, text))
}

// quoted is the cell that leads to a resource, and the part of it that does.
func (p *plan) quoted(r row, column, name string) (at importreport.Spot, text string) {
	at = importreport.Spot{Line: r.Line, Column: p.file.columns.Name(column)}
	prefix, id := name[:strings.IndexByte(name, '/')+1], name[strings.IndexByte(name, '/')+1:]
	if r.cells == nil {
		return at, id
	}
	at.Value = p.file.columns.Raw(*r.cells, column)
	whole := p.file.columns.Value(*r.cells, column)
	for _, part := range append(words(whole, false), whole) {
		if reference(prefix, part) == name {
			return at, importreport.Shortened(part)
		}
	}
	return at, id
}

// referTheme brings an official theme along, because its name is a fact; another unknown one, or one that was withdrawn,
// is reported.
func (p *plan) referTheme(r row, name string) {
	if name == "" || p.themes[name] {
		return
	}
	official, ok := officialThemes[name]
	if _, existed := p.state.entries.Get(name); existed || !ok {
		p.missing(r, "theme", name, "UNKNOWN_THEME", "Das Themenfeld „%s“ ist nicht im Katalog.", "The theme %s is not in the catalogue.")
		return
	}
	p.themes[name] = true
	theme := &cataloguev1.Theme{Name: name, DisplayName: official, State: cataloguev1.EntryState_ENTRY_STATE_ACTIVE}
	p.entries = append(p.entries, planned{entry: theme})
	at, _ := p.quoted(r, "theme", name)
	p.Info(at, "THEME_ADDED",
		"Das Themenfeld „"+official+"“ wurde mit angelegt.", "The theme "+official+" came along.")
}

// officialThemes are the 14 topic areas of the OZG by resource name.
var officialThemes = func() map[string]string {
	byName := map[string]string{}
	for _, name := range []string{
		"Arbeit & Ruhestand", "Bauen & Wohnen", "Bildung", "Ein- & Auswanderung", "Engagement & Hobby", "Familie & Kind",
		"Forschung & Förderung", "Gesundheit", "Mobilität & Reisen", "Querschnitt", "Recht & Ordnung", "Steuern & Zoll", "Umwelt",
		"Unternehmensführung & -entwicklung",
	} {
		byName[reference(themesPrefix, name)] = name
	}
	return byName
}()
