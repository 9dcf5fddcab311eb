package catalogue

import (
	"sync"

	"google.golang.org/protobuf/proto"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
)

// lists are the entries of a state as clients see them, in the order of their names; made once, when somebody asks.
type lists struct {
	themes     lazyList[*cataloguev1.Theme]
	situations lazyList[*cataloguev1.Situation]
	ozg        lazyList[*cataloguev1.OzgService]
	procedures lazyList[*cataloguev1.Procedure]
	public     lazyList[*cataloguev1.PublicService]
}

// lazyList holds all entries of a kind, withdrawn ones included, and the active ones apart.
type lazyList[T entry] struct {
	once   sync.Once
	all    []T
	active []T
}

// of fills the list on first use; serve may replace an entry by the form that clients see.
func (l *lazyList[T]) of(s *catalogue, prefix string, serve func(T) T) *lazyList[T] {
	l.once.Do(func() {
		for _, e := range s.entries.Prefix(prefix) {
			item := e.(T)
			if serve != nil {
				item = serve(item)
			}
			l.all = append(l.all, item)
			if active(item) {
				l.active = append(l.active, item)
			}
		}
	})
	return l
}

func (s *catalogue) publicServices() *lazyList[*cataloguev1.PublicService] {
	return s.lists.public.of(s, publicPrefix, s.served)
}

// served is a stored public service with what lies elsewhere: theme, successors, and an etag that covers both records.
func (s *catalogue) served(stored *cataloguev1.PublicService) *cataloguev1.PublicService {
	theme := s.themeOf(stored.GetOzgService())
	succession, ok := s.successions.Get(stored.GetName())
	if theme == "" && !ok {
		return stored
	}
	p := proto.CloneOf(stored)
	p.Theme = theme
	if ok {
		p.Successors = succession.GetSuccessors()
		if later := etag(succession.sequence); len(later) > len(p.Etag) || len(later) == len(p.Etag) && later > p.Etag {
			p.Etag = later
		}
	}
	return p
}
