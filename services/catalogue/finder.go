package catalogue

import (
	"sync"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	"kompass.krz.de/services/platform/search"
)

// finder is the full-text index over the public services of a state, built on the first search. Nearly all searches are
// for active entries, which have an index of their own: nothing has to be sorted out. Documents stand in the order of
// the list that they come from.
type finder struct{ active, all lazyIndex }

type lazyIndex struct {
	once  sync.Once
	index *search.Index
}

// over answers the index over the items; it is always the same list of the same state.
func (l *lazyIndex) over(s *catalogue, items []*cataloguev1.PublicService) *search.Index {
	l.once.Do(func() {
		docs := make([]search.Document, len(items))
		for i, m := range items {
			docs[i] = s.document(m)
		}
		l.index = search.Build(docs)
	})
	return l.index
}

// prepare builds the index that nearly all searches use, so that nobody waits for it.
func (s *catalogue) prepare() { s.finder.active.over(s, s.publicServices().active) }

// document is what people find a public service by: its name most of all, then what it belongs to.
func (s *catalogue) document(m *cataloguev1.PublicService) search.Document {
	keywords := append([]string(nil), m.GetKeywords()...)
	keywords = append(keywords, m.GetLawAbbreviations()...)
	body := m.GetSummary()
	if ozg, ok := entryOf[*cataloguev1.OzgService](s, m.GetOzgService()); ok {
		keywords = append(keywords, ozg.GetOzgId(), ozg.GetDisplayName())
		for _, name := range []string{ozg.GetSituation(), s.themeOf(ozg.GetName())} {
			if e, ok := s.entries.Get(name); ok {
				body += " " + e.GetDisplayName()
			}
		}
	}
	return search.Document{ID: m.GetName(), Title: m.GetDisplayName(), Keywords: keywords, Body: body}
}
