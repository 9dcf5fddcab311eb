package catalogue

import (
	"fmt"
	"strconv"
	"strings"

	cataloguev1 "kompass.krz.de/proto/kompass/catalogue/v1"
	"kompass.krz.de/services/platform/ledger"
	"kompass.krz.de/services/platform/state"
)

// catalogue is the state of the service at one moment. It never changes; apply makes the next one.
type catalogue struct {
	entries     state.Table[entry] // by resource name
	relevance   state.Table[*cataloguev1.Relevance]
	successions state.Table[*succession] // by the name of the public service
	sources     state.Table[string]      // numbers of offices → resource names
	revisions   []*revision              // number 1 first; states share the array, which only grows
	active      map[string]int           // active entries by prefix of their names
	pending     pending

	lists  *lists  // derived on first use, replaced when entries or successions change
	finder *finder // derived on first use, replaced when entries change
}

// succession is what replaces a public service, and which record said so.
type succession struct {
	*cataloguev1.Succession
	sequence uint64
}

// revision is one import that changed something, with what it changed in the order of the names.
type revision struct {
	*cataloguev1.CatalogueRevision
	requestID string
	changes   []change
	described described
}

// change is an entry before and after a revision; before is nil when there was none.
type change struct{ before, after entry }

// pending are the entries of a write whose revision record has yet to follow; it comes last, in the same batch.
type pending struct {
	visible uint64
	changes []change
}

func empty() *catalogue {
	return &catalogue{
		entries:     state.NewTable[entry](),
		relevance:   state.NewTable[*cataloguev1.Relevance](),
		successions: state.NewTable[*succession](),
		sources:     state.NewTable[string](),
		active:      map[string]int{},
		lists:       &lists{},
		finder:      &finder{},
	}
}

// edit is the next state while a batch is applied.
type edit struct {
	next        *catalogue
	entries     *state.Edit[entry]
	relevance   *state.Edit[*cataloguev1.Relevance]
	successions *state.Edit[*succession]
	sources     *state.Edit[string]
}

// apply is deterministic: the same records lead every replica to the same state.
func apply(before *catalogue, _ ledger.Name, batch []ledger.Entry, _ bool) (*catalogue, error) {
	next := *before
	next.active = make(map[string]int, len(kinds))
	for prefix, n := range before.active {
		next.active[prefix] = n
	}
	e := &edit{&next, before.entries.Edit(), before.relevance.Edit(), before.successions.Edit(), before.sources.Edit()}
	var entriesMoved, successionsMoved bool
	for i := range batch {
		switch m := batch[i].Entity.(type) {
		case *cataloguev1.Relevance:
			m.Etag, m.UpdateTime = etag(batch[i].Sequence), batch[i].Record.GetTime()
			e.relevance.Set(m.GetName(), m)
		case *cataloguev1.Succession:
			successionsMoved = e.succeed(m, batch[i].Sequence) || successionsMoved
		case *cataloguev1.CatalogueRevision:
			if err := e.close(m, &batch[i]); err != nil {
				return nil, err
			}
		case entry:
			e.put(m, &batch[i])
			entriesMoved = true
		default:
			return nil, fmt.Errorf("record %d (%s) is nothing that a catalogue holds", batch[i].Sequence, batch[i].Record.GetResource())
		}
	}
	next.entries, next.relevance, next.successions = e.entries.Done(), e.relevance.Done(), e.successions.Done()
	next.sources = e.sources.Done()
	if entriesMoved || successionsMoved {
		next.lists = &lists{}
	}
	if entriesMoved {
		next.finder = &finder{}
	}
	return &next, nil
}

// put takes an entry over and remembers what it replaces until its revision closes.
func (e *edit) put(m entry, from *ledger.Entry) {
	name := m.GetName()
	before, existed := e.entries.Get(name)
	e.entries.Set(name, m)
	if p, ok := m.(*cataloguev1.PublicService); ok {
		p.Etag = etag(from.Sequence)
		e.index(before, p)
		if onlySources(before, p) {
			return
		}
	}
	prefix := name[:strings.IndexByte(name, '/')+1]
	if existed && active(before) {
		e.next.active[prefix]--
	}
	if active(m) {
		e.next.active[prefix]++
	}
	if p := &e.next.pending; p.visible != from.Visible {
		*p = pending{visible: from.Visible}
	}
	e.next.pending.changes = append(e.next.pending.changes, change{before, m})
}

// succeed takes a succession over. What an import proposed, and staged before somebody decided otherwise, gives way.
func (e *edit) succeed(m *cataloguev1.Succession, sequence uint64) bool {
	name := strings.TrimSuffix(m.GetName(), successionSuffix)
	if have, ok := e.successions.Get(name); ok && m.GetProposed() && !have.GetProposed() {
		return false
	}
	e.successions.Set(name, &succession{m, sequence})
	return true
}

// close makes what is pending a revision.
func (e *edit) close(m *cataloguev1.CatalogueRevision, from *ledger.Entry) error {
	if want := int64(len(e.next.revisions)) + 1; m.GetNumber() != want {
		return fmt.Errorf("record %d is revision %d of the catalogue, expected %d", from.Sequence, m.GetNumber(), want)
	}
	m.Actor, m.CreateTime = from.Record.GetActor(), from.Record.GetTime()
	r := &revision{CatalogueRevision: m, requestID: from.Record.GetRequestId()}
	if e.next.pending.visible == from.Visible {
		r.changes = e.next.pending.changes
	}
	e.next.pending = pending{}
	e.next.revisions = append(e.next.revisions, r)
	return nil
}

func etag(sequence uint64) string { return strconv.FormatUint(sequence, 36) }

// entryOf is the entry of a name as its own type; false when there is none of that name.
func entryOf[T entry](s *catalogue, name string) (T, bool) {
	e, _ := s.entries.Get(name)
	t, ok := e.(T)
	return t, ok
}

// public is a public service as clients see it: with its theme and successors.
func (s *catalogue) public(name string) (*cataloguev1.PublicService, bool) {
	stored, ok := entryOf[*cataloguev1.PublicService](s, name)
	if !ok {
		return nil, false
	}
	return s.served(stored), true
}

// themeOf is the theme of an OZG service: its own, else that of its primary situation; "" when neither says so.
func (s *catalogue) themeOf(ozgService string) string {
	ozg, ok := entryOf[*cataloguev1.OzgService](s, ozgService)
	if !ok {
		return ""
	}
	if ozg.GetTheme() != "" {
		return ozg.GetTheme()
	}
	situation, _ := entryOf[*cataloguev1.Situation](s, ozg.GetSituation())
	return situation.GetTheme()
}

// successorsOf is what replaces a public service, as far as anybody said so.
func (s *catalogue) successorsOf(name string) []string {
	if succession, ok := s.successions.Get(name); ok {
		return succession.GetSuccessors()
	}
	return nil
}
