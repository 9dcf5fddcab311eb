package municipality

import (
	"cmp"
	"slices"

	municipalityv1 "kompass.krz.de/proto/kompass/municipality/v1"
	"kompass.krz.de/services/platform/maturity"
	"kompass.krz.de/services/platform/search"
)

// onlineKey is what a place's online services depend on besides the place itself.
type onlineKey struct {
	district *place
	entries  *entries
}

// onlineList is what ListOnlineServices answers from; the messages are shared and must not be changed.
type onlineList struct {
	services []*municipalityv1.OnlineService // by name
	entries  []*entry                        // of services, nil where the catalogue does not know one
	index    lazy[*search.Index]
}

// onlineOf answers what citizens of a place can use online, from memory when nothing that it depends on has changed.
func (r records) onlineOf(p *place) *onlineList {
	var district *place
	if p.area != p.municipality.GetAgs() {
		district = r.place(p.area)
	}
	all := r.catalogue.allEntries()
	return p.online.get(onlineKey{district, all}, func() *onlineList { return listOnline(p, district, all) })
}

// listOnline lists what a place offers, and what its Kreis (nil when none) offers where the place itself does not.
func listOnline(p, district *place, all *entries) *onlineList {
	type offer struct {
		*entry
		message *municipalityv1.OnlineService
	}
	var offers []offer
	own := map[string]bool{}
	for _, by := range []*place{p, district} {
		if by == nil {
			continue
		}
		for n := range by.implementations {
			i := &by.implementations[n]
			key := i.service.String()
			if !i.isOffered() || own[key] {
				continue
			}
			own[key] = true
			e := all.find(key)
			offers = append(offers, offer{e, spellOutOffer(i, by.municipality, e)})
		}
	}
	slices.SortFunc(offers, func(a, b offer) int {
		return cmp.Or(cmp.Compare(a.place(), b.place()), cmp.Compare(a.message.GetPublicService(), b.message.GetPublicService()))
	})
	list := &onlineList{services: make([]*municipalityv1.OnlineService, len(offers)), entries: make([]*entry, len(offers))}
	for i, o := range offers {
		list.services[i], list.entries[i] = o.message, o.entry
	}
	return list
}

// place is the entry's place in a list for people; services that the catalogue does not know come last.
func (e *entry) place() int32 {
	if e == nil {
		return 1<<31 - 1
	}
	return e.order
}

// isOffered tells whether citizens can use it: it is online, and somebody said where. Maturity does not matter here:
// a form that can be used is of use.
func (i *implementation) isOffered() bool {
	return (i.standing == standsFulfilled || i.standing == standsBelow) && i.url != ""
}

func spellOutOffer(i *implementation, by *municipalityv1.Municipality, e *entry) *municipalityv1.OnlineService {
	key := i.service.String()
	m := &municipalityv1.OnlineService{
		PublicService: publicServices + key,
		DisplayName:   key,
		Url:           i.url,
		OfferedBy:     by.GetName(),
		OfferedByName: by.GetDisplayName(),
		Maturity:      maturity.Complete(i.maturity()),
	}
	if e != nil {
		m.DisplayName, m.LeikaKey, m.Summary = e.service.GetDisplayName(), e.service.GetLeikaKey(), e.service.GetSummary()
		m.OzgService, m.Theme = e.service.GetOzgService(), e.ozg.GetTheme()
	}
	return m
}

// search is the index over the list, built on the first search.
func (l *onlineList) search(all *entries) *search.Index {
	return l.index.get(func() *search.Index {
		documents := make([]search.Document, len(l.services))
		for i, s := range l.services {
			documents[i] = search.Document{ID: s.GetPublicService(), Title: s.GetDisplayName(), Body: s.GetSummary()}
			if e := l.entries[i]; e != nil {
				documents[i].Keywords = append(slices.Clone(e.service.GetKeywords()), e.ozg.GetDisplayName(), e.ozg.GetOzgId())
				documents[i].Body += " " + all.names[e.theme]
			}
		}
		return search.Build(documents)
	})
}
