package catalogue

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	"kompass.krz.de/services/platform/importreport"
	"kompass.krz.de/services/platform/xzufi"
)

var escapeAgency = strings.NewReplacer("%", "%25", "/", "%2F")

// sourceID is the number under which an office knows a service; the same number of two offices is two things.
func sourceID(id xzufi.ID) string { return escapeAgency.Replace(id.AgencyID) + "/" + id.Value }

// deletion is what a delivery says is gone; the value of its spot is the number alone.
type deletion struct {
	importreport.Spot
	source string
}

// leaving maps public services to the numbers that they lose: those deleted, and those that the delivery writes under
// another entry. What a delivery both writes and deletes stays.
func (p *plan) leaving() map[string][]string {
	written := map[string]string{}
	for name, ids := range p.file.sources {
		for _, id := range ids {
			written[id] = name
		}
	}
	lost := map[string][]string{}
	for id, name := range written {
		if before, ok := p.state.sources.Get(id); ok && before != name {
			lost[before] = append(lost[before], id)
		}
	}
	for _, d := range p.file.deleted {
		_, again := written[d.source]
		if name, ok := p.state.sources.Get(d.source); ok && !again && !slices.Contains(lost[name], d.source) {
			lost[name] = append(lost[name], d.source)
		}
	}
	return lost
}

// delete plans what a delivery deletes: the entry that the office wrote, or one named by its key. An entry that another
// office describes as well stays.
func (p *plan) delete(listed map[string]bool, lost map[string][]string) {
	for _, d := range p.file.deleted {
		name, known := p.state.sources.Get(d.source)
		if !known {
			name = publicPrefix + d.Value
			if key, f := leikaKey(d.Value); f.none() && key != "" {
				name = publicPrefix + key
			}
		}
		e, existed := entryOf[*cataloguev1.PublicService](p.state, name)
		switch {
		case !existed:
			p.Warn(d.Spot, "UNKNOWN_PUBLIC_SERVICE", "Gelöscht wird eine Leistung, die es hier nicht gibt.", "Deletes a public service that does not exist here.")
		case !active(e) || listed[name]:
		case known && len(p.sourcesOf(e, lost)) > 0:
			p.Info(d.Spot, "OTHER_SOURCES", "Die Leistung bleibt, weil sie auch von anderer Stelle stammt.", "The public service stays because another source wrote it too.")
		default:
			listed[name] = true // deleted twice is deleted once
			p.end(e)
		}
	}
}

// sourcesOf are the numbers that an entry has after the delivery, ascending.
func (p *plan) sourcesOf(before *cataloguev1.PublicService, lost map[string][]string) []string {
	name := before.GetName()
	ids := slices.DeleteFunc(slices.Clone(before.GetSourceIds()), func(id string) bool { return slices.Contains(lost[name], id) })
	ids = append(ids, p.file.sources[name]...)
	slices.Sort(ids)
	return slices.Compact(ids)
}

// remember plans the numbers of the entries: with what else is planned for an entry, or apart, which is no change that
// people see.
func (p *plan) remember(lost map[string][]string) {
	touched := map[string]bool{}
	for name := range p.file.sources {
		touched[name] = true
	}
	for name := range lost {
		touched[name] = true
	}
	for i, e := range p.entries {
		if m, ok := e.entry.(*cataloguev1.PublicService); ok && touched[m.GetName()] {
			delete(touched, m.GetName())
			before := m.GetSourceIds()
			if m.SourceIds = p.sourcesOf(m, lost); !slices.Equal(before, m.SourceIds) && len(e.changed) > 0 {
				p.entries[i].changed = append(e.changed, "source_ids")
			}
		}
	}
	for name := range touched {
		before, ok := entryOf[*cataloguev1.PublicService](p.state, name)
		if !ok {
			continue
		}
		if ids := p.sourcesOf(before, lost); !slices.Equal(ids, before.GetSourceIds()) {
			after := proto.CloneOf(before)
			clearServed(after)
			after.SourceIds = ids
			p.sources = append(p.sources, planned{after, []string{"source_ids"}})
		}
	}
	slices.SortFunc(p.sources, func(a, b planned) int { return strings.Compare(a.entry.GetName(), b.entry.GetName()) })
}

// index keeps what numbers lead to, when an entry replaces one; a number that has moved to another entry stays there.
func (e *edit) index(before entry, after *cataloguev1.PublicService) {
	if old, ok := before.(*cataloguev1.PublicService); ok {
		for _, id := range old.GetSourceIds() {
			if name, _ := e.sources.Get(id); name == after.GetName() && !slices.Contains(after.GetSourceIds(), id) {
				e.sources.Delete(id)
			}
		}
	}
	for _, id := range after.GetSourceIds() {
		e.sources.Set(id, after.GetName())
	}
}

// onlySources tells whether an entry replaces another that differs in its numbers alone: whatever people see of a public
// service changes by a revision, which it names.
func onlySources(before entry, after *cataloguev1.PublicService) bool {
	old, ok := before.(*cataloguev1.PublicService)
	return ok && old.GetLastRevision() == after.GetLastRevision()
}
