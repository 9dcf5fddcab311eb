package marketplace

import (
	"fmt"
	"strconv"
	"strings"
	"sync"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	marketplacev1 "kompass.krz.de/proto/kompass/marketplace/v1"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/state"
)

// The streams that the service follows.
const (
	ownStream          = "marketplace"
	catalogueStream    = "catalogue"
	municipalityStream = "municipality"
)

// world is the service's state: its own entities and what it needs of others. It is immutable; what costs more than a
// look-up is computed on first use and kept until one of its inputs changes.
type world struct {
	providers state.Table[*marketplacev1.Provider]      // by resource name
	solutions state.Table[*marketplacev1.Solution]      // by resource name
	projects  state.Table[*marketplacev1.Project]       // by resource name
	questions state.Table[*marketplacev1.Question]      // by resource name
	adoptions state.Table[*marketplacev1.Adoption]      // by resource name
	groups    state.Table[*marketplacev1.AdoptionGroup] // by resource name
	contracts state.Table[*marketplacev1.Contract]      // by resource name
	adopters  adopters
	catalogue catalogue
	places    places

	serviceNumbers, solutionNumbers *numbers

	providerList  func() []*marketplacev1.Provider      // by name
	solutionList  func() []*marketplacev1.Solution      // by name, with their users
	projectList   func() []*marketplacev1.Project       // by name, as stored
	questionList  func() []*marketplacev1.Question      // by name
	adoptionList  func() []*marketplacev1.Adoption      // by name, with their overlaps
	contractList  func() []*marketplacev1.Contract      // by name, as stored
	contractLinks func() contractLinks                  // what hangs on contracts
	groupList     func() []*marketplacev1.AdoptionGroup // by name, with their counts
	reliability   func(day string) reliabilities        // see trustOf
	covered       func() reach                          // of published solutions
	gaps          func() []*marketplacev1.PortfolioGap  // by rank
}

func emptyWorld() world {
	w := world{
		providers:       state.NewTable[*marketplacev1.Provider](),
		solutions:       state.NewTable[*marketplacev1.Solution](),
		projects:        state.NewTable[*marketplacev1.Project](),
		questions:       state.NewTable[*marketplacev1.Question](),
		adoptions:       state.NewTable[*marketplacev1.Adoption](),
		groups:          state.NewTable[*marketplacev1.AdoptionGroup](),
		contracts:       state.NewTable[*marketplacev1.Contract](),
		adopters:        newAdopters(),
		catalogue:       newCatalogue(),
		places:          newPlaces(),
		serviceNumbers:  newNumbers(),
		solutionNumbers: newNumbers(),
	}
	w.deriveOwn()
	w.derive()
	return w
}

// apply is the state after a batch of one of the streams.
func apply(before world, stream ledger.Name, batch []ledger.Entry, replaying bool) (world, error) {
	w := before
	var err error
	switch stream.Service {
	case ownStream:
		err = w.applyOwn(batch)
	case catalogueStream:
		w.catalogue, err = before.catalogue.applied(w.serviceNumbers, batch)
	case municipalityStream:
		w.places, err = before.places.applied(w.serviceNumbers, w.solutionNumbers, batch, replaying)
	default:
		err = fmt.Errorf("stream %s is not followed here", stream.Stream())
	}
	if err != nil {
		return before, err
	}
	w.derive()
	return w, nil
}

func (w *world) applyOwn(batch []ledger.Entry) error {
	providers, solutions, projects, questions := w.providers.Edit(), w.solutions.Edit(), w.projects.Edit(), w.questions.Edit()
	adoptions, groups, contracts := w.adoptions.Edit(), w.groups.Edit(), w.contracts.Edit()
	adopters := w.adopters.edit()
	for _, e := range batch {
		var err error
		switch kind := entityOf(e.Subject); kind {
		case "provider":
			err = store(providers, e, func(p *marketplacev1.Provider) { p.Etag, p.UpdateTime = etagOf(e), e.Record.GetTime() })
		case "solution":
			err = store(solutions, e, func(s *marketplacev1.Solution) {
				s.Etag, s.UpdateTime = etagOf(e), e.Record.GetTime()
				completeCoverage(s)
				completeSlips(s)
			})
		case "project":
			err = store(projects, e, func(p *marketplacev1.Project) { p.Etag, p.UpdateTime = etagOf(e), e.Record.GetTime() })
		case "question":
			err = store(questions, e, func(q *marketplacev1.Question) { q.Etag, q.UpdateTime = etagOf(e), e.Record.GetTime() })
		case "adoption":
			err = storeAdoption(adoptions, adopters, e)
		case "adoptionGroup":
			err = store(groups, e, func(g *marketplacev1.AdoptionGroup) { g.Etag, g.UpdateTime = etagOf(e), e.Record.GetTime() })
		case "contract":
			err = store(contracts, e, func(c *marketplacev1.Contract) { c.Etag, c.UpdateTime = etagOf(e), e.Record.GetTime() })
		case "adoptionTurn": // only its guard counts
		default: // a newer version of the service wrote it: half an understanding would be worse than none
			err = fmt.Errorf("record %d: the marketplace does not know entities of kind %q", e.Sequence, kind)
		}
		if err != nil {
			return err
		}
	}
	w.providers, w.solutions, w.projects, w.questions = providers.Done(), solutions.Done(), projects.Done(), questions.Done()
	w.adoptions, w.groups, w.contracts = adoptions.Done(), groups.Done(), contracts.Done()
	w.adopters = adopters.done()
	w.deriveOwn()
	return nil
}

// store puts the entity of an entry, completed, under its resource name, or removes what a tombstone buries.
func store[T interface {
	comparable
	proto.Message
	GetName() string
}](table *state.Edit[T], e ledger.Entry, complete func(T)) error {
	var none T
	stored, err := entity[T](e)
	if err != nil {
		return err
	}
	if stored == none {
		table.Delete(e.Record.GetResource())
		return nil
	}
	complete(stored)
	table.Set(stored.GetName(), stored)
	return nil
}

// deriveOwn renews what depends on the own entities alone.
func (w *world) deriveOwn() {
	w.providerList = sync.OnceValue(w.providers.Values)
	w.reliability = trustOf(w.solutions)
	w.projectList = sync.OnceValue(w.projects.Values)
	w.questionList = sync.OnceValue(w.questions.Values)
	adoptions, groups, adopters := w.adoptions, w.groups, w.adopters
	w.adoptionList = sync.OnceValue(func() []*marketplacev1.Adoption { return shownAdoptions(adoptions) })
	w.groupList = sync.OnceValue(func() []*marketplacev1.AdoptionGroup { return adopters.shownGroups(groups) })
	w.contractList = sync.OnceValue(w.contracts.Values)
	contracts := w.contracts
	w.contractLinks = sync.OnceValue(func() contractLinks { return linksOf(contracts, adoptions) })
	w.covered = sync.OnceValue(coverage{w.solutions, w.serviceNumbers}.reach)
}

// derive renews what depends on own entities and other streams.
func (w *world) derive() {
	solutions, users, numbers := w.solutions, w.places.users, w.solutionNumbers
	w.solutionList = sync.OnceValue(func() []*marketplacev1.Solution {
		list := solutions.Values()
		for i, s := range list {
			list[i] = withUsers(s, numbers, users())
		}
		return list
	})
	duties, covered, places := w.catalogue.duties, w.covered, w.places.table
	w.gaps = sync.OnceValue(func() []*marketplacev1.PortfolioGap { return portfolioGaps(duties(), covered(), places) })
}

// solution is a solution as clients see it.
func (w world) solution(name string) (*marketplacev1.Solution, bool) {
	s, ok := w.solutions.Get(name)
	if !ok {
		return nil, false
	}
	return withUsers(s, w.solutionNumbers, w.places.users()), true
}

// withUsers is a shallow copy with the number of users; what it shares with s stays immutable.
func withUsers(s *marketplacev1.Solution, numbers *numbers, users []int32) *marketplacev1.Solution {
	number, known := numbers.find(s.GetName())
	if !known || int(number) >= len(users) || users[number] == 0 {
		return s
	}
	c := &marketplacev1.Solution{}
	to := c.ProtoReflect()
	s.ProtoReflect().Range(func(fd protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		to.Set(fd, v)
		return true
	})
	c.UserCount = users[number]
	return c
}

// entityOf is the kind of entity that a subject stands for: the fourth of its tokens.
func entityOf(subject string) string {
	for range 3 {
		_, subject, _ = strings.Cut(subject, ".")
	}
	kind, _, _ := strings.Cut(subject, ".")
	return kind
}

// entity is the entry's entity, nil for a tombstone.
func entity[T proto.Message](e ledger.Entry) (T, error) {
	var none T
	if e.Entity == nil {
		return none, nil
	}
	if typed, ok := e.Entity.(T); ok {
		return typed, nil
	}
	return none, fmt.Errorf("record %d (%s) holds a %s", e.Sequence, e.Subject, e.Entity.ProtoReflect().Descriptor().FullName())
}

func etagOf(e ledger.Entry) string { return strconv.FormatUint(e.Sequence, 36) }
