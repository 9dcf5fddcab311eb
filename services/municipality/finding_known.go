package municipality

import (
	"cmp"
	"slices"
	"strings"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/ledger"
)

// knownFindings are the findings of a place that are recorded as known. They are immutable. nil is nothing recorded.
type knownFindings struct {
	day day // on which they were found
	all []foundIn
}

// foundIn is what is found in the implementation of one service. A list of them is sorted by service.
type foundIn struct {
	service text
	kinds   findingKinds
}

// finding notes which findings a place has by a record; false for an entity of another type. Of a replay, the last record
// of a place is the one that is spelled out.
func (t *pending) finding(e *ledger.Entry, ags string) bool {
	m, ok := e.Entity.(*municipalityv1.KnownFindings)
	if ok {
		t.findings[strings.Clone(ags)] = notedFindings{m, localDay(e.Record.GetTime().AsTime())}
		t.size++
	}
	return ok
}

// notedFindings is a record of findings that is not spelled out yet.
type notedFindings struct {
	message *municipalityv1.KnownFindings
	day     day
}

func (r *records) mergeFindings(touched *pending) {
	edit := r.findings.Edit()
	for ags, noted := range touched.findings {
		edit.Set(ags, noted.known())
	}
	r.findings = edit.Done()
}

// known spells a record out. Kinds of a newer version that have no bit here are passed over.
func (n notedFindings) known() *knownFindings {
	var all []foundIn
	for _, group := range n.message.GetKnown() {
		for _, service := range group.GetPublicServices() {
			all = append(all, foundIn{textOf(service), 1 << uint(group.GetKind())})
		}
	}
	slices.SortFunc(all, func(a, b foundIn) int { return cmp.Compare(a.service.String(), b.service.String()) })
	merged := all[:0]
	for _, f := range all {
		if last := len(merged) - 1; last >= 0 && merged[last].service == f.service {
			merged[last].kinds |= f.kinds
		} else if f.kinds != 0 {
			merged = append(merged, f)
		}
	}
	return &knownFindings{day: n.day, all: slices.Clip(merged)}
}

func (k *knownFindings) list() []foundIn {
	if k == nil {
		return nil
	}
	return k.all
}

// differ tells whether a place has other findings than are known. It allocates nothing.
func (f *finder) differ(p *place, known []foundIn) bool {
	for n := range p.implementations {
		i := &p.implementations[n]
		kinds := f.kindsOf(i)
		if kinds == 0 {
			continue
		}
		if len(known) == 0 || known[0] != (foundIn{i.service, kinds}) {
			return true
		}
		known = known[1:]
	}
	return len(known) > 0
}

// foundAt lists the findings of a place.
func (f *finder) foundAt(p *place) []foundIn {
	var all []foundIn
	for n := range p.implementations {
		if kinds := f.kindsOf(&p.implementations[n]); kinds != 0 {
			all = append(all, foundIn{p.implementations[n].service, kinds})
		}
	}
	return all
}

// appeared lists what is in one list and was not in another.
func appeared(is, was []foundIn) []foundIn {
	var added []foundIn
	for _, f := range is {
		at, known := slices.BinarySearchFunc(was, f.service.String(), func(w foundIn, service string) int { return cmp.Compare(w.service.String(), service) })
		if known {
			f.kinds &^= was[at].kinds
		}
		if f.kinds != 0 {
			added = append(added, f)
		}
	}
	return added
}

// byKind is a list as the ledger has it.
func byKind(all []foundIn) []*municipalityv1.FoundServices {
	var groups []*municipalityv1.FoundServices
	for kind := municipalityv1.Finding_Kind(1); kind < findingKindsEnd; kind++ {
		var services []string
		for _, f := range all {
			if f.kinds.has(kind) {
				services = append(services, f.service.String())
			}
		}
		if services != nil {
			groups = append(groups, &municipalityv1.FoundServices{Kind: kind, PublicServices: services})
		}
	}
	return groups
}

// knownDraft records what is found in a place; what was not known before is news, if there is to be any.
func (s *Service) knownDraft(p *place, is, was []foundIn, news bool) ledger.Draft {
	m := &municipalityv1.KnownFindings{Name: municipalityName(p.ags) + "/findings", Known: byKind(is)}
	changed := []string{"known"}
	if news {
		if m.Appeared = byKind(appeared(is, was)); m.Appeared != nil {
			changed = append(changed, "appeared")
		}
	}
	return ledger.Draft{Subject: s.replica.Own().Subject("finding", p.ags), Resource: m.GetName(), Entity: m, Changed: changed}
}
