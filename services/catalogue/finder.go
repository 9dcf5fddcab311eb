package catalogue

import (
	"sync"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	"kompass.krz.de/services/platform/search"
)

// finder is the full-text index over the public services of a state, withdrawn ones included, built on the first search.
// Its documents stand in the order of the list of public services.
type finder struct {
	once  sync.Once
	index *search.Index
}

func (s *catalogue) index() *search.Index {
	s.finder.once.Do(func() {
		var docs []search.Document
		for _, e := range s.entries.Prefix(publicPrefix) {
			docs = append(docs, s.document(e.(*cataloguev1.PublicService)))
		}
		s.finder.index = search.Build(docs)
	})
	return s.finder.index
}

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
